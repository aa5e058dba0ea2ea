"""ha.status says of each state of HA what an operator has to know: true words, the right findings and exit code."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pvefleet.model.catalogue import CATALOGUE
from pvefleet.model.errors import ExitCode
from pvefleet.model.finding import Finding
from pvefleet.model.ha_status import HaNodeRow, HaReport, HaState, Maintenance, ManagerState
from pvefleet.model.section import Section
from pvefleet.rules.ha import ha_findings, ha_groups_report, ha_report, ha_rules_report, ha_summary
from pvefleet.rules.membership import membership
from tests.support.ha_world import HaWorld


def codes(report: HaReport) -> list[tuple[str, str]]:
    return [(one.code, one.subject) for one in report.findings]


def states(report: HaReport) -> dict[str, str]:
    return {row.sid: row.state for row in report.services}


def node(report: HaReport, name: str) -> HaNodeRow:
    return next(row for row in report.nodes if row.name == name)


def finding(report: HaReport, code: str) -> Finding:
    return next(one for one in report.findings if one.code == code)


def usual() -> HaWorld:
    """Two guests under HA on two of three nodes; the manager on the first."""
    world = HaWorld(3)
    world.add("vm:100", "pve01")
    world.add("ct:101", "pve02")
    return world


def test_a_healthy_ha_has_no_finding_and_every_value() -> None:
    world = usual()
    world.add("vm:102", "pve02", wanted="stopped", state="stopped", running=False, max_restart=3)

    report = ha_report(world.ha_facts())

    assert report.findings == ()
    assert report.exit_code is ExitCode.OK
    assert (report.summary.state, report.summary.services) == (HaState.ARMED, 3)
    assert [(one.state, one.count) for one in report.summary.states] == [("started", 2), ("stopped", 1)]
    assert (report.manager.node, report.manager.state) == ("pve01", ManagerState.ACTIVE)
    assert report.manager.age_seconds == pytest.approx(4, abs=1)
    assert (report.manager.shutdown_policy, report.manager.scheduling) == ("conditional", "basic")
    assert report.manager.commands_waiting == 0
    assert states(report) == {"vm:100": "started", "ct:101": "started", "vm:102": "stopped"}
    first = next(row for row in report.services if row.sid == "vm:102")
    assert (first.node, first.requested, first.max_restart, first.max_relocate) == ("pve02", "stopped", 3, 1)
    assert first.verdict is None
    assert [(row.name, row.state, row.agent, row.watchdog_armed) for row in report.nodes] == [
        ("pve01", "online", "active", True),
        ("pve02", "online", "active", True),
        ("pve03", "online", "idle", False),
    ]
    assert [(row.services, row.active) for row in report.nodes] == [(1, 1), (2, 1), (0, 0)]
    assert report.nodes[0].agent_age_seconds == pytest.approx(3, abs=1)
    assert report.nodes[0].watchdog_driver == "Software Watchdog"
    assert (report.last_failover, report.failovers_seen) == (None, ("pve01", "pve02", "pve03"))


def test_ha_that_was_never_used_is_well() -> None:
    report = ha_report(HaWorld(3).ha_facts())

    assert report.findings == ()
    assert (report.summary.state, report.manager.state) == (HaState.NEVER_USED, ManagerState.NONE)
    assert report.services == ()


def test_ha_whose_last_guest_was_removed_is_idle_although_its_manager_rests() -> None:
    world = usual()
    world.ha.resources = ""
    world.ha.manager["service_status"] = {}
    world.ha.manager_age = 5000
    world.armed = set()

    report = ha_report(world.ha_facts())

    assert report.findings == ()
    assert (report.summary.state, report.manager.state) == (HaState.IDLE, ManagerState.IDLE)


def test_the_words_for_guests_are_those_of_ha_manager_status() -> None:
    world = HaWorld(3)
    world.add("vm:100", "pve01", running=False)
    world.add("vm:101", "pve01", wanted="stopped")
    world.add("vm:102", "pve01", state="stopped", wanted="started", running=False)
    world.add("vm:103", "pve01", state="stopped", wanted="disabled", running=False)
    world.add("vm:104", "pve01", state="error", wanted="disabled")
    world.add("vm:105", "pve01", state=None)
    world.add("vm:106", "pve01", wanted="")
    world.add("vm:107", "pve01", state=None, wanted="ignored")
    world.add("vm:108", "pve01", state="request_start_balance")
    world.add("vm:109", "pve01", wanted="enabled")

    assert states(ha_report(world.ha_facts())) == {
        "vm:100": "starting",
        "vm:101": "stopping",
        "vm:102": "starting",
        "vm:103": "disabled",
        "vm:104": "clearing error flag",
        "vm:105": "queued",
        "vm:106": "deleting",
        "vm:107": "ignored",
        "vm:108": "request_start_balance",
        "vm:109": "started",
    }


Break = Callable[[HaWorld], None]


def silence(name: str, seconds: float) -> Break:
    return lambda world: world.ha.agent_ages.update({name: seconds})


def agent(name: str, **values: str) -> Break:
    return lambda world: world.ha.agents[name].update(values)


def manager_age(seconds: float) -> Break:
    return lambda world: setattr(world.ha, "manager_age", seconds)


def disarm(state: str, mode: str) -> Break:
    return lambda world: world.ha.manager.update(disarm={"state": state, "mode": mode})


def add(sid: str, where: str, **options: object) -> Break:
    return lambda world: world.add(sid, where, **options)  # type: ignore[arg-type]


def units(name: str, *words: str) -> Break:
    return lambda world: world[name].overrides.update({"ha-units": (3, "\n".join(words) + "\n", "")})


def rule(name: str, guests: str, nodes: str, **options: object) -> Break:
    return lambda world: world.node_affinity(name, guests, nodes, **options)  # type: ignore[arg-type]


def together(affinity: str, guests: str) -> Break:
    return lambda world: world.resource_affinity("rule", affinity, guests)


def orders(seconds: float) -> Break:
    def give(world: HaWorld) -> None:
        world.ha.commands, world.ha.commands_age = "migrate vm:100 pve02\n", seconds

    return give


def maintenance(name: str, drained: bool = True) -> Break:
    return lambda world: world.maintenance(name, drained=drained)


def released(name: str) -> Break:
    return lambda world: world.armed.discard(name)


def fence_cfg(world: HaWorld) -> None:
    world.ha.fence = True


def other_copy(world: HaWorld) -> None:
    world.copy("pve03").resources += "vm: 999\n\tstate started\n"


def old_node(world: HaWorld) -> None:
    world["pve03"].version = "8.4.1"
    world.node_affinity("rule", "vm:100", "pve01")


def old_groups(world: HaWorld) -> None:
    world.group("g", "pve01")


def mixed(world: HaWorld) -> None:
    world.group("g", "pve01")
    world.node_affinity("rule", "ct:101", "pve02")


def moving_for(minutes: int) -> Break:
    def move(world: HaWorld) -> None:
        world.add("vm:200", "pve01", state="migrate", service={"target": "pve02"})
        since = f"{1_795_000_000 - 60 * minutes:08X}"
        world["pve01"].overrides["ha-tasks"] = (
            0,
            f"UPID:pve01:00000D2C:0003C0F2:{since}:qmigrate:200:root@pam: 0\n",
            "",
        )

    return move


CASES: list[tuple[str, Break, list[tuple[str, str]]]] = [
    ("the manager is silent", manager_age(45), [("HAV-E-0001", "lab")]),
    ("the manager reports", manager_age(29), []),
    ("no manager yet", lambda world: world.ha.manager.pop("master_node"), [("HAV-E-0001", "lab")]),
    ("an agent with guests is silent", silence("pve02", 45), [("HAV-E-0002", "pve02")]),
    ("an agent without guests is silent", silence("pve03", 45), [("HAV-W-0030", "pve03")]),
    ("an agent never reported", lambda world: world.ha.agents.pop("pve03"), [("HAV-W-0030", "pve03")]),
    ("a guest in error", add("vm:200", "pve01", state="error"), [("HAV-E-0003", "vm:200")]),
    ("a guest in recovery", add("vm:200", "pve01", state="recovery"), [("HAV-E-0004", "vm:200")]),
    ("the lock is lost", agent("pve02", state="lost_agent_lock"), [("HAV-E-0007", "pve02")]),
    ("disarmed", disarm("disarmed", "freeze"), [("HAV-W-0008", "lab")]),
    ("disarming", disarm("disarming", "ignore"), [("HAV-W-0008", "lab")]),
    ("maintenance", maintenance("pve03"), [("HAV-W-0009", "pve03")]),
    ("restart mode", agent("pve02", mode="restart"), [("HAV-W-0010", "pve02")]),
    ("shutdown mode", agent("pve02", mode="shutdown"), [("HAV-W-0010", "pve02")]),
    ("frozen", add("vm:200", "pve01", state="freeze"), [("HAV-W-0011", "pve01")]),
    ("a migration of an hour", moving_for(60), [("HAV-W-0013", "vm:200")]),
    ("a migration of some minutes", moving_for(5), []),
    ("no such guest", add("vm:200", "pve01", exists=False), [("HAV-W-0014", "vm:200")]),
    ("moved by hand", add("vm:200", "pve01", on="pve03"), [("HAV-W-0015", "vm:200")]),
    ("a strict rule is violated", rule("rule", "vm:100", "pve03", strict=True), [("HAV-W-0016", "rule")]),
    ("a rule is not quite satisfied", rule("rule", "vm:100", "pve03"), []),
    ("apart", together("positive", "vm:100,ct:101"), [("HAV-W-0016", "rule")]),
    ("an unknown node", rule("rule", "vm:100", "pve01,pve09"), [("HAV-W-0017", "rule")]),
    ("an unmanaged guest", rule("rule", "vm:100,vm:555", "pve01"), [("HAV-W-0018", "rule")]),
    ("a rule that is dropped", together("positive", "vm:100"), [("HAV-W-0019", "rule")]),
    ("groups and rules", mixed, [("HAV-W-0021", "lab")]),
    ("groups of old", old_groups, [("HAV-W-0022", "lab")]),
    ("rules and an old node", old_node, [("VER-W-0001", "lab"), ("HAV-W-0023", "lab")]),
    ("a missing group", add("vm:200", "pve01", group="gone"), [("HAV-W-0024", "gone")]),
    ("orders that wait", orders(40), [("HAV-W-0025", "lab")]),
    ("orders just given", orders(5), []),
    ("an agent from the future", silence("pve02", -10), [("HAV-W-0026", "pve02")]),
    ("a manager from the future", manager_age(-10), [("HAV-W-0026", "pve01")]),
    ("no mux", units("pve02", "inactive", "active", "active"), [("HAV-W-0027", "pve02")]),
    ("no crm", units("pve02", "active", "failed", "active"), [("HAV-W-0027", "pve02")]),
    ("no watchdog", released("pve02"), [("HAV-W-0028", "pve02")]),
    ("another copy", other_copy, [("HAV-W-0029", "pve03")]),
    ("ignored guests", add("vm:200", "pve01", state=None, wanted="ignored"), [("HAV-I-0031", "lab")]),
    ("fence.cfg", fence_cfg, [("HAV-I-0032", "lab")]),
]


@pytest.mark.parametrize(("broken", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_each_fault_is_one_finding(broken: Break, expected: list[tuple[str, str]]) -> None:
    world = usual()
    broken(world)

    report = ha_report(world.ha_facts())

    assert codes(report) == expected
    letters = {code.split("-")[1] for code, _ in expected}
    assert report.exit_code == (5 if "E" in letters else 4 if "W" in letters else 0)


def test_a_dead_nodes_guests_wait_for_fencing_and_its_agent_is_no_finding_of_its_own() -> None:
    world = usual()
    world.ha.manager["service_status"]["ct:101"] |= {"state": "fence"}
    world.die("pve02", seconds=70, state="fence")

    report = ha_report(world.ha_facts())

    assert codes(report) == [("NOD-E-0001", "pve02"), ("HAV-W-0012", "pve02")]
    assert finding(report, "HAV-W-0012").evidence == ("ct:101",)
    row = node(report, "pve02")
    assert (row.state, row.agent, row.watchdog_armed) == ("fence", "silent", None)
    assert row.agent_age_seconds == pytest.approx(70, abs=1)


def test_fencing_that_takes_too_long_is_critical() -> None:
    world = usual()
    world.ha.manager["service_status"]["ct:101"] |= {"state": "fence"}
    world.die("pve02", seconds=300, state="fence")

    assert ("HAV-E-0005", "pve02") in codes(ha_report(world.ha_facts()))


def test_a_guest_in_recovery_names_the_nodes_that_its_rule_leaves() -> None:
    world = usual()
    world.add("vm:200", "pve02", state="recovery")
    world.node_affinity("license", "vm:200", "pve02", strict=True)
    world.die("pve02", seconds=200)
    world.ha.manager["service_status"].pop("ct:101")

    report = ha_report(world.ha_facts())

    assert finding(report, "HAV-E-0004").evidence == ("node-affinity license: pve02 (not available)",)
    assert ("HAV-W-0020", "license") in codes(report)


def test_a_strict_rule_without_any_node_left_is_found_before_it_matters() -> None:
    world = usual()
    world.node_affinity("license", "vm:100", "pve03", strict=True, more="")
    world.add("vm:300", "pve03")
    world.maintenance("pve03", drained=False)

    report = ha_report(world.ha_facts())

    assert ("HAV-W-0020", "license") in codes(report)


def test_an_error_tells_how_the_agent_ended_and_where_the_guest_really_is() -> None:
    world = usual()
    world.add("vm:200", "pve01", state="error", on="pve03", service={"failed_nodes": ["pve02"]})
    world.ha.agents["pve01"]["results"] = {"uid200": {"sid": "vm:200", "state": "started", "exit_code": 3}}

    report = ha_report(world.ha_facts())

    assert finding(report, "HAV-E-0003").evidence == (
        "the agent's last result: exit code 3",
        "failed on pve02",
        "its configuration file is on pve03",
    )


def test_a_virtual_machine_that_is_a_container() -> None:
    world = usual()
    world.add("vm:200", "pve01", exists=False)
    world["pve01"].containers[200] = "running"

    report = ha_report(world.ha_facts())

    assert finding(report, "HAV-W-0014").message == "vm:200 is under HA, but 200 is a container"
    assert states(report)["vm:200"] == "not found"


@pytest.mark.parametrize(
    ("drained", "left", "state"),
    [(True, False, Maintenance.DRAINED), (False, False, Maintenance.DRAINING), (True, True, Maintenance.DRAINING)],
)
def test_a_node_is_drained_when_no_guest_is_left_and_the_watchdog_is_closed(
    drained: bool, left: bool, state: Maintenance
) -> None:
    world = usual()
    if left:
        world.add("vm:300", "pve03")
    world.maintenance("pve03", drained=drained)
    if not drained:
        world.armed.add("pve03")

    assert node(ha_report(world.ha_facts()), "pve03").maintenance is state


def test_a_node_that_is_not_read_is_not_proven_drained() -> None:
    world = usual()
    world.maintenance("pve03")
    world["pve03"].overrides["ha-watchdog"] = (124, "", "")

    report = ha_report(world.ha_facts())

    assert node(report, "pve03").maintenance is Maintenance.DRAINING
    assert node(report, "pve03").watchdog_armed is None
    assert ("OUT-W-0002", "pve03") in codes(report)


def test_a_maintenance_that_the_agent_has_not_taken_up_is_requested() -> None:
    world = usual()
    world.ha.manager["node_request"] = {"pve03": {"maintenance": 1}}

    assert node(ha_report(world.ha_facts()), "pve03").maintenance is Maintenance.REQUESTED


def test_a_node_that_was_powered_off_in_maintenance_is_not_called_unwilling() -> None:
    world = usual()
    world.maintenance("pve03")
    world.die("pve03", state="maintenance")

    report = ha_report(world.ha_facts())

    assert codes(report) == [("NOD-E-0001", "pve03"), ("HAV-W-0009", "pve03")]
    assert finding(report, "HAV-W-0009").message == "pve03: maintenance, its agent is silent"


def test_a_watchdog_that_runs_without_quorum_is_critical_on_each_such_node() -> None:
    world = usual()
    world["pve02"].part = 1

    report = ha_report(world.ha_facts())

    assert codes(report)[:2] == [("QUO-E-0002", "lab"), ("HAV-E-0006", "pve02")]
    assert ("HAV-E-0002", "pve02") not in codes(report)


def test_a_watchdog_that_runs_while_corosync_does_not_is_critical() -> None:
    world = usual()
    world["pve02"].corosync = "stopped"

    assert ("HAV-E-0006", "pve02") in codes(ha_report(world.ha_facts()))


def test_without_quorum_the_managers_silence_is_no_finding_and_the_files_are_shown() -> None:
    world = usual()
    world.armed = set()
    world.die("pve02")
    world.die("pve03")
    world.ha.manager_age = 300
    world.ha.agent_ages["pve01"] = 300

    report = ha_report(world.ha_facts())

    assert not [code for code, _ in codes(report) if code.startswith("HAV")]
    assert report.exit_code is ExitCode.CRITICAL
    assert report.manager.state is ManagerState.SILENT
    assert states(report) == {"vm:100": "started", "ct:101": "started"}


def test_the_quorate_side_speaks_and_a_stale_copy_is_named() -> None:
    world = usual()
    stale = world.copy("pve01")
    stale.resources = "vm: 100\n\tstate started\n\n"
    world["pve01"].part = 1
    world.armed.discard("pve01")

    report = ha_report(world.ha_facts())

    assert report.manager.seen_by == "pve02"
    assert len(report.services) == 2
    assert finding(report, "HAV-W-0029").evidence == ("/etc/pve/ha/resources.cfg",)


def test_a_hung_pmxcfs_costs_that_nodes_copy_alone() -> None:
    world = usual()
    world["pve01"].pmxcfs = "hung"

    report = ha_report(world.ha_facts())

    assert codes(report) == [("PMX-E-0002", "pve01")]
    assert report.manager.seen_by == "pve02"
    assert node(report, "pve01").watchdog_armed is True
    assert node(report, "pve01").agent == "active", "by the other nodes' copy"


def test_the_age_of_an_agent_is_taken_by_its_own_clock() -> None:
    world = usual()
    world["pve02"].clock = -600.0

    report = ha_report(world.ha_facts())

    assert codes(report) == [("CLK-W-0001", "pve02")]
    assert node(report, "pve02").agent_age_seconds == pytest.approx(3, abs=1)


def test_no_copy_at_all_shows_nothing_as_well() -> None:
    world = usual()
    for one in world.nodes.values():
        one.pmxcfs = "stopped"

    report = ha_report(world.ha_facts())

    assert (report.summary.state, report.manager.state) == (HaState.UNKNOWN, ManagerState.UNKNOWN)
    assert report.summary.services is None
    assert {row.agent for row in report.nodes} == {None}
    assert {row.maintenance for row in report.nodes} == {None}
    assert report.exit_code is ExitCode.CRITICAL


def test_no_node_at_all_ends_with_11() -> None:
    world = usual()
    for name in world.nodes:
        world.kill(name)

    report = ha_report(world.ha_facts())

    assert report.exit_code is ExitCode.NO_NODE_READ
    assert report.summary.state is HaState.UNKNOWN


def test_a_file_that_is_not_understood_ends_with_13_and_is_told_of_once() -> None:
    world = usual()
    world.ha.resources = "vm 100\n"

    report = ha_report(world.ha_facts())

    assert codes(report) == [("OUT-E-0001", "pve01")]
    assert report.exit_code is ExitCode.NOT_UNDERSTOOD
    assert (report.summary.services, states(report)) == (None, {"vm:100": "?", "ct:101": "?"})


def test_the_last_failover_is_the_newest_of_all_journals() -> None:
    world = usual()
    line = "{at} pve0{n} pve-ha-crm[9]: recover service 'vm:{vmid}' from fenced node 'pve02' to node 'pve03'\n"
    world.journal["pve01"] = line.format(at="1794000000.100000", n=1, vmid=100)
    world.journal["pve03"] = line.format(at="1794990000.900000", n=3, vmid=104)

    last = ha_report(world.ha_facts()).last_failover

    assert last is not None
    assert (last.at, last.sid, last.source, last.target) == ("2026-11-18T08:20:00Z", "vm:104", "pve02", "pve03")


def test_one_nodes_own_view_claims_nothing_of_the_others() -> None:
    report = ha_report(usual().ha_facts(here="pve01"))

    assert report.here == "pve01"
    assert codes(report) == []
    assert (node(report, "pve02").watchdog_armed, node(report, "pve02").agent) == (None, "active")


def test_ha_in_one_line_and_its_findings_for_the_reports_about_the_whole_cluster() -> None:
    world = usual()
    world.add("vm:200", "pve03", state="error")
    world.node_affinity("rule", "vm:100", "pve03", strict=True)
    world.kill("pve02")
    facts = world.facts(Section.HA)
    members = membership(facts)

    line = ha_summary(facts, members)

    assert (line.state, line.manager, line.services, line.violated) == (HaState.ARMED, "pve01", 3, 1)
    assert [one.code for one in ha_findings(facts, members)] == ["HAV-E-0003", "HAV-W-0016"]


def test_the_smaller_reports_speak_of_their_own_findings_only() -> None:
    world = usual()
    world.add("vm:200", "pve01", state="error", group="g")
    world.group("g", "pve01")
    world.node_affinity("rule", "vm:100", "pve03", strict=True)
    facts = world.facts(Section.HA)

    rules, groups = ha_rules_report(facts), ha_groups_report(facts)

    assert [one.code for one in rules.findings] == ["HAV-W-0016", "HAV-W-0021"]
    assert [row.sid for row in rules.services] == ["vm:100"]
    assert [one.code for one in groups.findings] == ["HAV-W-0021"]
    assert [row.sid for row in groups.services] == ["vm:200"]
    assert groups.migrated is False


@pytest.mark.parametrize(("version", "migrated"), [("8.4.1", False), ("9.2.11", True)])
def test_whether_groups_have_become_rules(version: str, migrated: bool) -> None:
    world = HaWorld(3)
    for one in world.nodes.values():
        one.version = version

    assert ha_groups_report(world.facts(Section.HA)).migrated is migrated


def test_every_finding_of_ha_is_produced_by_a_test_above() -> None:
    produced = {code for case in CASES for code, _ in case[2]}
    produced |= {"HAV-E-0005", "HAV-E-0006", "HAV-W-0012", "HAV-W-0020"}

    assert {entry.code for entry in CATALOGUE if entry.code.startswith("HAV")} <= produced
