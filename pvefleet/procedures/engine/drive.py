"""The engine's heart: what happens to a lane's steps, as a generator of effects. No I/O, no clock, no ``finally``.

Whoever drives it answers each effect: with facts, with a verdict, or with nothing. It can stop at any effect for ever;
another driver goes on from the journal.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from pvefleet.model.facts import ClusterFacts
from pvefleet.model.procedure import Check, Lane, Step, Verdict, first_unmet
from pvefleet.model.section import Section


class Phase(StrEnum):
    """What the journal says of a step."""

    INTENT = "intent"
    """It is about to act, or acts."""
    RESULT = "result"
    """Its commands have ended; what became of it is not judged yet."""
    DONE = "done"
    """It has acted, and the world shows it."""
    ALREADY = "already"
    """The world showed its effect before it acted."""
    REFUSED = "refused"
    """A gate did not hold; it has not acted."""
    STUCK = "stuck"
    """It has acted, and the world did not show it in time."""
    PAUSED = "paused"
    """It was asked to stop before this step."""


ENDED = frozenset({Phase.DONE, Phase.ALREADY})
"""The phases after which a step is over for good."""


@dataclass(frozen=True, slots=True)
class Observe:
    """Read facts now. Answered by them."""

    step: Step
    reads: frozenset[Section]


@dataclass(frozen=True, slots=True)
class Act:
    """Journal the intent and run the step's commands. Answered when they have ended or their outcome is unknown.

    The answer is None, why nothing was run, or what a command that failed said: the world decides what that means.
    """

    step: Step


@dataclass(frozen=True, slots=True)
class Settle:
    """Poll until all checks hold and have held for the step's time. Answered by the last verdict."""

    step: Step
    checks: tuple[Check, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """Journal what became of a step."""

    step: Step
    phase: Phase
    why: str = ""


Effect = Observe | Act | Settle | Record


@dataclass(frozen=True, slots=True)
class History:
    """What a journal says of earlier attempts.

    Attributes:
        begun: steps with an intent and no end: they may still be under way.
        acted: steps that ever had an intent: they have acted, or may have.
        ended: steps that are over.
    """

    begun: frozenset[str] = frozenset()
    acted: frozenset[str] = frozenset()
    ended: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Stopped:
    """Why a lane did not reach its end.

    Attributes:
        step: where.
        phase: REFUSED, STUCK or PAUSED.
        why: what was seen.
    """

    step: Step
    phase: Phase
    why: str


class NotRun(str):
    """Why a step's commands were not run: the answer to :class:`Act` in place of None."""

    __slots__ = ()


class Pausing(NotRun):
    """Nothing was run, because somebody asked for a pause."""

    __slots__ = ()


class Failed(str):
    """A command failed, with these words: the answer to :class:`Act` in place of None."""

    __slots__ = ()


def drive(lane: Lane, history: History) -> Generator[Effect, Any, Stopped | None]:
    """Yield the effects of a lane in order.

    A step with an intent and no end is waited for before it is judged: its commands may still be under way. One whose
    effect is put back again later is over once the putting back has begun, whatever the world shows.

    Args:
        lane: the steps.
        history: what the journal says.

    Returns:
        None at the end, or where and why it stopped.
    """
    for step in lane.steps:
        if step.until and step.until in history.acted | history.ended:
            continue
        stopped = yield from _one(step, begun=step.id in history.begun)
        if stopped is not None:
            return stopped
    return None


def _one(step: Step, *, begun: bool) -> Generator[Effect, Any, Stopped | None]:
    settle = Settle(step, step.done + step.settled)
    if begun:
        verdict: Verdict = yield settle
        if verdict.met:
            yield Record(step, Phase.DONE)
            return None
    facts: ClusterFacts = yield Observe(step, step.reads)
    if first_unmet(step.done, facts).met:
        if begun:
            return (yield from _stop(step, Phase.STUCK, first_unmet(step.settled, facts).why or verdict.why))
        yield Record(step, Phase.ALREADY)
        return None
    gate = first_unmet(step.gate, facts)
    if not gate.met:
        return (yield from _stop(step, Phase.REFUSED, gate.why))
    acted: NotRun | Failed | None = yield Act(step)
    if isinstance(acted, NotRun):
        return (yield from _stop(step, Phase.PAUSED if isinstance(acted, Pausing) else Phase.REFUSED, str(acted)))
    verdict = yield settle
    if not verdict.met:
        return (yield from _stop(step, Phase.STUCK, f"{verdict.why}; {acted}" if acted else verdict.why))
    yield Record(step, Phase.DONE, verdict.why)
    return None


def _stop(step: Step, phase: Phase, why: str) -> Generator[Effect, Any, Stopped]:
    yield Record(step, phase, why)
    return Stopped(step, phase, why)
