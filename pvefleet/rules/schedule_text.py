"""The text of a calendar event, read as Proxmox VE reads it.

The language looks like systemd's but is not, and ``systemd-analyze calendar`` is no substitute::

    event    = ( keyword | [ weekdays ] [ date ] [ time ] ) [ "UTC" ]     at least one of the three
    weekdays = range { "," range }          range = day [ ".." day ]      mon or monday, any case; fri..mon wraps
    date     = [ year "-" ] month "-" day   lists; below 2200, 13, 32
    time     = [ hour ":" ] minute [ ":" second ]                         lists; below 24, 60, 60
    list     = "*" | "*/" N | part { "," part }                           part = N [ ".." N ] [ "/" N ]

Blanks may follow the weekdays and the date, and stand nowhere else. A time that is left out is midnight; an hour that
is left out is every hour; seconds that are left out are 0.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

from pvefleet.rules.schedule import Field, Part, Schedule

DEFAULT = "*/15"
"""The schedule of a job that names none."""

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHORT = {day[:3]: number for number, day in enumerate(WEEKDAYS)} | {day: number for number, day in enumerate(WEEKDAYS)}

KEYWORDS = {
    "minutely": "*:*",
    "hourly": "*:00",
    "daily": "0:00",
    "weekly": "mon 0:00",
    "monthly": "*-1 0:00",
    "quarterly": "1,4,7,10-1 0:00",
    "semiannually": "1,7-1 0:00",
    "semi-annually": "1,7-1 0:00",
    "yearly": "1-1 0:00",
    "annually": "1-1 0:00",
}
"""Each keyword with the event it stands for. Lower case, and nothing but ``UTC`` may stand beside it."""


class ScheduleError(ValueError):
    """A text that is no calendar event: Proxmox VE refuses it.

    Args:
        text: the whole text.
        at: the rest of it that is not understood, or a word of it.
        reason: what is wrong with it, without a trailing full stop.
    """

    def __init__(self, text: str, at: str, reason: str) -> None:
        super().__init__(f"not a calendar event: {reason}" + (f", at {at!r}" if at else ""))
        self.text = text
        self.at = at
        self.reason = reason


_ZERO = Field("", (Part(0, 0, 0),))
_WHOLE_WEEK = frozenset(range(7))


@lru_cache(maxsize=4096)
def parse(text: str) -> Schedule:
    """Return the calendar event that *text* is.

    Raises:
        ScheduleError: Proxmox VE would refuse it.
    """
    return _Reader(text).schedule()


_NUMBER = re.compile(r"0*([0-9]{1,9})(?![0-9])")
_LETTERS = re.compile(r"[A-Za-z]+")


class _NoMatch(Exception):
    """The text at this place is not what was looked for."""


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text.strip()
        self._rest = self._text
        self._at = 0

    def schedule(self) -> Schedule:
        if not self._text:
            raise ScheduleError(self._text, "", "it is empty")
        utc = self._text.endswith("UTC")
        if utc:
            self._rest = self._text[:-3].rstrip(" ")
        if self._rest in KEYWORDS:
            meant = parse(KEYWORDS[self._rest] + (" UTC" if utc else ""))
            return replace(meant, text=self._text, keyword=self._rest)
        weekdays, weekdays_text = self._weekdays()
        date = self._date()
        time, misread = self._time()
        if not (weekdays or date or time):
            raise ScheduleError(self._text, self._rest[self._at :], "neither a day, a date nor a time")
        if self._at < len(self._rest):
            raise ScheduleError(self._text, self._rest[self._at :], "what stands there does not belong to it")
        year, month, day = date or (Field(), Field(), Field())
        hour, minute, second = time or (_ZERO, _ZERO, _ZERO)
        return Schedule(
            text=self._text,
            utc=utc,
            keyword="",
            weekdays=frozenset() if weekdays == _WHOLE_WEEK else weekdays,
            weekdays_text=weekdays_text,
            year=year,
            month=month,
            day=day,
            hour=hour,
            minute=minute,
            second=second,
            dated=date is not None,
            timed=time is not None,
            misread_hour=misread,
        )

    def _weekdays(self) -> tuple[frozenset[int], str]:
        if not _LETTERS.match(self._rest):
            return frozenset(), ""
        found: set[int] = set()
        while True:
            first = last = self._weekday()
            if self._take(".."):
                last = self._weekday()
            found.update((first + n) % 7 for n in range((last - first) % 7 + 1))
            if not self._take(","):
                break
        text = self._rest[: self._at]
        self._blanks()
        return frozenset(found), text

    def _weekday(self) -> int:
        word = _LETTERS.match(self._rest, self._at)
        if word is None or word[0].lower() not in _SHORT:
            unknown = word[0] if word else self._rest[self._at :]
            raise ScheduleError(self._text, unknown, "neither a day of the week nor a keyword")
        self._at = word.end()
        return _SHORT[word[0].lower()]

    def _date(self) -> tuple[Field, Field, Field] | None:
        start = self._at
        for with_year in (True, False):
            self._at = start
            try:
                year = self._list(0, 2200) if with_year else Field()
                if with_year:
                    self._expect("-")
                month = self._list(1, 13)
                self._expect("-")
                day = self._list(1, 32)
            except _NoMatch:
                continue
            self._blanks()
            return year, month, day
        self._at = start
        return None

    def _time(self) -> tuple[tuple[Field, Field, Field] | None, str]:
        start = self._at
        hour, misread = Field(), ""
        try:
            hour = self._list(0, 24)
            self._expect(":")
        except _NoMatch:
            hour = Field()
            self._at = start
        try:
            with_hour = self._at > start
            minute = self._list(0, 60)
        except _NoMatch:
            self._at = start
            return None, ""
        second = _ZERO
        mark = self._at
        if self._take(":"):
            try:
                second = self._list(0, 60)
                misread = "" if with_hour else minute.text
            except _NoMatch:
                self._at = mark
        return (hour, minute, second), misread

    def _list(self, least: int, limit: int) -> Field:
        """Read a list of values from *least* (where ``*/N`` begins) and below *limit*."""
        start = self._at
        if self._take("*"):
            mark = self._at
            if self._take("/"):
                step = self._value(limit)
                if step > 0:
                    return Field(self._rest[start : self._at], (Part(least, None, step),))
                self._at = mark
            return Field(self._rest[start : self._at])
        parts = [self._part(limit)]
        while True:
            mark = self._at
            if not self._take(","):
                break
            try:
                parts.append(self._part(limit))
            except _NoMatch:
                self._at = mark
                break
        return Field(self._rest[start : self._at], tuple(parts))

    def _part(self, limit: int) -> Part:
        start = self._value(limit)
        end: int | None = None
        mark = self._at
        if self._take(".."):
            try:
                end = self._value(limit)
            except _NoMatch:
                self._at = mark
            if end is not None and start > end:
                raise _NoMatch
        if self._take("/"):
            return Part(start, end, self._value(limit))
        return Part(start, start, 0) if end is None else Part(start, end, 1)

    def _value(self, limit: int) -> int:
        number = _NUMBER.match(self._rest, self._at)
        if number is None or int(number[1]) >= limit:
            raise _NoMatch
        self._at = number.end()
        return int(number[1])

    def _take(self, sign: str) -> bool:
        if self._rest.startswith(sign, self._at):
            self._at += len(sign)
            return True
        return False

    def _expect(self, sign: str) -> None:
        if not self._take(sign):
            raise _NoMatch

    def _blanks(self) -> None:
        while self._rest[self._at : self._at + 1] in (" ", "\t"):
            self._at += 1
