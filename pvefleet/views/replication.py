"""Text of ``replication.status``, ``replication.list``, ``replication.log`` and ``replication.explain-schedule``."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pvefleet.model.replication import (
    ClockChangeRow,
    ConfiguredJob,
    JobRow,
    JobState,
    LogEnd,
    LogRow,
    NextRun,
    ReplicationListReport,
    ReplicationLogReport,
    ReplicationReport,
    ReplicationSummary,
    ScheduleReport,
)
from pvefleet.views.findings import print_findings
from pvefleet.views.rows import Cell, Column, plain, print_rows
from pvefleet.views.words import age, count

_STYLE = {
    JobState.OK: "good",
    JobState.LATE: "warn",
    JobState.NEVER: "warn",
    JobState.FAILING: "bad",
    JobState.CANNOT_RUN: "bad",
    JobState.ORPHAN: "warn",
    JobState.REMOVING: "warn",
    JobState.DISABLED: "unseen",
    JobState.NOT_SEEN: "unseen",
}
_WORD = {
    JobState.NEVER: "no copy yet",
    JobState.CANNOT_RUN: "cannot run",
    JobState.NOT_SEEN: "not seen",
    JobState.ORPHAN: "no guest",
}
_SUMMARY_WORD = {JobState.NEVER: "without a copy", JobState.ORPHAN: "without a guest"}
_NEXT_WORD = {
    NextRun.DUE: "due",
    NextRun.RUNNING: "runs now",
    NextRun.TARGET_BACK: "target back",
    NextRun.QUORATE: "quorum back",
    NextRun.NEVER: "never",
}
_UNKNOWN: Cell = ("?", "unseen")
_NOTHING: Cell = ("-", "unseen")
_INDENT = 2


def summary_line(summary: ReplicationSummary) -> Text:
    """Return replication in one line, for ``cluster.status`` and as the head of ``replication.status``."""
    if summary.jobs is None:
        return Text("unknown: replication.cfg was not read", "bad")
    if summary.jobs == 0:
        return Text("no jobs")
    line = Text(count(summary.jobs, "job"))
    for number, one in enumerate(summary.states):
        word = _SUMMARY_WORD.get(one.state) or _WORD.get(one.state) or one.state.value
        line.append(": " if number == 0 else ", ")
        line.append(f"{one.jobs} {word}", _STYLE[one.state] if one.state is not JobState.OK else "good")
    if summary.oldest_seconds is not None:
        line.append(f"; oldest copy {age(max(0.0, summary.oldest_seconds))} ({summary.oldest_job})")
    return line


def print_replication(report: ReplicationReport, console: Console) -> None:
    """Print every job in a line, the reasons of those that fail, and the findings."""
    head: list[tuple[str, Text]] = [
        ("Cluster", Text(report.cluster or "none", "title")),
        ("Replication", summary_line(report.summary)),
        ("Read", Text(report.taken_at)),
    ]
    if report.here:
        head.append(("View", Text(f"of {report.here} alone: it knows the state of its own guests' jobs", "warn")))
    _print_head(head, console)
    console.print()
    if report.jobs:
        _print_jobs(report.jobs, console)
        console.print()
    well = "Nothing wrong was found."
    if report.here:
        well = f"Nothing wrong in the view of {report.here}; the other nodes were not seen."
    print_findings(report.findings, console, well=well)


def _print_head(lines: Sequence[tuple[str, Text]], console: Console) -> None:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="title")
    grid.add_column()
    for name, text in lines:
        grid.add_row(name, text)
    console.print(grid)


def _print_jobs(jobs: Sequence[JobRow], console: Console) -> None:
    columns = [
        Column("JOB"),
        Column("NAME", gives=6, least=96),
        Column("FROM", gives=3),
        Column("TO", gives=3),
        Column("STATE", gives=1),
        Column("COPY AGE", right=True),
        Column("NEXT RUN", gives=2, least=64),
        Column("SCHEDULE", gives=5, least=76),
        Column("TOOK", right=True, least=88),
        Column("FAILS", right=True, least=100),
        Column("RATE", right=True, least=120),
        Column("WHY", gives=7, least=130),
    ]
    rows: list[list[Cell]] = [
        [
            row.job or f"{row.guest}-?",
            row.name or ("", ""),
            row.source or _UNKNOWN,
            row.target,
            (_WORD.get(row.state, row.state.value), _STYLE[row.state]),
            _age(row),
            _next(row),
            row.schedule or _UNKNOWN,
            _UNKNOWN if row.duration_seconds is None and row.fail_count is None else _took(row.duration_seconds),
            _UNKNOWN if row.fail_count is None else _NOTHING if row.fail_count == 0 else str(row.fail_count),
            _NOTHING if row.rate is None else f"{row.rate:g} MB/s",
            (row.reason or row.note, "unseen"),
        ]
        for row in jobs
    ]
    print_rows(columns, rows, console)


def _age(row: JobRow) -> Cell:
    if row.lag_seconds is None:
        return _UNKNOWN if row.fail_count is None else ("none", "warn")
    return age(row.lag_seconds) if row.lag_seconds >= 0 else (f"-{age(-row.lag_seconds)}", "warn")


def _next(row: JobRow) -> Cell:
    if row.state is JobState.DISABLED:
        return _NOTHING
    if row.next is NextRun.AT and row.next_run:
        return _clock(row.next_run)
    if row.next is NextRun.DUE and row.state is JobState.LATE and row.next_run:
        return f"due {_clock(row.next_run)}", "warn"
    return _NEXT_WORD.get(row.next, _UNKNOWN)


def _clock(iso: str) -> str:
    """Return an ISO time as a clock on the node's wall shows it: without year, seconds and zone."""
    return iso[5:16].replace("T", " ")


