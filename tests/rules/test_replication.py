"""replication.status says of every job how old its copy is, when it runs next, why it failed; and never a guess."""

from __future__ import annotations

import time

import pytest

from pvefleet.model.errors import ExitCode, UnreachableReason, UsageError
from pvefleet.model.replication import JobRow, JobState, LogEnd, NextRun, ReplicationReport
from pvefleet.rules.membership import membership
from pvefleet.rules.replication import (
    log_owner,
    replication_findings,
    replication_list,
    replication_log,
    replication_report,
    replication_summary,
)
from tests.support.replication_world import ABSENT, DAY, HOUR, MINUTE, PREFIX, ReplicationWorld
from tests.support.world import NOW


def codes(report: ReplicationReport) -> list[tuple[str, str]]:
    return [(one.code, one.subject) for one in report.findings]


def rows(report: ReplicationReport) -> dict[str, JobRow]:
    return {row.job: row for row in report.jobs}


def report_of(world: ReplicationWorld) -> ReplicationReport:
    return replication_report(world.replication())


def test_jobs_that_are_well_have_every_value_and_no_finding() -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02", rate=50, comment="base de donn%C3%A9es")
    world.job("100-1", "pve03", schedule="mon..fri 22:30", synced=12 * HOUR)
    world.job("104-0", "pve01", on="pve02", schedule=None, synced=400, took=0.5)

    report = report_of(world)

    assert report.findings == ()
    assert report.exit_code is ExitCode.OK
    assert [(row.job, row.source, row.target) for row in report.jobs] == [
        ("100-0", "pve01", "pve02"),
        ("100-1", "pve01", "pve03"),
        ("104-0", "pve02", "pve01"),
    ]
    first = rows(report)["100-0"]
    assert (first.state, first.lag_seconds, first.fail_count, first.duration_seconds) == (JobState.OK, 300, 0, 3.25)
    assert (first.rate, first.comment, first.name, first.type) == (50, "base de données", "vm100", "qemu")
    assert (first.last_sync, first.period_seconds) == ("2026-11-18T12:01:40+01:00", 900)
    assert (first.next, first.next_run) == (NextRun.AT, "2026-11-18T12:15:00+01:00")
    assert (first.running, first.target_online) == (False, True)
    assert rows(report)["100-1"].next_run == "2026-11-18T22:30:00+01:00"
    assert (rows(report)["104-0"].schedule, rows(report)["104-0"].meaning) == ("*/15", "every 15 minutes")
    assert (report.summary.jobs, report.summary.oldest_job, report.summary.oldest_seconds) == (3, "100-1", 12 * HOUR)


def test_without_replication_cfg_there_are_no_jobs() -> None:
    report = report_of(ReplicationWorld(3))

    assert (report.jobs, report.findings, report.exit_code) == ((), (), ExitCode.OK)
    assert (report.summary.jobs, report.summary.seen_by) == (0, "pve01")


def test_the_age_is_by_the_sources_own_clock_and_its_times_are_in_its_own_zone() -> None:
    world = ReplicationWorld(3)
    world["pve02"].clock = 7200
    world.zones["pve02"] = "Asia/Tokyo"
    world.job("100-0", "pve01", on="pve02", synced=60, schedule="22:00")

    row = report_of(world).jobs[0]

    assert row.lag_seconds == 60
    assert row.last_sync == "2026-11-18T22:05:40+09:00"
    assert row.next_run == "2026-11-19T22:00:00+09:00"


def test_a_schedule_in_utc_is_reckoned_in_utc_and_shown_in_the_sources_zone() -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02", schedule="22:00 UTC", synced=60)

    assert report_of(world).jobs[0].next_run == "2026-11-18T23:00:00+01:00"


