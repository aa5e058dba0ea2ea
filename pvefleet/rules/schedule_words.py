"""What a calendar event means in words, where it means something else than it seems to, and what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache

from pvefleet.rules.schedule import Field, Schedule
from pvefleet.rules.schedule_text import WEEKDAYS

MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
_DAY = 86400
_FEW = 6


@lru_cache(maxsize=1024)
def meaning(schedule: Schedule) -> str:
    """Return when the event comes, in one sentence without a full stop."""
    words = [_time_words(schedule)]
    if schedule.weekdays:
        words.append("on " + _spans([WEEKDAYS[day].capitalize() for day in range(7)], schedule.weekdays))
    words += _date_words(schedule)
    if len(words) == 1 and len(reached(schedule.hour, 0, 23)) < 24:
        words.append("every day")
    return " ".join(words) + (", in UTC" if schedule.utc else "")


def reached(field: Field, low: int, high: int) -> tuple[int, ...]:
    """Return the values from *low* to *high* that the node's scheduler comes to, walking from unit to unit.

    They are those that *field* admits but for a step without an end that does not divide the unit: looking beyond
    the unit's end for the next value, the scheduler lands in the middle of the next unit.
    """
    found: set[int] = set()
    at = low
    for unit in range(3):
        while at <= high:
            if field.holds(at):
                if unit:
                    found.add(at)
                at += 1
            else:
                following = field.after(at)
                at = high + 1 if following is None else following
        at -= high + 1 - low
    return tuple(sorted(found))


def _time_words(schedule: Schedule) -> str:
    seconds = reached(schedule.second, 0, 59)
    if seconds == (0,):
        return _minute_words(schedule)
    exact = "every second" if len(seconds) == 60 else f"second {_join([str(one) for one in seconds])}"
    return f"{_minute_words(schedule)} ({exact})"


def _minute_words(schedule: Schedule) -> str:
    hours, minutes = reached(schedule.hour, 0, 23), reached(schedule.minute, 0, 59)
    if len(hours) * len(minutes) <= _FEW:
        return "at " + _join([f"{hour:02}:{minute:02}" for hour in hours for minute in minutes])
    pace = _pace(minutes)
    when = pace or f"at {_join([f':{minute:02}' for minute in minutes])} of every hour"
    if len(hours) == 24:
        return when
    if pace and len(hours) > 2 and hours == tuple(range(hours[0], hours[-1] + 1)):
        return f"{pace} from {hours[0]:02}:{minutes[0]:02} to {hours[-1]:02}:{minutes[-1]:02}"
    named = _spans([str(hour) for hour in range(24)], frozenset(hours))
    return f"{pace or when.removesuffix(' of every hour')} of the hours {named}"


def _pace(minutes: Sequence[int]) -> str:
    """Say an even pace that begins on the hour, or nothing."""
    if len(minutes) == 60:
        return "every minute"
    if minutes and minutes[0] == 0 and 60 % len(minutes) == 0:
        step = 60 // len(minutes)
        if tuple(minutes) == tuple(range(0, 60, step)):
            return "every hour on the hour" if step == 60 else f"every {step} minutes"
    return ""


def _date_words(schedule: Schedule) -> Iterator[str]:
    months = reached(schedule.month, 1, 12)
    if not schedule.day.every:
        days = schedule.day.values(1, 31)
        yield "on day " + (_spans([str(day) for day in range(32)], frozenset(days)) if days else "that no month has")
    if not schedule.month.every:
        yield "of " + (_spans(["", *MONTHS], frozenset(months)) if months else "no month")
    elif not schedule.day.every:
        yield "of every month"
    if not schedule.year.every:
        yield f"in {schedule.year.text.replace('..', ' to ')}"


def _join(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else "no time"


def _spans(names: Sequence[str], chosen: frozenset[int]) -> str:
    """Name the *chosen* ones, neighbours as a span: ``Monday to Friday``."""
    spans: list[list[int]] = []
    for one in sorted(chosen):
        if spans and spans[-1][-1] == one - 1:
            spans[-1].append(one)
        else:
            spans.append([one])
    words: list[str] = []
    for span in spans:
        words += [f"{names[span[0]]} to {names[span[-1]]}"] if len(span) > 2 else [names[one] for one in span]
    return _join(words)


def traps(schedule: Schedule) -> tuple[str, ...]:
    """Return what the event means other than one may think, a sentence each without a full stop."""
    return tuple(_traps(schedule))


def _traps(schedule: Schedule) -> Iterator[str]:
    if schedule.next_after(_SOME_TIME, UTC) is None and schedule.year.every:
        yield "no such time exists: it never runs"
        return
    if schedule.keyword:
        return
    if schedule.misread_hour:
        minute, second = schedule.minute.text, schedule.second.text
        yield f"hours end at 23: {minute}:{second} is read as minute {minute} and second {second} of every hour"
    elif schedule.timed and schedule.hour.every and not schedule.hour.text and _looks_like_hours(schedule.minute):
        number = schedule.minute.text
        yield f"without a colon {number} is the minute of every hour, not the hour; for o'clock write {number}:00"
    yield from _steps(schedule)
    if schedule.timed and reached(schedule.second, 0, 59) != (0,) and not schedule.misread_hour:
        yield "seconds mean little: the scheduler looks once a minute"
    if schedule.timed and len(reached(schedule.minute, 0, 59)) == 60 and schedule.second.values(0, 59):
        yield "it runs every minute: a guest with an agent has its file systems frozen each time"
    date = _PLAIN_DATE.fullmatch(f"{schedule.month.text}-{schedule.day.text}") if schedule.dated else None
    if date and schedule.year.every and not schedule.year.text and int(date[1]) < int(date[2]) < 24:
        month = MONTHS[int(date[1]) - 1] if 1 <= int(date[1]) <= 12 else "no month"
        yield f"{date[0]} is a date, day {date[2]} of {month}; for hours write {date[1]}..{date[2]}:00"
    if schedule.dated and not schedule.day.every and min(schedule.day.values(1, 31), default=0) > 28:
        yield "months without such a day are left out"


_SOME_TIME = 1_750_000_000
_PLAIN_DATE = re.compile(r"([0-9]{1,2})-([0-9]{1,2})")


def _looks_like_hours(minute: Field) -> bool:
    """Could somebody have meant hours: plain numbers or ranges below 24, not all of them 0?"""
    numbers = [int(number) for number in re.findall(r"[0-9]+", minute.text)]
    plain = all(part.end is not None and part.step <= 1 for part in minute.parts)
    return bool(numbers) and plain and max(numbers) < 24 and numbers != [0]


def _steps(schedule: Schedule) -> Iterator[str]:
    fields = (
        (schedule.month, 1, 12, "12 months", ""),
        (schedule.day, 1, 31, "the days of a month", ""),
        (schedule.hour, 0, 23, "24 hours", ":00"),
        (schedule.minute, 0, 59, "60 minutes", ""),
    )
    for field, low, high, whole, suffix in fields:
        for part in field.parts:
            if part.end is None and part.step == 0:
                yield f"{part.start}/0 is {part.start} alone"
        if not any(part.end is None and part.step for part in field.parts):
            continue
        admitted, comes = field.values(low, high), reached(field, low, high)
        if len(admitted) == 1:
            yield f"{field.text}{suffix} is {admitted[0]} alone: steps end with their unit, they do not wrap"
        elif admitted != comes:
            left_out = _join([str(one) for one in admitted if one not in comes])
            yield (
                f"{field.text}{suffix} does not divide {whole} evenly: the node comes to"
                f" {_join([str(one) for one in comes])}, and passes over {left_out}"
            )
        elif (high + 1 - low) % max(part.step for part in field.parts if part.end is None):
            yield f"{field.text}{suffix} does not divide {whole} evenly: the step from the last to the first is shorter"


@dataclass(frozen=True, slots=True)
class ClockChange:
    """A change of the clocks in a zone, and what it does to an event.

    Attributes:
        at: when, in seconds since the epoch.
        before, after: the zone's distance from UTC before and after it, in seconds.
        last_run, next_run: the runs around it.
        usual_seconds: how far they would be apart without the change.
    """

    at: int
    before: int
    after: int
    last_run: int | None
    next_run: int | None
    usual_seconds: int | None


def clock_changes(schedule: Schedule, zone: tzinfo, start: int, *, days: int = 366) -> tuple[ClockChange, ...]:
    """Return the changes of the clocks in the *days* after *start* and what each does to the event.

    An event in UTC knows none.
    """
    if schedule.utc:
        return ()
    return tuple(_effect(schedule, zone, at) for at in _transitions(zone, start, start + days * _DAY))


def _offset(zone: tzinfo, epoch: int) -> int:
    offset = datetime.fromtimestamp(epoch, zone).utcoffset()
    return int(offset.total_seconds()) if offset else 0


def _transitions(zone: tzinfo, start: int, end: int) -> Iterator[int]:
    for low in range(start, end, _DAY):
        high = low + _DAY
        if _offset(zone, low) == _offset(zone, high):
            continue
        first, last = low, high
        while last - first > 1:
            middle = (first + last) // 2
            if _offset(zone, middle) == _offset(zone, low):
                first = middle
            else:
                last = middle
        yield last


def _effect(schedule: Schedule, zone: tzinfo, at: int) -> ClockChange:
    before, after = _offset(zone, at - 1), _offset(zone, at)
    following = schedule.next_after(at - 1, zone)
    previous = _last_before(schedule, zone, at)
    usual = None
    if previous is not None:
        steady = timezone(timedelta(seconds=before))
        later = schedule.next_after(previous, steady)
        usual = later - previous if later is not None else None
        following = schedule.next_after(previous, zone)
    return ClockChange(at, before, after, previous, following, usual)


def _last_before(schedule: Schedule, zone: tzinfo, at: int) -> int | None:
    """Return the last run before *at*, looking back no further than a week."""
    for back in (3600, 6 * 3600, _DAY, 7 * _DAY):
        found = None
        for run in schedule.runs(at - back, zone, 8 * 60):
            if run >= at:
                break
            found = run
        if found is not None:
            return found
    return None


_EVERY = re.compile(r"every\s+([0-9]+)?\s*(min|minute|minutes|hour|hours|h|day|days)", re.IGNORECASE)
_SPAN = re.compile(r"([0-9]+)\s*(m|min|mins|minute|minutes|h|hour|hours)", re.IGNORECASE)
_CRON = re.compile(r"(\S+)\s+(\S+)\s+(\S+)\s+(\S+)\s+(\S+)")


def instead(text: str) -> str:
    """Return what was probably meant by a *text* that is no calendar event, as a hint; empty where that is unclear."""
    text = text.strip()
    low = text.lower()
    if low.lstrip("@") in ("minutely", "hourly", "daily", "weekly", "monthly", "yearly", "annually"):
        return f"keywords are lower case and stand alone: {low.lstrip('@')}"
    if re.fullmatch(r"\*/(0+|60)|60", low):
        return "for every hour write *:00 or hourly"
    if span := (_EVERY.fullmatch(text) or _SPAN.fullmatch(text)):
        return _for_span(int(span[1] or 1), span[2].lower())
    if _CRON.fullmatch(text):
        return "this is cron's language; here 2 o'clock every day is 2:00, and every 15 minutes is */15"
    if re.search(r"(?i)(mon|tue|wed|thu|fri|sat|sun)[a-z]*\s*-\s*[a-z]", text):
        return "a range of days has two dots: mon..fri"
    if re.search(r",\s", text):
        return "no blanks around commas: mon,tue 8:00"
    if re.search(r"[A-Z][a-z]+/[A-Z]", text) or re.search(r"\b(CET|CEST|EST|EDT|PST|PDT|GMT|BST)\b", text):
        return "only UTC may be named; without it the node's own time zone holds"
    if re.fullmatch(r"[0-9*/.,:]+\s+(mon|tue|wed|thu|fri|sat|sun)[a-z.,]*", low):
        return "days come before the time: mon 3:00"
    if re.match(r"\*/[0-9]+", text):
        return "a step must be smaller than its unit: minutes up to 59, hours up to 23; */N stands alone"
    return ""


def _for_span(number: int, unit: str) -> str:
    if unit.startswith("d"):
        return "for every day write daily, or a time such as 2:00"
    if unit.startswith("h"):
        if number == 1:
            return "for every hour write *:00 or hourly"
        return f"for every {number} hours write 0/{number}:00" if number < 24 else "for every day write daily"
    return f"for every {number} minutes write */{number}" if 0 < number < 60 else "for every hour write *:00 or hourly"
