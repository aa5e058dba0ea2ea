"""What needs no lab: what a lab may look like, and the texts its programs are fed."""

from __future__ import annotations

import re
import tomllib
from typing import Any

import pytest

from lab.errors import LabError
from lab.formation import corosync_conf
from lab.guests import sample
from lab.network import node_batch, partition_ruleset, plug_batch, switch_batch
from lab.spec import LabSpec
from lab.state import hosts_toml_text


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"nodes": 2}, "3 to 32 nodes, not 2"),
        ({"nodes": 33}, "3 to 32 nodes, not 33"),
        ({"pve": "7"}, "no Proxmox VE 7 in the lab"),
        ({"guests": -1}, "sample guests, not -1"),
        ({"token": 10}, "300 to 60000 ms, not 10"),
        ({"block": 255}, "2 to 254"),
        ({"prefix": "a.b"}, "not 'a.b'"),
        ({"prefix": ""}, "not ''"),
    ],
)
def test_a_lab_that_cannot_be_is_refused_by_name(wrong: dict[str, Any], reason: str) -> None:
    with pytest.raises(LabError, match=reason):
        LabSpec(**wrong)


def test_a_spec_survives_being_written_down() -> None:
    spec = LabSpec(nodes=5, pve="8", blank=True, block=90)

    assert LabSpec.from_json(spec.to_json()) == spec


def test_names_and_addresses_follow_from_number_and_block() -> None:
    last = LabSpec(nodes=32, block=91).members[-1]

    assert (last.name, last.id, last.address(1), last.outside(0), last.outside(1)) == (
        "pve32",
        32,
        "10.78.0.32",
        "127.91.1.32",
        "127.92.1.32",
    )


def test_every_neighbour_is_permanent_and_has_the_mac_address_of_its_port() -> None:
    nodes = LabSpec(nodes=32).members
    plugged = plug_batch(nodes[16], 4711, cut=[1])

    assert "peer name eth1 address 02:6c:74:01:00:11 netns 4711" in plugged
    assert "link set port17.0 master bridge0 up" in plugged
    assert "link set port17.1 master bridge1 down" in plugged
    assert "neigh replace 10.78.0.17 lladdr 02:6c:74:01:00:11 nud permanent dev eth1" in node_batch(1, 32)
    assert "neigh replace 10.78.0.17 lladdr 02:6c:74:01:00:11 nud permanent dev bridge1" in switch_batch(nodes)
    assert node_batch(1, 32).count("nud permanent") == 2 * 32
    assert "10.77.0.1 " not in node_batch(1, 32)


def test_a_partition_drops_what_passes_between_any_two_sides_in_both_directions() -> None:
    one, two, three = LabSpec().members

    ruleset = partition_ruleset([[one], [two], [three]])

    for left, right in [(1, 2), (1, 3), (2, 1), (2, 3), (3, 1), (3, 2)]:
        for link in (0, 1):
            assert f"port{left}.{link} . port{right}.{link}" in ruleset


def test_no_partition_is_an_empty_ruleset() -> None:
    assert partition_ruleset([]) == "table bridge labswitch\ndelete table bridge labswitch\n"


def test_corosync_conf_has_every_node_with_both_links_and_a_token_that_does_not_grow() -> None:
    conf = corosync_conf(LabSpec(token=700))

    assert conf.count("  node {") == 3
    assert (
        "    name: pve03\n    nodeid: 3\n    quorum_votes: 1\n    ring0_addr: 10.77.0.3\n    ring1_addr: 10.78.0.3\n"
        in conf
    )
    assert "  token: 700\n  token_coefficient: 0\n" in conf
    assert conf.count("  interface {") == 2


@pytest.mark.parametrize(("nodes", "line"), [(8, ""), (16, "  join: 256\n"), (32, "  join: 512\n")])
def test_many_nodes_send_their_join_messages_more_slowly(nodes: int, line: str) -> None:
    conf = corosync_conf(LabSpec(nodes=nodes))

    assert "".join(re.findall(r"^ *join:.*\n", conf, re.MULTILINE)) == line


@pytest.mark.parametrize(("nodes", "token"), [(3, 1000), (8, 1000), (16, 2000), (32, 4000)])
def test_many_nodes_get_a_longer_token_unless_one_is_given(nodes: int, token: int) -> None:
    assert f"  token: {token}\n" in corosync_conf(LabSpec(nodes=nodes))
    assert "  token: 1500\n" in corosync_conf(LabSpec(nodes=nodes, token=1500))


def test_the_inventory_is_toml_with_paths_beside_itself() -> None:
    inventory = tomllib.loads(hosts_toml_text(LabSpec()))

    assert inventory["known_hosts"] == "known_hosts"
    assert inventory["clusters"]["lab"]["default"] is True
    assert list(inventory["clusters"]["lab"]["nodes"]) == ["pve01", "pve02", "pve03"]


def test_sample_guests_are_numbered_from_100_of_both_kinds_some_running() -> None:
    guests = sample(6)

    assert [guest.vmid for guest in guests] == [100, 101, 102, 103, 104, 105]
    assert {guest.kind for guest in guests} == {"qm", "pct"}
    assert {guest.running for guest in guests} == {True, False}
    assert len({guest.name for guest in sample(40)}) == 40
