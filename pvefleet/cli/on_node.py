"""``inv`` on a node: the same tasks, seen from the one machine we stand on. No SSH library is imported."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pvefleet.cli.context import FleetContext
from pvefleet.cli.environment import Environment, current
from pvefleet.cli.fleet import Fleet
from pvefleet.cli.scope import Targets
from pvefleet.model.errors import UsageError
from pvefleet.model.inventory import Endpoint, NodeEntry, Policy

if TYPE_CHECKING:
    from pvefleet.cli.task import FleetTask

LOCAL = "pvefleet_local"
"""Key of the configuration by which tasks.py says that tasks run on the node they are started on."""


def context_on_node(context: Any, task: FleetTask, replay: str | None) -> FleetContext:
    """Return the context of a task that ``inv`` started on a node.

    Args:
        context: Invoke's own context.
        task: what was asked for.
        replay: folder of a recording that is to be read instead of the node, or None.

    Raises:
        UsageError: the context is neither ours nor that of ``inv`` on a node, this is no Proxmox VE node, or the task
            needs more than one node's view.
    """
    if not context.config.get(LOCAL, False):
        raise UsageError(
            f"{task.name} was started without pvefleet's executor, and would run on the wrong machine",
            hint="start it with fab from the folder that holds fabric.yaml, or fab -r FOLDER",
        )
    environment = current()
    if replay:
        return FleetContext(context.config, replayed(environment, Path(replay)))
    if task.targets is Targets.NONE:
        return FleetContext(context.config, without_nodes(environment))
    if not environment.executable("pvecm"):
        raise UsageError(
            "inv runs on a Proxmox VE node, for that node's own view; this machine is none (it has no pvecm)",
            hint=f"from here: fab {task_path(task)}",
        )
    if not task.local:
        raise UsageError(
            f"{task.name} needs SSH to the nodes", hint=f"from a workstation: fab -H NODE {task_path(task)}"
        )
    from pvefleet.nodes.local import LocalNode

    name = environment.hostname()
    entry = NodeEntry(name=name, pve_name=name, cluster="", endpoint=Endpoint("localhost", 0))
    fleet = Fleet(environment, "", (entry,), (entry,), (LocalNode(name),), Policy(), here=name)
    return FleetContext(context.config, fleet)


def replayed(environment: Environment, folder: Path) -> Fleet:
    """Return a fleet that reads a recording, and has no node that anything could be done to.

    What the command line and hosts.toml said when it was recorded holds again: the same report comes of it.

    Raises:
        UsageError: it is a broken recording.
    """
    from pvefleet.facts.recording import asked

    then = asked(folder)
    entries = tuple(NodeEntry(name, pve_name, "", Endpoint("", 0)) for name, pve_name in then.nodes)
    targets = tuple(entry for entry in entries if not then.named or entry.name in then.named)
    policy = Policy(rpo_seconds=then.rpo_seconds)
    return Fleet(environment, "", targets, entries, (), policy, named=bool(then.named), replay=folder)


def without_nodes(environment: Environment) -> Fleet:
    """Return a fleet of no node, for a task that needs none."""
    return Fleet(environment, "", (), (), (), Policy())


def task_path(task: FleetTask) -> str:
    """Return what an operator types for *task*: ``cluster.status``."""
    module = task.__module__.rpartition(".")[2]
    return f"{module}.{task.name.replace('_', '-')}"
