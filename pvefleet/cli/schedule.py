"""``replication.explain-schedule``: what a calendar event means, without asking any node."""

from __future__ import annotations

from datetime import UTC, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pvefleet.cli.environment import Environment
from pvefleet.model.errors import UsageError
from pvefleet.model.replication import ScheduleReport
from pvefleet.rules.replication_schedule import schedule_report
from pvefleet.rules.schedule_text import ScheduleError, parse
from pvefleet.rules.schedule_words import instead

_MOST = 1000
_LOCAL_ZONE = Path("/etc/localtime")


def explain(environment: Environment, text: str, zone: str, count: str) -> ScheduleReport:
    """Return what the calendar event *text* means and when it comes next.

    Args:
        environment: clock and variables.
        text: the value of ``--schedule``.
        zone: the value of ``--zone``: a zone of the IANA database; empty: this machine's own.
        count: the value of ``--count``: how many runs to show.

    Raises:
        UsageError: no event, one that Proxmox VE refuses, an unknown zone, or a count that is no number.
    """
    if not text.strip():
        raise UsageError(
            "replication.explain-schedule takes --schedule", hint="for example: --schedule 'mon..fri 22:00'"
        )
    if not count.isdigit() or not 1 <= int(count) <= _MOST:
        raise UsageError(f"--count takes a number from 1 to {_MOST}, not {count!r}")
    try:
        schedule = parse(text)
    except ScheduleError as error:
        raise UsageError(str(error), hint=instead(text)) from error
    name, rules = named_zone(zone) if zone else local_zone(environment)
    return schedule_report(
        schedule,
        name,
        rules,
        now=int(environment.clock()),
        count=int(count),
        taken_at=environment.timestamp(),
    )


def named_zone(name: str) -> tuple[str, tzinfo]:
    """Return a zone of the IANA database.

    Raises:
        UsageError: there is none of that name.
    """
    try:
        return name, ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UsageError(f"unknown time zone {name!r}", hint="for example: --zone Europe/Paris") from error


def local_zone(environment: Environment) -> tuple[str, tzinfo]:
    """Return this machine's own zone: ``TZ``, else /etc/localtime, else UTC."""
    name = environment.variables.get("TZ", "").lstrip(":")
    if name:
        try:
            return f"{name} (this machine's)", ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            pass
    try:
        target = str(_LOCAL_ZONE.resolve())
        _, _, name = target.partition("/zoneinfo/")
        with _LOCAL_ZONE.open("rb") as rules:
            return f"{name or 'local'} (this machine's)", ZoneInfo.from_file(rules, key=name or None)
    except (OSError, ValueError):
        return "UTC (this machine says no other)", UTC
