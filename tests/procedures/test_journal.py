"""The journal: copies that know different things, torn lines, and what it all means for the steps."""

from __future__ import annotations

import pytest

from pvefleet.model.run import RunState, TakenRisk
from pvefleet.procedures.engine.codec import BadJournal
from pvefleet.procedures.engine.drive import Phase
from pvefleet.procedures.engine.journal import (
    FORMAT,
    TAKEN,
    Entry,
    Header,
    history,
    last_epoch,
    merge,
    read_entries,
    read_header,
    state,
)

AT = "2026-11-21T03:21:04Z"


def entry(number: int, step: str, phase: str, *, epoch: int = 1, why: str = "") -> Entry:
    return Entry(epoch, number, AT, step, phase, why)


def test_a_header_comes_back() -> None:
    header = Header(FORMAT, "r1", "p", "lab", "{}", "{}", ("a",), "me@here", AT, (TakenRisk("X", "s", "why"),), "typed")

    assert read_header(header.line) == header


def test_a_header_of_another_version_is_refused() -> None:
    with pytest.raises(BadJournal, match="another version of pvefleet"):
        read_header('{"format": 999}')


def test_copies_are_merged_in_order_and_without_doubles() -> None:
    one, two, three = entry(1, "a", Phase.INTENT), entry(1, "a", Phase.RESULT), entry(2, "a", Phase.DONE)

    assert merge([(three, one), (two, one), ()]) == (one, two, three)


def test_what_many_copies_hold_is_read_once() -> None:
    text = entry(1, "a", Phase.INTENT).line

    assert read_entries(f"\n{text}\n")[0] is read_entries(text)[0]


def test_a_torn_line_is_left_out_wherever_it_stands() -> None:
    whole = entry(1, "a", Phase.INTENT).line
    text = f"\n{whole}\n\n{whole[:20]}\n\n{entry(2, 'a', Phase.DONE).line}\n\n{whole[:33]}"

    assert [one.number for one in read_entries(text)] == [1, 2]


def test_a_whole_line_that_is_no_entry_is_an_error() -> None:
    with pytest.raises(BadJournal, match="line 2"):
        read_entries('\n{"epoch": 1}\n')


@pytest.mark.parametrize(
    ("entries", "begun", "acted", "ended"),
    [
        ([], set(), set(), set()),
        ([entry(1, "a", Phase.INTENT)], {"a"}, {"a"}, set()),
        ([entry(1, "a", Phase.INTENT), entry(1, "a", Phase.RESULT)], {"a"}, {"a"}, set()),
        ([entry(1, "a", Phase.INTENT), entry(2, "a", Phase.DONE)], set(), {"a"}, {"a"}),
        ([entry(1, "a", Phase.ALREADY)], set(), set(), {"a"}),
        ([entry(1, "a", Phase.INTENT), entry(2, "a", Phase.STUCK)], {"a"}, {"a"}, set()),
        # The node refused to run it: the intent is taken back.
        ([entry(1, "a", Phase.INTENT), entry(2, "a", Phase.REFUSED)], set(), set(), set()),
        # An earlier attempt did act; what a later one was refused changes nothing about that.
        ([entry(1, "a", Phase.INTENT), entry(1, "a", Phase.REFUSED, epoch=2)], {"a"}, {"a"}, set()),
        # The run's own entries are no steps.
        ([entry(1, "", TAKEN), entry(2, "", RunState.DONE)], set(), set(), set()),
    ],
)
def test_what_the_entries_mean(entries: list[Entry], begun: set[str], acted: set[str], ended: set[str]) -> None:
    past = history(entries)

    assert (past.begun, past.acted, past.ended) == (begun, acted, ended)


def test_the_state_is_the_last_word_about_the_run() -> None:
    assert state([]) is RunState.RUNNING
    assert state([entry(1, "", TAKEN)]) is RunState.RUNNING
    assert state([entry(1, "", TAKEN), entry(2, "", RunState.STUCK), entry(3, "a", Phase.DONE)]) is RunState.STUCK
    assert state([entry(2, "", RunState.STUCK), entry(1, "", TAKEN, epoch=2)]) is RunState.RUNNING


def test_epochs_count_the_processes() -> None:
    assert last_epoch([]) == 0
    assert last_epoch([entry(1, "", TAKEN), entry(1, "", TAKEN, epoch=3)]) == 3


def test_a_long_journal_with_many_copies_is_one_history() -> None:
    entries = [
        entry(number, f"step-{number // 2}", Phase.INTENT if number % 2 else Phase.DONE) for number in range(10_000)
    ]
    text = "\n".join(one.line for one in entries)

    past = history(merge([read_entries(text)] * 3))

    assert len(past.begun) == 5_000