def _took(seconds: float | None) -> Cell:
    if seconds is None:
        return _NOTHING
    return f"{seconds:.1f}s" if seconds < 10 else age(seconds)


def print_list(report: ReplicationListReport, console: Console) -> None:
    """Print the jobs as they are configured, odd schedules with what they mean."""
    if report.jobs:
        _print_configured(report.jobs, console)
    elif report.seen_by:
        console.print(Text("There are no replication jobs."))
    if report.jobs and report.findings:
        console.print()
    if report.findings or not report.seen_by:
        print_findings(report.findings, console, well="replication.cfg was not read.")


def _print_configured(jobs: Sequence[ConfiguredJob], console: Console) -> None:
    columns = [
        Column("JOB"),
        Column("FROM", gives=3),
        Column("TO", gives=3),
        Column("ENABLED", least=48),
        Column("SCHEDULE", gives=2),
        Column("MEANS", gives=4, least=76),
        Column("RATE", right=True, least=60),
        Column("COMMENT", gives=5, least=120),
    ]
    rows: list[list[Cell]] = [
        [
            one.job,
            one.node or one.source or _UNKNOWN,
            one.target,
            _enabled(one),
            (one.schedule, "warn" if one.traps or not one.meaning else ""),
            one.meaning or ("not a schedule", "bad"),
            _NOTHING if one.rate is None else f"{one.rate:g} MB/s",
            one.comment,
        ]
        for one in jobs
    ]
    print_rows(columns, rows, console)


def _enabled(job: ConfiguredJob) -> Cell:
    if job.remove:
        return f"removing ({job.remove})", "warn"
    return ("no", "unseen") if job.disabled else ("yes", "")


_END_WORD = {
    LogEnd.OK: ("ended well", "good"),
    LogEnd.ERROR: ("ended with an error", "bad"),
    LogEnd.OPEN: ("has not ended", "warn"),
    LogEnd.NONE: ("no log", "unseen"),
    LogEnd.NOT_SEEN: ("not seen", "unseen"),
}


def print_logs(report: ReplicationLogReport, console: Console) -> None:
    """Print each log under its job, in the words and the local time of its node."""
    if not report.logs:
        console.print(Text("There are no replication jobs."))
    for number, log in enumerate(report.logs):
        if number:
            console.print()
        _print_log(log, console)


def _print_log(log: LogRow, console: Console) -> None:
    word, style = _END_WORD[log.end]
    head = Text.assemble((log.job, "title"), f" on {log.node or '?'}: ", (word, style))
    if log.note:
        head.append(f" ({log.note})", "unseen")
    console.print(head)
    for line in log.lines:
        style = "bad" if "end replication job with error" in line else ""
        console.print(Padding(Text(plain(line), style), (0, 0, 0, _INDENT)))
    if log.lines and not log.whole:
        console.print(
            Padding(Text(f"the last {len(log.lines)} lines; --job {log.job} shows all", "unseen"), (0, 0, 0, 2))
        )


def print_schedule(report: ScheduleReport, console: Console) -> None:
    """Print what a calendar event means, when it comes next, its traps, and what changes of the clocks do to it."""
    _print_head(
        [
            ("Schedule", Text(report.schedule, "title")),
            ("Means", Text(report.meaning)),
            ("Zone", Text(report.zone)),
        ],
        console,
    )
    for trap in report.traps:
        console.print()
        console.print(Text.assemble(("CAREFUL  ", "warn"), trap))
    console.print()
    if not report.runs:
        console.print(Text("It never comes.", "bad"))
    else:
        columns = [Column("NEXT RUNS"), Column(""), Column("UTC", least=64), Column("IN", right=True)]
        rows: list[list[Cell]] = [
            [one.at.replace("T", " "), one.weekday, (one.utc.replace("T", " "), "unseen"), age(one.in_seconds)]
            for one in report.runs
        ]
        print_rows(columns, rows, console)
    if report.clock_changes:
        console.print()
        _print_changes(report.clock_changes, console)


def _print_changes(changes: Sequence[ClockChangeRow], console: Console) -> None:
    columns = [
        Column("CLOCKS CHANGE"),
        Column("BY", right=True),
        Column("LAST RUN BEFORE", least=76),
        Column("NEXT RUN", gives=1),
        Column("APART", right=True),
        Column("USUALLY", right=True),
    ]
    rows: list[list[Cell]] = []
    for one in changes:
        odd = one.apart_seconds is not None and one.apart_seconds != one.usual_seconds
        rows.append(
            [
                one.at[:16].replace("T", " "),
                f"{'+' if one.shift_seconds > 0 else '-'}{age(abs(one.shift_seconds))}",
                _NOTHING if one.last_run is None else _clock(one.last_run),
                _NOTHING if one.next_run is None else _clock(one.next_run),
                _NOTHING if one.apart_seconds is None else (age(one.apart_seconds), "warn" if odd else ""),
                _NOTHING if one.usual_seconds is None else age(one.usual_seconds),
            ]
        )
    print_rows(columns, rows, console)
