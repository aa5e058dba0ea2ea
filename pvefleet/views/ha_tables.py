"""Tables of HA: guests, rules, groups, nodes."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from pvefleet.model.ha_status import (
    HaGroupRow,
    HaNodeRow,
    HaRuleRow,
    HaServiceRow,
    Maintenance,
    NodePriority,
    RuleKind,
    Verdict,
)
from pvefleet.views.rows import Cell, Column, print_rows
from pvefleet.views.words import age

VERDICT_STYLE = {
    Verdict.SATISFIED: "good",
    Verdict.BEST_EFFORT: "warn",
    Verdict.VIOLATED: "bad",
    Verdict.IGNORED: "warn",
}
STATE_STYLE = {
    "started": "good",
    "error": "bad",
    "recovery": "bad",
    "fence": "bad",
    "not found": "bad",
    "?": "unseen",
    "stopped": "",
    "disabled": "unseen",
    "ignored": "unseen",
}
_UNKNOWN = ("?", "unseen")
_NOTHING = ("-", "unseen")


def verdict_word(verdict: Verdict) -> str:
    """Return a verdict in words."""
    return verdict.value.replace("-", " ")


def ago(seconds: float) -> str:
    """Return an age as an operator says it."""
    return f"{age(seconds)} ago" if seconds >= 0 else f"{age(-seconds)} in the future"


def print_services(services: Sequence[HaServiceRow], console: Console) -> None:
    """Print one line per guest; on narrow terminals the less urgent columns go first."""
    columns = [
        Column("GUEST"),
        Column("STATE", gives=1),
        Column("NODE", gives=2),
        Column("WANTED", least=56, gives=3),
        Column("PLACE", least=64, gives=1),
        Column("RULES", least=72, gives=4),
        Column("RESTARTS", right=True, least=100),
        Column("MOVES", right=True, least=100),
        Column("FAILBACK", least=120),
        Column("COMMENT", least=140, gives=5),
    ]
    rows: list[list[Cell]] = [
        [
            row.sid,
            (row.state, STATE_STYLE.get(row.state, "warn")),
            _where(row),
            row.requested or _NOTHING,
            _verdict(row.verdict),
            ", ".join(place.name for place in row.placements) or _NOTHING,
            _number(row.max_restart, _NOTHING),
            _number(row.max_relocate, _NOTHING),
            _yes(row.failback),
            row.comment,
        ]
        for row in services
    ]
    print_rows(columns, rows, console)


def print_rules(rules: Sequence[HaRuleRow], console: Console) -> None:
    """Print one line per rule: what it says, and whether it is so."""
    columns = [
        Column("RULE", gives=1),
        Column("SAYS", gives=4),
        Column("VERDICT"),
        Column("TYPE", least=120),
        Column("COMMENT", least=140, gives=5),
    ]
    rows: list[list[Cell]] = [[row.name, _says(row), _verdict(row.verdict), row.type, row.comment] for row in rules]
    print_rows(columns, rows, console)


def print_groups(groups: Sequence[HaGroupRow], console: Console) -> None:
    """Print one line per group."""
    columns = [
        Column("GROUP", gives=1),
        Column("NODES", least=48, gives=3),
        Column("RESTRICTED", least=60),
        Column("FAILBACK", least=68),
        Column("GUESTS", right=True),
        Column("VERDICT"),
        Column("COMMENT", least=140, gives=5),
    ]
    rows: list[list[Cell]] = [
        [
            row.name,
            _nodes(row.nodes),
            _yes(row.restricted),
            _yes(not row.nofailback),
            str(len(row.resources)),
            _verdict(row.verdict),
            row.comment,
        ]
        for row in groups
    ]
    print_rows(columns, rows, console)


def print_placements(services: Sequence[HaServiceRow], console: Console, *, heading: str) -> None:
    """Print one line for each guest and each rule or group that speaks of it.

    Args:
        services: the guests.
        console: where.
        heading: what stands over the names of the rules or groups.
    """
    columns = [
        Column("GUEST"),
        Column("NODE", gives=2),
        Column(heading, gives=3),
        Column("VERDICT"),
        Column("WHY", least=72, gives=4),
    ]
    rows: list[list[Cell]] = [
        [row.sid, _where(row), place.name, _verdict(place.verdict), (place.reason, "unseen")]
        for row in services
        for place in row.placements
    ]
    print_rows(columns, rows, console)


def print_nodes(nodes: Sequence[HaNodeRow], console: Console) -> None:
    """Print one line per node: what the manager, the agent and the watchdog say."""
    columns = [
        Column("NODE", gives=1),
        Column("STATUS"),
        Column("AGENT", gives=1),
        Column("REPORTED", least=56, gives=2),
        Column("MAINTENANCE", least=72),
        Column("GUESTS", right=True, least=44),
        Column("WATCHDOG", least=52),
        Column("DRIVER", least=100, gives=3),
        Column("DAEMONS", least=120, gives=4),
    ]
    rows: list[list[Cell]] = [
        [
            row.name,
            _state(row),
            (row.agent, _agent_style(row.agent)) if row.agent else _UNKNOWN,
            _UNKNOWN if row.agent_age_seconds is None else ago(row.agent_age_seconds),
            _maintenance(row.maintenance),
            _number(row.services, _UNKNOWN),
            _watchdog(row.watchdog_armed),
            _UNKNOWN if row.watchdog_driver is None else row.watchdog_driver or "none",
            _daemons(row),
        ]
        for row in nodes
    ]
    print_rows(columns, rows, console)


def _state(row: HaNodeRow) -> Cell:
    if row.state is None:
        return _UNKNOWN if row.services is None else _NOTHING
    return row.state, "good" if row.state == "online" else "warn"


def _where(row: HaServiceRow) -> Cell:
    if row.node is None:
        return _NOTHING
    if row.target is None:
        return row.node
    taken = f" for {age(row.moving_seconds)}" if row.moving_seconds is not None else ""
    return f"{row.node} -> {row.target}{taken}"


def _verdict(verdict: Verdict | None) -> Cell:
    if verdict is None:
        return _NOTHING
    if verdict is Verdict.UNKNOWN:
        return _UNKNOWN
    return verdict_word(verdict), VERDICT_STYLE.get(verdict, "unseen")


def _number(value: int | None, none: Cell) -> Cell:
    return none if value is None else str(value)


def _yes(value: bool | None) -> Cell:
    return _NOTHING if value is None else ("yes" if value else "no")


def _says(row: HaRuleRow) -> str:
    guests = " ".join(row.resources)
    if row.kind is RuleKind.NODE_AFFINITY:
        if row.affinity == "negative":
            word = "never on" if row.strict else "away from"
        else:
            word = "only on" if row.strict else "on"
        return f"{guests} {word} {_nodes(row.nodes)}"
    if row.kind is RuleKind.RESOURCE_AFFINITY:
        words = {"positive": "together", "negative": "apart"}
        return f"{guests} {words.get(row.affinity or '', row.affinity or '?')}"
    return f"{guests} ({row.type})"


def _nodes(nodes: Sequence[NodePriority]) -> str:
    return " ".join(f"{one.node}:{one.priority}" if one.priority else one.node for one in nodes)


def _agent_style(word: str) -> str:
    return {"active": "good", "idle": "good"}.get(word, "bad" if word in ("silent", "lost_agent_lock") else "warn")


def _maintenance(state: Maintenance | None) -> Cell:
    if state is None:
        return _UNKNOWN
    return state.value, "" if state is Maintenance.NO else "warn"


def _watchdog(armed: bool | None) -> Cell:
    if armed is None:
        return _UNKNOWN
    return ("armed", "good") if armed else "released"


def _daemons(row: HaNodeRow) -> Cell:
    states = {"watchdog-mux": row.watchdog_mux, "crm": row.crm, "lrm": row.lrm}
    if None in states.values():
        return _UNKNOWN
    down = [f"{name} {state}" for name, state in states.items() if state != "active"]
    return (", ".join(down), "bad") if down else ("active", "good")