def test_where_the_zone_is_not_known_neither_the_next_run_nor_lateness_is() -> None:
    world = ReplicationWorld(3)
    world["pve01"].overrides["replication-zone"] = (1, "", "base64: /etc/localtime: Input/output error")
    world.job("100-0", "pve02", synced=9 * DAY)

    report = report_of(world)

    row = report.jobs[0]
    assert (row.next, row.next_run, row.lag_seconds, row.period_seconds) == (NextRun.UNKNOWN, None, 9 * DAY, None)
    assert codes(report) == [("OUT-W-0002", "pve01")]


def test_a_run_that_is_due_waits_for_the_scheduler() -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02", synced=20 * MINUTE)

    row = report_of(world).jobs[0]

    assert (row.state, row.next, row.next_run) == (JobState.OK, NextRun.DUE, "2026-11-18T12:00:00+01:00")


def test_a_running_job_is_told_by_its_process_and_start_time() -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02", pid=4711)
    world.job("101-0", "pve02", pid=4712)
    world.processes["pve01"] = [(4711, 47110), (4712, 999)]

    found = rows(report_of(world))

    assert (found["100-0"].running, found["100-0"].next) == (True, NextRun.RUNNING)
    assert (found["101-0"].running, found["101-0"].next) == (False, NextRun.AT), "another process of the same number"


def test_late_is_overdue_by_a_period_and_the_time_a_run_takes() -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02", synced=20 * MINUTE)
    world.job("101-0", "pve02", synced=60 * MINUTE)
    world.job("102-0", "pve02", schedule="mon..fri 22:30", synced=13 * HOUR)

    report = report_of(world)

    states = {job: row.state for job, row in rows(report).items()}
    assert states == {"100-0": JobState.OK, "101-0": JobState.LATE, "102-0": JobState.OK}
    assert codes(report) == [("REP-W-0003", "101-0")]
    assert report.findings[0].message == "101-0 from pve01 to pve02 is late: the copy is 1h old"
    assert report.exit_code is ExitCode.WARNING


def test_a_nightly_job_may_be_overdue_by_half_a_day_and_no_more() -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02", schedule="1:00", synced=DAY + HOUR)
    world.job("101-0", "pve02", schedule="20:00", synced=DAY + 16 * HOUR)
    world.job("102-0", "pve02", schedule="sat 22:00", synced=3 * DAY)

    states = {job: row.state for job, row in rows(report_of(world)).items()}

    assert states == {"100-0": JobState.OK, "101-0": JobState.LATE, "102-0": JobState.OK}


def test_a_node_all_of_whose_jobs_are_late_is_one_finding() -> None:
    world = ReplicationWorld(3)
    for n in range(4):
        world.job(f"10{n}-0", "pve02", synced=2 * HOUR)
    world.job("110-0", "pve01", on="pve02")

    report = report_of(world)

    assert codes(report) == [("REP-W-0013", "pve01")]
    assert len(report.findings[0].evidence) == 4


@pytest.mark.parametrize(
    ("fails", "minutes", "code"),
    [(1, 5, "REP-W-0002"), (2, 10, "REP-W-0002"), (3, 15, "REP-E-0001"), (4, 30, "REP-E-0001"), (40, 30, "REP-E-0001")],
)
def test_a_failed_job_is_tried_again_after_a_growing_time(fails: int, minutes: int, code: str) -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02", synced=2 * HOUR, tried=60, fails=fails, error="No common base snapshot on volume(s) x")

    report = report_of(world)

    row = report.jobs[0]
    assert (row.state, row.fail_count, row.next) == (JobState.FAILING, fails, NextRun.AT)
    assert row.next_run == f"2026-11-18T12:{5 + minutes:02}:40+01:00"
    assert codes(report) == [(code, "100-0")]
    assert "No common base snapshot on volume(s) x" in report.findings[0].message


