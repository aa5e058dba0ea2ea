"""The effective timers are those that corosync computes; the times that follow from them bound what was measured."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers import corosync_cmapctl, corosync_conf
from parsers.errors import ParseError
from pvefleet.model.totem import LinkTimers, TotemTimers
from pvefleet.rules.timers import cluster_timers, configured, outlasting, running, slowest, timers
from tests.support.corosync_world import CorosyncWorld, cmap_text, conf_text

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"


def of(totem: str = "", nodes: int = 3, links: int = 2) -> TotemTimers:
    return configured(corosync_conf.read(conf_text(nodes, links=links, totem=totem)))


def test_a_genuine_node_works_with_what_its_configuration_comes_to() -> None:
    """Three nodes; the third joined with the last reload, so that the links still go by the token of two."""
    seen = running(
        corosync_cmapctl.read((FIXTURES / "pve-9.2/corosync_cmapctl--all-onelink-3of3.out").read_text(encoding="utf-8"))
    )

    assert seen is not None
    should = of("token_coefficient: 125", links=1)
    assert (should.token, should.consensus, should.hold, should.token_retransmit) == (3125, 3750, 585, 744)
    assert seen.links == (LinkTimers(0, 750, 1500, 2),)
    assert should.links == (LinkTimers(0, 781, 1562, 2),)
    assert (seen.nodes, seen.token, seen.consensus, seen.join) == (3, should.token, should.consensus, should.join)
    assert (seen.hold, seen.token_retransmit, seen.token_retransmits_before_loss_const) == (585, 744, 4)


@pytest.mark.parametrize(
    ("totem", "nodes", "token", "consensus"),
    [
        ("", 1, 3000, 3600),
        ("", 2, 3000, 3600),
        ("", 3, 3650, 4380),
        ("", 5, 4950, 5940),
        ("", 16, 12100, 14520),
        ("", 32, 22500, 27000),
        ("token: 1000", 5, 2950, 3540),
        ("token: 1000\ntoken_coefficient: 0", 32, 1000, 1200),
        ("token: 5000\nconsensus: 6000", 5, 6950, 6000),
        ("token: 0", 2, 3000, 3600),
    ],
)
def test_the_token_grows_with_the_nodes_and_consensus_with_the_token(
    totem: str, nodes: int, token: int, consensus: int
) -> None:
    seen = of(totem, nodes)
    assert (seen.token, seen.consensus) == (token, consensus)


@pytest.mark.parametrize(
    ("token", "coefficient", "retransmit", "hold", "interval", "timeout"),
    [(1000, 0, 238, 180, 250, 500), (2000, 0, 476, 370, 500, 1000), (2000, 125, 505, 394, 531, 1062)],
)
def test_the_rest_is_what_corosync_was_seen_to_compute(
    token: int, coefficient: int, retransmit: int, hold: int, interval: int, timeout: int
) -> None:
    seen = of(f"token: {token}\ntoken_coefficient: {coefficient}")
    assert (seen.token_retransmit, seen.hold) == (retransmit, hold)
    assert seen.links == (LinkTimers(0, interval, timeout, 2), LinkTimers(1, interval, timeout, 2))


def test_what_is_written_for_a_link_holds_for_that_link_alone() -> None:
    text = conf_text().replace("linknumber: 1\n", "linknumber: 1\n    knet_ping_timeout: 900\n    knet_pong_count: 5\n")
    first, second = configured(corosync_conf.read(text)).links
    assert (first.ping_timeout, first.pong_count) == (1825, 2)
    assert (second.ping_timeout, second.ping_interval, second.pong_count) == (900, 365, 5)


def test_a_timer_that_is_no_number_is_an_error_and_never_the_default() -> None:
    with pytest.raises(ParseError) as raised:
        of("token: 5000 # more")
    assert "token" in str(raised.value)


def test_the_timers_that_a_removed_link_leaves_in_the_map_do_not_count() -> None:
    text = cmap_text(conf_text(links=2))
    gone = "".join(line for line in text.splitlines(keepends=True) if ".ring0_addr" not in line)
    seen = running(corosync_cmapctl.read(gone))
    assert seen is not None
    assert [link.link for link in seen.links] == [1]


def test_a_map_without_the_running_values_gives_none() -> None:
    assert running(corosync_cmapctl.read("totem.config_version (u64) = 3\n")) is None


# lab.md §3, and this project's own lab: nodes, configuration, the longest that was measured.
MEASURED = [
    (3, "token: 300\ntoken_coefficient: 0", 0.68, 2.36),
    (3, "token: 1000", 3.47, 3.73),
    (3, "", 8.02, 4.68),
    (5, "token: 1000", 6.48, 4.35),
    (5, "", 10.37, 6.68),
    (16, "token: 1000\ntoken_coefficient: 0", 2.22, 2.89),
    (16, "", 26.17, 8.95),
    (32, "token: 1000\ntoken_coefficient: 0", 2.41, 3.05),
    (32, "", 48.9, 19.44),
]


@pytest.mark.parametrize(("nodes", "totem", "loss", "restart"), MEASURED)
def test_the_times_bound_every_measurement_and_not_by_much(nodes: int, totem: str, loss: float, restart: float) -> None:
    times = timers(of(totem, nodes))
    assert loss <= times.node_loss <= loss + 1.2
    assert restart < times.rejoin
    assert times.worst_case < times.cut_shows == pytest.approx(times.worst_case + 3)


def test_the_times_of_a_default_cluster_bound_what_was_observed_on_a_genuine_one() -> None:
    times = timers(of("token_coefficient: 125"))
    assert times.link_loss > 1.3
    assert times.link_return > 2.9, "an added link was connected after 2.9 s"
    assert times.reload > 1.1
    assert times.restart > 1.6
    assert times.rejoin > 14.6, "all three restarted at once: the last one's /etc/pve took writes after 14.6 s"
    assert times.ha_return > 9
    assert times.cut_shows > 9, "a cut cluster looked well for 8 to 9 s"


def test_a_cluster_that_does_not_agree_is_waited_for_by_its_slowest_node() -> None:
    world = CorosyncWorld(3)
    world.load(conf_text(totem="token: 9000\ntoken_coefficient: 0"), "pve02")
    seen = cluster_timers(world.facts())
    assert seen is not None
    assert (seen.token, seen.consensus) == (9.0, 10.8)


def test_without_a_running_corosync_the_newest_file_speaks_and_without_a_file_nobody() -> None:
    world = CorosyncWorld(3)
    world.write(conf_text(version=4, totem="token: 7000"), "pve03")
    for node in world.nodes.values():
        node.corosync = "stopped"
    seen = cluster_timers(world.facts())
    assert seen is not None
    assert seen.token == 7.65

    for node in world.nodes.values():
        node.corosync = "absent"
    assert cluster_timers(world.facts()) is None


@given(
    st.lists(st.builds(lambda token, nodes: of(f"token: {token}", nodes), st.integers(100, 9999), st.integers(1, 9)))
)
def test_the_slowest_is_not_faster_than_any(several: list[TotemTimers]) -> None:
    longest = slowest(several)
    assert (longest is None) == (not several)
    for one in several:
        assert longest is not None
        assert outlasting(timers(longest), timers(one)) == timers(longest)


@given(st.integers(30, 60000), st.integers(0, 5000), st.integers(1, 40), st.integers(1, 8))
def test_what_runs_is_read_as_it_was_computed(token: int, coefficient: int, nodes: int, links: int) -> None:
    text = conf_text(nodes, links=links, totem=f"token: {token}\ntoken_coefficient: {coefficient}")
    assert running(corosync_cmapctl.read(cmap_text(text))) == configured(corosync_conf.read(text))
