"""What a calendar event means, its traps, what to write instead, and what a change of the clocks does to it."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pvefleet.rules.schedule_text import ScheduleError, parse
from pvefleet.rules.schedule_words import clock_changes, instead, meaning, reached, traps

BERLIN = ZoneInfo("Europe/Berlin")
START = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("*/15", "every 15 minutes"),
        ("*", "every minute"),
        ("hourly", "every hour on the hour"),
        ("30", "at :30 of every hour"),
        ("0/1:00", "every hour on the hour"),
        ("22:00", "at 22:00 every day"),
        ("mon..fri 22", "at :22 of every hour on Monday to Friday"),
        ("sat,sun 3:30 UTC", "at 03:30 on Saturday and Sunday, in UTC"),
        ("mon..fri 8..17:0/15", "every 15 minutes from 08:00 to 17:45 on Monday to Friday"),
        ("8,20:00", "at 08:00 and 20:00 every day"),
        ("1,2,7,9:0/30", "every 30 minutes of the hours 1, 2, 7 and 9 every day"),
        ("monthly", "at 00:00 on day 1 of every month"),
        ("quarterly", "at 00:00 on day 1 of January, April, July and October"),
        ("2027..2029-6..8-15 6:00", "at 06:00 on day 15 of June to August in 2027 to 2029"),
        ("*/45", "at :45 of every hour"),
        ("12:05:30", "at 12:05 (second 30) every day"),
        ("0-0", "at 00:00 on day that no month has of no month"),
    ],
)
def test_meaning(text: str, words: str) -> None:
    assert meaning(parse(text)) == words


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("mon..fri 22", "22 is the minute of every hour"),
        ("8,20", "8,20 is the minute of every hour"),
        ("8..17", "for o'clock write 8..17:00"),
        ("24:00", "24:00 is read as minute 24 and second 00 of every hour"),
        ("1/24:0", "hours end at 23"),
        ("*/45", "the node comes to 45, and passes over 0"),
        ("*/9:0", "*/9:00 does not divide 24 hours evenly: the node comes to 9 and 18, and passes over 0"),
        ("*/5-1 0:0", "passes over 1"),
        ("*-*/7 0:0", "passes over 1"),
        ("0/59", "the step from the last to the first is shorter"),
        ("22/2:0", "22 alone: steps end with their unit"),
        ("5/0:30", "5/0 is 5 alone"),
        ("*", "every minute"),
        ("2015-10-21", ""),
        ("*-02-30", "it never runs"),
        ("12:05:30", "the scheduler looks once a minute"),
        ("8-17 00:00", "8-17 is a date, day 17 of August; for hours write 8..17:00"),
        ("*-31 2:00", "months without such a day are left out"),
    ],
)
def test_traps_are_told(text: str, said: str) -> None:
    assert said in " / ".join(traps(parse(text)))


@pytest.mark.parametrize(
    "text",
    ["*/15", "0", "30", "22:00", "mon..fri 8..17:0/15", "hourly", "monthly", "12-25 8:00", "0/2:30", "sun 3:00 UTC"],
)
def test_a_plain_event_has_no_trap(text: str) -> None:
    assert traps(parse(text)) == ()


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("*/60", "*:00 or hourly"),
        ("*/00", "*:00 or hourly"),
        ("@hourly", "hourly"),
        ("Daily", "daily"),
        ("15min", "*/15"),
        ("every 2 hours", "0/2:00"),
        ("every hour", "*:00"),
        ("every 90 minutes", "*:00"),
        ("2 days", ""),
        ("every day", "daily"),
        ("0 2 * * *", "cron"),
        ("mon-fri 8:00", "mon..fri"),
        ("mon, tue 8:00", "no blanks"),
        ("02:00 Europe/Paris", "time zone"),
        ("3:00 mon", "days come before"),
        ("*/5,30", "stands alone"),
        ("gibberish", ""),
    ],
)
def test_what_was_probably_meant(text: str, hint: str) -> None:
    with pytest.raises(ScheduleError):
        parse(text)
    assert hint in instead(text)
    assert hint or not instead(text)


def test_what_is_offered_instead_is_an_event() -> None:
    for text in ("*:00", "hourly", "0/2:00", "*/15", "mon..fri", "mon,tue 8:00", "mon 3:00", "2:00", "daily"):
        assert parse(text).next_after(START, BERLIN)


@settings(max_examples=200, deadline=None)
@given(
    start=st.integers(0, 59),
    step=st.integers(0, 59),
    more=st.lists(st.integers(0, 59), max_size=2),
    open_=st.booleans(),
)
def test_the_minutes_that_are_told_are_those_that_come(start: int, step: int, more: list[int], open_: bool) -> None:
    first = f"{start}/{step}" if open_ else f"{start}..59/{step}"
    schedule = parse(",".join([first, *map(str, more)]))
    runs = list(schedule.runs(START, UTC, 200))
    settled = {run // 60 % 60 for run in runs if run >= START + 2 * 3600}
    assert settled == set(reached(schedule.minute, 0, 59))


def test_a_change_of_the_clocks_is_told_with_the_runs_around_it() -> None:
    spring, autumn = clock_changes(parse("2:30"), BERLIN, START)

    assert (spring.before, spring.after) == (3600, 7200)
    assert spring.next_run is not None
    assert spring.last_run is not None
    assert datetime.fromtimestamp(spring.next_run, BERLIN).isoformat() == "2026-03-30T02:30:00+02:00"
    assert (spring.next_run - spring.last_run, spring.usual_seconds) == (47 * 3600, 24 * 3600)
    assert datetime.fromtimestamp(autumn.at, UTC).isoformat() == "2026-10-25T01:00:00+00:00"

    _, autumn = clock_changes(parse("*/15"), BERLIN, START)
    assert autumn.next_run is not None
    assert autumn.last_run is not None
    assert (autumn.next_run - autumn.last_run, autumn.usual_seconds) == (75 * 60, 15 * 60)


def test_neither_utc_nor_a_zone_without_changes_has_any() -> None:
    assert clock_changes(parse("2:30 UTC"), BERLIN, START) == ()
    assert clock_changes(parse("2:30"), ZoneInfo("Asia/Kolkata"), START) == ()


def test_an_event_that_never_comes_again_has_no_runs_around_a_change() -> None:
    change = clock_changes(parse("2015-10-21"), BERLIN, START)[0]
    assert (change.last_run, change.next_run, change.usual_seconds) == (None, None, None)
