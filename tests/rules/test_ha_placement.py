"""Where guests are against where rules and groups want them, case by case."""

from __future__ import annotations

import pytest

from pvefleet.model.ha_status import HaReport, Verdict
from pvefleet.rules.ha import ha_report
from tests.support.ha_world import HaWorld


def verdicts(report: HaReport) -> dict[str, Verdict]:
    """Name of each rule or group to its verdict."""
    return {row.name: row.verdict for row in (*report.groups, *report.rules)}


def reason(report: HaReport, sid: str) -> str:
    row = next(row for row in report.services if row.sid == sid)
    return "; ".join(place.reason for place in row.placements)


@pytest.mark.parametrize(
    ("node", "nodes", "strict", "verdict", "why"),
    [
        ("pve01", "pve01", False, Verdict.SATISFIED, ""),
        ("pve01", "pve01:2,pve02:1", False, Verdict.SATISFIED, ""),
        ("pve02", "pve01:2,pve02:1", False, Verdict.BEST_EFFORT, "prefers pve01, available"),
        ("pve02", "pve01:2,pve02:1", True, Verdict.BEST_EFFORT, "prefers pve01, available"),
        ("pve03", "pve01:2,pve02:1", False, Verdict.BEST_EFFORT, "prefers pve01, available"),
        ("pve03", "pve01:2,pve02:1", True, Verdict.VIOLATED, "may be on pve01, pve02 only"),
        ("pve01", "pve01:1,pve02:2,pve03:3", False, Verdict.BEST_EFFORT, "prefers pve03, available"),
        ("pve02", "pve01,pve02", True, Verdict.SATISFIED, ""),
        ("pve02", "pve01:1,pve02", True, Verdict.BEST_EFFORT, "prefers pve01, available"),
    ],
)
def test_node_affinity_where_the_higher_priority_is_preferred(
    node: str, nodes: str, strict: bool, verdict: Verdict, why: str
) -> None:
    world = HaWorld(3)
    world.add("vm:100", node)
    world.node_affinity("rule", "vm:100", nodes, strict=strict)

    report = ha_report(world.ha_facts())

    assert verdicts(report) == {"rule": verdict}
    assert reason(report, "vm:100") == why


def test_a_preferred_node_that_is_gone_makes_it_the_best_that_can_be() -> None:
    world = HaWorld(3)
    world.add("vm:100", "pve02")
    world.node_affinity("rule", "vm:100", "pve03:2,pve02:1")
    world.die("pve03")

    report = ha_report(world.ha_facts())

    assert verdicts(report) == {"rule": Verdict.BEST_EFFORT}
    assert reason(report, "vm:100") == "prefers pve03, not available"


def test_without_failback_a_guest_stays_where_it_is() -> None:
    world = HaWorld(3)
    world.add("vm:100", "pve02", failback=0)
    world.node_affinity("rule", "vm:100", "pve03:2,pve02:1")

    assert reason(ha_report(world.ha_facts()), "vm:100") == "prefers pve03, available, but failback is off"


def test_a_guest_on_its_way_to_where_it_belongs() -> None:
    world = HaWorld(3)
    world.add("vm:100", "pve02", state="migrate", service={"target": "pve03"})
    world.add("vm:101", "pve01", state="migrate", service={"target": "pve03"})
    world.node_affinity("prefer", "vm:100", "pve03:2,pve02:1")
    world.node_affinity("must", "vm:101", "pve03", strict=True)

    report = ha_report(world.ha_facts())

    assert reason(report, "vm:100") == "is moving to pve03"
    assert reason(report, "vm:101") == "may be on pve03 only (is moving to pve03)"
    assert verdicts(report) == {"prefer": Verdict.BEST_EFFORT, "must": Verdict.VIOLATED}


@pytest.mark.parametrize(("strict", "verdict"), [(False, Verdict.BEST_EFFORT), (True, Verdict.VIOLATED)])
def test_a_rule_to_keep_away_from_nodes(strict: bool, verdict: Verdict) -> None:
    world = HaWorld(3)
    world.add("vm:100", "pve02")
    world.add("vm:101", "pve03")
    world.node_affinity("avoid", "vm:100,vm:101", "pve02", strict=strict, more="\taffinity negative\n")

    report = ha_report(world.ha_facts())

    assert verdicts(report) == {"avoid": verdict}
    assert reason(report, "vm:100") == "should keep away from pve02"
    assert reason(report, "vm:101") == ""


@pytest.mark.parametrize(
    ("affinity", "places", "verdict"),
    [
        ("positive", ("pve01", "pve01"), Verdict.SATISFIED),
        ("positive", ("pve01", "pve02"), Verdict.VIOLATED),
        ("negative", ("pve01", "pve02"), Verdict.SATISFIED),
        ("negative", ("pve01", "pve01"), Verdict.VIOLATED),
    ],
)
def test_guests_together_and_apart_always_strictly(affinity: str, places: tuple[str, str], verdict: Verdict) -> None:
    world = HaWorld(3)
    world.add("vm:100", places[0])
    world.add("vm:101", places[1])
    world.resource_affinity("rule", affinity, "vm:100,vm:101")

    assert verdicts(ha_report(world.ha_facts())) == {"rule": verdict}


