"""Calendar events: what is one, when it comes, and a second reading of the definition that must agree."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pvefleet.rules.schedule import _Clock
from pvefleet.rules.schedule_text import ScheduleError, parse

BERLIN = ZoneInfo("Europe/Berlin")
SANTIAGO = ZoneInfo("America/Santiago")
KOLKATA = ZoneInfo("Asia/Kolkata")


def epoch(text: str, zone: ZoneInfo = BERLIN, fold: int = 0) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold).timestamp())


def following(schedule: str, last: str, count: int = 3, zone: ZoneInfo = BERLIN) -> list[str]:
    runs = parse(schedule).runs(epoch(last, zone), zone, count)
    return [datetime.fromtimestamp(run, zone).strftime("%Y-%m-%d %H:%M") for run in runs]


@pytest.mark.parametrize(
    ("schedule", "runs"),
    [
        ("*/15", ["2026-01-15 12:15", "2026-01-15 12:30", "2026-01-15 12:45"]),
        ("0/15", ["2026-01-15 12:15", "2026-01-15 12:30", "2026-01-15 12:45"]),
        ("*", ["2026-01-15 12:01", "2026-01-15 12:02", "2026-01-15 12:03"]),
        ("minutely", ["2026-01-15 12:01", "2026-01-15 12:02", "2026-01-15 12:03"]),
        ("5/20", ["2026-01-15 12:05", "2026-01-15 12:25", "2026-01-15 12:45"]),
        ("0", ["2026-01-15 13:00", "2026-01-15 14:00", "2026-01-15 15:00"]),
        ("*:00", ["2026-01-15 13:00", "2026-01-15 14:00", "2026-01-15 15:00"]),
        ("hourly", ["2026-01-15 13:00", "2026-01-15 14:00", "2026-01-15 15:00"]),
        ("daily", ["2026-01-16 00:00", "2026-01-17 00:00", "2026-01-18 00:00"]),
        ("weekly", ["2026-01-19 00:00", "2026-01-26 00:00", "2026-02-02 00:00"]),
        ("monthly", ["2026-02-01 00:00", "2026-03-01 00:00", "2026-04-01 00:00"]),
        ("quarterly", ["2026-04-01 00:00", "2026-07-01 00:00", "2026-10-01 00:00"]),
        ("semi-annually", ["2026-07-01 00:00", "2027-01-01 00:00", "2027-07-01 00:00"]),
        ("yearly", ["2027-01-01 00:00", "2028-01-01 00:00", "2029-01-01 00:00"]),
        ("mon..fri 22:30", ["2026-01-15 22:30", "2026-01-16 22:30", "2026-01-19 22:30"]),
        ("FRI..monday", ["2026-01-16 00:00", "2026-01-17 00:00", "2026-01-18 00:00"]),
        ("mon8:00", ["2026-01-19 08:00", "2026-01-26 08:00", "2026-02-02 08:00"]),
        ("mon..fri 8..17:0/15", ["2026-01-15 12:15", "2026-01-15 12:30", "2026-01-15 12:45"]),
        ("sat \t 1,3:10,5", ["2026-01-17 01:05", "2026-01-17 01:10", "2026-01-17 03:05"]),
        ("4..10/2:0", ["2026-01-16 04:00", "2026-01-16 06:00", "2026-01-16 08:00"]),
        ("2028-02-29 6:00", ["2028-02-29 06:00"]),
        ("mon 02-29", ["2044-02-29 00:00", "2072-02-29 00:00", "2112-02-29 00:00"]),
        ("12:05:30", ["2026-01-15 12:05", "2026-01-16 12:05", "2026-01-17 12:05"]),
        ("8:00 UTC", ["2026-01-16 09:00", "2026-01-17 09:00", "2026-01-18 09:00"]),
        ("*/20UTC", ["2026-01-15 12:20", "2026-01-15 12:40", "2026-01-15 13:00"]),
    ],
)
def test_when_it_comes_after_noon_of_a_thursday_in_january(schedule: str, runs: list[str]) -> None:
    assert following(schedule, "2026-01-15 12:00") == runs


@pytest.mark.parametrize(
    ("schedule", "runs"),
    [
        ("mon..fri 22", ["2026-01-15 12:22", "2026-01-15 13:22", "2026-01-15 14:22"]),
        ("24:00", ["2026-01-15 12:24", "2026-01-15 13:24", "2026-01-15 14:24"]),
        ("25:30", ["2026-01-15 12:25", "2026-01-15 13:25", "2026-01-15 14:25"]),
        ("08", ["2026-01-15 12:08", "2026-01-15 13:08", "2026-01-15 14:08"]),
        ("22/2:0", ["2026-01-15 22:00", "2026-01-16 22:00", "2026-01-17 22:00"]),
        ("8-17 00:00", ["2026-08-17 00:00", "2027-08-17 00:00", "2028-08-17 00:00"]),
        ("7/0", ["2026-01-15 12:07", "2026-01-15 13:07", "2026-01-15 14:07"]),
    ],
)
def test_accepted_but_not_what_one_thinks(schedule: str, runs: list[str]) -> None:
    assert following(schedule, "2026-01-15 12:00") == runs


@pytest.mark.parametrize(
    ("schedule", "runs"),
    [
        ("*/45", ["2026-01-15 12:45", "2026-01-15 13:45", "2026-01-15 14:45"]),
        ("*/50", ["2026-01-15 12:50", "2026-01-15 13:50", "2026-01-15 14:50"]),
        ("0/25", ["2026-01-15 12:25", "2026-01-15 12:50", "2026-01-15 13:25"]),
        ("*/9:0", ["2026-01-15 18:00", "2026-01-16 09:00", "2026-01-16 18:00"]),
        ("*-*/20 0:0", ["2026-01-21 00:00", "2026-02-21 00:00", "2026-03-21 00:00"]),
        ("*/5-1", ["2026-06-01 00:00", "2026-11-01 00:00", "2027-06-01 00:00"]),
    ],
)
def test_a_step_that_does_not_divide_its_unit_passes_over_the_first_value(schedule: str, runs: list[str]) -> None:
    """The scheduler looks for the next value beyond the unit's end and lands in the middle of the next unit."""
    assert following(schedule, "2026-01-15 12:00") == runs


