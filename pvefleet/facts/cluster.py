"""The facts of a whole cluster: one script per node, one round trip each, all nodes side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from pvefleet.facts import (
    corosync,
    corosync_process,
    fallback,
    guest_configs,
    guests,
    ha,
    health,
    machine,
    pmxcfs,
    replication,
)
from pvefleet.facts.sources import Alike, Answers, BrokenOff, Source, compose, decode, script_seconds
from pvefleet.model.errors import NodeError, OutcomeUnknown, TimedOut
from pvefleet.model.facts import ClusterFacts, NodeFacts
from pvefleet.model.inventory import NodeEntry
from pvefleet.model.node import Node
from pvefleet.model.observation import not_read
from pvefleet.model.outcome import Outcome
from pvefleet.model.remote_files import script
from pvefleet.model.section import Section

SOURCES: Mapping[Section, tuple[Source, ...]] = {
    Section.BASE: (*machine.SOURCES, *corosync.SOURCES, *pmxcfs.SOURCES),
    Section.COROSYNC: corosync_process.SOURCES,
    Section.FALLBACK: fallback.SOURCES,
    Section.GUESTS: guests.SOURCES,
    Section.HEALTH: health.SOURCES,
    Section.GUEST_CONFIGS: guest_configs.SOURCES,
    Section.HA: ha.SOURCES,
    Section.HA_HISTORY: ha.HISTORY_SOURCES,
    Section.REPLICATION: replication.SOURCES,
    Section.EVIDENCE: (),
}
"""What each section reads. A section that was not asked for leaves its part of the facts None."""


@dataclass(frozen=True, slots=True)
class Question:
    """The one script that reads some sections, and how long it may take.

    Attributes:
        sections: what is asked for; BASE always is.
        script: the shell text for a node.
        seconds: the script's own limit: longer than every source's, so that a stuck source is its own problem only.
    """

    sections: frozenset[Section]
    script: str
    seconds: float


def question(*sections: Section) -> Question:
    """Return the question for *sections* and BASE."""
    wanted = frozenset({Section.BASE, *sections})
    # Sections may share a source.
    every = [source for section in Section if section in wanted for source in SOURCES[section]]
    sources = list({source.name: source for source in every}.values())
    return Question(wanted, compose(sources, pmxcfs.PROBE), script_seconds(sources, pmxcfs.PROBE))


@dataclass(frozen=True, slots=True)
class NodeReading:
    """One node's answers, with our own clock around them in seconds since the epoch."""

    answers: Answers
    sent: float
    received: float


class FanOut(Protocol):
    """Work on many nodes side by side; the shape of :func:`pvefleet.nodes.fanout.fan_out` with its limits filled in."""

    def __call__(self, work: Callable[[Node], NodeReading]) -> Sequence[Outcome[NodeReading]]:
        """Run *work* on every node and return the outcomes in the order of the nodes."""


def read_node(node: Node, asked: Question, *, nonce: str, clock: Callable[[], float]) -> NodeReading:
    """Run the facts script on *node* and return its answers.

    Args:
        node: where.
        asked: what to read.
        nonce: random text that frames the answers; a value no file can hold by chance.
        clock: our own time, seconds since the epoch.

    Raises:
        NodeError: the node was not reached, or its answer broke off.
    """
    sent = clock()
    result = script(node, asked.script, nonce, timeout=asked.seconds)
    received = clock()
    try:
        return NodeReading(decode(result.stdout, nonce), sent, received)
    except BrokenOff as broken:
        said = result.error_text.strip().splitlines()
        why = said[-1] if said else f"the script exited {result.exit}"
        raise OutcomeUnknown(node.name, f"{node.name}: {broken} ({why})") from broken


@dataclass(frozen=True, slots=True)
class Look:
    """Everything that one look at a cluster brought home, undigested: what a recording keeps.

    Attributes:
        cluster: the name in hosts.toml, or empty.
        taken_at: UTC ISO 8601 text for the report.
        clock_limit: seconds of clock difference that are still right.
        here: the node that looks at itself alone, or empty.
        sections: what was asked for.
        nodes: name in hosts.toml and name in the cluster, node by node.
        outcomes: what became of each, in the same order.
    """

    cluster: str
    taken_at: str
    clock_limit: float
    here: str
    sections: frozenset[Section]
    nodes: tuple[tuple[str, str], ...]
    outcomes: tuple[Outcome[NodeReading], ...]


