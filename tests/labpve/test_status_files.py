"""The generated files of /etc/pve are, byte for byte, what a genuine node shows."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from lab.pve.pmxcfs.cluster_info import ClusterInfo, ClusterNode, Members
from lab.pve.pmxcfs.vmlist import VmList, glib_order
from tests.labpve.holding import Capture


def members(online: set[int], version: int, quorate: bool) -> Members:
    nodes = tuple(ClusterNode(f"pve{number}", number) for number in (1, 2, 3))
    addresses = {f"pve{number}": f"10.77.0.1{number}" for number in (1, 2, 3)}
    return Members("pve1", version, ClusterInfo("gxtest", 3, nodes), quorate, online, addresses)


def test_members_with_a_node_down(capture: Callable[[str], Capture]) -> None:
    assert str(members({1, 2}, 10, quorate=True)) == capture("pve/members-1down").out


def test_members_without_quorum(capture: Callable[[str], Capture]) -> None:
    assert str(members({1}, 11, quorate=False)) == capture("pve/members-noquorum").out


def test_members_of_a_node_without_a_cluster() -> None:
    assert str(Members("pve1")) == '{\n"nodename": "pve1",\n"version": 0\n}\n'


def test_a_node_never_heard_of_has_no_address() -> None:
    shown = Members("pve1", 1, ClusterInfo("lab", 1, (ClusterNode("pve2", 2),)))
    assert '  "pve2": { "id": 2, "online": 0}\n' in str(shown)


def test_members_versions_count_changes_only() -> None:
    shown = members({1, 2}, 10, quorate=True)
    shown.set_online({1, 2})
    shown.set_quorate(True)
    assert shown.version == 10
    shown.set_online({1})
    shown.set_quorate(False)
    assert shown.version == 12


def test_vmlist(capture: Callable[[str], Capture]) -> None:
    guests = VmList()
    for number in range(20):
        node = {5: ("pve1", 100), 17: ("pve3", 300), 20: ("pve2", 200)}.get(number + 1, ("pve9", 999))
        guests.register(node[0], "qemu", node[1])
    guests.delete(999)
    guests.version = 24
    assert str(guests) == capture("pve/vmlist").out


def test_vmlist_is_in_the_order_of_a_hash_table(capture: Callable[[str], Capture]) -> None:
    shown = capture("pve/vmlist2").out
    assert [int(line.split('"')[1]) for line in shown.splitlines() if "node" in line] == glib_order(
        [100, 101, 110, 111]
    )


def test_vmlist_without_guests() -> None:
    assert str(VmList()) == '{\n"version": 0,\n"ids": {\n}\n\n}\n'


@pytest.mark.parametrize("count", [0, 1, 7, 8, 20, 100, 1000])
def test_the_order_loses_no_guest(count: int) -> None:
    keys = [100 + 3 * number for number in range(count)]
    assert sorted(glib_order(keys)) == keys


def test_guests_keep_their_version_when_a_tree_is_taken_over() -> None:
    guests = VmList()
    guests.register("pve1", "qemu", 100)
    guests.register("pve1", "qemu", 101)
    guests.rebuild([("pve1", "qemu", 100), ("pve2", "qemu", 101)])
    assert [(guest.vmid, guest.node, guest.version) for guest in sorted(guests.ordered(), key=lambda g: g.vmid)] == [
        (100, "pve1", 1),
        (101, "pve2", 3),
    ]
