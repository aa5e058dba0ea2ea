"""Gathering the evidence that nodes are down: facts, probes from every vantage point, and the BMCs, twice."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from pvefleet.cli.bmc import bmc_of
from pvefleet.cli.fleet import Fleet
from pvefleet.model.bmc import Bmc, Power, PowerReading
from pvefleet.model.errors import InventoryError, UsageError
from pvefleet.model.evidence import HERE, Evidence, EvidenceReport, Level, Word
from pvefleet.model.evidence_probe import Probed, Suspect
from pvefleet.model.facts import ClusterFacts
from pvefleet.model.inventory import NodeEntry
from pvefleet.model.node import Node
from pvefleet.model.section import Section
from pvefleet.procedures import power_off
from pvefleet.rules.evidence import default_minimum, judge
from pvefleet.rules.evidence_record import evidence, suspect


def node_evidence(fleet: Fleet, *, confirm: str, reason: str) -> EvidenceReport:
    """Return the ladder of evidence for the one target.

    Args:
        fleet: the target and its cluster.
        confirm: what the operator states: ``NODE is off``; empty for nothing.
        reason: how that is known.

    Raises:
        UsageError: only one of the two was given.
    """
    if bool(confirm) != bool(reason):
        raise UsageError("--confirm and --reason go together: what is so, and how it is known")
    (entry,) = fleet.targets
    word = Word(confirm, reason) if confirm else None
    found = gather(fleet, [entry.name], words={entry.name: word} if word else {})[entry.name]
    proof = judge(found, minimum(fleet, entry))
    taken = fleet.environment.timestamp()
    return EvidenceReport(fleet.cluster, taken, proof, found.vantages, found.looks, found.power)


def minimum(fleet: Fleet, entry: NodeEntry) -> Level:
    """Return the level of evidence that is asked for before *entry* counts as down."""
    return fleet.policy.evidence or default_minimum(has_bmc=entry.bmc is not None)


def gather(
    fleet: Fleet, names: Sequence[str], *, words: Mapping[str, Word] | None = None, facts: ClusterFacts | None = None
) -> dict[str, Evidence]:
    """Look for nodes that may be down.

    Args:
        fleet: the cluster.
        names: the nodes, by their names in hosts.toml.
        words: what an operator states of some of them.
        facts: the cluster as it was read just now, with HA; read here where None.

    Returns:
        The evidence by name, in that order. It costs one look at the cluster and one round trip per vantage point.
    """
    entries = [next(entry for entry in fleet.entries if entry.name == name) for name in names]
    bmcs = {entry.name: bmc for entry in entries if (bmc := bmc_of(fleet, entry)) is not None}
    clock = fleet.environment.clock
    # A BMC that does not answer takes as long to be given up on as a dead node: both at the same time.
    with ThreadPoolExecutor() as pool:
        first = {name: pool.submit(_reading, bmc, clock) for name, bmc in bmcs.items()}
        facts = facts or fleet.facts(Section.HA)
        probed = _probe(fleet, [suspect(entry, facts) for entry in entries], facts)
        power = {name: [reading.result()] for name, reading in first.items()}
        for readings in power.values():
            power_off.let_pass(readings[0], clock=clock, pause=fleet.environment.pause)
        for name, reading in zip(bmcs, pool.map(lambda bmc: _reading(bmc, clock), bmcs.values()), strict=True):
            power[name].append(reading)
    said = words or {}
    return {
        entry.name: evidence(entry, facts, probed[entry.name], power.get(entry.name, ()), said.get(entry.name))
        for entry in entries
    }


def _reading(bmc: Bmc, clock: Callable[[], float]) -> PowerReading:
    """Ask a BMC. Where its password is not to be had it cannot be asked, which is no reason to look no further."""
    try:
        return power_off.read(bmc, clock)
    except (UsageError, InventoryError) as error:
        return PowerReading(clock(), Power.UNKNOWN, error.message)


def _probe(fleet: Fleet, suspects: Sequence[Suspect], facts: ClusterFacts) -> dict[str, dict[str, Probed]]:
    """Look for *suspects* from this machine and from every node that was read, all side by side.

    Returns:
        What was seen, by the suspect's name and then by vantage point. One that was not reached is missing.
    """
    from pvefleet.facts import evidence as probes
    from pvefleet.nodes.local import LocalNode

    here = LocalNode(HERE)
    asked = {True: probes.question(suspects, peer=True), False: probes.question(suspects, peer=False)}
    read = {node.name for node in facts.seen}

    def look(node: Node) -> Mapping[str, Probed]:
        nonce = fleet.environment.nonce()
        return probes.ask(node, asked[node is not here], vantage=node.name, nonce=nonce)

    vantages: list[Node] = [here, *(node for node in fleet.nodes if node.name in read)]
    outcomes = fleet.fan_out(look, nodes=vantages, seconds=max(one.seconds for one in asked.values()))
    return {
        one.name: {
            outcome.node: outcome.value[one.name]
            for outcome in outcomes
            if outcome.value is not None and outcome.node != one.name
        }
        for one in suspects
    }
