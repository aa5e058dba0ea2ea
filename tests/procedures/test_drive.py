"""The engine's heart: which effects a lane yields, for every answer that the world can give."""

from __future__ import annotations

from typing import Any

import pytest

from pvefleet.model.facts import ClusterFacts
from pvefleet.model.procedure import MET, Lane, Step, Verdict, unmet
from pvefleet.procedures.engine.drive import (
    Act,
    Failed,
    History,
    NotRun,
    Observe,
    Pausing,
    Phase,
    Record,
    Settle,
    Stopped,
    drive,
)

FACTS = ClusterFacts("lab", "2026-11-21T03:21:04Z", ())


def step(name: str, *, gate: bool = True, done: bool = False, until: str = "") -> Step:
    def check(holds: bool, why: str) -> Any:
        return lambda _facts: MET if holds else unmet(why)

    return Step(
        id=name,
        title=f"do {name}",
        gate=(check(gate, "the gate is shut"),),
        act=(),
        done=(check(done, "not done"),),
        settled=(check(True, ""),),
        within=1.0,
        until=until,
    )


def play(lane: Lane, history: History, answers: dict[type, list[Any]]) -> tuple[list[str], Stopped | None]:
    """Drive a lane with prepared answers; what was asked for, in order, and how it ended."""
    effects, seen, answer = drive(lane, history), [], None
    while True:
        try:
            effect = effects.send(answer)
        except StopIteration as end:
            return seen, end.value
        if isinstance(effect, Record):
            seen.append(f"{effect.step.id} {effect.phase}")
            answer = None
        else:
            seen.append(f"{effect.step.id} {type(effect).__name__}")
            default: Any = {Observe: FACTS, Act: None, Settle: MET}[type(effect)]
            answer = answers[type(effect)].pop(0) if answers.get(type(effect)) else default


def test_a_step_looks_acts_waits_and_is_done() -> None:
    seen, stopped = play(Lane((step("a"),)), History(), {})

    assert seen == ["a Observe", "a Act", "a Settle", "a done"]
    assert stopped is None


def test_what_the_world_shows_already_is_not_done_again() -> None:
    seen, stopped = play(Lane((step("a", done=True), step("b"))), History(), {})

    assert seen[:3] == ["a Observe", "a already", "b Observe"]
    assert stopped is None


def test_a_shut_gate_stops_the_lane_before_anything_acts() -> None:
    seen, stopped = play(Lane((step("a", gate=False), step("b"))), History(), {})

    assert seen == ["a Observe", "a refused"]
    assert stopped is not None
    assert (stopped.phase, stopped.why) == (Phase.REFUSED, "the gate is shut")


def test_what_does_not_settle_stops_the_lane() -> None:
    seen, stopped = play(Lane((step("a"), step("b"))), History(), {Settle: [unmet("pve02 is away")]})

    assert seen[-1] == "a stuck"
    assert stopped is not None
    assert stopped.why == "pve02 is away"


def test_a_step_that_may_be_under_way_is_waited_for_before_it_is_judged() -> None:
    seen, _ = play(Lane((step("a"),)), History(begun=frozenset("a"), acted=frozenset("a")), {})

    assert seen == ["a Settle", "a done"]


def test_a_step_under_way_that_left_no_trace_goes_through_its_gate_again() -> None:
    past = History(begun=frozenset("a"), acted=frozenset("a"))

    seen, stopped = play(Lane((step("a"),)), past, {Settle: [unmet("not yet")]})
    assert seen == ["a Settle", "a Observe", "a Act", "a Settle", "a done"]
    assert stopped is None

    seen, stopped = play(Lane((step("a", gate=False),)), past, {Settle: [unmet("not yet")]})
    assert seen == ["a Settle", "a Observe", "a refused"]


def test_a_step_that_has_acted_and_did_not_settle_is_stuck_and_not_run_twice() -> None:
    past = History(begun=frozenset("a"), acted=frozenset("a"))

    seen, stopped = play(Lane((step("a", done=True),)), past, {Settle: [unmet("pve02 is away")]})

    assert seen == ["a Settle", "a Observe", "a stuck"]
    assert stopped is not None
    assert stopped.why == "pve02 is away"


@pytest.mark.parametrize(
    ("answer", "phase"), [(NotRun("the lease is gone"), Phase.REFUSED), (Pausing("asked to"), Phase.PAUSED)]
)
def test_commands_that_were_not_run_stop_the_lane(answer: NotRun, phase: Phase) -> None:
    _, stopped = play(Lane((step("a"), step("b"))), History(), {Act: [answer]})

    assert stopped is not None
    assert (stopped.phase, stopped.why) == (phase, str(answer))


def test_what_is_set_for_a_time_is_over_once_putting_it_back_has_begun() -> None:
    lane = Lane((step("disarm", until="arm"), step("work", done=True), step("arm")))

    before, _ = play(lane, History(), {})
    after, _ = play(lane, History(begun=frozenset({"arm"}), acted=frozenset({"disarm", "arm"})), {})

    assert before[0] == "disarm Observe"
    assert after == ["work Observe", "work already", "arm Settle", "arm done"]


def test_verdicts_explain_themselves() -> None:
    assert Verdict(True) == MET
    assert unmet("why").why == "why"


def test_a_command_that_failed_is_judged_by_the_world_and_quoted_where_the_world_is_not_right() -> None:
    lane = Lane((step("one"),))
    said = Failed("pve01 said: the file is another one by now (exit 3)")

    _, stopped = play(lane, History(), {Act: [said], Settle: [unmet("pve01 has the old file")]})
    seen, well = play(lane, History(), {Act: [said]})

    assert stopped is not None
    assert (stopped.phase, stopped.why) == (
        Phase.STUCK,
        "pve01 has the old file; pve01 said: the file is another one by now (exit 3)",
    )
    assert well is None
    assert seen[-1] == "one done"
