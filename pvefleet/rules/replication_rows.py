"""One row for each replication job: its state, the age of the copy, the next run, and why it failed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo

from parsers.replication_cfg import ReplicationJob
from parsers.replication_state import ReplicationState
from pvefleet.model.replication import JobRow, JobState, NextRun
from pvefleet.rules.replication_log import reason, why
from pvefleet.rules.replication_view import Owner, ReplicationView
from pvefleet.rules.schedule import FARTHEST, Schedule
from pvefleet.rules.schedule_text import DEFAULT, ScheduleError, parse
from pvefleet.rules.schedule_words import meaning

GRACE_MOST = 12 * 3600.0
"""A run may be overdue by one period before it is late, but by no more than this: one node runs its jobs in turn."""
_RETRY_MINUTES = (5, 10, 15)
"""After the first failures in a row; after any further one it is half an hour."""
_LATER_RETRY_MINUTES = 30
_NEVER_TRIED = ReplicationState(0, "", 0, 0, 0, 0, None, None, (), None, None, None)


def job_rows(view: ReplicationView) -> tuple[JobRow, ...]:
    """Return the rows, owner by owner; where the jobs were not seen, those of the owners' states."""
    rows = [_Job(view, job).row() for job in view.jobs] if view.file else _states_alone(view)
    return tuple(sorted(rows, key=lambda row: (row.source is None, row.source or "")))


def schedule_of(job: ReplicationJob) -> str:
    """Return the job's calendar event, the default where it names none."""
    return job.schedule or DEFAULT


def understood(text: str) -> Schedule | None:
    """Return the calendar event, or None for a text that is none."""
    try:
        return parse(text)
    except ScheduleError:
        return None


def cannot_run(view: ReplicationView, job: ReplicationJob, node: str | None) -> str:
    """Return why a job, as it is written, never runs on *node*, the owner of its guest; empty where it can."""
    schedule = understood(schedule_of(job))
    if schedule is None:
        return f"{schedule_of(job)!r} is not a schedule"
    if node is not None and job.target == node and job.source in (None, node):
        return "its target is the node that its guest is on"
    if view.nodes is not None and job.target not in view.nodes:
        return f"its target {job.target} is no node of the cluster"
    owner = view.owners.get(node or "")
    if schedule.next_after(int(owner.clock if owner else view.clock), UTC) is None:
        return f"{schedule.text!r} never comes again"
    return ""


@dataclass(frozen=True, slots=True)
class _Job:
    view: ReplicationView
    job: ReplicationJob

    def row(self) -> JobRow:
        job, view = self.job, self.view
        guest = view.guests.get(job.guest) if view.guests is not None else None
        node = guest[0] if guest else None
        orphan = view.guests is not None and guest is None
        owner = view.owners.get(node) if node else None
        key = (job.guest, job.target)
        state = owner.states.get(key, _NEVER_TRIED) if owner and owner.states is not None else None
        running = key in owner.running if owner and owner.running is not None else None
        schedule = understood(schedule_of(job))
        zone = _zone(owner, schedule)
        stuck = cannot_run(view, job, node)
        due, period = _expected(state, schedule, zone)
        lag = owner.clock - state.last_sync if owner and state and state.last_sync else None
        online = job.target in owner.members if owner and owner.members is not None else None
        word = _word(job, state, orphan=orphan, stuck=stuck, late=_late(owner, state, due, period))
        following, at = _next(job, word, owner, state, schedule, zone, running=running, online=online)
        failed = state is not None and state.fail_count > 0
        log = why(owner.logs.get(job.id, ())) if failed and owner and owner.logs else ()
        error = (state.error or "") if state else ""
        shown = owner.zone.zone if owner and owner.zone else UTC
        return JobRow(
            job=job.id,
            guest=job.guest,
            type=guest[1] if guest else None,
            name=view.names.get(job.guest, ""),
            source=node,
            target=job.target,
            schedule=schedule_of(job),
            meaning=meaning(schedule) if schedule else "",
            rate=job.rate,
            comment=job.comment,
            state=word,
            running=running,
            last_sync=iso(state.last_sync, shown) if state and state.last_sync else None,
            lag_seconds=lag,
            period_seconds=period,
            next=following,
            next_run=iso(at, shown) if at is not None else None,
            duration_seconds=state.duration if state else None,
            fail_count=state.fail_count if state else None,
            error=error,
            reason=reason(error, log) if failed else "",
            log=log,
            target_online=online,
            remove=job.remove_job,
            note=self._note(node, owner, orphan=orphan, stuck=stuck),
        )

    def _note(self, node: str | None, owner: Owner | None, *, orphan: bool, stuck: str) -> str:
        if orphan:
            return f"guest {self.job.guest} does not exist"
        if stuck:
            return stuck
        if node is None:
            return "no guest list was read: who runs it is not known"
        if owner is None:
            return f"{node} was not read" if node in self.view.listed else f"{node} is not in hosts.toml"
        if owner.states is None:
            return f"the state of {node} was not read"
        return ""


