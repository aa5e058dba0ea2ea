"""cluster.status says of each fault what an operator has to know: one finding, true states, the right exit code."""

from __future__ import annotations

import pytest

from pvefleet.model.errors import ExitCode, UnreachableReason
from pvefleet.model.status import GuestState, LinkState, NodeState, StatusReport
from pvefleet.rules.status import links_report, nodes_report, status_report
from tests.support.world import World


def codes(report: StatusReport) -> list[tuple[str, str]]:
    return [(one.code, one.subject) for one in report.findings]


def states(report: StatusReport) -> dict[str, NodeState]:
    return {row.name: row.state for row in report.nodes}


def test_a_healthy_cluster_has_no_finding_and_every_value() -> None:
    world = World(3)
    world["pve01"].vms = {100: "running", 101: "stopped"}
    world["pve02"].containers = {110: "running"}

    report = status_report(world.facts())

    assert report.findings == ()
    assert report.exit_code is ExitCode.OK
    assert (report.cluster, report.config_version, report.nodes_read, report.nodes_total) == ("lab", 3, 3, 3)
    assert (report.quorum.quorate, report.quorum.total, report.quorum.expected, report.quorum.needed) == (True, 3, 3, 2)
    assert report.quorum.seen_by == ("pve01", "pve02", "pve03")
    assert set(states(report).values()) == {NodeState.ONLINE}
    first = report.nodes[0]
    assert (first.nodeid, first.votes, first.version, first.uptime_seconds) == (1, 1, "9.2.11", 86400.52)
    assert [(one.link, one.address) for one in first.addresses] == [(0, "10.77.0.1"), (1, "10.78.0.1")]
    assert (first.vms, first.vms_running, first.containers, first.containers_running) == (2, 1, 0, 0)
    assert len(report.links) == 3 * 2 * 2
    assert {row.state for row in report.links} == {LinkState.CONNECTED}
    assert {row.mtu for row in report.links} == {1397}
    assert [(row.vmid, row.node, row.state) for row in report.guests] == [
        (100, "pve01", GuestState.RUNNING),
        (101, "pve01", GuestState.STOPPED),
        (110, "pve02", GuestState.RUNNING),
    ]


def test_a_dead_node_is_one_critical_finding_that_names_its_guests() -> None:
    world = World(3)
    world["pve02"].vms = {100: "running"}
    world.kill("pve02")

    report = status_report(world.facts())

    assert codes(report) == [("NOD-E-0001", "pve02")]
    assert "its guests: 100 (qemu)" in report.findings[0].evidence
    assert states(report)["pve02"] is NodeState.OFFLINE
    assert report.quorum.quorate is True
    assert report.exit_code is ExitCode.CRITICAL
    guest = report.guests[0]
    assert (guest.vmid, guest.node, guest.state) == (100, "pve02", GuestState.UNKNOWN)
    dead = next(row for row in report.nodes if row.name == "pve02")
    assert (dead.vms, dead.vms_running) == (1, None), "what was not seen is not shown as stopped"
    assert dead.version is None


def test_a_node_that_only_we_cannot_reach_is_a_warning_because_its_peers_see_it() -> None:
    world = World(3)
    world["pve02"].unreachable = UnreachableReason.TIMEOUT

    report = status_report(world.facts())

    assert codes(report) == [("NOD-W-0002", "pve02")]
    assert states(report)["pve02"] is NodeState.UNREACHED
    assert report.exit_code is ExitCode.WARNING
    row = next(row for row in report.links if (row.source, row.target) == ("pve02", "pve01"))
    assert row.state is LinkState.UNKNOWN, "its own view was not seen"


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (UnreachableReason.HOST_KEY_CHANGED, "NOD-E-0003"),
        (UnreachableReason.HOST_KEY_UNKNOWN, "NOD-W-0004"),
        (UnreachableReason.AUTH_REJECTED, "NOD-W-0005"),
        (UnreachableReason.AUTH_TIMEOUT, "NOD-W-0006"),
        (UnreachableReason.KEY_FILE, "NOD-W-0007"),
        (UnreachableReason.GATEWAY, "NOD-W-0008"),
    ],
)
def test_the_reason_for_no_login_decides_the_finding(reason: UnreachableReason, code: str) -> None:
    world = World(3)
    world["pve03"].unreachable = reason

    assert codes(status_report(world.facts())) == [(code, "pve03")]