@pytest.mark.parametrize("schedule", ["2015-10-21", "*-02-30", "0-0", "2-30 12:00", "1-0", "2026-1-1"])
def test_what_never_comes(schedule: str) -> None:
    assert parse(schedule).next_after(epoch("2026-01-15 12:00"), BERLIN) is None


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("*/60", "*/60"),
        ("60", "60"),
        ("*/61", "*/61"),
        ("@hourly", "@hourly"),
        ("5..2", "5..2"),
        ("8:", "8:"),
        ("*/00", "/00"),
        ("*/0", "/0"),
        ("0..80", "..80"),
        ("*/5,30", ",30"),
        ("3:00 mon", " mon"),
        ("15min", "min"),
        ("02:00 Europe/Paris", " Europe/Paris"),
        ("mon-fri 8:00", "-fri 8:00"),
        ("*/15 * * * *", " * * * *"),
        ("0 2 * * *", " 2 * * *"),
        ("mond", "mond"),
        ("Hourly", "Hourly"),
        ("every 15 minutes", "every"),
        ("mon, tue", " tue"),
        ("hourly 5", "hourly"),
        ("mon..fry", "fry"),
        ("UTC", ""),
        ("8:00utc", "utc"),
        ("13-1", "-1"),
        ("1-32", "-32"),
        ("2200-1-1", "2200-1-1"),
        ("1--1", "--1"),
        ("8:5:60", ":60"),
        ("", ""),
        (" \t", ""),
        ("٣:00", "٣:00"),
    ],
)
def test_what_proxmox_refuses_is_refused_at_the_same_place(text: str, at: str) -> None:
    with pytest.raises(ScheduleError) as refused:
        parse(text)
    assert refused.value.at == at


def test_a_time_that_a_change_of_the_clocks_leaves_out_is_not_made_up_for() -> None:
    assert following("2:30", "2026-03-28 12:00", 2) == ["2026-03-30 02:30", "2026-03-31 02:30"]
    assert following("*/15", "2026-03-29 01:40", 3) == ["2026-03-29 01:45", "2026-03-29 03:00", "2026-03-29 03:15"]
    assert following("daily", "2026-09-05 12:00", 2, SANTIAGO) == ["2026-09-07 00:00", "2026-09-08 00:00"]


