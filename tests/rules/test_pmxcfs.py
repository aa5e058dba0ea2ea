"""pmxcfs between the nodes: a node that corosync has and the others' pmxcfs does not is found, once."""

from __future__ import annotations

from pvefleet.rules.status import status_report
from tests.support.world import World


def codes(world: World) -> list[tuple[str, str]]:
    return [(one.code, one.subject) for one in status_report(world.facts()).findings]


def test_the_node_that_all_others_miss_is_the_one_finding() -> None:
    world = World(4)
    world.apart.add("pve03")

    found = [one for one in status_report(world.facts()).findings if one.code == "PMX-W-0004"]

    assert [one.subject for one in found] == ["pve03"]
    assert found[0].message == "pmxcfs on pve03 is not connected to that on pve01, pve02, pve04"


def test_a_stopped_pmxcfs_is_its_own_finding_and_not_the_others() -> None:
    world = World(3)
    world["pve02"].pmxcfs = "stopped"

    assert codes(world) == [("PMX-E-0001", "pve02")]


def test_without_quorum_the_map_is_stale_and_says_nothing() -> None:
    world = World(3)
    world["pve03"].part = 1
    world.apart.add("pve03")

    assert codes(world) == [("QUO-E-0002", "lab")]


def test_a_dead_node_is_offline_for_both() -> None:
    world = World(3)
    world.kill("pve02")

    assert codes(world) == [("NOD-E-0001", "pve02")]