def test_the_reason_comes_from_the_log_where_the_error_only_names_a_command() -> None:
    world = ReplicationWorld(3)
    error = f"{PREFIX} 100-0 local-zfs:vm-100-disk-0 --last_sync 0' failed: exit code 255"
    said = "(remote_prepare_local_job) ssh: connect to host 10.77.0.2 port 22: Connection timed out"
    log = (
        "start replication job\nguest => VM 100, running => 0\nvolumes => local-zfs:vm-100-disk-0\n"
        f"{said}\nend replication job with error: {error}"
    )
    world.job("100-0", "pve02", synced=None, tried=60, fails=1, error=error, log=log)

    report = report_of(world)

    row = report.jobs[0]
    assert row.reason == "ssh: connect to host 10.77.0.2 port 22: Connection timed out"
    assert row.log == (said,)
    assert row.error == error
    assert report.findings[0].message.endswith("has failed once: " + row.reason)
    assert report.findings[0].evidence == (error, said, "there is no copy")


def test_a_log_of_a_run_that_went_well_gives_no_reason_to_an_older_failure() -> None:
    world = ReplicationWorld(3)
    error = f"{PREFIX} 100-0' failed: exit code 255"
    log = "start replication job\nsome warning\nend replication job"
    world.job("100-0", "pve02", tried=60, synced=HOUR, fails=1, error=error, log=log)

    row = report_of(world).jobs[0]

    assert (row.log, row.reason) == ((), error)


def test_an_error_of_several_lines_is_one_line_in_the_table_and_whole_in_the_report() -> None:
    world = ReplicationWorld(3)
    error = "No common base snapshot on volume(s) a,b\nPlease remove the problematic volume(s) from the target"
    world.job("100-0", "pve02", tried=60, synced=HOUR, fails=3, error=error)

    report = report_of(world)

    assert report.jobs[0].reason == "No common base snapshot on volume(s) a,b"
    assert report.jobs[0].error == error
    assert report.findings[0].evidence == (error.splitlines()[1], "the copy is 1h old")


def test_jobs_to_a_dead_node_wait_for_it_and_are_no_findings_of_their_own() -> None:
    world = ReplicationWorld(3)
    world.kill("pve02")
    for n in range(3):
        world.job(f"10{n}-0", "pve02", synced=HOUR, tried=50 * MINUTE, fails=1, error="ssh failed")

    report = report_of(world)

    assert {row.next for row in report.jobs} == {NextRun.TARGET_BACK}
    assert {row.next_run for row in report.jobs} == {None}
    assert {row.target_online for row in report.jobs} == {False}
    assert codes(report) == [("NOD-E-0001", "pve02"), ("REP-I-0014", "pve02")]
    assert len(report.findings[1].evidence) == 3
    assert report.exit_code is ExitCode.CRITICAL


def test_jobs_of_a_dead_source_are_listed_as_not_seen_never_as_well() -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02", on="pve03")
    world.job("101-0", "pve02", on="pve01")
    world.kill("pve03")

    report = report_of(world)

    row = rows(report)["100-0"]
    assert (row.source, row.state, row.note) == ("pve03", JobState.NOT_SEEN, "pve03 was not read")
    assert (row.lag_seconds, row.last_sync, row.fail_count, row.running, row.next) == (
        None,
        None,
        None,
        None,
        NextRun.UNKNOWN,
    )
    assert codes(report) == [("NOD-E-0001", "pve03"), ("REP-I-0015", "pve03")]
    assert rows(report)["101-0"].state is JobState.OK


def test_a_source_that_hosts_toml_does_not_list_is_a_finding() -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02", on="pve03")
    world.listed = ["pve01", "pve02"]

    report = report_of(world)

    assert ("REP-W-0023", "pve03") in codes(report)
    assert report.jobs[0].note == "pve03 is not in hosts.toml"


def test_on_a_node_the_others_jobs_are_not_seen_and_no_fault() -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02", on="pve03")

    report = replication_report(world.replication(here="pve01"))

    assert [code for code, _ in codes(report) if code.startswith("REP-W")] == []
    assert ("REP-I-0015", "pve03") in codes(report)
    assert report.jobs[0].note == "pve03 was not read"


