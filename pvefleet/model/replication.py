"""Reports of ``replication.status``, ``replication.list`` and ``replication.log``: what table and JSON render."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pvefleet.model.errors import ExitCode
from pvefleet.model.finding import Finding


class JobState(StrEnum):
    """How one replication job is; where several hold, the first of them."""

    ORPHAN = "orphan"
    """Its guest does not exist: nobody runs it, and nobody removes it."""
    REMOVING = "removing"
    """It waits for its owner to remove it."""
    DISABLED = "disabled"
    CANNOT_RUN = "cannot-run"
    """As it is written it never runs: its target, its schedule."""
    NOT_SEEN = "not-seen"
    """The node that runs it was not read, or its state was not: nothing is known of the copy's age from there."""
    FAILING = "failing"
    """Its last run failed."""
    NEVER = "never"
    """It has never succeeded: there is no copy."""
    LATE = "late"
    """A run is overdue: the copy is older than the schedule allows for."""
    OK = "ok"


class NextRun(StrEnum):
    """When a job runs next."""

    AT = "at"
    """At a time."""
    DUE = "due"
    """Now: it waits for the scheduler, which takes one job after another."""
    RUNNING = "running"
    TARGET_BACK = "when-target-returns"
    """It has failed, and its target is offline: the scheduler waits for it."""
    QUORATE = "when-quorate"
    """Its owner has no quorum: the scheduler does nothing until it has."""
    NEVER = "never"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class JobRow:
    """One replication job, as its owner's own files have it.

    Attributes:
        job: its id; empty where only the owner's state is known, and not the jobs.
        guest: the guest's number.
        type: ``qemu`` or ``lxc``; None where the guest does not exist or was not seen.
        name: the guest's name; empty where it was not read.
        source: the node that owns the guest and runs the job; None where nobody does.
        target: the node that holds the copy.
        schedule: the calendar event; ``*/15`` where none is set. None where the job itself was not seen.
        meaning: the schedule in words; empty where it is not understood.
        rate: limit in MB (a million bytes) per second; None for none.
        comment: the operator's.
        state: see :class:`JobState`.
        running: is it running now? None where that was not seen.
        last_sync: start of the last run that succeeded, ISO 8601 in the source's zone: the copy is of that moment.
        lag_seconds: its age by the source's own clock.
        period_seconds: how far the schedule sets runs apart after it.
        next: see :class:`NextRun`.
        next_run: when, ISO 8601 in the source's zone; None where ``next`` is neither ``at`` nor ``due``.
        duration_seconds: of the last run, failed or not.
        fail_count: runs that failed since the last one that succeeded.
        error: what the last run ended with, as the state has it.
        reason: the same in one line, from the log where that says more.
        log: the lines of the log that led to it.
        target_online: does the source count the target as a member? None where that was not seen.
        remove: ``full`` or ``local`` where it waits to be removed.
        note: what the state does not say, one line.
    """

    job: str
    guest: int
    type: str | None
    name: str
    source: str | None
    target: str
    schedule: str | None
    meaning: str
    rate: float | None
    comment: str
    state: JobState
    running: bool | None
    last_sync: str | None
    lag_seconds: float | None
    period_seconds: int | None
    next: NextRun
    next_run: str | None
    duration_seconds: float | None
    fail_count: int | None
    error: str
    reason: str
    log: tuple[str, ...]
    target_online: bool | None
    remove: str | None
    note: str


@dataclass(frozen=True, slots=True)
class StateCount:
    """How many jobs are in a state."""

    state: JobState
    jobs: int


@dataclass(frozen=True, slots=True)
class ReplicationSummary:
    """Replication in a line.

    Attributes:
        seen_by: the node whose copy of the jobs this is; empty where none was read.
        jobs: how many there are; None where replication.cfg was not read.
        states: how many are in each state that occurs.
        oldest_job: the job with the oldest copy; empty where no age is known.
        oldest_seconds: the age of that copy.
    """

    seen_by: str
    jobs: int | None
    states: tuple[StateCount, ...]
    oldest_job: str
    oldest_seconds: float | None


@dataclass(frozen=True, slots=True)
class ReplicationReport:
    """The whole of ``replication.status``.

    Attributes:
        cluster: the cluster's name.
        taken_at: when the nodes were read, UTC ISO 8601.
        here: the node that looked at itself alone; empty for a look at all nodes.
        summary: in a line.
        jobs: one row each, owner by owner.
        findings: the worst first.
        exit_code: what the command ends with.
    """

    cluster: str
    taken_at: str
    here: str
    summary: ReplicationSummary
    jobs: tuple[JobRow, ...]
    findings: tuple[Finding, ...]
    exit_code: ExitCode