def test_a_time_that_a_change_of_the_clocks_repeats_comes_once() -> None:
    runs = list(parse("*/30").runs(epoch("2026-10-25 01:45"), BERLIN, 3))
    assert runs == [epoch("2026-10-25 02:00"), epoch("2026-10-25 02:30"), epoch("2026-10-25 03:00")]
    assert runs[2] - runs[1] == 5400


def test_in_the_second_pass_of_a_repeated_hour_time_goes_on() -> None:
    last = epoch("2026-10-25 02:10", fold=1)
    assert parse("*/15").next_after(last, BERLIN) == last + 300


NAMES = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


@dataclass(frozen=True)
class Written:
    """A list as it is written, and the values it allows: both made from the same draws, without our parser."""

    text: str
    values: frozenset[int]
    even: bool
    """Does every step without an end divide the unit, so that nothing is passed over?"""


@st.composite
def part(draw: st.DrawFn, low: int, high: int) -> Written:
    start = draw(st.integers(low, high))
    kind = draw(st.sampled_from(["one", "range", "open", "closed", "nought"]))
    zeros = "0" * draw(st.integers(0, 1))
    end, step = draw(st.integers(start, high)), draw(st.integers(1, high - 1))
    size = high + 1 - low
    if kind == "one":
        return Written(f"{zeros}{start}", frozenset({start}), True)
    if kind == "nought":
        return Written(f"{start}/0", frozenset({start}), True)
    if kind == "range":
        return Written(f"{start}..{end}", frozenset(range(start, end + 1)), True)
    if kind == "closed":
        return Written(f"{start}..{end}/{step}", frozenset(range(start, end + 1, step)), True)
    even = size % step == 0 and start - low < step and size == high + 1 - low
    return Written(f"{start}/{step}", frozenset(range(start, high + 1, step)), even)


@st.composite
def values(draw: st.DrawFn, low: int, high: int) -> Written:
    kind = draw(st.sampled_from(["list", "list", "any", "step"]))
    if kind == "any":
        return Written("*", frozenset(range(low, high + 1)), True)
    if kind == "step":
        step = draw(st.integers(1, high))
        return Written(f"*/{step}", frozenset(range(low, high + 1, step)), (high + 1 - low) % step == 0)
    parts = draw(st.lists(part(low, high), min_size=1, max_size=3))
    joined = frozenset[int]().union(*(one.values for one in parts))
    return Written(",".join(one.text for one in parts), joined, all(one.even for one in parts))


@st.composite
def days(draw: st.DrawFn) -> Written:
    first, length = draw(st.integers(0, 6)), draw(st.integers(1, 7))
    if draw(st.booleans()):
        return Written(NAMES[first].upper(), frozenset({first}), True)
    span = frozenset((first + n) % 7 for n in range(length))
    return Written(f"{NAMES[first]}..{NAMES[(first + length - 1) % 7]}", span, True)


@dataclass(frozen=True)
class Event:
    text: str
    weekdays: frozenset[int]
    months: frozenset[int]
    days: frozenset[int]
    hours: frozenset[int]
    minutes: frozenset[int]
    even: bool

    def matches(self, at: datetime) -> bool:
        """The definition: every unit of the wall clock's reading is allowed."""
        return (
            at.weekday() in self.weekdays
            and at.month in self.months
            and at.day in self.days
            and at.hour in self.hours
            and at.minute in self.minutes
        )