def test_only_the_guests_that_share_a_node_break_a_rule_to_keep_apart() -> None:
    world = HaWorld(3)
    for sid, node in (("vm:100", "pve01"), ("vm:101", "pve01"), ("vm:102", "pve02")):
        world.add(sid, node)
    world.resource_affinity("apart", "negative", "vm:100,vm:101,vm:102")

    report = ha_report(world.ha_facts())

    assert {row.sid: row.verdict for row in report.services} == {
        "vm:100": Verdict.VIOLATED,
        "vm:101": Verdict.VIOLATED,
        "vm:102": Verdict.SATISFIED,
    }
    assert reason(report, "vm:100") == "is not apart from vm:101"
    assert report.summary.violated == 2


@pytest.mark.parametrize(
    ("state", "wanted", "why"),
    [
        ("stopped", "stopped", "does not run"),
        ("recovery", "started", "does not run"),
        ("fence", "started", "does not run"),
        (None, "started", "is not taken up by the manager yet"),
    ],
)
def test_a_guest_that_takes_no_place_violates_nothing(state: str | None, wanted: str, why: str) -> None:
    world = HaWorld(3)
    world.add("vm:100", "pve01")
    world.add("vm:101", "pve01", state=state, wanted=wanted, running=False)
    world.resource_affinity("apart", "negative", "vm:100,vm:101")

    report = ha_report(world.ha_facts())

    assert verdicts(report) == {"apart": Verdict.SATISFIED}
    assert reason(report, "vm:101") == why


def test_a_rule_none_of_whose_guests_run_has_nothing_to_hold() -> None:
    world = HaWorld(3)
    world.add("vm:100", "pve02", state="stopped", wanted="stopped", running=False)
    world.node_affinity("must", "vm:100", "pve01", strict=True)

    assert verdicts(ha_report(world.ha_facts())) == {"must": Verdict.NOT_RUNNING}


def test_a_guest_that_ha_ignores_is_bound_by_nothing() -> None:
    world = HaWorld(3)
    world.add("vm:100", "pve02", state=None, wanted="ignored")
    world.node_affinity("must", "vm:100", "pve01", strict=True)

    assert verdicts(ha_report(world.ha_facts())) == {"must": Verdict.IGNORED}


def test_a_rule_that_is_switched_off_and_one_of_a_type_nobody_knows() -> None:
    world = HaWorld(3)
    world.add("vm:100", "pve02")
    world.node_affinity("off", "vm:100", "pve01", strict=True, more="\tdisable\n")
    world.ha.rules = (world.ha.rules or "") + "moon-phase: full\n\tresources vm:100\n\n"

    assert verdicts(ha_report(world.ha_facts())) == {"off": Verdict.DISABLED, "full": Verdict.UNKNOWN}


def test_where_the_managers_file_was_not_understood_no_verdict_is_given() -> None:
    world = HaWorld(3)
    world.add("vm:100", "pve01")
    world.node_affinity("rule", "vm:100", "pve01")
    del world.ha.manager["node_status"]

    report = ha_report(world.ha_facts())

    assert verdicts(report) == {"rule": Verdict.UNKNOWN}
    assert report.services[0].state == "?"


def old(world: HaWorld) -> HaWorld:
    """Make it a cluster of Proxmox VE 8."""
    for node in world.nodes.values():
        node.version = "8.4.1"
    return world


@pytest.mark.parametrize(
    ("node", "more", "verdict", "why"),
    [
        ("pve03", "", Verdict.SATISFIED, ""),
        ("pve01", "", Verdict.BEST_EFFORT, "prefers pve03, available"),
        ("pve01", "\tnofailback 1\n", Verdict.BEST_EFFORT, "prefers pve03, available, but failback is off"),
        ("pve02", "", Verdict.BEST_EFFORT, "prefers pve03, available"),
        ("pve02", "\trestricted 1\n", Verdict.VIOLATED, "may be on pve03, pve01 only"),
    ],
)
def test_groups_of_an_older_cluster(node: str, more: str, verdict: Verdict, why: str) -> None:
    world = old(HaWorld(3))
    world.add("vm:104", node, group="database")
    world.group("database", "pve03:2,pve01:1", more=more)

    report = ha_report(world.ha_facts())

    assert verdicts(report) == {"database": verdict}
    assert reason(report, "vm:104") == why
    assert report.groups[0].resources == ("vm:104",)


def test_an_old_manager_follows_groups_and_reads_no_rules() -> None:
    world = HaWorld(3)
    world["pve01"].version = "8.4.1"
    world.add("vm:100", "pve02", group="g")
    world.group("g", "pve02")
    world.node_affinity("rule", "vm:100", "pve03", strict=True)

    assert verdicts(ha_report(world.ha_facts())) == {"g": Verdict.SATISFIED, "rule": Verdict.IGNORED}


def test_names_of_hosts_toml_are_used_throughout() -> None:
    from dataclasses import replace

    world = HaWorld(3)
    world.add("vm:100", "pve02")
    world.add("vm:101", "pve01", state="migrate", service={"target": "pve02"})
    world.node_affinity("rule", "vm:100,vm:101", "pve02", strict=True)
    facts = world.ha_facts()
    nodes = tuple(replace(node, name=f"lab-{node.name}") for node in facts.nodes)

    report = ha_report(replace(facts, nodes=nodes))

    assert [row.node for row in report.services] == ["lab-pve02", "lab-pve01"]
    assert report.services[1].target == "lab-pve02"
    assert report.rules[0].nodes[0].node == "lab-pve02"
    assert report.manager.node == "lab-pve01"
    assert {row.name for row in report.nodes} == {"lab-pve01", "lab-pve02", "lab-pve03"}
    assert verdicts(report) == {"rule": Verdict.VIOLATED}
    assert {one.code for one in report.findings} == {"HAV-W-0016"}
