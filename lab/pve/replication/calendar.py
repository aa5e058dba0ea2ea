"""Calendar events as the node's scheduler reads them: `*/15`, `mon..fri 22:30`, `hourly`; in the local time zone."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_KEYWORDS = {
    "minutely": "*-*-* *:*:00", "hourly": "*-*-* *:00:00", "daily": "*-*-* 00:00:00",
    "weekly": "mon *-*-* 00:00:00", "monthly": "*-*-1 00:00:00", "quarterly": "*-1,4,7,10-1 00:00:00",
    "semiannually": "*-1,7-1 00:00:00", "semi-annually": "*-1,7-1 00:00:00",
    "yearly": "*-1-1 00:00:00", "annually": "*-1-1 00:00:00",
}  # fmt: skip
_LIST = r"(?:\*(?:/\d+)?|\d+(?:\.\.\d+)?(?:/\d+)?(?:,\d+(?:\.\.\d+)?(?:/\d+)?)*)"
_DATE = re.compile(rf"(?:({_LIST})-)?({_LIST})-({_LIST})(?:[ \t]+|$)")
_TIME = re.compile(rf"(?:({_LIST}):)?({_LIST})(?::({_LIST}))?$")
_DAY = re.compile(r"([A-Za-z]+)(?:\.\.([A-Za-z]+))?")
_ROUNDS = 1000


@dataclass(frozen=True, slots=True)
class Event:
    """The values that each unit may have; None for every one."""

    weekdays: frozenset[int] | None
    year: frozenset[int] | None
    month: frozenset[int] | None
    day: frozenset[int] | None
    hour: frozenset[int] | None
    minute: frozenset[int] | None
    second: frozenset[int] | None
    utc: bool


def _values(text: str | None, low: int, high: int) -> frozenset[int] | None:
    """The values of a list.

    Raises:
        ValueError: one is beyond the unit.
    """
    if text is None or text == "*":
        return None
    if text.startswith("*/"):
        step = int(text[2:])
        if not 0 < step < high:
            raise ValueError
        return frozenset(range(low, high, step))
    found: set[int] = set()
    for part in text.split(","):
        span, _, step_text = part.partition("/")
        first, dots, last = span.partition("..")
        start, end = int(first), int(last) if dots else int(first)
        if start >= high or end >= high or end < start:
            raise ValueError
        step = int(step_text) if step_text else 1
        stop = high if step_text and not dots else end + 1
        found |= {start} if step == 0 else set(range(start, stop, step))
    return frozenset(found)


def _weekdays(text: str) -> frozenset[int] | None:
    found: set[int] = set()
    for part in text.split(","):
        match = _DAY.fullmatch(part)
        if match is None:
            return None
        ends = [_weekday(name) for name in match.groups() if name]
        at = ends[0]
        found.add(at)
        while at != ends[-1]:
            at = (at + 1) % 7
            found.add(at)
    return frozenset(found)


def _weekday(name: str) -> int:
    for number, full in enumerate(_WEEKDAYS):
        if name.lower() in (full, full[:3]):
            return number
    raise ValueError


def parse(text: str) -> Event:
    """Read an event.

    Raises:
        ValueError: it is none; with the text the genuine parser has for it.
    """
    wanted = text.strip()
    if not wanted:
        raise ValueError("unable to parse calendar event - event is empty")
    problem = f"unable to parse calendar event at '{wanted}' - Context(\"date or time specification\")"
    utc = wanted.endswith("UTC")
    rest = _KEYWORDS.get(body := wanted.removesuffix("UTC").strip(), body)
    try:
        weekdays = None
        first, _, after = rest.partition(" ")
        if first[:1].isalpha():
            weekdays, rest = _weekdays(first), after.strip()
            if weekdays is None:
                raise ValueError(problem)
        date = _DATE.match(rest)
        parts: tuple[str | None, ...] = date.groups() if date else (None, None, None)
        rest = rest[date.end() :] if date else rest
        year, month, day = (_values(part, *limits) for part, limits in zip(parts, _DATES, strict=True))
        hour, minute, second = _clock(rest)
    except ValueError:
        raise ValueError(problem) from None
    return Event(weekdays, year, month, day, hour, minute, second, utc)


_DATES = ((1970, 2200), (0, 13), (0, 32))


def _clock(rest: str) -> tuple[frozenset[int] | None, frozenset[int] | None, frozenset[int] | None]:
    zero = frozenset({0})
    if not rest:
        return zero, zero, zero
    match = _TIME.match(rest)
    if match is None:
        raise ValueError
    hour, minute, second = match.groups()
    try:
        hours = _values(hour, 0, 24)
    except ValueError:
        # what is no hour is taken for minutes
        if second is not None:
            raise
        hours, minute, second = None, hour, minute
    return hours, _values(minute, 0, 60), zero if second is None else _values(second, 0, 60)


def next_event(event: Event, last: int) -> int | None:
    """The first time after `last` (epoch seconds) at which it is due; None where it never comes."""
    broken = time.gmtime if event.utc else time.localtime
    at = last + 1
    for _ in range(_ROUNDS):
        now = broken(at)
        later = _later(event, now)
        if later is None:
            return at
        if later[0] >= 2200:
            return None
        following = _epoch(later, utc=event.utc)
        # a change of the clocks must not lead back
        at = following if following > at else at + 60
    return None


def _later(event: Event, now: time.struct_time) -> tuple[int, ...] | None:
    """Where to look next; None where `now` is right."""
    if event.year is not None and now.tm_year not in event.year:
        later = [year for year in event.year if year > now.tm_year]
        return (min(later, default=9999), 1, 1, 0, 0, 0)
    if event.month is not None and now.tm_mon not in event.month:
        return _next(event.month, now.tm_mon, (now.tm_year, 0, 1, 0, 0, 0), 1, first=1)
    wrong_day = event.day is not None and now.tm_mday not in event.day
    if wrong_day or (event.weekdays is not None and now.tm_wday not in event.weekdays):
        return (now.tm_year, now.tm_mon, now.tm_mday + 1, 0, 0, 0)
    clock = (now.tm_year, now.tm_mon, now.tm_mday, now.tm_hour, now.tm_min, now.tm_sec)
    for place, allowed in ((3, event.hour), (4, event.minute), (5, event.second)):
        if allowed is not None and clock[place] not in allowed:
            later_values = [value for value in allowed if value > clock[place]]
            zeros = (0,) * (5 - place)
            if later_values:
                return (*clock[:place], min(later_values), *zeros)
            return (*clock[: place - 1], clock[place - 1] + 1, 0, *zeros)
    return None


def _next(allowed: frozenset[int], value: int, clock: tuple[int, ...], place: int, *, first: int) -> tuple[int, ...]:
    later = [each for each in allowed if each > value]
    if later:
        return (*clock[:place], min(later), *clock[place + 1 :])
    return (clock[0] + 1, first, *clock[2:])


def _epoch(clock: tuple[int, ...], *, utc: bool) -> int:
    year, month, day, hour, minute, second = clock
    if utc:
        import calendar

        return calendar.timegm((year, month, day, hour, minute, second))
    return int(time.mktime((year, month, day, hour, minute, second, 0, 0, -1)))
