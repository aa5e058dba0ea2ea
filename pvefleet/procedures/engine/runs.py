"""Runs: start one, go on with one, take one back, put back what one left. Facts, lock, facts again, journal, act."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from typing import Any

from pvefleet.model.errors import Interrupted, NodeError, PvefleetError, Refused, Superseded
from pvefleet.model.facts import ClusterFacts
from pvefleet.model.node import Node
from pvefleet.model.procedure import Lane, Procedure, Step
from pvefleet.model.remote_files import script
from pvefleet.model.run import RunEvent, RunReport, RunState
from pvefleet.procedures.engine import copies, guard, lease
from pvefleet.procedures.engine.codec import decode, encode
from pvefleet.procedures.engine.conductor import Conductor
from pvefleet.procedures.engine.copies import KnownRun
from pvefleet.procedures.engine.drive import History, Phase, Stopped
from pvefleet.procedures.engine.guard import Guard
from pvefleet.procedures.engine.journal import FORMAT, TAKEN, Entry, Header, history
from pvefleet.procedures.engine.lease import Lease
from pvefleet.procedures.engine.planning import Planned, plan
from pvefleet.procedures.engine.shown import report_of
from pvefleet.procedures.engine.site import Site
from pvefleet.rules.acceptance import Accept
from pvefleet.rules.identity import identity_findings

_SECONDS = 10.0
_STATES = {Phase.REFUSED: RunState.STOPPED, Phase.STUCK: RunState.STUCK, Phase.PAUSED: RunState.PAUSED}


def start(planned: Planned, site: Site, run: str, *, confirmed: str = "") -> RunReport:
    """Run a plan that was agreed to.

    Args:
        planned: the plan; it has no refusals.
        site: where.
        run: the new run's name.
        confirmed: the text that was typed.

    Raises:
        Refused: the lease could not be had, or the cluster is no longer what the plan rests on; nothing was changed.
        Interrupted: the operator interrupted; the run can be resumed.
        Superseded: another process has taken the run over meanwhile.
    """
    procedure = planned.procedure
    mine = Lease(run, 1, site.owner)
    holders = tuple(site.nodes[node.name] for node in planned.facts.seen)
    notes = lease.take(mine, holders, quorate=_quorate(planned.facts))
    try:
        accepts = [Accept(risk.code, risk.subject, risk.reason) for risk in planned.report.accepted]
        again = plan(procedure, site.observe(procedure.reads), accepts)
        if again.report.refusals:
            raise Refused(f"the cluster has changed since the plan was shown: {again.report.refusals[0]}")
        if again.premise != planned.premise:
            raise Refused(
                "the cluster has changed since the plan was shown", hint="look at the new plan and start again"
            )
        header = _header(planned, site, mine, holders, confirmed)
        _begin(header, site, mine, holders)
    except BaseException:
        lease.release(mine, holders)
        raise
    conductor = Conductor(site, mine, holders)
    return _perform(conductor, header, (), procedure, planned.lanes, planned.lanes, RunState.DONE, notes)


def resume(known: KnownRun, procedure: Procedure[Any], site: Site, epoch: int, holders: Sequence[Node]) -> RunReport:
    """Go on with a run where its journal ends.

    Args:
        known: the run, by all of its copies.
        procedure: rebuilt from the header.
        site: where.
        epoch: a new one, higher than any before.
        holders: the nodes that keep the run's lease and can be reached.

    Raises:
        Refused, Interrupted, Superseded: as :func:`start`.
    """
    lanes = lanes_of(known.header, procedure)
    return _take_over(known, procedure, site, epoch, holders, lanes, lanes, RunState.DONE)


def undo(known: KnownRun, procedure: Procedure[Any], site: Site, epoch: int, holders: Sequence[Node]) -> RunReport:
    """Take back what a run has done: the last step first, each by its own undo, through its own gates.

    Arguments and errors as :func:`resume`.
    """
    lanes = lanes_of(known.header, procedure)
    back = tuple(lane for lane in (_backwards(one, history(known.entries)) for one in lanes) if lane.steps)
    return _take_over(known, procedure, site, epoch, holders, back, lanes, RunState.UNDONE)


def clean(known: KnownRun, procedure: Procedure[Any], site: Site, epoch: int, holders: Sequence[Node]) -> RunReport:
    """Put back what a run has set for a time, and no more; what it did for good stays done.

    Arguments and errors as :func:`resume`.
    """
    lanes = lanes_of(known.header, procedure)
    past = history(known.entries)
    back = tuple(Lane(steps, one.uses) for one in lanes if (steps := _put_back(one, past)))
    return _take_over(known, procedure, site, epoch, holders, back, lanes, RunState.CLEANED)


def lanes_of(header: Header, procedure: Procedure[Any]) -> tuple[Lane, ...]:
    """Return the steps of a run, rebuilt from its header."""
    return tuple(procedure.lanes(decode(procedure.premise_type, json.loads(header.premise))))


def procedure_of(header: Header, kind: type[Any]) -> Procedure[Any]:
    """Return the procedure of a run, with the options it was started with.

    Raises:
        BadJournal: this version's procedure has other options.
    """
    procedure: Procedure[Any] = decode(kind, json.loads(header.options))
    return procedure


def _header(planned: Planned, site: Site, mine: Lease, holders: Sequence[Node], confirmed: str) -> Header:
    return Header(
        format=FORMAT,
        id=mine.run,
        procedure=planned.procedure.name,
        cluster=site.cluster,
        options=json.dumps(encode(planned.procedure)),
        premise=json.dumps(encode(planned.premise)),
        nodes=tuple(node.name for node in holders),
        owner=site.owner,
        started=site.time.timestamp(),
        accepted=planned.report.accepted,
        confirmed=confirmed,
    )


def _begin(header: Header, site: Site, mine: Lease, holders: Sequence[Node]) -> None:
    """Keep the header here and on every node, before the first intent."""
    copies.keep_header(site.folder, header)
    text = guard.begin(header.line)
    summary = f"run {header.id}: {header.procedure} on {header.cluster} begun by {header.owner}"
    for outcome in site.on_nodes(
        lambda node: script(node, text, *mine.arguments(), summary, timeout=_SECONDS), holders, _SECONDS
    ):
        if outcome.value is None or outcome.value.exit != Guard.OK:
            why = (
                outcome.error.message if outcome.error else outcome.value.text.strip() if outcome.value else "no answer"
            )
            raise Refused(f"no journal on {outcome.node}: {why}", hint="nothing was changed")


def _take_over(
    known: KnownRun,
    procedure: Procedure[Any],
    site: Site,
    epoch: int,
    holders: Sequence[Node],
    lanes: Sequence[Lane],
    shown: Sequence[Lane],
    goal: RunState,
) -> RunReport:
    mine = Lease(known.header.id, epoch, site.owner)
    facts = site.observe(procedure.reads)
    wrong = next(identity_findings(facts), None)
    if wrong is not None:
        raise Refused(f"{wrong.code}: {wrong.message}", hint=wrong.fix)
    notes = lease.take(mine, holders, quorate=_quorate(facts))
    conductor = Conductor(site, mine, tuple(holders))
    return _perform(conductor, known.header, known.entries, procedure, lanes, shown, goal, notes)


def _perform(
    conductor: Conductor,
    header: Header,
    past: tuple[Entry, ...],
    procedure: Procedure[Any],
    lanes: Sequence[Lane],
    shown: Sequence[Lane],
    goal: RunState,
    notes: Sequence[str],
) -> RunReport:
    """Play the lanes, journal how it ended, give the lease up where nothing is left open, and report."""
    site, run = conductor.site, conductor.lease.run
    site.tell(RunEvent("begun", run, site.time.timestamp(), title=header.procedure))
    try:
        conductor.note("", TAKEN, f"{goal} by {site.owner}")
        stops = conductor.play(
            lanes, history(past) if goal is RunState.DONE else History(), stops_all=procedure.stops_all
        )
        now = _outcome(stops, history((*past, *conductor.entries)), goal)
        summary = f"run {run}: {header.procedure} {now}"
        conductor.note("", now, "; ".join(f"{one.step.id}: {one.why}" for one in stops), summary=summary)
    except (KeyboardInterrupt, Superseded) as error:
        raise _interrupted(conductor, error) from error
    kept: tuple[str, ...] = ()
    if now in (RunState.DONE, RunState.REFUSED, RunState.UNDONE, RunState.CLEANED):
        kept = lease.release(conductor.lease, conductor.holders)
    more = [*notes, *(f"{name} still holds the lease: fab run.clean {run}" for name in kept)]
    more += [f"the journal on {name} is not complete" for name in sorted(conductor.silent)]
    entries = (*past, *conductor.entries)
    after = getattr(procedure, "afterwards", ())
    report = report_of(header, entries, shown, notes=tuple(more), afterwards=after)
    site.tell(RunEvent("ended", run, site.time.timestamp(), title=header.procedure, phase=now))
    return report


def _outcome(stops: Sequence[Stopped], now: History, goal: RunState) -> RunState:
    if not stops:
        return goal
    if goal is RunState.DONE and not now.acted and all(one.phase is Phase.REFUSED for one in stops):
        return RunState.REFUSED
    for phase in (Phase.STUCK, Phase.REFUSED, Phase.PAUSED):
        if any(one.phase is phase for one in stops):
            return _STATES[phase]
    return RunState.STOPPED


def _interrupted(conductor: Conductor, error: BaseException) -> PvefleetError:
    if isinstance(error, Superseded):
        return error
    run = conductor.lease.run
    with contextlib.suppress(NodeError, Superseded, OSError, KeyboardInterrupt):
        conductor.note("", RunState.PAUSED, "interrupted")
    return Interrupted(
        f"interrupted: run {run} is open, and a command that was running goes on",
        hint=f"go on with fab run.resume {run}, or take it back with fab run.undo {run}",
    )


def _backwards(lane: Lane, past: History) -> Lane:
    """Return the steps that take back what the lane has done, the last first."""
    by_id = {step.id: step for step in lane.steps}
    steps: list[Step] = []
    for step in reversed(lane.steps):
        if step.id not in past.acted:
            continue
        if step.until:
            if step.until not in past.ended:
                steps.append(by_id[step.until])
        elif step.undo is not None:
            steps.append(step.undo)
    return Lane(tuple(dict.fromkeys(steps)), lane.uses)


def _put_back(lane: Lane, past: History) -> tuple[Step, ...]:
    """Return the steps that put back what the lane has set for a time and not put back yet, the last first."""
    by_id = {step.id: step for step in lane.steps}
    open_ones = [step for step in reversed(lane.steps) if step.until and step.id in past.acted]
    return tuple(dict.fromkeys(by_id[step.until] for step in open_ones if step.until not in past.ended))


def _quorate(facts: ClusterFacts) -> tuple[str, ...]:
    """The nodes through which /etc/pve can be written now."""
    return tuple(node.name for node in facts.seen if node.pmxcfs.value and node.pmxcfs.value.writable)
