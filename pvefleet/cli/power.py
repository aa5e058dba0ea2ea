"""``node.power``: reads a node's power, or cuts it once the operator has typed the text for it."""

from __future__ import annotations

from pvefleet.cli.bmc import bmc_of
from pvefleet.cli.consent import typed_text
from pvefleet.cli.fleet import Fleet
from pvefleet.model.bmc import Bmc, Power, PowerReading
from pvefleet.model.errors import Refused, UsageError
from pvefleet.model.facts import ClusterFacts
from pvefleet.model.inventory import NodeEntry
from pvefleet.model.node import Node
from pvefleet.model.power import PowerOutcome, PowerReport
from pvefleet.procedures import power_off
from pvefleet.rules import power as rules

_ACTIONS = ("status", "off")
_NOTE_SECONDS = 5.0


def power(fleet: Fleet, action: str, *, confirm: str, plan: bool) -> PowerReport:
    """Read the power of the one target, or cut it.

    Args:
        fleet: the target and its cluster.
        action: ``status`` or ``off``.
        confirm: the text that is otherwise typed.
        plan: only say what would be done.

    Raises:
        UsageError: another action, or the node has no BMC in hosts.toml.
        BmcError: the BMC did not answer, or not as it should; nothing was changed.
        Refused: it belongs to another machine, or the operator does not agree.
    """
    if action not in _ACTIONS:
        raise UsageError(f"node.power does {' or '.join(_ACTIONS)}, not {action!r}")
    (entry,) = fleet.targets
    bmc = bmc_of(fleet, entry)
    if bmc is None:
        hint = "describe it there: [clusters.X.nodes.NODE.bmc], docs/hosts.md"
        raise UsageError(f"hosts.toml names no BMC for {entry.name}", hint=hint)
    if action == "status":
        reading = bmc.status()
        found = tuple(rules.findings(entry, reading, ()))
        return PowerReport(
            fleet.cluster, entry.name, entry.pve_name, bmc.where, PowerOutcome.READ, (reading,), findings=found
        )
    return _off(fleet, entry, bmc, confirm=confirm, plan=plan)


def _off(fleet: Fleet, entry: NodeEntry, bmc: Bmc, *, confirm: str, plan: bool) -> PowerReport:
    first = bmc.status()
    facts = fleet.facts()
    if first.power is Power.OFF:
        power_off.let_pass(first, clock=fleet.environment.clock, pause=fleet.environment.pause)
    report = _planned(fleet, entry, bmc, facts, (first, power_off.read(bmc, fleet.environment.clock)))
    if plan or report.outcome is PowerOutcome.ALREADY:
        return report
    _show(report)
    against = [one for one in report.findings if not one.acceptable]
    if against:
        raise Refused(f"nothing was changed: {against[0].message}", hint=against[0].fix)
    environment = fleet.environment
    typed_text(report.confirmation, f"cut the power of {entry.name}", confirm=confirm, environment=environment)
    _note(fleet, facts, entry, f"cutting the power of {entry.pve_name} by its BMC")
    cut = power_off.power_off(bmc, clock=environment.clock, pause=environment.pause)
    _note(fleet, facts, entry, f"cutting the power of {entry.pve_name}: {cut.outcome.value}")
    return PowerReport(
        cluster=report.cluster,
        node=report.node,
        pve_name=report.pve_name,
        bmc=report.bmc,
        outcome=cut.outcome,
        readings=(*report.readings, *cut.readings),
        member=report.member,
        guests=report.guests,
        note=cut.note,
        findings=report.findings,
    )


def _planned(
    fleet: Fleet, entry: NodeEntry, bmc: Bmc, facts: ClusterFacts, readings: tuple[PowerReading, ...]
) -> PowerReport:
    viewers = rules.quorate_viewers(facts, entry)
    found = tuple(rules.findings(entry, readings[-1], viewers))
    already = power_off.proven_off(list(readings)) and not found
    return PowerReport(
        cluster=fleet.cluster,
        node=entry.name,
        pve_name=entry.pve_name,
        bmc=bmc.where,
        outcome=PowerOutcome.ALREADY if already else PowerOutcome.WOULD,
        readings=readings,
        member=viewers,
        guests=rules.guests_of(facts, entry),
        confirmation="" if already else rules.confirmation(entry, viewers),
        note="" if facts.seen else "no other node could be asked: whether it is a member is not known",
        findings=found,
    )


def _show(report: PowerReport) -> None:
    from pvefleet.views.power import show_plan

    show_plan(report)


def _note(fleet: Fleet, facts: ClusterFacts, entry: NodeEntry, text: str) -> None:
    """Leave a line in the journal of every other node that was read. One that takes none holds nothing up."""
    who = f"{fleet.environment.variables.get('USER', 'somebody')}@{fleet.environment.hostname()}"
    argv = ("logger", "-t", "pvefleet", "--", f"{text} (node.power, {who})")
    read = {node.name for node in facts.seen}

    def log(node: Node) -> None:
        node.run(argv, timeout=_NOTE_SECONDS)

    fleet.fan_out(log, nodes=[n for n in fleet.nodes if n.name in read - {entry.name}], seconds=_NOTE_SECONDS)