def test_lost_quorum_names_the_dead_nodes_and_the_loss() -> None:
    world = World(3)
    world.kill("pve02")
    world.kill("pve03")

    report = status_report(world.facts())

    assert codes(report) == [("QUO-E-0001", "lab"), ("NOD-E-0001", "pve02"), ("NOD-E-0001", "pve03")]
    assert report.quorum.quorate is False
    assert report.nodes[0].writable is False
    assert report.nodes[0].state is NodeState.ONLINE


def test_a_split_is_one_finding_with_both_views_and_the_quorate_side_speaks_for_the_cluster() -> None:
    world = World(3)
    world["pve03"].part = 1

    report = status_report(world.facts())

    assert codes(report) == [("QUO-E-0002", "lab")]
    assert report.findings[0].evidence == (
        "quorate: pve01, pve02 (by the view of pve01, pve02)",
        "without quorum: pve03 (by the view of pve03)",
    )
    assert states(report) == {"pve01": NodeState.ONLINE, "pve02": NodeState.ONLINE, "pve03": NodeState.APART}
    assert report.quorum.quorate is True
    assert report.nodes[2].quorate is False


def test_stopped_corosync_is_one_finding_on_a_node_that_is_read() -> None:
    world = World(3)
    world["pve02"].corosync = "stopped"

    report = status_report(world.facts())

    assert codes(report) == [("COR-E-0001", "pve02")]
    assert states(report)["pve02"] is NodeState.NO_COROSYNC
    assert report.nodes_read == 3


def test_frozen_corosync_is_told_apart_from_a_stopped_one() -> None:
    world = World(3)
    world["pve02"].corosync = "frozen"

    assert codes(status_report(world.facts())) == [("COR-E-0002", "pve02")]


@pytest.mark.parametrize(
    ("pmxcfs", "code"), [("stopped", "PMX-E-0001"), ("hung", "PMX-E-0002"), ("read-only", "PMX-W-0003")]
)
def test_pmxcfs_that_is_not_well_is_one_finding(pmxcfs: str, code: str) -> None:
    world = World(3)
    world["pve02"].vms = {100: "running"}
    world["pve02"].pmxcfs = pmxcfs

    report = status_report(world.facts())

    assert codes(report) == [(code, "pve02")]
    assert states(report)["pve02"] is NodeState.ONLINE
    if pmxcfs != "read-only":
        guest = next(row for row in report.guests if row.vmid == 100)
        assert guest.state is GuestState.RUNNING, "known from the other nodes' guest list, running by its process"
        node = next(row for row in report.nodes if row.name == "pve02")
        assert (node.vms, node.vms_running) == (1, 1)


def test_read_only_without_quorum_is_not_a_second_finding() -> None:
    world = World(3)
    world.kill("pve02")
    world.kill("pve03")

    assert not [code for code, _ in codes(status_report(world.facts())) if code.startswith("PMX")]


def test_a_link_lost_towards_everybody_is_the_nodes_finding() -> None:
    world = World(3)
    world.cut.add(("pve02", 1))

    report = status_report(world.facts())

    assert codes(report) == [("LNK-W-0001", "pve02/link1")]
    assert report.exit_code is ExitCode.WARNING
    down = {(row.source, row.target) for row in report.links if row.state is LinkState.DOWN}
    assert down == {("pve01", "pve02"), ("pve02", "pve01"), ("pve02", "pve03"), ("pve03", "pve02")}


def test_a_link_that_is_down_everywhere_is_one_finding() -> None:
    world = World(3)
    world.cut |= {("pve01", 0), ("pve02", 0), ("pve03", 0)}

    assert codes(status_report(world.facts())) == [("LNK-W-0001", "link0")]


def test_links_towards_a_dead_node_are_not_findings_of_their_own() -> None:
    world = World(5)
    world.kill("pve05")

    assert codes(status_report(world.facts())) == [("NOD-E-0001", "pve05")]


def test_running_versions_that_differ_are_found_although_every_file_is_the_same() -> None:
    world = World(3)
    world["pve03"].config_version = 2

    report = status_report(world.facts())

    assert ("CFG-E-0001", "lab") in codes(report)
    assert ("CFG-W-0002", "pve03") in codes(report)
    assert report.config_version is None


def test_copies_of_corosync_conf_that_differ_are_found() -> None:
    world = World(3)
    world["pve02"].record_version = 4

    assert ("CFG-W-0003", "pve02") in codes(status_report(world.facts()))


