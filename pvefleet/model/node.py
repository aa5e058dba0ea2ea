"""What a node is to the rest of pvefleet: a name, and a way to run one command there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a native command left behind.

    Attributes:
        exit: the exit status; 128 + N if signal N ended it.
        stdout: what it printed, undecoded.
        stderr: what it complained about, undecoded.
    """

    exit: int
    stdout: bytes
    stderr: bytes

    @property
    def text(self) -> str:
        """Standard output as UTF-8, with undecodable bytes replaced."""
        return self.stdout.decode("utf-8", "replace")

    @property
    def error_text(self) -> str:
        """Standard error as UTF-8, with undecodable bytes replaced."""
        return self.stderr.decode("utf-8", "replace")


class Node(Protocol):
    """One machine, reached over SSH or the one we stand on."""

    @property
    def name(self) -> str:
        """The node's name in hosts.toml (locally: ``uname -n``)."""

    @property
    def via(self) -> str:
        """How it is reached: ``local``, ``address:port`` or ``address:port via PEER``; empty before that."""

    def run(self, argv: tuple[str, ...], *, timeout: float, stdin: bytes = b"") -> CommandResult:
        """Run *argv* there, without a shell of ours in between, and wait for it.

        Args:
            argv: program and arguments; quoted exactly once, at the edge.
            timeout: seconds until the command is stopped on the node itself.
            stdin: bytes for its standard input, which is then closed. Secrets travel here, never in argv.

        Returns:
            The exit status and both streams; a non-zero exit is a result, not an error.

        Raises:
            Unreachable: nothing was run.
            TimedOut: the command was stopped after *timeout* seconds.
            OutcomeUnknown: the connection was lost while it ran.
        """

    def close(self) -> None:
        """Give back whatever the node holds open. Never raises; may be called twice."""