@pytest.mark.parametrize(
    ("answer", "code", "exit_code"),
    [
        ((1, "", "cat: Input/output error"), "OUT-W-0002", ExitCode.WARNING),
        ((0, "{", ""), "OUT-E-0001", ExitCode.NOT_UNDERSTOOD),
        ((124, "", ""), "OUT-W-0002", ExitCode.WARNING),
    ],
)
def test_a_state_that_cannot_be_read_is_not_seen_and_never_an_empty_one(
    answer: tuple[int, str, str], code: str, exit_code: ExitCode
) -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02")
    world["pve01"].overrides["replication-state"] = answer

    report = report_of(world)

    assert (report.jobs[0].state, report.jobs[0].note) == (JobState.NOT_SEEN, "the state of pve01 was not read")
    assert (code, "pve01") in codes(report)
    assert report.exit_code is exit_code


def test_a_job_that_has_never_succeeded_has_no_copy() -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02", synced=None)

    report = report_of(world)

    row = report.jobs[0]
    assert (row.state, row.lag_seconds, row.next, row.fail_count) == (JobState.NEVER, None, NextRun.DUE, 0)
    assert codes(report) == [("REP-W-0004", "100-0")]


def test_a_disabled_job_says_how_old_its_copy_is_and_runs_never() -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02", synced=2 * DAY, disable=True)

    report = report_of(world)

    row = report.jobs[0]
    assert (row.state, row.lag_seconds, row.next) == (JobState.DISABLED, 2 * DAY, NextRun.NEVER)
    assert codes(report) == [("REP-W-0005", "100-0")]


def test_a_removal_is_a_note_at_first_and_a_warning_when_it_does_not_come_about() -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02", remove_job="full", disable=True)
    world.cfg_age = 2 * MINUTE
    assert codes(report_of(world)) == [("REP-I-0017", "100-0")]

    world.cfg_age = 20 * MINUTE
    report = report_of(world)

    assert (report.jobs[0].state, report.jobs[0].remove) == (JobState.REMOVING, "full")
    assert codes(report) == [("REP-W-0006", "100-0")]
    assert report.findings[0].message == "100-0 has waited to be removed for 20m or longer"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"target": "pve01"}, "its target is the node that its guest is on"),
        ({"target": "pve09"}, "its target pve09 is no node of the cluster"),
        ({"schedule": "*/60"}, "'*/60' is not a schedule"),
        ({"schedule": "2015-10-21"}, "'2015-10-21' never comes again"),
    ],
)
def test_a_job_that_can_never_run_is_critical(options: dict[str, str], why: str) -> None:
    world = ReplicationWorld(3)
    world.job("100-0", options.pop("target", "pve02"), **options)  # type: ignore[arg-type]

    report = report_of(world)

    row = report.jobs[0]
    assert (row.state, row.next, row.note) == (JobState.CANNOT_RUN, NextRun.NEVER, why)
    assert codes(report) == [("REP-E-0007", "100-0")]
    assert report.exit_code is ExitCode.CRITICAL


def test_a_job_of_a_guest_that_does_not_exist_is_an_orphan() -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02", exists=False)

    report = report_of(world)

    row = report.jobs[0]
    assert (row.state, row.source, row.type, row.next) == (JobState.ORPHAN, None, None, NextRun.NEVER)
    assert codes(report) == [("REP-W-0008", "100-0")]


def test_a_guest_that_was_moved_by_hand_is_a_warning_before_its_old_source_is_overwritten() -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02", on="pve02", source="pve01", synced=None)

    report = report_of(world)

    assert ("REP-W-0009", "100-0") in codes(report)
    assert "REP-E-0007" not in {code for code, _ in codes(report)}, "the scheduler turns it round within a minute"


def test_a_job_without_a_source_is_an_old_one() -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02", source=None)

    assert codes(report_of(world)) == [("REP-W-0010", "100-0")]


