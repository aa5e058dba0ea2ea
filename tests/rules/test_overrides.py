"""Standing overrides: what somebody set for a time is a line of its own in cluster.status until it is put back."""

from __future__ import annotations

from pvefleet.model.section import Section
from pvefleet.model.status import Override, OverrideKind, StatusReport
from pvefleet.rules.status import status_report
from tests.support.ha_world import HaWorld
from tests.support.replication_world import ReplicationWorld
from tests.support.world import World


def of_ha(world: HaWorld) -> StatusReport:
    return status_report(world.facts(Section.GUESTS, Section.HA))


def test_a_cluster_as_it_should_be_has_none() -> None:
    assert status_report(World(3).facts()).overrides == ()
    world = HaWorld(3)
    world.add("vm:100", "pve01")
    assert of_ha(world).overrides == ()


def test_expected_votes_lowered_by_hand() -> None:
    world = World(3)
    world.kill("pve02")
    world.kill("pve03")
    world.expected = 1

    assert status_report(world.facts()).overrides == (
        Override(OverrideKind.EXPECTED_VOTES, ("lab",), "1 votes are expected, but the nodelist adds up to 3"),
    )


def test_expected_votes_left_over_after_a_node_came_back() -> None:
    world = World(3)
    world.kill("pve03")
    world.expected = 2

    assert [one.kind for one in status_report(world.facts()).overrides] == [OverrideKind.EXPECTED_VOTES]


def test_disarmed_ha_and_a_node_in_maintenance() -> None:
    world = HaWorld(3)
    world.add("vm:100", "pve01")
    world.maintenance("pve02")
    world.ha.manager["disarm"] = {"mode": "freeze", "state": "disarmed"}

    assert of_ha(world).overrides == (
        Override(OverrideKind.HA_DISARMED, ("lab",), "HA is disarmed, guests: freeze"),
        Override(OverrideKind.MAINTENANCE, ("pve02",), "pve02: maintenance, drained"),
    )


def test_one_disabled_job_and_several() -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02", disable=True)
    only = status_report(world.facts(Section.GUESTS, Section.REPLICATION)).overrides
    world.job("101-0", "pve03", disable=True)
    both = status_report(world.facts(Section.GUESTS, Section.REPLICATION)).overrides

    assert only == (Override(OverrideKind.REPLICATION_DISABLED, ("100-0",), "100-0 to pve02 is disabled"),)
    assert [(one.subjects, one.message) for one in both] == [
        (("100-0", "101-0"), "2 replication jobs are disabled: 100-0, 101-0")
    ]
