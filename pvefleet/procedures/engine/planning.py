"""From a procedure to a plan: facts, findings, accepted risks, steps, and whether it would be let through."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from pvefleet.model.errors import Refused, UsageError
from pvefleet.model.facts import ClusterFacts
from pvefleet.model.procedure import Lane, Procedure, first_unmet
from pvefleet.model.run import PlannedStep, PlanReport
from pvefleet.rules import identity
from pvefleet.rules.acceptance import Accept, weigh


@dataclass(frozen=True, slots=True)
class Planned:
    """A procedure with all that was decided before consent.

    Attributes:
        procedure: with the accepted risks in it.
        facts: what the plan was made from.
        premise: what it rests on; None where it could not be stated.
        lanes: the steps; empty where there is no premise.
        report: what the operator is shown.
    """

    procedure: Procedure[Any]
    facts: ClusterFacts
    premise: Any
    lanes: tuple[Lane, ...]
    report: PlanReport


def plan(procedure: Procedure[Any], facts: ClusterFacts, accepts: Sequence[Accept]) -> Planned:
    """Return the plan that *procedure* makes of *facts*.

    Args:
        procedure: what is to be done.
        facts: what is true now.
        accepts: the risks that the operator takes.

    Raises:
        UsageError: an accept matches nothing, or a finding that cannot be accepted.
    """
    findings = (*identity.identity_findings(facts), *procedure.findings(facts))
    weighed = weigh(findings, accepts, always=identity.CODES)
    if weighed.forbidden:
        raise UsageError(
            f"{weighed.forbidden[0].key} cannot be accepted", hint="docs/findings.md says which risks can be taken"
        )
    if weighed.useless:
        raise UsageError(
            f"--accept {weighed.useless[0].key} matches nothing that stands in the way",
            hint="leave it out: an accept is about a risk that is there",
        )
    refusals = [f"{one.code}:{one.subject}" for one in weighed.refusing]
    if hasattr(procedure, "accepted"):
        keys = tuple(sorted(f"{risk.code}:{risk.subject}" for risk in weighed.taken))
        procedure = replace(procedure, accepted=keys)  # type: ignore[type-var]
    premise: Any = None
    lanes: tuple[Lane, ...] = ()
    try:
        premise = procedure.premise(facts)
        lanes = tuple(procedure.lanes(premise))
    except Refused as refused:
        refusals.append(refused.message)
    if not refusals:
        refusals += _first_gate(lanes, facts)
    report = PlanReport(
        cluster=facts.cluster,
        procedure=procedure.name,
        steps=planned_steps(lanes),
        findings=tuple(findings),
        accepted=weighed.taken,
        refusals=tuple(refusals),
        confirmation=procedure.confirmation,
        diff=procedure.diff(premise) if premise is not None and hasattr(procedure, "diff") else (),
    )
    return Planned(procedure, facts, premise, lanes, report)


def planned_steps(lanes: Sequence[Lane]) -> tuple[PlannedStep, ...]:
    """Return the steps of *lanes* as a plan shows them."""
    return tuple(
        PlannedStep(step.id, step.title, tuple(f"{one.node}: {one.shown}" for one in step.act), step.within, number)
        for number, lane in enumerate(lanes)
        for step in lane.steps
    )


def _first_gate(lanes: Sequence[Lane], facts: ClusterFacts) -> list[str]:
    """Return why the first step that is not done yet could not act now, or nothing."""
    refusals = []
    for lane in lanes:
        for step in lane.steps:
            if first_unmet(step.done, facts).met:
                continue
            verdict = first_unmet(step.gate, facts)
            if not verdict.met:
                refusals.append(f"{step.id}: {verdict.why}")
            break
    return refusals
