"""A run as an operator is shown it: every step's last word, what is still set, and what to do now."""

from __future__ import annotations

from collections.abc import Sequence

from pvefleet.model.procedure import Lane
from pvefleet.model.run import RunReport, RunState, RunStep
from pvefleet.procedures.engine.drive import Phase
from pvefleet.procedures.engine.journal import CLOSED, Entry, Header, history, state

WAITING = "waiting"
"""The phase of a step that nothing has happened to yet."""


def left_behind(entries: Sequence[Entry], lanes: Sequence[Lane]) -> tuple[str, ...]:
    """Return what the run has set for a time and not put back yet, one line each."""
    past = history(entries)
    return tuple(
        step.title
        for lane in lanes
        for step in lane.steps
        if step.until and step.id in past.acted and step.until not in past.ended
    )


def report_of(
    header: Header,
    entries: Sequence[Entry],
    lanes: Sequence[Lane],
    *,
    notes: tuple[str, ...] = (),
    afterwards: tuple[str, ...] = (),
) -> RunReport:
    """Return the report of a run.

    Args:
        header: what it is.
        entries: what happened.
        lanes: its steps.
        notes: what else has to be said.
        afterwards: what is to be done once it is through.
    """
    last: dict[str, Entry] = {}
    for entry in entries:
        if entry.step and entry.phase != Phase.RESULT:
            last[entry.step] = entry
    steps = [_step(step.id, step.title, last.get(step.id)) for lane in lanes for step in lane.steps]
    known = {step.id for step in steps}
    steps += [_step(name, name, entry) for name, entry in last.items() if name not in known]
    now = state(entries)
    return RunReport(
        id=header.id,
        cluster=header.cluster,
        procedure=header.procedure,
        state=now,
        owner=header.owner,
        started=header.started,
        steps=tuple(steps),
        accepted=header.accepted,
        left=left_behind(entries, lanes),
        next=afterwards if now is RunState.DONE else _next(header.id, now),
        notes=notes,
    )


def _step(name: str, title: str, entry: Entry | None) -> RunStep:
    if entry is None:
        return RunStep(name, title, WAITING, "", "")
    return RunStep(name, title, entry.phase, entry.why, entry.at)


def _next(run: str, now: RunState) -> tuple[str, ...]:
    if now in CLOSED:
        return ()
    ways = (
        f"go on: fab run.resume {run}",
        f"take back what was done: fab run.undo {run}",
        f"put back what is set for a time, and leave the rest: fab run.clean {run}",
    )
    return ("look at the cluster first: fab cluster.status", *ways) if now is RunState.STUCK else ways
