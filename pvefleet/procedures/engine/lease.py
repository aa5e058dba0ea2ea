"""The lease: who may change a cluster. Taken on every reached node in the order of names, all or none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pvefleet.model.errors import NodeError, Refused
from pvefleet.model.node import CommandResult, Node
from pvefleet.model.remote_files import script
from pvefleet.procedures.engine import guard
from pvefleet.procedures.engine.guard import Guard

_SECONDS = 10.0
WAIT = 20
"""Seconds to wait for a command that still acts on a node before a lease is refused there."""


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to act.

    Attributes:
        run: the run's name.
        epoch: the attempt; a node refuses an older one.
        owner: ``user@host``.
    """

    run: str
    epoch: int
    owner: str

    def arguments(self, wait: int = WAIT) -> tuple[str, str, str]:
        """Return the first three arguments of every guarded script."""
        return self.run, str(self.epoch), str(wait)


def take(lease: Lease, nodes: Sequence[Node], *, quorate: Sequence[str]) -> tuple[str, ...]:
    """Take the lease on *nodes*, and the lock in /etc/pve through the first quorate one.

    Args:
        lease: what to take.
        nodes: where; nothing is kept anywhere if one of them refuses.
        quorate: names of the nodes that have quorum.

    Returns:
        Notes for the operator: that the lock in /etc/pve could not be had because there is no quorum.

    Raises:
        Refused: another run holds it, or a node could not be asked; says who, where, and what to do.
    """
    taken: list[Node] = []
    try:
        for node in sorted(nodes, key=lambda one: one.name):
            _take(lease, node)
            taken.append(node)
        holders = [node for node in taken if node.name in quorate]
        if not holders:
            return ("there is no quorum, so no lock in /etc/pve: only the nodes' own leases keep others out",)
        _take_cluster_lock(lease, holders[0])
    except BaseException:
        release(lease, taken)
        raise
    return ()


def _take(lease: Lease, node: Node) -> None:
    try:
        result = script(node, guard.take(), *lease.arguments(), lease.owner, timeout=WAIT + _SECONDS)
    except NodeError as error:
        raise Refused(f"no lease on {node.name}: {error.message}", hint=error.hint) from error
    if result.exit == Guard.HELD:
        run, _epoch, owner = [*result.text.rstrip("\n").split("\t"), "", ""][:3]
        raise _held(node, run, owner)
    if result.exit != Guard.OK:
        raise Refused(f"no lease on {node.name}: {_said(result)}")


def _take_cluster_lock(lease: Lease, node: Node) -> None:
    try:
        result = script(node, guard.cluster_lock(), *lease.arguments(), timeout=WAIT + 2 * _SECONDS)
    except NodeError as error:
        raise Refused(f"no lock in /etc/pve through {node.name}: {error.message}", hint=error.hint) from error
    if result.exit == Guard.HELD:
        raise _held(node, result.text.strip(), "")
    if result.exit != Guard.OK:
        raise Refused(f"no lock in /etc/pve through {node.name}: {_said(result)}")


def _held(node: Node, run: str, owner: str) -> Refused:
    return Refused(
        f"another change holds the cluster: run {run}{f' of {owner}' if owner else ''} (seen on {node.name})",
        hint=f"look at it with fab run.show {run}; go on with run.resume, take it back with run.undo, "
        "or put back what it left with run.clean",
    )


def release(lease: Lease, nodes: Sequence[Node]) -> tuple[str, ...]:
    """Give the lease up on *nodes*; where that fails, nothing is lost: the run can be resumed or cleaned.

    Returns:
        The names of the nodes that keep it.
    """
    kept = []
    for node in nodes:
        try:
            if script(node, guard.release(), *lease.arguments(), timeout=WAIT + _SECONDS).exit != Guard.OK:
                kept.append(node.name)
        except NodeError:
            kept.append(node.name)
    return tuple(kept)


def _said(result: CommandResult) -> str:
    return (result.text.strip() or result.error_text.strip() or f"exit status {result.exit}").splitlines()[-1]
