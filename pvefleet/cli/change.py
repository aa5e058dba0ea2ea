"""Changes: plan, consent, run. What every task that returns a procedure goes through."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from pvefleet.cli.accepts import read_accepts
from pvefleet.cli.consent import agree_to
from pvefleet.cli.evidence import gather, minimum
from pvefleet.cli.fleet import Fleet
from pvefleet.model.errors import Refused
from pvefleet.model.evidence import Word
from pvefleet.model.facts import ClusterFacts
from pvefleet.model.node import Node
from pvefleet.model.outcome import Outcome
from pvefleet.model.procedure import Procedure
from pvefleet.model.run import PlanReport, RunEvent, RunReport
from pvefleet.model.section import Section
from pvefleet.procedures.engine import planning, runs
from pvefleet.procedures.engine.site import Site
from pvefleet.rules import expected
from pvefleet.rules.evidence import judge

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the common flags of a change say.

    Attributes:
        plan: print the plan and end.
        yes: answer a plain question with yes.
        confirm: the text that a plan asks for, or empty.
        accept: the values of ``--accept``.
        as_json: print JSON lines.
    """

    plan: bool = False
    yes: bool = False
    confirm: str = ""
    accept: tuple[str, ...] = ()
    as_json: bool = False


def observe(fleet: Fleet, sections: frozenset[Section], words: Mapping[str, Word]) -> ClusterFacts:
    """Return the facts, with proofs about the nodes that are away where EVIDENCE is asked for.

    Args:
        fleet: the cluster.
        sections: what is to be read.
        words: what an operator states of nodes.
    """
    facts = fleet.facts(*sections)
    if Section.EVIDENCE not in sections:
        return facts
    listed = {entry.name: entry for entry in fleet.entries}
    names = [name for name in expected.absent(facts) if name in listed]
    found = gather(fleet, names, words=words, facts=facts) if names else {}
    proofs = tuple(judge(found[name], minimum(fleet, listed[name])) for name in names)
    return replace(facts, proofs=proofs)


def site_of(fleet: Fleet, tell: Callable[[RunEvent], None], *, procedure: Any = None) -> Site:
    """Return what the engine is handed.

    Args:
        fleet: the cluster.
        tell: is handed every event.
        procedure: may carry what an operator states of nodes.
    """
    words: Mapping[str, Word] = getattr(procedure, "words", {})

    def on_nodes(work: Callable[[Node], T], nodes: Sequence[Node], seconds: float) -> tuple[Outcome[T], ...]:
        return fleet.fan_out(work, nodes=nodes, seconds=seconds)

    return Site(
        cluster=fleet.cluster,
        nodes={node.name: node for node in fleet.nodes},
        observe=lambda sections: observe(fleet, sections, words),
        on_nodes=on_nodes,
        time=fleet.environment,
        folder=fleet.environment.state_folder() / "runs",
        owner=f"{getpass.getuser()}@{fleet.environment.hostname()}",
        tell=tell,
        parallel=fleet.policy.parallel,
    )


def change(fleet: Fleet, procedure: Procedure[Any], wishes: Wishes) -> PlanReport | RunReport:
    """Plan *procedure*, ask for consent, run it, and return what became of it.

    Args:
        fleet: the cluster.
        procedure: what is to be done.
        wishes: the common flags.

    Raises:
        PvefleetError: refused, declined, or an error of the command line; nothing was changed then.
    """
    from pvefleet.views.progress import progress

    with progress(as_json=wishes.as_json) as tell:
        site = site_of(fleet, tell, procedure=procedure)
        planned = planning.plan(procedure, site.observe(procedure.reads), read_accepts(wishes.accept))
        if wishes.plan:
            return planned.report
        if planned.report.refusals:
            _show(planned.report, wishes)
            raise Refused(
                f"refused, nothing was changed: {planned.report.refusals[0]}",
                hint="--plan shows the whole plan; a risk that may be taken is taken by --accept CODE:SUBJECT='why'",
            )
        _show(planned.report, wishes)
        confirmed = agree_to(planned.report, yes=wishes.yes, confirm=wishes.confirm, environment=fleet.environment)
        return runs.start(planned, site, new_run(fleet), confirmed=confirmed)


def new_run(fleet: Fleet) -> str:
    """Return a name for a new run that sorts by time: ``20261125-021304-7f3a``."""
    stamp = fleet.environment.timestamp().translate(str.maketrans("T", "-", ":-Z"))
    return f"{stamp}-{fleet.environment.nonce()[:4]}"


def _show(report: PlanReport, wishes: Wishes) -> None:
    from pvefleet.views.run import show_plan

    if not wishes.as_json:
        show_plan(report)
