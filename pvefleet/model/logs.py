"""The report of ``cluster.logs``: messages of many nodes in the order in which they happened."""

from __future__ import annotations

from dataclasses import dataclass

from pvefleet.model.errors import ExitCode


@dataclass(frozen=True, slots=True)
class LogLine:
    """One message.

    Attributes:
        when: by our clock, seconds since the epoch: the node's time less what its clock is off.
        node: the node's name in hosts.toml.
        program: who says it.
        priority: 0 (emergency) to 7 (debug); None where none is stated.
        message: the text.
    """

    when: float
    node: str
    program: str
    priority: int | None
    message: str


@dataclass(frozen=True, slots=True)
class LogSource:
    """One node's share.

    Attributes:
        node: its name.
        lines: how many messages came from it.
        cut: did it have more than were asked for?
        clock_offset_seconds: what its times were corrected by; None where it was not read.
        error: why nothing came; empty where it was read.
    """

    node: str
    lines: int
    cut: bool
    clock_offset_seconds: float | None
    error: str


@dataclass(frozen=True, slots=True)
class LogsReport:
    """All messages, the oldest first.

    Attributes:
        units: what was asked for.
        since: from when on, as it was asked for.
        lines: the messages.
        nodes: what came from where.
        exit_code: 0; 4 where a node was not read; 11 where none was.
    """

    units: tuple[str, ...]
    since: str
    lines: tuple[LogLine, ...]
    nodes: tuple[LogSource, ...]
    exit_code: ExitCode