@st.composite
def events(draw: st.DrawFn) -> Event:
    week = draw(st.none() | days())
    month, day = draw(st.none() | st.tuples(values(1, 12), values(1, 31))) or (None, None)
    hour, minute = draw(st.none() | values(0, 23)), draw(values(0, 59))
    timed = draw(st.booleans()) or (week is None and month is None)
    # A lone list with an hour left out and a colon behind it would be another event: the generator writes none.
    pieces = [week.text] if week else []
    if month and day:
        pieces.append(("*-" if draw(st.booleans()) else "") + f"{month.text}-{day.text}")
    if timed:
        pieces.append(f"{hour.text}:{minute.text}" if hour else minute.text)
    # Days of a month have no one size: any step without an end may pass over some.
    used = [one for one in (month, hour if timed else None, minute if timed else None) if one]
    day_is_even = day is None or "/" not in day.text.replace("/0", "")
    return Event(
        " ".join(pieces),
        week.values if week else frozenset(range(7)),
        month.values if month else frozenset(range(1, 13)),
        day.values if day else frozenset(range(1, 32)),
        (hour.values if hour else frozenset(range(24))) if timed else frozenset({0}),
        minute.values if timed else frozenset({0}),
        all(one.even for one in used) and day_is_even,
    )


DAYS = 3
ZONES = st.sampled_from([UTC, BERLIN, SANTIAGO, KOLKATA])
CHANGES = [epoch("2026-03-28 12:00"), epoch("2026-10-24 12:00"), epoch("2026-04-04 12:00"), epoch("2026-09-05 12:00")]
STARTS = st.sampled_from(CHANGES) | st.integers(epoch("2026-01-01 00:00"), epoch("2028-12-31 00:00"))


@settings(max_examples=300, deadline=None)
@given(event=events(), zone=ZONES, start=STARTS, seconds=st.integers(0, 7200))
def test_the_next_run_is_the_first_minute_that_fits_the_definition(
    event: Event, zone: ZoneInfo, start: int, seconds: int
) -> None:
    last = start + seconds
    if datetime.fromtimestamp(last + 1, zone).fold:
        return
    found = parse(event.text).next_after(last, zone)

    first = last // 60 * 60 + 60
    minutes = (first + 60 * n for n in range(DAYS * 1440))
    readings = ((minute, datetime.fromtimestamp(minute, zone)) for minute in minutes)
    fitting = [minute for minute, reading in readings if not reading.fold and event.matches(reading)]

    if found is not None:
        assert found > last
        assert found % 60 == 0
        assert event.matches(datetime.fromtimestamp(found, zone))
    within = found if found is not None and found < first + DAYS * 86400 else None
    if event.even:
        assert within == (fitting[0] if fitting else None)
    else:
        assert within is None or within in fitting


@settings(max_examples=300, deadline=None)
@given(text=st.text(alphabet="0123456789*/.,:- montueUTChrly\t", max_size=20))
def test_any_text_is_an_event_or_refused_and_never_comes_in_the_past(text: str) -> None:
    try:
        schedule = parse(text)
    except ScheduleError:
        return
    last = epoch("2026-01-15 12:00")
    assert all(run > last for run in schedule.runs(last, BERLIN, 3))


def test_a_year_of_a_fine_schedule_is_found_step_by_step() -> None:
    runs = list(parse("mon..fri 8..17:0/15").runs(epoch("2026-01-01 00:00"), BERLIN, 261 * 40))
    assert len(runs) == 261 * 40
    assert runs == sorted(set(runs))
    assert datetime.fromtimestamp(runs[-1], BERLIN) - datetime(2026, 1, 1, tzinfo=BERLIN) < timedelta(days=365)


@pytest.fixture
def libc_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Puts the C library, by which the node's scheduler reckons, into a zone."""

    def put(name: str) -> None:
        monkeypatch.setenv("TZ", name)
        time.tzset()

    yield put
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("name", "gap"),
    [
        ("Europe/Berlin", "2026-03-29 02:00"),
        ("America/New_York", "2026-03-08 02:00"),
        ("America/Santiago", "2026-09-06 00:00"),
        ("Australia/Lord_Howe", "2026-10-04 02:00"),
    ],
)
def test_a_reading_that_no_clock_shows_is_taken_as_the_c_library_takes_it(
    libc_zone: Callable[[str], None], name: str, gap: str
) -> None:
    libc_zone(name)
    clock = _Clock(ZoneInfo(name))
    for minutes in range(0, 30, 5):
        reading = datetime.fromisoformat(gap) + timedelta(minutes=minutes)
        assert clock.epoch(reading) == time.mktime((*reading.timetuple()[:6], 0, 0, -1))
        assert clock.settle(reading, reading) > reading
