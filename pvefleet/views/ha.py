"""``ha.status``, ``ha.rules`` and ``ha.groups`` as text, and HA in one line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pvefleet.model.ha_status import (
    HaGroupRow,
    HaGroupsReport,
    HaManagerRow,
    HaReport,
    HaRuleRow,
    HaRulesReport,
    HaState,
    HaSummary,
    ManagerState,
    Verdict,
)
from pvefleet.views.findings import print_findings
from pvefleet.views.ha_tables import (
    STATE_STYLE,
    VERDICT_STYLE,
    ago,
    print_groups,
    print_nodes,
    print_placements,
    print_rules,
    print_services,
    verdict_word,
)
from pvefleet.views.quorum import quorum_text
from pvefleet.views.words import count

_HA_STYLE = {
    HaState.ARMED: "good",
    HaState.DISARMING: "bad",
    HaState.DISARMED: "bad",
    HaState.UNKNOWN: "bad",
}
_HA_WORD = {
    HaState.NEVER_USED: "never used",
    HaState.IDLE: "idle: no guest is under HA",
    HaState.DISARMED: "DISARMED",
    HaState.DISARMING: "DISARMING",
    HaState.UNKNOWN: "unknown: no node could say",
}
_MANAGER_STYLE = {ManagerState.ACTIVE: "good", ManagerState.SILENT: "bad", ManagerState.UNKNOWN: "unseen"}
_MOST_STATES = 4
_MOST_REASONS = 8


def print_ha(report: HaReport, console: Console) -> None:
    """Print the dashboard: HA as a whole, groups, guests, rules, nodes, findings."""
    _print_head(report, console)
    if report.groups:
        console.print()
        print_groups(report.groups, console)
    if report.services:
        console.print()
        print_services(report.services, console)
    if report.rules:
        console.print()
        print_rules(report.rules, console)
    _print_reasons([*report.groups, *report.rules], console)
    console.print()
    print_nodes(report.nodes, console)
    console.print()
    print_findings(report.findings, console, well=_well(report.here))


def print_ha_rules(report: HaRulesReport, console: Console) -> None:
    """Print the rules, then every guest that a rule speaks of."""
    if report.rules:
        print_rules(report.rules, console)
        console.print()
        print_placements(report.services, console, heading="RULE")
    else:
        console.print("There are no HA rules." if report.seen_by else "No copy of the HA rules was read.")
    console.print()
    print_findings(report.findings, console, well=_well(report.here))


def print_ha_groups(report: HaGroupsReport, console: Console) -> None:
    """Print the groups, then every guest that names one."""
    if report.groups:
        print_groups(report.groups, console)
        console.print()
        print_placements(report.services, console, heading="GROUP")
    elif not report.seen_by:
        console.print("No copy of the HA groups was read.")
    else:
        console.print(
            "There are no HA groups: since Proxmox VE 9 they are rules, see ha.rules."
            if report.migrated
            else "There are no HA groups."
        )
    console.print()
    print_findings(report.findings, console, well=_well(report.here))


def ha_text(summary: HaSummary) -> Text:
    """Return HA in one line: armed or not, the manager, the guests by state, violated rules."""
    text = Text(_HA_WORD.get(summary.state, summary.state.value), _HA_STYLE.get(summary.state, ""))
    if summary.disarm_mode:
        text.append(f" (guests: {summary.disarm_mode})")
    if summary.state in (HaState.UNKNOWN, HaState.NEVER_USED, HaState.IDLE):
        return text
    text.append(", manager ")
    text.append_text(_manager(summary.manager, summary.manager_state, summary.manager_age_seconds))
    text.append(", ")
    text.append_text(_counts(summary, count(summary.services or 0, "guest")))
    if summary.violated:
        text.append(", ")
        text.append(f"{summary.violated} against a rule", "bad")
    return text


def _print_reasons(rows: Sequence[HaGroupRow | HaRuleRow], console: Console) -> None:
    """Print why rules are not quite satisfied; those that are violated or dropped are findings."""
    unsure = [row for row in rows if row.verdict in (Verdict.BEST_EFFORT, Verdict.UNKNOWN)]
    lines = [f"{row.name}: {reason}" for row in unsure for reason in row.reasons]
    if len(lines) > _MOST_REASONS:
        lines[_MOST_REASONS:] = [f"and {len(lines) - _MOST_REASONS} more: ha.rules and ha.groups show all"]
    for line in lines:
        console.print(Text(line, "unseen"))


def _well(here: str) -> str:
    return (
        f"Nothing wrong in the view of {here}; the other nodes were not seen." if here else "Nothing wrong was found."
    )


def _print_head(report: HaReport, console: Console) -> None:
    summary, manager = report.summary, report.manager
    state = Text(_HA_WORD.get(summary.state, summary.state.value), _HA_STYLE.get(summary.state, ""))
    if summary.disarm_mode:
        state.append(f" (guests: {summary.disarm_mode})", "bad")
    lines: list[tuple[str, Text]] = [
        ("Cluster", Text(report.cluster or "none", "title")),
        ("Quorum", quorum_text(report.quorum)),
        ("HA", state),
        ("Manager", _manager(manager.node, manager.state, manager.age_seconds)),
        ("Guests", _counts(summary, str(summary.services))),
    ]
    verdicts = Counter(row.verdict for row in report.services if row.verdict)
    if verdicts:
        lines.append(("Placement", _verdicts(verdicts)))
    if manager.commands_waiting:
        lines.append(("Orders", Text(f"{count(manager.commands_waiting, 'order')} not taken yet", "warn")))
    lines.append(("Last failover", _failover(report)))
    if manager.shutdown_policy:
        lines.append(("Node shutdown", Text(_policy(manager))))
    read = f"{report.nodes_read} of {count(report.nodes_total, 'node')}, {report.taken_at}"
    files = f"; files as on {manager.seen_by}" if manager.seen_by else ""
    lines.append(("Read", Text(read + files)))
    if report.here:
        lines.append(("View", Text(f"of {report.here} alone", "warn")))
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="title")
    grid.add_column()
    for name, text in lines:
        grid.add_row(name, text)
    console.print(grid)


def _manager(node: str | None, state: ManagerState, seconds: float | None) -> Text:
    if state is ManagerState.UNKNOWN:
        return Text("not seen", "unseen")
    if node is None or seconds is None:
        return Text("none", "unseen")
    return Text.assemble(f"{node}, ", (state.value, _MANAGER_STYLE.get(state, "")), f", {ago(seconds)}")


def _counts(summary: HaSummary, total: str) -> Text:
    if summary.services is None:
        return Text("not seen", "unseen")
    text = Text(total)
    for at, one in enumerate(summary.states[:_MOST_STATES]):
        text.append(": " if at == 0 else ", ")
        text.append(f"{one.count} {one.state}", STATE_STYLE.get(one.state, "warn"))
    rest = sum(one.count for one in summary.states[_MOST_STATES:])
    if rest:
        text.append(f", {rest} other")
    return text


def _verdicts(verdicts: Counter[Verdict]) -> Text:
    parts = [
        Text(f"{verdicts[verdict]} {verdict_word(verdict)}", VERDICT_STYLE.get(verdict, "unseen"))
        for verdict in Verdict
        if verdicts[verdict]
    ]
    return Text(", ").join(parts)


def _failover(report: HaReport) -> Text:
    last = report.last_failover
    if last:
        return Text(f"{last.sid} {last.source} -> {last.target}, {last.at}")
    if not report.failovers_seen:
        return Text("?", "unseen")
    return Text("none in 30 days, by the journals of " + ", ".join(report.failovers_seen), "unseen")


def _policy(manager: HaManagerRow) -> str:
    said = {
        "conditional": "a reboot stops and freezes guests, a power-off has them recovered",
        "freeze": "guests are stopped and frozen",
        "failover": "guests are stopped and recovered elsewhere",
        "migrate": "guests are moved away first",
    }
    policy = manager.shutdown_policy or ""
    meaning = f": {said[policy]}" if policy in said else ""
    return f"{policy}{meaning}; placement {manager.scheduling}"
