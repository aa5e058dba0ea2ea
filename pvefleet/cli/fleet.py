"""What a task sees: the cluster, the nodes it acts on, and a way to work on all of them at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from pvefleet.cli.environment import Environment
from pvefleet.model.facts import ClusterFacts
from pvefleet.model.inventory import Inventory, NodeEntry, Policy
from pvefleet.model.node import Node
from pvefleet.model.outcome import Outcome
from pvefleet.model.section import Section

T = TypeVar("T")

_MARGIN = 3.0
"""Seconds that a fan-out waits beyond the limits of what it runs, so that those limits speak first."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """One cluster and the share of it that a command is about.

    Attributes:
        environment: clock, variables, terminal.
        cluster: the name of the cluster in hosts.toml; empty on a node that looks at itself.
        targets: what ``-H`` named, else every node of the cluster.
        entries: every node of the cluster.
        nodes: a way to each of the entries, in the same order; nothing is connected before the first command.
        policy: the cluster's limits.
        here: the node we stand on (``inv`` on a node), or empty.
        inventory: hosts.toml; None on a node.
        named: did ``-H`` name the targets?
        remainder: what followed ``--`` on the command line.
        passphrase: knows or asks for the passphrase of a private key.
        record: folder to keep what the nodes said in, or None.
        replay: folder of a recording to read instead of the nodes, or None.
    """

    environment: Environment
    cluster: str
    targets: tuple[NodeEntry, ...]
    entries: tuple[NodeEntry, ...]
    nodes: tuple[Node, ...]
    policy: Policy
    here: str = ""
    inventory: Inventory | None = None
    named: bool = False
    remainder: str = ""
    passphrase: Callable[[Path], str | None] = field(default=lambda _: None, repr=False)
    record: Path | None = None
    replay: Path | None = None
    _open: Callable[[Sequence[NodeEntry]], tuple[Node, ...]] | None = field(default=None, repr=False)

    def target_nodes(self) -> tuple[Node, ...]:
        """Return the ways to the targets, in the order they were named."""
        by_name = {node.name: node for node in self.nodes}
        return tuple(by_name[entry.name] for entry in self.targets)

    def connect_again(self, entry: NodeEntry) -> Node:
        """Return a second, new way to a node: to prove that a login works now. The caller closes it."""
        if self._open is None:
            raise ValueError("there is no second way to the node we stand on")
        return self._open((entry,))[0]

    def fan_out(self, work: Callable[[Node], T], *, nodes: Sequence[Node], seconds: float) -> tuple[Outcome[T], ...]:
        """Run *work* on *nodes* side by side.

        Args:
            work: what to do on one node.
            nodes: where.
            seconds: the limit of the work itself; reaching the node comes on top.

        Returns:
            One outcome per node, in their order; a failing node fails no other.
        """
        from pvefleet.nodes.fanout import fan_out

        limit = self.policy.connect_seconds + seconds + _MARGIN
        return fan_out(nodes, work, limit=self.policy.parallel, seconds=limit)

    def facts(self, *sections: Section) -> ClusterFacts:
        """Read every node of the cluster, one script and one round trip each.

        Args:
            sections: what to read beyond BASE.
        """
        from pvefleet.facts import cluster, recording, second_look

        if self.replay is not None:
            return cluster.assemble(recording.load(self.replay, frozenset(sections)))
        asked = cluster.question(*sections)

        def on_all(work: Callable[[Node], cluster.NodeReading]) -> Sequence[Outcome[cluster.NodeReading]]:
            return self.fan_out(work, nodes=self.nodes, seconds=asked.seconds)

        look = cluster.look_at(
            self.entries,
            asked,
            on_all,
            cluster=self.cluster,
            taken_at=self.environment.timestamp(),
            nonce=self.environment.nonce(),
            clock=self.environment.clock,
            clock_limit=self.policy.clock_skew_seconds,
            here=self.here,
        )
        facts = cluster.assemble(look)

        def ask(name: str, question: cluster.Question) -> Outcome[cluster.NodeReading]:
            def read(node: Node) -> cluster.NodeReading:
                return cluster.read_node(node, question, nonce=self.environment.nonce(), clock=self.environment.clock)

            node = next(node for node in self.nodes if node.name == name)
            return self.fan_out(read, nodes=(node,), seconds=question.seconds)[0]

        whole = second_look.complete(look, facts, ask)
        if self.record is not None:
            named = [entry.name for entry in self.targets] if self.named else []
            recording.save(whole, self.record, named=named, rpo_seconds=self.policy.rpo_seconds)
        return facts if whole is look else cluster.assemble(whole)

    def close(self) -> None:
        """Close every connection."""
        for node in self.nodes:
            node.close()


def project_root() -> Path:
    """Return the folder that holds fabfile/, pvefleet/ and hosts.toml."""
    return Path(__file__).resolve().parents[2]