def test_a_member_that_hosts_toml_does_not_list_is_shown_as_not_seen() -> None:
    world = World(3)
    world.listed = ["pve01", "pve02"]

    report = status_report(world.facts())

    assert codes(report) == [("CFG-W-0005", "pve03")]
    assert states(report)["pve03"] is NodeState.NOT_SEEN


def test_another_clusters_node_is_critical() -> None:
    world = World(3)
    facts = world.facts()
    world.name = "other"
    other = world.facts()
    from dataclasses import replace

    mixed = replace(facts, nodes=(*facts.nodes[:2], other.nodes[2]))

    assert ("CFG-E-0004", "pve03") in codes(status_report(mixed))


def test_a_machine_with_another_name_is_critical() -> None:
    world = World(3)
    world["pve02"].hostname = "pve07"

    assert ("NOD-E-0011", "pve02") in codes(status_report(world.facts()))


def test_a_clock_that_is_off_is_found_beyond_the_doubt_of_the_measurement() -> None:
    world = World(3)
    world["pve02"].clock = 4.0

    assert codes(status_report(world.facts())) == [("CLK-W-0001", "pve02")]


def test_different_versions_are_a_warning() -> None:
    world = World(3)
    world["pve02"].version = "9.1.2"

    assert codes(status_report(world.facts())) == [("VER-W-0001", "lab")]


def test_expected_votes_set_by_hand_are_found() -> None:
    world = World(3)
    world.kill("pve02")
    world.kill("pve03")
    world.expected = 1

    report = status_report(world.facts())

    assert ("QUO-W-0003", "lab") in codes(report)
    assert report.quorum.quorate is True


def test_output_that_is_not_understood_ends_with_13_and_the_rest_is_reported() -> None:
    world = World(3)
    world["pve02"].overrides["quorum"] = (0, "Quorum-Informationen\n", "")

    report = status_report(world.facts())

    assert ("OUT-E-0001", "pve02") in codes(report)
    assert report.exit_code is ExitCode.NOT_UNDERSTOOD
    assert report.quorum.seen_by == ("pve01", "pve03")


def test_a_source_that_fails_is_named() -> None:
    world = World(3)
    world["pve02"].overrides["pveversion"] = (1, "", "boom")

    assert codes(status_report(world.facts())) == [("OUT-W-0002", "pve02")]


def test_nodes_in_no_cluster_are_told_apart_from_stopped_corosync() -> None:
    world = World(3)
    for node in world.nodes.values():
        node.corosync = "absent"

    report = status_report(world.facts())

    assert codes(report) == [("CLU-W-0001", name) for name in world.nodes]
    assert set(states(report).values()) == {NodeState.NOT_CLUSTERED}
    assert report.quorum.quorate is None


def test_no_node_at_all_ends_with_11_and_shows_nothing_as_well() -> None:
    world = World(3)
    for name in world.nodes:
        world.kill(name)

    report = status_report(world.facts())

    assert report.exit_code is ExitCode.NO_NODE_READ
    assert [code for code, _ in codes(report)] == ["NOD-W-0010"] * 3
    assert report.quorum.quorate is None
    assert set(states(report).values()) == {NodeState.NOT_SEEN}


def test_one_nodes_own_view_marks_every_other_node_as_not_seen() -> None:
    world = World(3)
    world["pve02"].vms = {100: "running"}
    world.kill("pve03")

    report = status_report(world.facts(here="pve01"))

    assert states(report) == {"pve01": NodeState.ONLINE, "pve02": NodeState.NOT_SEEN, "pve03": NodeState.NOT_SEEN}
    notes = {row.name: row.note for row in report.nodes}
    assert notes["pve02"] == "not seen from here; a member for pve01"
    assert notes["pve03"] == "not seen from here; no member for pve01"
    assert report.here == "pve01"
    assert report.cluster == "lab"
    assert report.guests[0].state is GuestState.UNKNOWN
    assert {row.state for row in report.links if row.source != "pve01"} == {LinkState.UNKNOWN}
    assert ("LNK-W-0001", "pve03/link0") not in codes(report)


def test_the_smaller_reports_speak_of_their_own_findings_only() -> None:
    world = World(3)
    world.cut.add(("pve02", 1))

    assert nodes_report(world.facts()).exit_code is ExitCode.OK
    links = links_report(world.facts())
    assert links.exit_code is ExitCode.WARNING
    assert links.node_names == ("pve01", "pve02", "pve03")
