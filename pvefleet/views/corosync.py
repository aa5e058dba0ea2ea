"""The configuration of corosync: what is written, where copies and daemons differ, the timers that follow."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pvefleet.model.corosync_report import CorosyncReport, Origin, Reload, TimerRow, Waits
from pvefleet.model.totem import Timers
from pvefleet.views.findings import print_findings
from pvefleet.views.rows import Cell, Column, print_rows

_UNKNOWN: Cell = ("?", "unseen")
_NOTHING: Cell = ("-", "unseen")
_WAITS = {
    Waits.COPY: "a copy",
    Waits.RELOAD: "a reload",
    Waits.NEXT_RELOAD: "the next reload",
    Waits.RESTART: "a restart",
    Waits.REFUSED: "is refused",
}
_RELOAD: dict[Reload, Cell] = {
    Reload.OK: ("ok", "good"),
    Reload.REFUSED: ("refused", "bad"),
    Reload.NONE: _NOTHING,
    Reload.UNKNOWN: _UNKNOWN,
}
_TIMES = (
    ("a node is lost", "node_loss", "until the others go on without it"),
    ("a link is lost", "link_loss", "until it shows as down"),
    ("a link returns", "link_return", "until it shows as connected"),
    ("a reload", "reload", "until every member runs the new version"),
    ("a bad reload", "cut_shows", "until a cluster that it has cut shows itself"),
    ("a restart", "rejoin", "until it is a member with a writable /etc/pve"),
)


def print_corosync(report: CorosyncReport, console: Console) -> None:
    """Print the configuration, the copies, what differs, the effective timers and the findings."""
    _print_head(report, console)
    if report.settings:
        console.print()
        rows: list[list[Cell]] = [[one.key, one.value] for one in report.settings]
        print_rows([Column("SETTING"), Column("VALUE")], rows, console)
    if report.members:
        console.print()
        _print_members(report, console)
    console.print()
    _print_copies(report, console)
    if report.drift:
        console.print()
        _print_drift(report, console)
    if report.timers:
        console.print()
        _print_timers(report.timers, console)
    if report.times is not None:
        console.print()
        _print_times(report.times, console)
    console.print()
    well = "Nothing wrong was found."
    if report.here:
        well = f"Nothing wrong in the view of {report.here}; the other nodes were not seen."
    print_findings(report.findings, console, well=well)


def _print_head(report: CorosyncReport, console: Console) -> None:
    version = Text("?", "unseen") if report.config_version is None else Text(str(report.config_version))
    running = {row.running_version for row in report.copies if row.running_version is not None}
    if report.config_version is not None and running == {report.config_version}:
        version.append(" on every node read", "unseen")
    elif running:
        version.append(f", running: {', '.join(map(str, sorted(running)))}", "warn")
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="title")
    grid.add_column()
    grid.add_row("Cluster", Text(report.cluster or "none", "title"))
    grid.add_row("Config version", version)
    grid.add_row("Read", Text(f"{report.nodes_read} of {report.nodes_total} nodes, {report.taken_at}"))
    if report.here:
        grid.add_row("View", Text(f"of {report.here} alone", "warn"))
    console.print(grid)


def _print_members(report: CorosyncReport, console: Console) -> None:
    links = sorted({one.link for row in report.members for one in row.addresses})
    columns = [Column("NODE"), Column("ID", right=True), Column("VOTES", right=True)]
    columns += [Column(f"LINK {link}", gives=1) for link in links]
    rows: list[list[Cell]] = []
    for row in report.members:
        addresses = {one.link: one.address for one in row.addresses}
        rows.append([row.name, str(row.nodeid), str(row.votes), *(addresses.get(link, _NOTHING) for link in links)])
    print_rows(columns, rows, console)


def _print_copies(report: CorosyncReport, console: Console) -> None:
    columns = [
        Column("COPIES"),
        Column("/etc/pve", right=True),
        Column("/etc/corosync", right=True),
        Column("SAME"),
        Column("RUNS", right=True),
        Column("LAST RELOAD"),
        Column("NOTE", gives=1),
    ]
    rows: list[list[Cell]] = [
        [
            row.name,
            _version(row.cluster_version, report.config_version),
            _version(row.local_version, report.config_version),
            _UNKNOWN if row.same is None else ("yes", "good") if row.same else ("no", "bad"),
            _version(row.running_version, report.config_version),
            _RELOAD[row.reload],
            (row.note, "unseen"),
        ]
        for row in report.copies
    ]
    print_rows(columns, rows, console)


def _version(version: int | None, newest: int | None) -> Cell:
    if version is None:
        return _UNKNOWN
    return str(version), "" if version == newest else "warn"


def _print_drift(report: CorosyncReport, console: Console) -> None:
    read = sum(1 for row in report.copies if row.local_version is not None)
    columns = [
        Column("DIFFERS", gives=1),
        Column("/etc/pve", gives=2, least=96),
        Column("FILE", gives=2),
        Column("RUNS", gives=2),
        Column("WAITS FOR"),
        Column("ON", gives=3),
    ]
    rows: list[list[Cell]] = [
        [
            row.key,
            row.record or _NOTHING,
            row.local or _NOTHING,
            row.running or _NOTHING,
            (_WAITS[row.waits], "unseen" if row.waits is Waits.NEXT_RELOAD else "warn"),
            "all nodes read" if 1 < read == len(row.nodes) else ", ".join(row.nodes),
        ]
        for row in report.drift
    ]
    print_rows(columns, rows, console)


def _print_timers(timers: Sequence[TimerRow], console: Console) -> None:
    columns = [
        Column("TIMER"),
        Column("RUNS", right=True),
        Column("BY FILE", right=True, least=76),
        Column("FROM", gives=1),
        Column("DIFFERS" if any(row.differing for row in timers) else "", gives=2, least=100),
    ]
    rows: list[list[Cell]] = []
    for row in timers:
        same = row.value is None or row.configured is None or row.value == row.configured
        differing = ", ".join(f"{one.node} {one.value}" for one in row.differing)
        rows.append(
            [
                row.key,
                _UNKNOWN if row.value is None else (_number(row.value, row.unit), "" if same else "warn"),
                _UNKNOWN if row.configured is None else _number(row.configured, row.unit),
                (row.how or "default", "" if row.origin is Origin.SET else "unseen"),
                (differing, "warn"),
            ]
        )
    print_rows(columns, rows, console)


def _number(value: int, unit: str) -> str:
    return f"{value} {unit}" if unit else f"{value}   "


def _print_times(times: Timers, console: Console) -> None:
    columns = [Column("WHAT TO WAIT FOR"), Column("AT MOST", right=True), Column("", gives=1)]
    rows: list[list[Cell]] = [
        [what, f"{getattr(times, name):.1f} s", (meaning, "unseen")] for what, name, meaning in _TIMES
    ]
    print_rows(columns, rows, console)
