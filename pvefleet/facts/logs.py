"""Journals of many nodes: read on each, merged by corrected time. Needs neither quorum nor pmxcfs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from heapq import merge

from parsers import journal_json
from parsers.errors import ParseError
from parsers.journal_json import JournalEntry
from pvefleet.model.errors import ExitCode, NodeError
from pvefleet.model.logs import LogLine, LogSource, LogsReport
from pvefleet.model.node import CommandResult, Node
from pvefleet.model.outcome import Outcome
from pvefleet.model.remote_files import script

SECONDS = 20.0
"""Limit of one look at a node's journal."""

# journalctl -g ends with 1 where nothing matches; its errors have a text on standard error.
_SCRIPT = """\
export TZ=UTC
date +%s.%N
exec timeout -k 1 18 journalctl -o json --no-pager -q "$@"
"""
_NO_MATCH = 1


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for.

    Attributes:
        units: systemd units.
        since: a systemd time, such as ``-1h``, ``@1795563185`` or ``2026-11-24 23:00:00``.
        grep: a pattern, or empty.
        lines: at most so many messages per node, the newest.
    """

    units: tuple[str, ...]
    since: str
    grep: str
    lines: int

    def arguments(self) -> tuple[str, ...]:
        """Return the arguments of ``journalctl``; one message more is asked for, to tell that there are more."""
        units = tuple(part for unit in self.units for part in ("-u", unit))
        pattern = ("-g", self.grep) if self.grep else ()
        return (*units, "--since", self.since, "-n", str(self.lines + 1), *pattern)


@dataclass(frozen=True, slots=True)
class NodeLog:
    """What one node's journal gave.

    Attributes:
        entries: the messages, the oldest first.
        offset: the node's clock minus ours, seconds.
    """

    entries: tuple[JournalEntry, ...]
    offset: float


@dataclass(frozen=True, slots=True)
class LogAnswer:
    """What a node answered, undigested, with our own clock around it in seconds since the epoch."""

    result: CommandResult
    sent: float
    received: float


def ask(node: Node, query: Query, *, clock: Callable[[], float]) -> LogAnswer:
    """Ask *node* for the messages that *query* means.

    Raises:
        NodeError: the node was not reached.
    """
    sent = clock()
    result = script(node, _SCRIPT, *query.arguments(), timeout=SECONDS)
    return LogAnswer(result, sent, clock())


def understood(outcome: Outcome[LogAnswer]) -> Outcome[NodeLog]:
    """Return a node's messages, or why there are none: not reached, journalctl failed, output not understood."""
    answer = outcome.value
    if answer is None:
        return Outcome(outcome.node, None, outcome.error, outcome.seconds, outcome.via)
    stamp, _, text = answer.result.text.partition("\n")
    said = answer.result.error_text.strip()
    log, error = None, None
    if answer.result.exit != 0 and (answer.result.exit != _NO_MATCH or said):
        why = said or f"exit status {answer.result.exit}"
        error = NodeError(outcome.node, f"journalctl on {outcome.node}: {why}")
    else:
        try:
            # The script has hardly begun when it reads the clock: the way there is the smaller part of the doubt.
            log = NodeLog(journal_json.read(text), float(stamp) - min(answer.sent + 0.05, answer.received))
        except (ParseError, ValueError) as problem:
            error = NodeError(outcome.node, f"journalctl on {outcome.node}: {problem}")
            error.exit_code = ExitCode.NOT_UNDERSTOOD
    return Outcome(outcome.node, log, error, outcome.seconds, outcome.via)


def logs_report(query: Query, outcomes: Sequence[Outcome[NodeLog]]) -> LogsReport:
    """Return the messages of all nodes in the order in which they happened."""
    sources = []
    streams = []
    for outcome in outcomes:
        log = outcome.value
        entries = log.entries[-query.lines :] if log else ()
        sources.append(
            LogSource(
                node=outcome.node,
                lines=len(entries),
                cut=bool(log and len(log.entries) > query.lines),
                clock_offset_seconds=round(log.offset, 3) if log else None,
                error=outcome.error.message if outcome.error else "",
            )
        )
        if log:
            streams.append([_line(outcome.node, entry, log.offset) for entry in entries])
    missing = sum(1 for source in sources if source.error)
    code = ExitCode.NO_NODE_READ if missing == len(sources) else ExitCode.WARNING if missing else ExitCode.OK
    lines = tuple(merge(*streams, key=lambda line: line.when))
    return LogsReport(query.units, query.since, lines, tuple(sources), code)


def _line(node: str, entry: JournalEntry, offset: float) -> LogLine:
    # A clock that is right within the measurement's doubt is left alone: its own order is the better one.
    shift = offset if abs(offset) > 0.5 else 0.0
    program = entry.identifier or entry.unit.removesuffix(".service")
    return LogLine(round(entry.realtime / 1e6 - shift, 6), node, program, entry.priority, entry.message)