def test_an_odd_schedule_is_a_note_that_names_the_first_job_and_counts_the_others() -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02", schedule="mon..fri 22")
    world.job("101-0", "pve02", schedule="mon..fri 22")

    report = report_of(world)

    assert codes(report) == [("REP-I-0016", "100-0")]
    assert report.findings[0].message == "the schedule mon..fri 22 of 100-0 and 1 more is not what it seems"
    assert report.exit_code is ExitCode.OK


def test_a_run_in_the_future_is_a_clock_that_was_set_back() -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02", synced=-HOUR)

    report = report_of(world)

    assert codes(report) == [("REP-W-0021", "100-0")]
    assert report.jobs[0].lag_seconds == -HOUR


def test_a_time_that_is_in_no_calendar_does_not_break_the_report() -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02", synced=-(10**15))

    row = report_of(world).jobs[0]

    assert row.last_sync == f"@{int(NOW) + 10**15}"
    assert row.next is NextRun.NEVER


def test_the_policy_says_how_old_a_copy_may_be() -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02", schedule="0/4:00", synced=2 * HOUR)
    facts = world.replication()

    assert replication_report(facts).findings == ()
    strict = replication_report(facts, rpo_seconds=HOUR)

    assert codes(strict) == [("REP-W-0012", "100-0")]
    assert strict.findings[0].message == "100-0: the copy on pve02 is 2h old, 1h are allowed"


def test_without_quorum_ages_are_known_and_the_next_run_waits() -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02", synced=2 * HOUR)
    world.job("101-0", "pve02", synced=2 * HOUR)
    world.kill("pve02")
    world.kill("pve03")

    report = report_of(world)

    assert {(row.state, row.lag_seconds, row.next) for row in report.jobs} == {
        (JobState.LATE, 2 * HOUR, NextRun.QUORATE)
    }
    assert not [code for code, _ in codes(report) if code.startswith("REP")], "lost quorum is the finding"
    assert report.exit_code is ExitCode.CRITICAL


def test_the_quorate_nodes_copy_of_the_jobs_speaks_for_the_cluster() -> None:
    world = ReplicationWorld(3)
    world["pve01"].part = 1
    world.job("100-0", "pve03", on="pve02")
    world.cfgs["pve01"] = ""

    report = report_of(world)

    assert (report.summary.seen_by, report.summary.jobs) == ("pve02", 1)
    assert "REP-W-0011" not in {code for code, _ in codes(report)}, "a split explains the difference"


def test_copies_that_differ_within_one_partition_are_a_finding() -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02")
    world.cfgs["pve03"] = ""

    report = report_of(world)

    assert codes(report) == [("REP-W-0011", "lab")]
    assert report.findings[0].evidence == (
        "the same on pve01 (1 job), pve02 (1 job)",
        "the same on pve03 (0 jobs)",
    )


def test_with_every_pmxcfs_dead_the_states_still_tell_the_age_of_each_copy() -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02", synced=HOUR)
    world.job("101-0", "pve01", on="pve02", synced=HOUR, tried=60, fails=3, error="disk full")
    for name in world.nodes:
        world[name].pmxcfs = "stopped"

    report = report_of(world)

    assert [(row.job, row.guest, row.source, row.target, row.state, row.lag_seconds) for row in report.jobs] == [
        ("", 100, "pve01", "pve02", JobState.NOT_SEEN, HOUR),
        ("", 101, "pve02", "pve01", JobState.FAILING, HOUR),
    ]
    assert ("REP-W-0022", "lab") in codes(report)
    assert report.summary.jobs is None


def test_a_cluster_that_nobody_could_read_is_no_healthy_one() -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02")
    for name in world.nodes:
        world.kill(name)

    report = report_of(world)

    assert report.exit_code is ExitCode.NO_NODE_READ
    assert (report.jobs, report.summary.jobs) == ((), None)


