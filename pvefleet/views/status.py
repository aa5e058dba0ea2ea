"""Tables of ``cluster.status``, ``cluster.nodes`` and ``cluster.links``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pvefleet.model.qdevice import QdeviceRow
from pvefleet.model.status import LinksReport, NodeRow, NodesReport, NodeState, StatusReport
from pvefleet.views.findings import print_findings
from pvefleet.views.ha import ha_text
from pvefleet.views.links import print_link_list, print_link_matrix
from pvefleet.views.quorum import qdevice_state, qdevice_text, quorum_text
from pvefleet.views.replication import summary_line
from pvefleet.views.words import age, count

_STATE_STYLE = {
    NodeState.ONLINE: "good",
    NodeState.APART: "bad",
    NodeState.NO_COROSYNC: "bad",
    NodeState.OFFLINE: "bad",
    NodeState.UNREACHED: "warn",
    NodeState.NOT_CLUSTERED: "warn",
    NodeState.NOT_SEEN: "unseen",
}
_STATE_WORD = {
    NodeState.NO_COROSYNC: "no corosync",
    NodeState.NOT_CLUSTERED: "no cluster",
    NodeState.NOT_SEEN: "not seen",
}
_TOLD_BY_A_FINDING = frozenset({NodeState.OFFLINE, NodeState.UNREACHED})
_UNKNOWN = Text("?", "unseen")


def print_status(report: StatusReport, console: Console) -> None:
    """Print the whole status: the cluster in some lines, nodes, links, findings."""
    _print_head(report, console)
    console.print()
    print_node_table(report.nodes, console, qdevice=report.qdevice)
    if report.links:
        console.print()
        print_link_matrix(report.links, [node.name for node in report.nodes], console)
    console.print()
    print_findings(report.findings, console, well=_well(report.here))


def print_nodes(report: NodesReport, console: Console) -> None:
    """Print the nodes with everything that is known of them."""
    print_node_table(report.nodes, console, wide=True)
    console.print()
    print_findings(report.findings, console, well=_well(report.here))


def print_links(report: LinksReport, console: Console) -> None:
    """Print the link matrix, then every link with its addresses and MTU."""
    if report.links:
        print_link_matrix(report.links, report.node_names, console)
        console.print()
        print_link_list(report.links, console)
        console.print()
    print_findings(report.findings, console, well=_well(report.here))


def _well(here: str) -> str:
    return (
        f"Nothing wrong in the view of {here}; the other nodes were not seen." if here else "Nothing wrong was found."
    )


def _print_head(report: StatusReport, console: Console) -> None:
    quorum = report.quorum
    version = (
        f"{report.config_version} on every node read"
        if report.config_version is not None
        else "not the same, or not seen"
    )
    read = f"{report.nodes_read} of {count(report.nodes_total, 'node')}, {report.taken_at}"
    lines: list[tuple[str, Text]] = [
        ("Cluster", Text(report.cluster or "none", "title")),
        ("Quorum", quorum_text(quorum)),
    ]
    if quorum.expected is not None:
        lines.append(("Expected votes", Text(f"{quorum.expected}, highest expected {quorum.highest_expected}")))
    if report.qdevice is not None:
        lines.append(("QDevice", qdevice_text(report.qdevice)))
    lines.append(("Config version", Text(version)))
    if report.ha is not None:
        lines.append(("HA", ha_text(report.ha)))
    if report.replication is not None:
        lines.append(("Replication", summary_line(report.replication)))
    lines += [("" if number else "Overrides", Text(one.message, "warn")) for number, one in enumerate(report.overrides)]
    lines.append(("Read", Text(read)))
    if report.here:
        lines.append(("View", Text(f"of {report.here} alone", "warn")))
    grid = Table.grid(padding=(0, 2))
    grid.add_column(no_wrap=True, style="title")
    grid.add_column()
    for name, text in lines:
        grid.add_row(name, text)
    console.print(grid)


def print_node_table(
    nodes: Sequence[NodeRow], console: Console, *, wide: bool = False, qdevice: QdeviceRow | None = None
) -> None:
    """Print one line per node; on narrow terminals the less urgent columns go first.

    Args:
        nodes: the rows.
        console: where.
        wide: also show the running config version, the clock and how the node was reached.
        qdevice: gets a line below the nodes', as the vote that it is.
    """
    width = console.width
    between = "  " if width >= 110 else "\n"
    table = Table(box=None, pad_edge=False, header_style="title", padding=(0, 2, 0, 0))
    table.add_column("NODE", no_wrap=True)
    table.add_column("ID", justify="right", no_wrap=True)
    table.add_column("STATE", no_wrap=True)
    table.add_column("VOTES", justify="right", no_wrap=True)
    table.add_column("QUORUM", no_wrap=True)
    columns: list[tuple[str, int, Callable[[NodeRow], Text]]] = [
        (
            "ADDRESSES",
            76,
            lambda node: Text(between.join(one.address for one in node.addresses)) if node.addresses else _UNKNOWN,
        ),
        ("VERSION", 60, lambda node: Text(node.version) if node.version else _UNKNOWN),
        ("UP", 64, lambda node: Text(age(node.uptime_seconds)) if node.uptime_seconds is not None else _UNKNOWN),
        ("VMS", 48, lambda node: _guests(node.vms_running, node.vms)),
        ("CTS", 48, lambda node: _guests(node.containers_running, node.containers)),
    ]
    if wide:
        columns += [
            (
                "CONFIG",
                90,
                lambda node: Text(str(node.config_version)) if node.config_version is not None else _UNKNOWN,
            ),
            ("CLOCK", 98, lambda node: _clock(node.clock_offset_seconds)),
            ("/ETC/PVE", 108, lambda node: _writable(node.writable)),
            ("REACHED BY", 130, lambda node: Text(node.via) if node.via else Text("-", "unseen")),
        ]
    shown = [(name, cell) for name, least, cell in columns if width >= least]
    for name, _ in shown:
        table.add_column(name, no_wrap=True)
    for node in nodes:
        state = Text(_STATE_WORD.get(node.state, node.state.value), _STATE_STYLE[node.state])
        table.add_row(
            Text(node.name),
            Text(str(node.nodeid)) if node.nodeid is not None else _UNKNOWN,
            state,
            Text(str(node.votes)) if node.votes is not None else _UNKNOWN,
            _yes(node.quorate),
            *(cell(node) for _, cell in shown),
        )
    if qdevice is not None:
        cells = [Text(qdevice.host) if name == "ADDRESSES" else Text("-", "unseen") for name, _ in shown]
        votes = Text(str(qdevice.votes)) if qdevice.votes is not None else _UNKNOWN
        table.add_row(Text("qdevice"), Text("0"), qdevice_state(qdevice), votes, Text("-", "unseen"), *cells)
    console.print(table)
    for node in nodes:
        if node.note and node.state not in _TOLD_BY_A_FINDING:
            note = node.note if node.note.startswith(f"{node.name}: ") else f"{node.name}: {node.note}"
            console.print(Text(note, "unseen"))


def _yes(value: bool | None) -> Text:
    if value is None:
        return _UNKNOWN
    return Text("yes", "good") if value else Text("NO", "bad")


def _writable(value: bool | None) -> Text:
    if value is None:
        return _UNKNOWN
    return Text("writable", "good") if value else Text("read-only", "bad")


def _clock(offset: float | None) -> Text:
    return _UNKNOWN if offset is None else Text(f"{offset:+.1f} s")


def _guests(running: int | None, total: int | None) -> Text:
    if total is None:
        return _UNKNOWN
    if total == 0:
        return Text("-", "unseen")
    return Text(f"{'?' if running is None else running}/{total} up")
