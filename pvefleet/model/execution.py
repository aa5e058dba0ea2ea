"""The report of ``cluster.exec``: what one plain command did on each node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pvefleet.model.errors import ExitCode, Unreachable, worst_exit
from pvefleet.model.node import CommandResult
from pvefleet.model.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Execution:
    """One node's share.

    Attributes:
        node: its name.
        via: how it was reached.
        exit: the command's exit status; None where it is not known.
        stdout, stderr: what it printed, undecodable bytes replaced.
        error: why the node gave no result; empty where it did.
        hint: what to do about that.
        seconds: how long it took.
    """

    node: str
    via: str
    exit: int | None
    stdout: str
    stderr: str
    error: str
    hint: str
    seconds: float


@dataclass(frozen=True, slots=True)
class ExecReport:
    """All nodes, in the order they were named.

    Attributes:
        command: what was run.
        nodes: one entry per node.
        exit_code: 0 it ended well everywhere, 22 an outcome is unknown, 11 no node was reached, else 20.
    """

    command: str
    nodes: tuple[Execution, ...]
    exit_code: ExitCode


def exec_report(command: str, outcomes: Sequence[Outcome[CommandResult]]) -> ExecReport:
    """Return the report of *command* from what became of it on each node."""
    codes: list[ExitCode] = []
    rows = []
    for outcome in outcomes:
        result, error = outcome.value, outcome.error
        if error is not None:
            codes.append(ExitCode.STOPPED_MIDWAY if isinstance(error, Unreachable) else error.exit_code)
        elif result is not None and result.exit != 0:
            codes.append(ExitCode.STOPPED_MIDWAY)
        rows.append(
            Execution(
                node=outcome.node,
                via=outcome.via,
                exit=result.exit if result else None,
                stdout=result.text if result else "",
                stderr=result.error_text if result else "",
                error=error.message if error else "",
                hint=error.hint if error else "",
                seconds=round(outcome.seconds, 3),
            )
        )
    reached_none = all(isinstance(outcome.error, Unreachable) for outcome in outcomes)
    return ExecReport(command, tuple(rows), ExitCode.NO_NODE_READ if reached_none else worst_exit(codes))
