"""From a command line to a fleet: which cluster is meant, which of its nodes, and is that allowed?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from pvefleet.model.errors import UsageError

if TYPE_CHECKING:  # every --list comes here for Targets, and needs no inventory
    from pvefleet.model.inventory import ClusterEntry, Inventory, NodeEntry


class Targets(StrEnum):
    """How many nodes a task acts on."""

    ANY = "any"
    """What ``-H`` names, else the whole cluster."""
    NAMED = "named"
    """What ``-H`` names; there is no default."""
    ONE = "one"
    """Exactly one node, named by ``-H``."""
    NONE = "none"
    """No node at all: it runs here, and needs neither hosts.toml nor a cluster."""


Select: TypeAlias = "Callable[[Inventory, Sequence[str]], tuple[NodeEntry, ...]]"


def choose(
    inventory: Inventory, hosts: str | None, targets: Targets, task: str, select: Select
) -> tuple[ClusterEntry, tuple[NodeEntry, ...]]:
    """Return the cluster and the targets that a command line means.

    Args:
        inventory: hosts.toml.
        hosts: the value of ``-H``, or None.
        targets: what the task takes.
        task: its name, for messages.
        select: resolves names and groups.

    Raises:
        UsageError: an unknown name, nodes of two clusters, too many or too few targets, or no cluster that is meant.
    """
    if hosts is None or not hosts.strip():
        if hosts is not None or targets is not Targets.ANY:
            count = "exactly one node" if targets is Targets.ONE else "the nodes it is about"
            raise UsageError(f"{task} takes {count} by -H", hint=f"for example: fab -H {_example(inventory)} {task}")
        cluster = _default(inventory)
        return cluster, cluster.nodes
    chosen = select(inventory, hosts.split(","))
    names = sorted({entry.cluster for entry in chosen})
    if len(names) != 1:
        raise UsageError(
            f"-H names nodes of {len(names)} clusters: {', '.join(names)}", hint="one command, one cluster"
        )
    if targets is Targets.ONE and len(chosen) != 1:
        raise UsageError(f"{task} takes exactly one node, -H names {len(chosen)}: {', '.join(e.name for e in chosen)}")
    return next(cluster for cluster in inventory.clusters if cluster.name == names[0]), chosen


def _default(inventory: Inventory) -> ClusterEntry:
    if len(inventory.clusters) == 1:
        return inventory.clusters[0]
    for cluster in inventory.clusters:
        if cluster.default:
            return cluster
    raise UsageError(
        f"{inventory.path.name} lists {len(inventory.clusters)} clusters and none is marked default = true",
        hint="name one: fab -H @" + " or @".join(cluster.name for cluster in inventory.clusters),
    )


def _example(inventory: Inventory) -> str:
    return inventory.nodes[0].name if inventory.nodes else "NODE"
