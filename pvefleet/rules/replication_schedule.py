"""The report of ``replication.explain-schedule``."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from pvefleet.model.errors import ExitCode
from pvefleet.model.replication import ClockChangeRow, ScheduledRun, ScheduleReport
from pvefleet.rules.replication_rows import iso
from pvefleet.rules.schedule import Schedule
from pvefleet.rules.schedule_text import WEEKDAYS
from pvefleet.rules.schedule_words import ClockChange, clock_changes, meaning, traps


def schedule_report(
    schedule: Schedule, zone_name: str, zone: tzinfo, *, now: int, count: int, taken_at: str
) -> ScheduleReport:
    """Return what a calendar event means, its next runs and traps, and the changes of the clocks within a year.

    Args:
        schedule: the event.
        zone_name, zone: where its node is; an event in UTC does not ask.
        now: seconds since the epoch.
        count: how many runs.
        taken_at: now as UTC ISO 8601 text.
    """
    if schedule.utc:
        zone_name, zone = "UTC, as the schedule says", UTC
    found = traps(schedule)
    return ScheduleReport(
        schedule=schedule.text,
        zone=zone_name,
        taken_at=taken_at,
        meaning=meaning(schedule),
        traps=found,
        runs=tuple(_run(at, zone, now) for at in schedule.runs(now, zone, count)),
        clock_changes=tuple(_change(change, zone) for change in clock_changes(schedule, zone, now)),
        exit_code=ExitCode.WARNING if found else ExitCode.OK,
    )


def _run(at: int, zone: tzinfo, now: int) -> ScheduledRun:
    weekday = WEEKDAYS[datetime.fromtimestamp(at, zone).weekday()].capitalize()
    return ScheduledRun(iso(at, zone), weekday, iso(at, UTC), at - now)


def _change(change: ClockChange, zone: tzinfo) -> ClockChangeRow:
    apart = None
    if change.last_run is not None and change.next_run is not None:
        apart = change.next_run - change.last_run
    return ClockChangeRow(
        at=iso(change.at, zone),
        shift_seconds=change.after - change.before,
        last_run=None if change.last_run is None else iso(change.last_run, zone),
        next_run=None if change.next_run is None else iso(change.next_run, zone),
        apart_seconds=apart,
        usual_seconds=change.usual_seconds,
    )