def look_at(
    entries: Sequence[NodeEntry],
    asked: Question,
    fan_out: FanOut,
    *,
    cluster: str,
    taken_at: str,
    nonce: str,
    clock: Callable[[], float],
    clock_limit: float,
    here: str = "",
) -> Look:
    """Read every node and return what they said, errors included.

    Args:
        entries: the nodes, in the order of the fan-out's.
        asked: what to read.
        fan_out: runs one function on all nodes.
        cluster: the name in hosts.toml, or empty.
        taken_at: UTC ISO 8601 text for the report.
        nonce: see :func:`read_node`.
        clock: our own time.
        clock_limit: seconds of clock difference that are still right.
        here: the node that looks at itself alone, or empty.
    """
    outcomes = fan_out(lambda node: read_node(node, asked, nonce=nonce, clock=clock))
    names = tuple((entry.name, entry.pve_name) for entry in entries)
    return Look(cluster, taken_at, clock_limit, here, asked.sections, names, tuple(outcomes))


def assemble(look: Look) -> ClusterFacts:
    """Return the facts that a look amounts to: every answer parsed, every problem named."""
    alike = Alike()
    nodes = tuple(
        _facts(name, pve_name, look.sections, outcome, alike)
        for (name, pve_name), outcome in zip(look.nodes, look.outcomes, strict=True)
    )
    return ClusterFacts(look.cluster, look.taken_at, nodes, look.clock_limit, look.here)


def unread(name: str, pve_name: str, error: NodeError, *, seconds: float = 0.0, via: str = "") -> NodeFacts:
    """Return the facts of a node that was not read: nothing but the reason."""
    why = error.message
    return NodeFacts(
        name=name,
        pve_name=pve_name,
        via=via,
        error=error,
        seconds=seconds,
        machine=not_read("uname -n", why),
        version=not_read("pveversion", why),
        quorum=not_read("corosync-quorumtool -s -p", why),
        links=not_read("corosync-cfgtool -s", why),
        reach=not_read("corosync-cfgtool -n", why),
        cmap=not_read("corosync-cmapctl", why),
        conf_running_file=not_read("/etc/corosync/corosync.conf", why),
        conf_cluster_file=not_read("/etc/pve/corosync.conf", why),
        pmxcfs=not_read("/etc/pve", why),
        members=not_read("/etc/pve/.members", why),
        guests_owned=not_read("/etc/pve/.vmlist", why),
    )


def _facts(
    name: str, pve_name: str, sections: frozenset[Section], outcome: Outcome[NodeReading], alike: Alike
) -> NodeFacts:
    reading = outcome.value
    if reading is None:
        error = outcome.error or TimedOut(name, f"{name} did not answer in time", seconds=outcome.seconds)
        return unread(name, pve_name, error, seconds=outcome.seconds, via=outcome.via)
    answers = reading.answers
    return NodeFacts(
        name=name,
        pve_name=pve_name,
        via=outcome.via,
        error=None,
        seconds=outcome.seconds,
        machine=machine.machine(answers, sent=reading.sent, received=reading.received),
        version=machine.version(answers),
        quorum=corosync.quorum(answers),
        links=corosync.links(answers),
        reach=corosync.reach(answers),
        cmap=corosync.cmap(answers),
        qdevice=corosync.qdevice(answers),
        conf_running_file=corosync.conf_local(answers, alike),
        conf_cluster_file=corosync.conf_cluster(answers, alike),
        pmxcfs=pmxcfs.pmxcfs(answers),
        members=pmxcfs.members(answers),
        guests_owned=pmxcfs.guests_owned(answers, alike),
        guests_here=guests.guests_here(answers) if Section.GUESTS in sections else None,
        guest_processes=guests.processes(answers) if Section.GUESTS in sections else None,
        corosync=corosync_process.corosync_process(answers) if Section.COROSYNC in sections else None,
        fallback=fallback.fallback(answers) if Section.FALLBACK in sections else None,
        health=health.health(answers) if Section.HEALTH in sections else None,
        guests=guest_configs.guest_facts(answers) if Section.GUEST_CONFIGS in sections else None,
        ha=ha.ha(answers, history=Section.HA_HISTORY in sections) if Section.HA in sections else None,
        replication=replication.replication(answers) if Section.REPLICATION in sections else None,
    )
