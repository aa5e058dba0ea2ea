"""``run.*``: look at runs, go on with one, take one back, put back what one left, ask one to pause."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from pvefleet.cli.change import Wishes, site_of
from pvefleet.cli.consent import consent
from pvefleet.cli.fleet import Fleet
from pvefleet.model.errors import NotUnderstood, Refused, UsageError
from pvefleet.model.node import Node
from pvefleet.model.remote_files import script
from pvefleet.model.run import RunListReport, RunNoteReport, RunReport, RunRow, ShownRun
from pvefleet.procedures.engine import copies, guard, lease, runs, shown
from pvefleet.procedures.engine.codec import BadJournal
from pvefleet.procedures.engine.copies import Known, KnownRun
from pvefleet.procedures.engine.journal import history, last_epoch, state
from pvefleet.procedures.engine.site import Site
from pvefleet.procedures.registry import procedure_class

_SECONDS = 10.0


def list_runs(fleet: Fleet) -> RunListReport:
    """Return every run that the nodes and this machine know, newest first."""
    known = copies.look(_quiet(fleet))
    rows = tuple(_row(one) for one in known.runs)
    strangers = {one.run for one in known.leases} - {one.header.id for one in known.runs}
    notes = [
        f"run {run} holds the lease of {', '.join(sorted(one.node for one in known.leases if one.run == run))} "
        f"and has no journal: fab run.clean {run}"
        for run in sorted(strangers)
    ]
    unread = tuple(f"{name}: {why}" for name, why in known.unread)
    return RunListReport(fleet.cluster, rows, unread, (*notes, *known.damaged), all_unread=_all_unread(fleet, known))


def show_run(fleet: Fleet, run: str) -> ShownRun:
    """Return one run in full."""
    known = _known(_quiet(fleet), run)[1]
    lanes = runs.lanes_of(known.header, _procedure(known))
    report = shown.report_of(known.header, known.entries, lanes)
    return ShownRun(**{name: getattr(report, name) for name in RunReport.__dataclass_fields__})


def pause_run(fleet: Fleet, run: str) -> RunNoteReport:
    """Ask a run to stop before its next step, on every node that can be reached."""
    site = _quiet(fleet)
    known = _known(site, run)[1]
    if known.closed:
        raise Refused(f"run {run} is over: {state(known.entries)}")
    nodes = [site.nodes[name] for name in known.header.nodes if name in site.nodes]
    told = [
        outcome.node
        for outcome in site.on_nodes(
            lambda node: script(node, guard.pause(), run, timeout=_SECONDS).exit, nodes, _SECONDS
        )
        if outcome.value == 0
    ]
    return RunNoteReport(
        run, "it stops before its next step", tuple(told), tuple(node.name for node in nodes if node.name not in told)
    )


def resume_run(fleet: Fleet, run: str, wishes: Wishes) -> RunReport:
    """Go on with a run where its journal ends."""
    return _take_up(fleet, run, wishes, "Go on with", runs.resume)


def undo_run(fleet: Fleet, run: str, wishes: Wishes) -> RunReport:
    """Take back what a run has done."""
    return _take_up(fleet, run, wishes, "Take back", runs.undo)


def clean_run(fleet: Fleet, run: str, wishes: Wishes) -> RunReport | RunNoteReport:
    """Put back what a run has set for a time; release a lease that has no journal."""
    known = copies.look(_quiet(fleet), run)
    mine = [one for one in known.leases if one.run == run]
    if not known.runs and mine:
        return _release_stray(fleet, run, known, wishes)
    return _take_up(fleet, run, wishes, "Put back what is set for a time by", runs.clean)


def _take_up(
    fleet: Fleet,
    run: str,
    wishes: Wishes,
    verb: str,
    go: Callable[..., RunReport],
) -> RunReport:
    from pvefleet.views.progress import progress

    with progress(as_json=wishes.as_json) as tell:
        site = site_of(fleet, tell)
        known, found = _known(site, run)
        if found.closed:
            raise Refused(f"run {run} is over: {state(found.entries)}")
        procedure = _procedure(found)
        site = site_of(fleet, tell, procedure=procedure)
        holders = _holders(site, known, found)
        question = f"{verb} run {run} ({found.header.procedure} on {found.header.cluster}, {found.header.owner})?"
        consent(question, yes=wishes.yes, environment=fleet.environment)
        return go(found, procedure, site, _next_epoch(known, run, last_epoch(found.entries)), holders)


def _release_stray(fleet: Fleet, run: str, known: Known, wishes: Wishes) -> RunNoteReport:
    """Give up a lease that was taken by a process that died before it wrote what it was going to do."""
    site = _quiet(fleet)
    nodes = sorted({one.node for one in known.leases if one.run == run})
    consent(
        f"Run {run} was never begun. Give its lease on {', '.join(nodes)} up?",
        yes=wishes.yes,
        environment=fleet.environment,
    )
    mine = lease.Lease(run, _next_epoch(known, run, 0), site.owner)
    there = [site.nodes[name] for name in nodes]
    lease.take(mine, there, quorate=())
    kept = lease.release(mine, [*there, *(node for node in site.nodes.values() if node.name not in nodes)])
    given_up = tuple(name for name in nodes if name not in kept)
    return RunNoteReport(run, "its lease is given up", given_up, tuple(name for name in nodes if name in kept))


def _next_epoch(known: Known, run: str, journalled: int) -> int:
    return max([journalled, *(one.epoch for one in known.leases if one.run == run)]) + 1


def _holders(site: Site, known: Known, found: KnownRun) -> tuple[Node, ...]:
    """Return the nodes that take part; every one that holds the lease has to be reached."""
    unread = dict(known.unread)
    missing = [name for name in found.header.nodes if name in unread or name not in site.nodes]
    if missing:
        why = unread.get(missing[0], "it is not in hosts.toml")
        raise Refused(
            f"{missing[0]} holds the run's lease and cannot be asked: {why}",
            hint="an older process of this run may still act there; make it reachable, or make sure that it is off",
        )
    return tuple(site.nodes[name] for name in found.header.nodes)


def _known(site: Site, run: str) -> tuple[Known, KnownRun]:
    if not run:
        raise UsageError("which run?", hint="fab run.list shows them")
    known = copies.look(site)
    matches = [one for one in known.runs if one.header.id == run] or [
        one for one in known.runs if one.header.id.startswith(run)
    ]
    if len(matches) != 1:
        what = "no run" if not matches else f"{len(matches)} runs"
        hint = "; ".join(f"{name} was not asked: {why}" for name, why in known.unread) or "fab run.list shows them"
        raise UsageError(f"{what} of {site.cluster} begins with {run}", hint=hint)
    return known, matches[0]


def _procedure(known: KnownRun) -> Any:
    try:
        return runs.procedure_of(known.header, procedure_class(known.header.procedure))
    except BadJournal as error:
        raise NotUnderstood(
            f"run {known.header.id}: {error}", hint="go on with the version of pvefleet that started it"
        ) from error


def _row(known: KnownRun) -> RunRow:
    header, past = known.header, history(known.entries)
    total: int | None = None
    left = 0
    with contextlib.suppress(NotUnderstood, Refused, BadJournal):
        lanes = runs.lanes_of(header, _procedure(known))
        total = sum(len(lane.steps) for lane in lanes)
        left = len(shown.left_behind(known.entries, lanes))
    return RunRow(
        header.id, header.procedure, state(known.entries), header.owner, header.started, (len(past.ended), total), left
    )


def _all_unread(fleet: Fleet, known: Known) -> bool:
    return len(known.unread) == len(fleet.nodes)


def _quiet(fleet: Fleet) -> Site:
    return site_of(fleet, lambda _event: None)
