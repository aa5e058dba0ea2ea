"""cluster.corosync: each difference between files and running values is named once, with what it waits for."""

from __future__ import annotations

import pytest

from pvefleet.model.corosync_report import CorosyncReport, Origin, Reload, Waits
from pvefleet.model.errors import ExitCode, UnreachableReason
from pvefleet.rules.corosync_report import corosync_report
from tests.support.corosync_world import CorosyncWorld, cmap_text, conf_text

ALL = ("pve01", "pve02", "pve03")


def codes(report: CorosyncReport) -> list[tuple[str, str]]:
    return [(one.code, one.subject) for one in report.findings]


def drift(report: CorosyncReport) -> list[tuple[str, Waits, tuple[str, ...]]]:
    return [(row.key, row.waits, row.nodes) for row in report.drift]


def report_of(world: CorosyncWorld) -> CorosyncReport:
    return corosync_report(world.corosync_facts())


def test_a_healthy_cluster_shows_its_configuration_and_no_difference() -> None:
    report = report_of(CorosyncWorld(3))

    assert (report.findings, report.drift, report.exit_code) == ((), (), ExitCode.OK)
    assert (report.cluster, report.config_version, report.nodes_read, report.nodes_total) == ("lab", 3, 3, 3)
    assert {one.key: one.value for one in report.settings}["totem.link_mode"] == "passive"
    assert not any(one.key.startswith("node") for one in report.settings)
    assert [(row.name, row.nodeid, row.votes) for row in report.members] == [(f"pve0{n}", n, 1) for n in (1, 2, 3)]
    assert {(row.cluster_version, row.local_version, row.running_version, row.same) for row in report.copies} == {
        (3, 3, 3, True)
    }
    assert {row.reload for row in report.copies} == {Reload.OK}
    assert report.times is not None
    assert report.times.worst_case == 8.03


def test_effective_timers_come_with_their_sum_and_their_origin() -> None:
    text = conf_text(5, totem="token: 1000\nconsensus: 9000").replace(
        "linknumber: 1\n", "linknumber: 1\n    knet_ping_timeout: 900\n"
    )
    report = report_of(CorosyncWorld(5, text=text))

    rows = {row.key: row for row in report.timers}
    assert {key: (row.value, row.configured, row.unit) for key, row in rows.items() if "interface" not in key} == {
        "token": (2950, 2950, "ms"),
        "consensus": (9000, 9000, "ms"),
        "join": (50, 50, "ms"),
        "token_retransmit": (702, 702, "ms"),
        "token_retransmits_before_loss_const": (4, 4, ""),
        "hold": (551, 551, "ms"),
    }
    assert (rows["token"].origin, rows["token"].how) == (Origin.COMPUTED, "1000 + 3 x 650")
    assert (rows["consensus"].origin, rows["consensus"].how) == (Origin.SET, "totem.consensus")
    assert (rows["join"].origin, rows["join"].how) == (Origin.DEFAULT, "")
    assert rows["interface.0.knet_ping_timeout"].how == "token / 2"
    assert rows["interface.1.knet_ping_timeout"].origin is Origin.SET
    assert codes(report) == [("TOT-I-0003", "lab")]
    assert report.exit_code is ExitCode.OK, "a note changes nothing"


def test_a_file_that_was_not_loaded_is_a_finding_of_its_version_alone() -> None:
    world = CorosyncWorld(3)
    world.write(conf_text(version=4, totem="token: 5000"))

    report = report_of(world)

    assert drift(report) == [("totem.token", Waits.RELOAD, ALL)]
    (row,) = report.drift
    assert (row.record, row.local, row.running) == ("5000", "5000", None)
    assert codes(report) == [("CFG-W-0002", name) for name in ALL]
    assert report.exit_code is ExitCode.WARNING


