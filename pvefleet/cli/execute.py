"""``cluster.exec``: one plain command on many nodes."""

from __future__ import annotations

from pvefleet.cli.fleet import Fleet
from pvefleet.model.errors import UsageError
from pvefleet.model.execution import ExecReport, exec_report
from pvefleet.model.node import CommandResult, Node


def execute(fleet: Fleet, command: str, seconds: str) -> ExecReport:
    """Run *command* through the node's ``/bin/sh`` on every target, side by side.

    Args:
        fleet: the targets; text after ``--`` is the command where *command* is empty.
        command: the value of ``--command``.
        seconds: the value of ``--timeout``: limit on each node.

    Raises:
        UsageError: no command, two commands, or a limit that is no number.
    """
    if bool(command) == bool(fleet.remainder):
        raise UsageError(
            "cluster.exec takes one command, after -- or as --command",
            hint="for example: fab -H pve01,pve02 cluster.exec -- uptime -p",
        )
    text = command or fleet.remainder
    try:
        limit = float(seconds) if seconds else fleet.policy.command_seconds
    except ValueError:
        limit = 0.0
    if not 0 < limit <= 86400:
        raise UsageError(f"--timeout takes seconds between 0 and 86400, not {seconds!r}")

    def work(node: Node) -> CommandResult:
        return node.run(("/bin/sh", "-c", text), timeout=limit)

    return exec_report(text, fleet.fan_out(work, nodes=fleet.target_nodes(), seconds=limit))
