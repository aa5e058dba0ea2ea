"""``cluster.restart-corosync``: corosync restarted on one node after another, the HA manager's last.

Only the node's own restart proves a step (another start tick); the next step begins when every node sees every other
again, in a ring that has stayed the same for a while, on all links, with /etc/pve writable and HA content.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from pvefleet.model.errors import Refused
from pvefleet.model.facts import ClusterFacts
from pvefleet.model.finding import Finding
from pvefleet.model.procedure import Command, Lane, Step
from pvefleet.model.section import Section
from pvefleet.model.totem import Timers
from pvefleet.rules import restart, votes, whole
from pvefleet.rules.timers import cluster_timers

_LEAST_HOLD = 3.0
"""Seconds that the cluster must stay well before the next node is touched."""


@dataclass(frozen=True, slots=True)
class Premise:
    """What the plan rests on.

    Attributes:
        order: the nodes, in the order in which they are restarted.
        started: node to the boot and start tick of its corosync.
        armed: the nodes whose watchdog is armed: their restart has a limit of its own.
        timers: corosync's timers, in seconds.
    """

    order: tuple[str, ...]
    started: Mapping[str, str]
    armed: tuple[str, ...]
    timers: Timers


@dataclass(frozen=True, slots=True)
class RestartCorosync:
    """Restart corosync on one node after another; stop at the first that does not come back.

    Attributes:
        nodes: names in hosts.toml; empty for all of the cluster.
        accepted: the risks that were taken, as ``CODE:SUBJECT``.
    """

    name: ClassVar[str] = "cluster.restart-corosync"
    reads: ClassVar[frozenset[Section]] = frozenset({Section.COROSYNC, Section.HA})
    stops_all: ClassVar[bool] = True
    premise_type: ClassVar[type[Premise]] = Premise

    nodes: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()

    @property
    def confirmation(self) -> str:
        """Nothing has to be typed: it is safe, or refused."""
        return ""

    def findings(self, facts: ClusterFacts) -> Iterator[Finding]:
        """Yield the risks; everything else that has to hold is a gate."""
        yield from restart.restart_findings(facts, votes.least_risk_first(facts, self.nodes))

    def premise(self, facts: ClusterFacts) -> Premise:
        """Return order, starts and timers.

        Raises:
            Refused: a node was not read, its corosync does not run, or nobody says with which timers.
        """
        read = whole.everyone_read(facts)
        if not read.met:
            raise Refused(read.why)
        timers = cluster_timers(facts)
        if timers is None:
            raise Refused("no node says with which timers corosync runs")
        order = votes.least_risk_first(facts, self.nodes)
        started = {}
        for name in order:
            start = whole.corosync_start(facts, name)
            if start is None:
                raise Refused(f"corosync on {name} does not run, or does not say since when")
            started[name] = start
        armed = () if whole.disarmed(facts).met else whole.armed_nodes(facts)
        return Premise(order, started, tuple(name for name in order if name in armed), timers)

    def lanes(self, premise: Premise) -> Iterator[Lane]:
        """Yield one lane: one node at a time."""
        yield Lane(tuple(self._restart(name, premise) for name in premise.order))

    def _restart(self, node: str, premise: Premise) -> Step:
        timers = premise.timers
        within = timers.restart + timers.rejoin + timers.ha_return
        return Step(
            id=f"restart/{node}",
            title=f"restart corosync on {node}",
            reads=self.reads,
            gate=(
                whole.members_whole,
                whole.links_whole,
                whole.one_config,
                partial(whole.conf_accepted, node=node),
                whole.ha_settled,
                partial(restart.may_stop, node=node, accepted=self.accepted),
                partial(restart.watchdog_lets, node=node, accepted=self.accepted),
            ),
            act=(Command(node, ("systemctl", "restart", "corosync"), timeout=timers.restart),),
            done=(partial(whole.restarted, node=node, since=premise.started[node]),),
            settled=(
                whole.members_whole,
                whole.links_whole,
                whole.one_config,
                *(partial(whole.pmxcfs_writable, node=name) for name in premise.order),
                whole.ha_settled,
            ),
            steady=whole.ring_ids,
            within=min(within, restart.ARMED_LIMIT) if node in premise.armed else within,
            hold=max(_LEAST_HOLD, 2 * (timers.worst_case - timers.token)),
        )