def test_a_value_that_is_not_the_files_at_the_same_version_is_a_finding_of_its_own() -> None:
    world = CorosyncWorld(3)
    world.load(conf_text(totem="token: 5000"), "pve02")

    report = report_of(world)

    assert drift(report) == [("totem.token", Waits.RELOAD, ("pve02",))]
    assert codes(report) == [("DRF-W-0001", "pve02")]
    token = next(row for row in report.timers if row.key == "token")
    assert (token.value, token.configured) == (5650, 3650)
    assert [(one.node, one.value) for one in token.differing] == [("pve01", 3650), ("pve02", 5650), ("pve03", 3650)]


def test_one_nodes_file_that_was_not_copied() -> None:
    world = CorosyncWorld(3)
    newer = conf_text(version=4, totem="token: 5000")
    world.write(newer)
    world.load(newer)
    world.local["pve03"] = conf_text()

    report = report_of(world)

    assert ("totem.token", Waits.COPY, ("pve03",)) in drift(report)
    assert ("CFG-W-0003", "pve03") in codes(report)
    assert [row.same for row in report.copies] == [True, True, False]


@pytest.mark.parametrize(
    ("before", "after", "key"),
    [
        ("ip_version: ipv4-6", "ip_version: ipv4", "totem.ip_version"),
        ("secauth: on", "secauth: on\n  netmtu: 1400", "totem.netmtu"),
        ("linknumber: 1\n", "linknumber: 1\n    knet_transport: sctp\n", "totem.interface.1.knet_transport"),
    ],
)
def test_what_corosync_reads_at_its_start_waits_for_a_restart(before: str, after: str, key: str) -> None:
    world = CorosyncWorld(3)
    text = conf_text(version=4).replace(before, after)
    world.write(text)
    for name in ALL:
        world.running[name] = cmap_text(conf_text(version=4))

    report = report_of(world)

    assert drift(report) == [(key, Waits.RESTART, ALL)]
    assert codes(report) == [("DRF-W-0002", "lab")], "one finding for what is the same everywhere"
    assert all(name in report.findings[0].message for name in ALL)


def test_votequorums_startup_options_are_read_from_its_flags() -> None:
    """A reload puts wait_for_all into corosync's map, where it does nothing."""
    world = CorosyncWorld(3)
    text = conf_text(version=4, quorum="wait_for_all: 1")
    world.write(text)
    world.load(text)
    assert drift(report_of(world)) == [("quorum.wait_for_all", Waits.RESTART, ALL)]

    world.flags = "WaitForAll "
    assert drift(report_of(world)) == []


def test_two_nodes_bring_wait_for_all_along_without_a_line_of_its_own() -> None:
    world = CorosyncWorld(2, text=conf_text(2, quorum="two_node: 1"))
    world.flags = "2Node WaitForAll "
    assert drift(report_of(world)) == []


def test_link_timers_that_follow_late_are_a_note() -> None:
    world = CorosyncWorld(3, links=1)
    text = conf_text(links=1, version=4, totem="token: 5000")
    world.write(text)
    world.load(text, lag=conf_text(links=1))

    report = report_of(world)

    assert [(row.key, row.waits, row.local, row.running) for row in report.drift] == [
        ("totem.interface.0.knet_ping_timeout", Waits.NEXT_RELOAD, "2825", "1825"),
        ("totem.interface.0.knet_ping_interval", Waits.NEXT_RELOAD, "1412", "912"),
    ]
    assert codes(report) == [("TOT-I-0009", "lab")]
    assert report.exit_code is ExitCode.OK


def test_an_address_changed_in_place_is_named_as_what_blocks_the_reload() -> None:
    world = CorosyncWorld(3)
    world.write(conf_text(version=4).replace("10.78.0.1\n", "10.78.0.99\n"))
    for name in ALL:
        world.running[name] = cmap_text(conf_text(), reload_status=7)

    report = report_of(world)

    assert drift(report) == [("node.pve01.ring1_addr", Waits.REFUSED, ALL)]
    assert {("DRF-W-0005", "lab"), ("DRF-W-0004", "lab"), ("CFG-W-0002", "pve01")} <= set(codes(report))
    assert {row.reload for row in report.copies} == {Reload.REFUSED}


