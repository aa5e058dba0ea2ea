"""``cluster.logs``: one look at the journals, or a look every two seconds until interrupted."""

from __future__ import annotations

import re
from collections.abc import Iterator

from pvefleet.cli.fleet import Fleet
from pvefleet.facts import log_recording, logs
from pvefleet.facts.logs import LogAnswer, NodeLog, Query
from pvefleet.model.errors import UsageError
from pvefleet.model.logs import LogsReport
from pvefleet.model.node import Node
from pvefleet.model.outcome import Outcome

UNITS = ("corosync", "pve-cluster", "pve-ha-crm", "pve-ha-lrm", "watchdog-mux")
_POLL_SECONDS = 2.0
_MOST_LINES = 100_000
_AGE = re.compile(r"\d+\s*(?:s|sec|m|min|h|d|w)\Z")
_MOMENT = re.compile(
    r"(?:@\d+(?:\.\d+)?|today|yesterday|\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d(?::\d\d)?)?|\d\d:\d\d(?::\d\d)?)\Z"
)


def query(*, unit: str, since: str, grep: str, lines: str) -> Query:
    """Return what the options of a command line ask for.

    Raises:
        UsageError: an option's value is not what it has to be.
    """
    units = tuple(one.strip() for one in unit.split(",") if one.strip()) if unit else UNITS
    for one in units:
        if not re.match(r"[A-Za-z0-9][A-Za-z0-9@:._\\-]*\Z", one):
            raise UsageError(f"--unit takes names of systemd units, not {one!r}")
    if _AGE.match(since):
        when = f"-{since.replace(' ', '')}"
    elif _MOMENT.match(since):
        when = since.replace("T", " ")
    else:
        raise UsageError(f"--since takes an age (90s, 15m, 2h, 1d) or a moment, not {since!r}", hint="--since 2h")
    if not lines.isdigit() or not 0 < int(lines) <= _MOST_LINES:
        raise UsageError(f"--lines takes a number up to {_MOST_LINES}, not {lines!r}")
    return Query(units, when, grep, int(lines))


def look(fleet: Fleet, asked: Query) -> LogsReport:
    """Read every target's journal once, or a recording of that, and return the merged messages.

    Raises:
        UsageError: a recording that is none, or was made with other options than these.
    """
    if fleet.replay is not None:
        then, answers = log_recording.load(fleet.replay)
        if asked != then:
            raise UsageError(
                f"the recording in {fleet.replay} was made with other options",
                hint=f"units {','.join(then.units)}, since {then.since}, grep {then.grep!r}, lines {then.lines}",
            )
        return logs.logs_report(asked, [logs.understood(answer) for answer in answers])
    clock = fleet.environment.clock
    answers = fleet.fan_out(
        lambda node: logs.ask(node, asked, clock=clock), nodes=fleet.target_nodes(), seconds=logs.SECONDS
    )
    if fleet.record is not None:
        log_recording.save(asked, answers, fleet.record)
    return logs.logs_report(asked, [logs.understood(answer) for answer in answers])


def follow(fleet: Fleet, asked: Query) -> Iterator[LogsReport]:
    """Yield a report with the messages that are new since the last one, for ever; the caller stops by interrupting.

    Raises:
        UsageError: it is to be recorded or replayed.
    """
    if fleet.replay is not None or fleet.record is not None:
        raise UsageError("--follow goes on for ever: it cannot be recorded or replayed", hint="leave --follow out")
    last: dict[str, tuple[int, frozenset[str]]] = {}

    def work(node: Node) -> LogAnswer:
        since = f"@{last[node.name][0] / 1e6:.6f}" if node.name in last else asked.since
        ask = Query(asked.units, since, asked.grep, asked.lines)
        return logs.ask(node, ask, clock=fleet.environment.clock)

    while True:
        outcomes = fleet.fan_out(work, nodes=fleet.target_nodes(), seconds=logs.SECONDS)
        yield logs.logs_report(asked, [_new(logs.understood(outcome), last) for outcome in outcomes])
        fleet.environment.pause(_POLL_SECONDS)


def _new(outcome: Outcome[NodeLog], last: dict[str, tuple[int, frozenset[str]]]) -> Outcome[NodeLog]:
    """Drop what was shown already: messages of the last moment come again, by their time and text they are known."""
    log = outcome.value
    if log is None:
        return outcome
    moment, shown = last.get(outcome.node, (-1, frozenset()))
    fresh = tuple(e for e in log.entries if e.realtime > moment or (e.realtime == moment and e.message not in shown))
    if fresh:
        newest = fresh[-1].realtime
        texts = frozenset(e.message for e in fresh if e.realtime == newest)
        last[outcome.node] = (newest, texts | shown if newest == moment else texts)
    elif outcome.node not in last and log.entries:
        last[outcome.node] = (log.entries[-1].realtime, frozenset())
    return Outcome(outcome.node, NodeLog(fresh, log.offset), None, outcome.seconds, outcome.via)
