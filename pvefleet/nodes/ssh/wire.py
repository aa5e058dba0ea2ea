"""What is sent to a node's login shell for one command, and how the answer is read.

The command runs under the node's own ``timeout -k 2``, so that it ends there even if we are cut off. ``timeout`` says
124 (or dies of its own SIGKILL: 137) when it had to stop the command, but a command may also end with 124 or 137 by
itself. In that case alone a small shell between the two writes a mark that we know, which is taken out of the standard
error again.
"""

from __future__ import annotations

import secrets
import shlex
from dataclasses import dataclass

from pvefleet.model.node import CommandResult

KILL_AFTER = 2.0
"""Seconds from SIGTERM to SIGKILL on the node."""

_STOPPED = (124, 137)
_SHORTEST = 0.001
"""`timeout 0` would mean no limit at all."""

_OUTER = (
    f'seconds=$1 inner=$2; shift 2; timeout -k {KILL_AFTER:g} "$seconds" /bin/sh -c "$inner" pvefleet "$@"; exit $?'
)
"""Its own shell, so that a ``timeout`` that kills itself with its group still yields an exit status."""

_INNER = (
    "mark=$1; shift; stopped=; trap stopped=yes TERM; exec 3>&2 2>/dev/null;"
    ' (exec "$@" 2>&3 3>&-); status=$?;'
    ' case $stopped$status in 124|137) printf %s "$mark" >&3; esac; exit $status'
)
"""A trap is not inherited by the command, and lets this shell outlive SIGTERM until the command has ended too. Its own
remarks ("Killed") are not the command's and go nowhere."""


@dataclass(frozen=True, slots=True)
class Request:
    """One command ready to be sent.

    Attributes:
        line: what the login shell gets: one simple command, quoted once.
        mark: what stands in the standard error if 124 or 137 was the command's own exit status.
        seconds: the limit the node keeps.
    """

    line: str
    mark: bytes
    seconds: float

    def result(self, status: int, stdout: bytes, stderr: bytes, elapsed: float) -> CommandResult | None:
        """Read the answer.

        Args:
            status: the exit status that sshd reported.
            stdout: the standard output.
            stderr: the standard error, perhaps with the mark in it.
            elapsed: seconds from sending to the exit status.

        Returns:
            The result, or None if ``timeout`` stopped the command.
        """
        if status in _STOPPED:
            if self.mark in stderr:
                return CommandResult(status, stdout, stderr.replace(self.mark, b"", 1))
            if elapsed >= self.seconds:
                return None
        return CommandResult(status, stdout, stderr)


def request(argv: tuple[str, ...], seconds: float) -> Request:
    """Prepare *argv* to run for at most *seconds*.

    Raises:
        ValueError: *argv* is empty or *seconds* is not positive.
    """
    if not argv or seconds <= 0:
        raise ValueError("a command needs a program and a time limit above 0")
    mark = f"<{secrets.token_hex(16)}>"
    limit = f"{max(seconds, _SHORTEST):.3f}"
    wrapped = ("env", "LC_ALL=C.UTF-8", "/bin/sh", "-c", _OUTER, "pvefleet", limit, _INNER, mark, *argv)
    return Request(shlex.join(wrapped), mark.encode(), seconds)
