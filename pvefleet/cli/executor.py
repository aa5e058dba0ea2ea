"""Our executor for stock ``fab``: one call per task whatever ``-H`` names, on strict connections of our own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import fabric
from invoke.exceptions import Exit
from invoke.tasks import Call, Task

from pvefleet.cli.context import FleetContext
from pvefleet.cli.environment import Environment, current
from pvefleet.cli.fleet import Fleet, project_root
from pvefleet.cli.on_node import replayed, task_path, without_nodes
from pvefleet.cli.scope import Targets, choose
from pvefleet.cli.task import NODE_ARGUMENT, FleetTask, report_error
from pvefleet.model.errors import ExitCode, PvefleetError, UsageError, worst_exit
from pvefleet.model.inventory import NodeEntry
from pvefleet.model.node import Node


class FleetCall(Call):
    """A call of one of our tasks, with the fleet it is about."""

    fleet: Fleet

    def make_context(self, config: Any, **_more: Any) -> FleetContext:
        """Return the task's context. Later versions of Invoke hand in more; we need none of it."""
        return FleetContext(config, self.fleet)


class FleetExecutor(fabric.Executor):  # type: ignore[misc]
    """Named by fabric.yaml. Resolves ``-H`` through hosts.toml before anything connects, and sums up the exit codes."""

    def execute(self, *tasks: Any) -> dict[Task[Any], Any]:
        """Run the tasks in order and end with the worst of their exit codes.

        Raises:
            Exit: a code other than 0.
        """
        try:
            results: dict[Task[Any], Any] = super().execute(*tasks)
        except PvefleetError as error:
            report_error(error)
            raise Exit(code=int(error.exit_code)) from error
        code = worst_exit([result for result in results.values() if isinstance(result, ExitCode)])
        if code:
            raise Exit(code=int(code))
        return results

    def expand_calls(self, calls: list[Any], apply_hosts: bool = True) -> list[Call]:
        """Return one call per task. A task that is not ours may run here, but never with ``-H``."""
        arguments = self.core[0].args
        hosts = arguments.hosts.value if apply_hosts else None
        if self.config.run.dry:
            raise UsageError(
                "--dry opens connections and then feeds empty output to the parsers", hint="use --plan of a change"
            )
        expanded = []
        for call in calls:
            if not isinstance(call.task, FleetTask):
                if hosts:
                    raise UsageError(f"{call.task.name} is not one of pvefleet's tasks and cannot run on nodes")
                expanded.append(call)
                continue
            ours = call.clone(into=FleetCall)
            replay = call.kwargs.get("replay")
            if call.task.targets is Targets.NONE:
                if hosts:
                    raise UsageError(f"{task_path(call.task)} needs no node: leave -H out")
                ours.fleet = without_nodes(current())
            else:
                named = _named(call.task, call.kwargs, hosts)
                if replay and hosts:
                    raise UsageError("--replay shows what was recorded, of the nodes named then", hint="leave -H out")
                ours.fleet = replayed(current(), Path(replay)) if replay else self._fleet(call.task, named)
            expanded.append(ours)
        return expanded

    def dedupe(self, calls: list[Call]) -> list[Call]:
        """Keep every call: the same task twice is meant."""
        return calls

    def _fleet(self, task: FleetTask, hosts: str | None) -> Fleet:
        from pvefleet.nodes.inventory import load, select

        environment = current()
        inventory = load(environment.hosts_toml(project_root()))
        cluster, chosen = choose(inventory, hosts, task.targets, task_path(task), select)
        entries = tuple(self._override(entry) for entry in cluster.nodes)
        targets = tuple(next(entry for entry in entries if entry.name == one.name) for one in chosen)
        seconds = self.core[0].args["connect-timeout"].value
        policy = replace(cluster.policy, connect_seconds=float(seconds)) if seconds else cluster.policy
        mine = replace(cluster, nodes=entries, policy=policy)
        clusters = tuple(mine if one.name == cluster.name else one for one in inventory.clusters)
        inventory = replace(inventory, clusters=clusters)
        passphrase = _asker(self.config, environment)

        def opener(some: Sequence[NodeEntry]) -> tuple[Node, ...]:
            from pvefleet.nodes.ssh.connect import ssh_nodes

            return ssh_nodes(some, inventory, passphrase=passphrase, peers=entries)

        return Fleet(
            environment=environment,
            cluster=cluster.name,
            targets=targets,
            entries=entries,
            nodes=opener(entries) if task.connects else (),
            policy=policy,
            inventory=inventory,
            named=bool(hosts),
            remainder=self.core.remainder,
            passphrase=passphrase,
            _open=opener,
        )

    def _override(self, entry: NodeEntry) -> NodeEntry:
        """Let ``-i FILE`` win over hosts.toml, as it does over ssh_config."""
        identities = self.core[0].args.identity.value
        return replace(entry, identity=Path(identities[0]).expanduser()) if identities else entry


def _named(task: FleetTask, arguments: dict[str, Any], hosts: str | None) -> str | None:
    """Return the nodes that a command line names: by ``-H``, or by the argument that stands in its place."""
    if not task.names_node:
        return hosts
    if hosts:
        raise UsageError(f"{task_path(task)} takes its node as an argument", hint="leave -H out")
    return str(arguments[NODE_ARGUMENT])


def _asker(config: Any, environment: Environment) -> Callable[[Path], str | None]:
    """Return what knows or asks for the passphrase of a private key."""

    def passphrase(path: Path) -> str | None:
        given = config.connect_kwargs.get("passphrase")
        if given is not None:
            return str(given)
        if not environment.interactive:
            return None
        from pvefleet.views.prompt import ask_secret

        return ask_secret(f"Passphrase for {path}: ")

    return passphrase
