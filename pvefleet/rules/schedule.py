"""Calendar events: when a replication job is due, by the rules of the node's own scheduler.

Here is the record and its arithmetic; :mod:`pvefleet.rules.schedule_text` reads one from text, and
:mod:`pvefleet.rules.schedule_words` says what it means. Times and zones are handed in.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

_MOST_STEPS = 1000
"""The node's scheduler gives up after as many steps: such an event never comes."""
_LAST_YEAR = 9000
FARTHEST = 50_000_000_000
"""Seconds from the epoch: times beyond, some 1600 years, are the work of a broken file and in no calendar."""


@dataclass(frozen=True, slots=True)
class Part:
    """One element of a list: ``7``, ``8..17``, ``0/15`` or ``8..17/2``.

    Attributes:
        start: the first value.
        end: the last one allowed; None for a step without an end.
        step: distance of the values; 0 stands for *start* alone, however it was written.
    """

    start: int
    end: int | None
    step: int

    def holds(self, value: int) -> bool:
        """Is *value* one of them?"""
        if self.step == 0 or value < self.start:
            return value == self.start
        return (self.end is None or value <= self.end) and (value - self.start) % self.step == 0

    def after(self, value: int) -> int | None:
        """Return the next one after *value*. A step without an end knows no largest value and goes beyond its unit."""
        if value < self.start:
            return self.start
        if self.step == 0:
            return None
        following = value + self.step - (value - self.start) % self.step
        return following if self.end is None or following <= self.end else None


@dataclass(frozen=True, slots=True)
class Field:
    """The values that one unit of time may have.

    Attributes:
        text: as it was written; empty where it was not.
        parts: the elements of the list; empty: every value.
    """

    text: str = ""
    parts: tuple[Part, ...] = ()

    @property
    def every(self) -> bool:
        """Does it admit every value?"""
        return not self.parts

    def holds(self, value: int) -> bool:
        """May the unit be *value*?"""
        return not self.parts or any(part.holds(value) for part in self.parts)

    def after(self, value: int) -> int | None:
        """Return where to look next after *value*, which may lie beyond the unit's end; None: nowhere in this unit."""
        return min((found for part in self.parts if (found := part.after(value)) is not None), default=None)

    def values(self, low: int, high: int) -> tuple[int, ...]:
        """Return the values from *low* to *high* that it admits."""
        return tuple(value for value in range(low, high + 1) if self.holds(value))


@dataclass(frozen=True, slots=True)
class Schedule:
    """A calendar event.

    Attributes:
        text: as it was written, without blanks around it.
        utc: is it meant in UTC? Otherwise in the node's own zone.
        keyword: the keyword it was written as, or empty.
        weekdays: 0 is Monday; empty: any.
        weekdays_text: as they were written.
        year, month, day, hour, minute, second: the values that each may have.
        dated, timed: was a date, was a time written?
        misread_hour: the text before the first colon, where it is no hour and therefore was taken for the minutes.
    """

    text: str
    utc: bool
    keyword: str
    weekdays: frozenset[int]
    weekdays_text: str
    year: Field
    month: Field
    day: Field
    hour: Field
    minute: Field
    second: Field
    dated: bool
    timed: bool
    misread_hour: str = ""

    def next_after(self, last: int, zone: tzinfo) -> int | None:
        """Return the first time after *last* at which the node's scheduler takes the event as due.

        Works as the node does: from one second later on, wherever a unit has no allowed value it goes to the next one
        and sets the smaller units to their least. So a time that a change of the clocks leaves out is not made up
        for, and one that it repeats comes once. A step without an end (``*/45``) looks beyond its unit's end and
        lands in the middle of the next: what lies before is passed over.

        Args:
            last: seconds since the epoch.
            zone: the node's time zone; not used by an event in UTC.

        Returns:
            Seconds since the epoch, or None where it never comes.
        """
        if abs(last) > FARTHEST:
            return None
        clock = _Clock(UTC if self.utc else zone)
        at = clock.read(last + 1)
        try:
            for _ in range(_MOST_STEPS):
                jump = self._jump(at)
                if jump is None:
                    return clock.epoch(at)
                at = clock.settle(jump, at)
        except _NoMore:
            return None
        return None

    def runs(self, last: int, zone: tzinfo, count: int) -> Iterator[int]:
        """Yield the next *count* times after *last*, as long as there are any."""
        for _ in range(count):
            following = self.next_after(last, zone)
            if following is None:
                return
            yield following
            last = following

    def _jump(self, at: datetime) -> datetime | None:
        """Return the reading of the clock to look at next, or None where *at* is right."""
        day = at.replace(hour=0, minute=0, second=0)
        if not self.year.holds(at.year):
            year = self.year.after(at.year)
            if year is None:
                raise _NoMore
            return _month(year, 1)
        if not self.month.holds(at.month):
            month = self.month.after(at.month)
            return _month(at.year, 13 if month is None else month)
        if not self.day.holds(at.day):
            following = self.day.after(at.day)
            return _month(at.year, at.month + 1) if following is None else day + timedelta(days=following - at.day)
        today = at.weekday()
        if self.weekdays and today not in self.weekdays:
            return day + timedelta(days=min((one for one in self.weekdays if one > today), default=_MONDAY) - today)
        return self._jump_in_day(at, day)

    def _jump_in_day(self, at: datetime, day: datetime) -> datetime | None:
        if not self.hour.holds(at.hour):
            hour = self.hour.after(at.hour)
            return day + timedelta(hours=24 if hour is None else hour)
        hour_start = day + timedelta(hours=at.hour)
        if not self.minute.holds(at.minute):
            minute = self.minute.after(at.minute)
            return hour_start + timedelta(minutes=60 if minute is None else minute)
        if not self.second.holds(at.second):
            second = self.second.after(at.second)
            return hour_start + timedelta(minutes=at.minute, seconds=60 if second is None else second)
        return None


_MONDAY = 7
"""The next one, counted from this week's."""


class _NoMore(Exception):
    """No year is left."""


def _month(year: int, month: int) -> datetime:
    """Return the first of a month; one beyond December counts on into the next year."""
    year += (month - 1) // 12
    if year > _LAST_YEAR:
        raise _NoMore
    return datetime(year, (month - 1) % 12 + 1, 1)


class _Clock:
    """Readings of a wall clock, as naive times with ``fold`` set in the second pass of a repeated hour."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone

    def read(self, epoch: int) -> datetime:
        return datetime.fromtimestamp(epoch, self._zone).replace(tzinfo=None)

    def epoch(self, reading: datetime) -> int:
        return int(reading.replace(tzinfo=self._zone).timestamp())

    def settle(self, reading: datetime, before: datetime) -> datetime:
        """Return what the clock shows instead of *reading*: forward past a gap; within a repeated hour the same pass
        as *before*, else the first."""
        fold = before.fold if reading - before < _SAME_PASS else 0
        return self.read(self.epoch(reading.replace(fold=fold)))


_SAME_PASS = timedelta(hours=2)