@dataclass(frozen=True, slots=True)
class ConfiguredJob:
    """One job as replication.cfg has it.

    Attributes:
        job, guest, type, target, rate, comment: as in :class:`JobRow`.
        node: the node that owns the guest now; None where it does not exist or was not seen.
        source: the source as the file has it; None where it has none.
        schedule: the calendar event; ``*/15`` where none is set.
        meaning: in words; empty where it is not understood.
        traps: where it means something else than it seems to.
        disabled: is it switched off?
        remove: ``full`` or ``local`` where it waits to be removed.
    """

    job: str
    guest: int
    type: str | None
    node: str | None
    source: str | None
    target: str
    schedule: str
    meaning: str
    traps: tuple[str, ...]
    rate: float | None
    comment: str
    disabled: bool
    remove: str | None


@dataclass(frozen=True, slots=True)
class ReplicationListReport:
    """The whole of ``replication.list``: the jobs as they are configured.

    Attributes:
        cluster, taken_at, here: as in :class:`ReplicationReport`.
        seen_by: the node whose copy of replication.cfg this is; empty where none was read.
        jobs: one row each, by id.
        findings: about the configuration alone, the worst first.
        exit_code: what the command ends with.
    """

    cluster: str
    taken_at: str
    here: str
    seen_by: str
    jobs: tuple[ConfiguredJob, ...]
    findings: tuple[Finding, ...]
    exit_code: ExitCode


class LogEnd(StrEnum):
    """How the run that a log is of ended."""

    OK = "ok"
    ERROR = "error"
    OPEN = "open"
    """It has no end: the run goes on, or was cut off."""
    NONE = "none"
    """There is no log there."""
    NOT_SEEN = "not-seen"
    """The node was not read."""


@dataclass(frozen=True, slots=True)
class LogRow:
    """The log of one job's last run on the node that runs it.

    Attributes:
        job: the job's id.
        node: the node; None where nobody runs the job.
        end: see :class:`LogEnd`.
        lines: what it says, in the node's local time, the last lines alone unless ``whole``.
        whole: is that all of it?
        note: why there is less than one might expect, one line.
    """

    job: str
    node: str | None
    end: LogEnd
    lines: tuple[str, ...]
    whole: bool
    note: str


@dataclass(frozen=True, slots=True)
class ReplicationLogReport:
    """The whole of ``replication.log``."""

    cluster: str
    taken_at: str
    here: str
    logs: tuple[LogRow, ...]
    exit_code: ExitCode


@dataclass(frozen=True, slots=True)
class ScheduledRun:
    """One time at which an event comes.

    Attributes:
        at: ISO 8601 in the zone.
        weekday: its day of the week.
        utc: the same in UTC.
        in_seconds: from now.
    """

    at: str
    weekday: str
    utc: str
    in_seconds: int


@dataclass(frozen=True, slots=True)
class ClockChangeRow:
    """One change of the clocks within a year, and the runs around it.

    Attributes:
        at: when, ISO 8601 in the zone, as the clock shows it afterwards.
        shift_seconds: by how much the clock is put forward; negative: back.
        last_run, next_run: the runs around it, ISO 8601; None where there are none near.
        apart_seconds: between them.
        usual_seconds: what it would be without the change.
    """

    at: str
    shift_seconds: int
    last_run: str | None
    next_run: str | None
    apart_seconds: int | None
    usual_seconds: int | None


@dataclass(frozen=True, slots=True)
class ScheduleReport:
    """The whole of ``replication.explain-schedule``.

    Attributes:
        schedule: the calendar event.
        zone: the time zone it was read in; ``UTC`` where the event says so.
        taken_at: from when on the runs are counted, UTC ISO 8601.
        meaning: in words.
        traps: where it means something else than it seems to, a sentence each.
        runs: the next ones; empty where it never comes.
        clock_changes: the changes of the clocks within a year.
        exit_code: 4 where there are traps.
    """

    schedule: str
    zone: str
    taken_at: str
    meaning: str
    traps: tuple[str, ...]
    runs: tuple[ScheduledRun, ...]
    clock_changes: tuple[ClockChangeRow, ...]
    exit_code: ExitCode