def test_one_nodes_own_view_knows_its_own_jobs() -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02", on="pve01")
    world.job("101-0", "pve01", on="pve02")

    report = replication_report(world.replication(here="pve01"))

    assert {row.job: row.state for row in report.jobs} == {"100-0": JobState.OK, "101-0": JobState.NOT_SEEN}
    assert report.here == "pve01"


def test_problems_leaves_out_the_rows_that_are_well_and_no_finding() -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02")
    world.job("101-0", "pve02", synced=2 * HOUR)
    facts = world.replication()

    few, all_ = replication_report(facts, problems=True), replication_report(facts)

    assert [row.job for row in few.jobs] == ["101-0"]
    assert (few.findings, few.exit_code, few.summary) == (all_.findings, all_.exit_code, all_.summary)


def test_names_in_hosts_toml_stand_for_the_names_in_the_cluster() -> None:
    world = ReplicationWorld(2)
    world.job("100-0", "pve02")
    facts = world.replication()
    renamed = type(facts)(
        facts.cluster,
        facts.taken_at,
        tuple(
            type(node)(**{f: getattr(node, f) for f in node.__slots__} | {"name": f"x-{node.name}"})
            for node in facts.nodes
        ),
        facts.clock_limit,
    )

    row = replication_report(renamed).jobs[0]

    assert (row.source, row.target, row.state, row.target_online) == ("x-pve01", "x-pve02", JobState.OK, True)


def test_the_summary_is_one_line_for_the_clusters_own_report() -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02")
    world.job("101-0", "pve02", synced=2 * HOUR)
    world.job("102-0", "pve02", disable=True)
    facts = world.replication()

    summary = replication_summary(facts, membership(facts))

    assert (summary.seen_by, summary.jobs) == ("pve01", 3)
    assert [(one.state, one.jobs) for one in summary.states] == [
        (JobState.DISABLED, 1),
        (JobState.LATE, 1),
        (JobState.OK, 1),
    ]
    assert (summary.oldest_job, summary.oldest_seconds) == ("101-0", 2 * HOUR)


def test_the_findings_for_the_cluster_leave_out_what_is_the_clusters_own() -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02", synced=2 * HOUR)
    world.job("101-0", "pve03", synced=2 * HOUR, tried=60, fails=1, error="ssh failed")
    world.job("102-0", "pve01", on="pve03")
    world.kill("pve03")
    facts = world.replication()

    assert [one.code for one in replication_findings(facts, membership(facts))] == ["REP-W-0003"]


def test_dead_pmxcfs_everywhere_is_the_clusters_finding_and_not_one_of_replication() -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02")
    for name in world.nodes:
        world[name].pmxcfs = "hung"
    facts = world.replication()

    assert replication_findings(facts, membership(facts)) == ()
    assert replication_report(facts).exit_code is ExitCode.CRITICAL


def test_the_list_is_the_configuration_alone() -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02", synced=2 * HOUR, rate=10, comment="x")
    world.job("101-0", "pve02", schedule="mon..fri 22", disable=True)
    world.job("102-0", "pve03", remove_job="local", exists=False)

    report = replication_list(world.replication())

    assert [(one.job, one.node, one.target, one.disabled, one.remove) for one in report.jobs] == [
        ("100-0", "pve01", "pve02", False, None),
        ("101-0", "pve01", "pve02", True, None),
        ("102-0", None, "pve03", False, "local"),
    ]
    assert report.jobs[1].meaning == "at :22 of every hour on Monday to Friday"
    assert report.jobs[1].traps
    assert [(one.code, one.subject) for one in report.findings] == [("REP-W-0008", "102-0")]
    assert report.exit_code is ExitCode.WARNING