def _zone(owner: Owner | None, schedule: Schedule | None) -> tzinfo | None:
    """Return the zone in which a schedule can be reckoned, or None where it is not known."""
    if schedule is not None and schedule.utc:
        return UTC
    return owner.zone.zone if owner and owner.zone else None


def _expected(
    state: ReplicationState | None, schedule: Schedule | None, zone: tzinfo | None
) -> tuple[int | None, int | None]:
    """Return when the run after the last good one was due, and how long after that the next one is, in seconds.

    A run that came late is no measure of the period: the schedule's own times are.
    """
    if not state or not state.last_sync or not schedule or not zone:
        return None, None
    due = schedule.next_after(state.last_sync, zone)
    if due is None:
        return None, None
    following = schedule.next_after(due, zone)
    return due, None if following is None else following - due


def _word(job: ReplicationJob, state: ReplicationState | None, *, orphan: bool, stuck: str, late: bool) -> JobState:
    """Return the one word for the job."""
    ranked = (
        (orphan, JobState.ORPHAN),
        (job.remove_job is not None, JobState.REMOVING),
        (job.disabled, JobState.DISABLED),
        (bool(stuck), JobState.CANNOT_RUN),
        (state is None, JobState.NOT_SEEN),
        (state is not None and state.fail_count > 0, JobState.FAILING),
        (state is not None and not state.last_sync, JobState.NEVER),
        (late, JobState.LATE),
    )
    return next((word for holds, word in ranked if holds), JobState.OK)


def _late(owner: Owner | None, state: ReplicationState | None, due: int | None, period: int | None) -> bool:
    """Is a run overdue by more than a period (12 hours at most) and the time that the last one took?"""
    if owner is None or state is None or due is None:
        return False
    grace = GRACE_MOST if period is None else min(float(period), GRACE_MOST)
    return owner.clock > due + grace + (state.duration or 0.0)


def _next(
    job: ReplicationJob,
    word: JobState,
    owner: Owner | None,
    state: ReplicationState | None,
    schedule: Schedule | None,
    zone: tzinfo | None,
    *,
    running: bool | None,
    online: bool | None,
) -> tuple[NextRun, int | None]:
    """Return when the job runs next, as its node's scheduler reckons it."""
    if word in (JobState.ORPHAN, JobState.CANNOT_RUN) or (job.disabled and job.remove_job is None):
        return NextRun.NEVER, None
    if owner is None or state is None:
        return NextRun.UNKNOWN, None
    if running:
        return NextRun.RUNNING, None
    if owner.quorate is False:
        return NextRun.QUORATE, None
    now = int(owner.clock)
    if job.remove_job is not None:
        return NextRun.DUE, now
    if state.fail_count > 0:
        if online is not True:
            return (NextRun.TARGET_BACK if online is False else NextRun.UNKNOWN), None
        at: int | None = state.last_try + 60 * retry_minutes(state.fail_count)
    elif schedule is None or zone is None:
        return NextRun.UNKNOWN, None
    else:
        at = schedule.next_after(state.last_try, zone)
    if at is None:
        return NextRun.NEVER, None
    return (NextRun.DUE if at <= now else NextRun.AT), at


def retry_minutes(failures: int) -> int:
    """Return how long the scheduler waits after a number of failures in a row, in minutes."""
    return _RETRY_MINUTES[failures - 1] if failures <= len(_RETRY_MINUTES) else _LATER_RETRY_MINUTES


def iso(epoch: int, zone: tzinfo) -> str:
    """Return a time as ISO 8601 text in *zone*; one that no calendar has, as ``@`` and its seconds."""
    if abs(epoch) > FARTHEST:
        return f"@{epoch}"
    return datetime.fromtimestamp(epoch, zone).isoformat(timespec="seconds")


def _states_alone(view: ReplicationView) -> list[JobRow]:
    """Return what the states say where the jobs were not seen: the age of each copy, and nothing of what is planned."""
    rows = []
    for owner in view.owners.values():
        shown = owner.zone.zone if owner.zone else UTC
        for (_, target), state in (owner.states or {}).items():
            failed = state.fail_count > 0
            rows.append(
                JobRow(
                    job="",
                    guest=state.guest,
                    type=None,
                    name=view.names.get(state.guest, ""),
                    source=owner.name,
                    target=target,
                    schedule=None,
                    meaning="",
                    rate=None,
                    comment="",
                    state=JobState.FAILING if failed else JobState.NOT_SEEN,
                    running=(state.guest, target) in owner.running if owner.running is not None else None,
                    last_sync=iso(state.last_sync, shown) if state.last_sync else None,
                    lag_seconds=owner.clock - state.last_sync if state.last_sync else None,
                    period_seconds=None,
                    next=NextRun.UNKNOWN,
                    next_run=None,
                    duration_seconds=state.duration,
                    fail_count=state.fail_count,
                    error=state.error or "",
                    reason=reason(state.error or "", ()) if failed else "",
                    log=(),
                    target_online=target in owner.members if owner.members is not None else None,
                    remove=None,
                    note=f"by the state on {owner.name} alone: replication.cfg was not read",
                )
            )
    return rows