def test_two_contents_of_one_version_are_critical() -> None:
    world = CorosyncWorld(3)
    world.record["pve03"] = world.local["pve03"] = conf_text(totem="token: 5000")
    report = report_of(world)
    assert ("DRF-E-0003", "lab") in codes(report)
    assert report.exit_code is ExitCode.CRITICAL


def test_bad_timers_of_the_configuration_are_findings() -> None:
    text = conf_text(5, totem="token: 5000\nconsensus: 6000")
    assert codes(report_of(CorosyncWorld(5, text=text))) == [("TOT-E-0001", "lab")]


def test_a_long_recovery_matters_only_with_ha() -> None:
    world = CorosyncWorld(3, text=conf_text(totem="token: 14000"))
    assert codes(report_of(world)) == []
    world.add("vm:100", "pve02")
    assert codes(report_of(world)) == [("TOT-E-0004", "lab")]


def test_an_inline_comment_is_found_before_the_next_start_of_corosync() -> None:
    world = CorosyncWorld(3)
    world.write(conf_text(totem="token: 5000 # more"))
    report = report_of(world)
    assert ("EDT-E-0005", "lab") in codes(report)
    assert next(row for row in report.timers if row.key == "token").configured is None
    assert report.times is not None, "what runs is known"


def test_it_works_without_quorum_and_without_corosync() -> None:
    world = CorosyncWorld(3)
    for at, node in enumerate(world.nodes.values()):
        node.part = at
    report = report_of(world)
    assert ("QUO-E-0001", "lab") in codes(report)
    assert (len(report.settings), len(report.members), report.drift) == (8 + 1, 3, ())
    assert all(row.same for row in report.copies)
    assert report.exit_code is ExitCode.CRITICAL

    for node in world.nodes.values():
        node.corosync = "stopped"
    report = report_of(world)
    assert {row.running_version for row in report.copies} == {None}
    assert {row.reload for row in report.copies} == {Reload.UNKNOWN}
    assert {row.value for row in report.timers} == {None}
    assert next(row for row in report.timers if row.key == "token").configured == 3650


def test_without_pmxcfs_the_local_files_speak() -> None:
    world = CorosyncWorld(3)
    for node in world.nodes.values():
        node.pmxcfs = "hung"
    report = report_of(world)
    assert report.config_version == 3
    assert {(row.cluster_version, row.local_version, row.same) for row in report.copies} == {(None, 3, None)}
    assert ("PMX-E-0002", "pve01") in codes(report)


def test_a_node_that_was_not_read_is_never_shown_as_well() -> None:
    world = CorosyncWorld(3)
    world["pve02"].unreachable = UnreachableReason.TIMEOUT
    report = report_of(world)
    row = next(row for row in report.copies if row.name == "pve02")
    assert (row.cluster_version, row.local_version, row.running_version, row.same) == (None, None, None, None)
    assert row.reload is Reload.UNKNOWN
    assert row.note


def test_nothing_read_is_11_and_a_node_in_no_cluster_has_no_configuration() -> None:
    world = CorosyncWorld(1)
    world["pve01"].unreachable = UnreachableReason.TIMEOUT
    assert report_of(world).exit_code is ExitCode.NO_NODE_READ

    world = CorosyncWorld(1)
    world["pve01"].corosync = "absent"
    report = report_of(world)
    assert (report.settings, report.members, report.timers, report.times) == ((), (), (), None)
    assert report.copies[0].note == "in no cluster"


def test_a_file_that_is_not_understood_ends_with_13() -> None:
    world = CorosyncWorld(3)
    world.local["pve02"] = "totem {\n"
    report = report_of(world)
    assert ("OUT-E-0001", "pve02") in codes(report)
    assert report.exit_code is ExitCode.NOT_UNDERSTOOD


def test_one_nodes_own_view() -> None:
    report = corosync_report(CorosyncWorld(3).facts(here="pve02"))
    assert (report.here, [row.name for row in report.copies], len(report.members)) == ("pve02", ["pve02"], 3)