def test_logs_come_from_the_node_that_runs_the_job() -> None:
    world = ReplicationWorld(3)
    course = "\n".join(f"line {n}" for n in range(20))
    world.job("100-0", "pve02", log=f"{course}\nend replication job")
    world.job("101-0", "pve02", log="start replication job\nend replication job with error: no space left", fails=1)
    world.job("102-0", "pve02", log="start replication job")
    world.job("103-0", "pve02")
    world.job("104-0", "pve02", on="pve03", log="start replication job")
    world.kill("pve03")
    facts = world.replication()

    logs = {log.job: log for log in replication_log(facts).logs}

    assert {job: log.end for job, log in logs.items()} == {
        "100-0": LogEnd.OK,
        "101-0": LogEnd.ERROR,
        "102-0": LogEnd.OPEN,
        "103-0": LogEnd.NONE,
        "104-0": LogEnd.NOT_SEEN,
    }
    assert logs["100-0"].lines[-1] == "2026-11-18 12:00:01 100-0: end replication job"
    assert (len(logs["100-0"].lines), logs["100-0"].whole) == (6, False)
    assert logs["104-0"].note == "pve03 was not read"


def test_the_log_of_one_job_is_whole_where_it_was_read() -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02", log="start replication job\nend replication job")
    facts = world.replication()

    assert log_owner(facts, "100-0") == "pve01"
    whole = [f"2026-11-18 12:00:01 100-0: line {n}" for n in range(50)]
    log = replication_log(facts, job="100-0", whole=whole).logs[0]
    assert (len(log.lines), log.whole, log.node, log.end) == (50, True, "pve01", LogEnd.OPEN)
    kept = replication_log(facts, job="100-0").logs[0]
    assert (len(kept.lines), kept.whole) == (2, False)


def test_the_log_of_an_unread_source_says_where_an_older_one_is() -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02", on="pve03")
    world.logs["pve01"] = {"100-0": "2026-11-18 12:00:01 100-0: end replication job\n"}
    world.kill("pve03")

    report = replication_log(world.replication(), job="100-0")

    assert report.logs[0].note == "pve03 was not read; an older run's log is on pve01"
    assert report.exit_code is ExitCode.NO_NODE_READ


def test_a_job_that_does_not_exist_is_a_wrong_command_line() -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02")

    with pytest.raises(UsageError) as refused:
        log_owner(world.replication(), "100-1")
    assert refused.value.hint == "jobs: 100-0"


def test_an_answer_that_says_neither_is_no_empty_configuration() -> None:
    world = ReplicationWorld(3)
    for name in world.nodes:
        world[name].overrides["replication-cfg"] = (1, "", "ls: cannot open directory '/etc/pve': Input/output error")

    report = report_of(world)

    assert report.summary.jobs is None
    assert "REP-W-0022" in {code for code, _ in codes(report)}
    assert ABSENT != 1


def test_a_node_that_only_we_cannot_reach_is_not_seen_either() -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02", on="pve03")
    world["pve03"].unreachable = UnreachableReason.TIMEOUT

    report = report_of(world)

    assert report.jobs[0].state is JobState.NOT_SEEN
    assert codes(report)[0] == ("NOD-W-0002", "pve03")


def test_a_thousand_jobs_on_sixteen_nodes_are_read_and_judged_well_under_three_seconds() -> None:
    world = ReplicationWorld(16)
    names = list(world.nodes)
    kinds = ("*/15", "mon..fri 8..17:0/15", "22:00", "hourly", "*/5", "sat 3:00", "monthly")
    log = "\n".join(f"line {n}" for n in range(30)) + "\nend replication job"
    for n in range(1000):
        source, target = names[n % 16], names[(n + 1 + n // 16) % 16]
        if source == target:
            target = names[(n + 2) % 16]
        failed = n % 10 == 0
        world.job(
            f"{1000 + n}-0",
            target,
            on=source,
            schedule=kinds[n % len(kinds)],
            synced=60 * (n % 90),
            tried=30 if failed else None,
            fails=3 if failed else 0,
            error="no space left" if failed else "",
            log=log,
        )
    began = time.process_time()
    report = report_of(world)
    seconds = time.process_time() - began

    assert len(report.jobs) == 1000
    assert sum(row.state is JobState.FAILING for row in report.jobs) == 100
    assert seconds < 2.0
