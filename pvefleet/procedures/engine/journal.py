"""The journal of a run: what was planned, and what became of each step. Lines of JSON, the same on every copy."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from pvefleet.model.run import RunState, TakenRisk
from pvefleet.procedures.engine.codec import BadJournal, decode, encode
from pvefleet.procedures.engine.drive import ENDED, History, Phase

FORMAT = 1
"""Raised when a journal of an older pvefleet could be misread."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a run is, written once before its first intent.

    Attributes:
        format: :data:`FORMAT`.
        id: the run's name; sorts by time.
        procedure: its name.
        cluster: the cluster's name in hosts.toml.
        options: the procedure's fields, encoded as JSON text.
        premise: what the plan rests on, encoded as JSON text.
        nodes: the nodes that hold its lease and its journal.
        owner: who started it, as ``user@host``.
        started: UTC ISO 8601 text.
        accepted: the risks that were taken.
        confirmed: the text that was typed, or empty.
    """

    format: int
    id: str
    procedure: str
    cluster: str
    options: str
    premise: str
    nodes: tuple[str, ...]
    owner: str
    started: str
    accepted: tuple[TakenRisk, ...] = ()
    confirmed: str = ""

    @property
    def line(self) -> str:
        """One line of JSON."""
        return _line(encode(self))


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that happened.

    Attributes:
        epoch: the attempt: 1 for the first process, one more with each that took over.
        number: counts up within an epoch.
        at: UTC ISO 8601 text, by the clock of who wrote it.
        step: the step's id; empty for an entry about the run: its end, a pause, a process taking over.
        phase: a :class:`Phase`, or for the run itself ``taken`` or a :class:`RunState`.
        why: what was seen.
    """

    epoch: int
    number: int
    at: str
    step: str
    phase: str
    why: str = ""

    @property
    def line(self) -> str:
        """One line of JSON."""
        return _line(encode(self))


TAKEN = "taken"
"""Phase of the entry that a process writes when it has taken a run up."""

CLOSED = frozenset({RunState.DONE, RunState.REFUSED, RunState.UNDONE, RunState.CLEANED})
"""The states after which a run is over."""


def read_header(text: str) -> Header:
    """Return the header that *text* holds.

    Raises:
        BadJournal: it is none, or of a format this version does not know.
    """
    data = _json(text)
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise BadJournal("the journal is of another version of pvefleet")
    return decode(Header, data)


def read_entries(text: str) -> tuple[Entry, ...]:
    """Return the entries in *text*.

    A line that was cut off (a full disk, a power cut) is left out: what it would have said was never relied on.

    Raises:
        BadJournal: a whole line is not an entry.
    """
    entries = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.endswith("}"):
            continue
        try:
            entries.append(_entry(line))
        except BadJournal as error:
            raise BadJournal(f"line {number}: {error}") from error
    return tuple(entries)


@lru_cache(maxsize=1 << 15)
def _entry(line: str) -> Entry:
    """Return the entry of a line. The copies on sixteen nodes hold the same lines: each is read once."""
    return decode(Entry, _json(line))


def merge(copies: Iterable[tuple[Entry, ...]]) -> tuple[Entry, ...]:
    """Return what all copies know together, in order. Copies differ in what their node did not live to see."""
    return tuple(
        sorted(
            {(entry.epoch, entry.number, entry.phase): entry for copy in copies for entry in copy}.values(), key=_order
        )
    )


def history(entries: Iterable[Entry]) -> History:
    """Return what the entries mean for the steps.

    A refusal or pause that follows an intent of the same epoch takes that intent back: the node has run nothing.
    """
    intents: dict[str, set[int]] = {}
    ended: set[str] = set()
    for entry in (one for one in entries if one.step):
        if entry.phase == Phase.INTENT:
            intents.setdefault(entry.step, set()).add(entry.epoch)
            ended.discard(entry.step)
        elif entry.phase in (Phase.REFUSED, Phase.PAUSED):
            intents.get(entry.step, set()).discard(entry.epoch)
        elif entry.phase in ENDED:
            ended.add(entry.step)
    acted = frozenset(step for step, epochs in intents.items() if epochs)
    return History(acted - ended, acted, frozenset(ended))


def state(entries: Iterable[Entry]) -> RunState:
    """Return what the run is, by the last entry about the run itself."""
    about_run = [entry.phase for entry in entries if not entry.step]
    return RunState(about_run[-1]) if about_run and about_run[-1] != TAKEN else RunState.RUNNING


def last_epoch(entries: Iterable[Entry]) -> int:
    """Return the highest epoch of the entries, 0 where there is none."""
    return max((entry.epoch for entry in entries), default=0)


def _order(entry: Entry) -> tuple[int, int, bool]:
    return entry.epoch, entry.number, entry.phase == Phase.RESULT


def _line(data: Any) -> str:
    return json.dumps(data, ensure_ascii=True, separators=(",", ":"))


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise BadJournal(f"not JSON: {error.msg}") from None
