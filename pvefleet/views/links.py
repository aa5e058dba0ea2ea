"""Links: who reaches whom over which link, in a matrix and as a list."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pvefleet.model.status import LinkRow, LinkState
from pvefleet.views.words import count

_STYLE = {LinkState.CONNECTED: "good", LinkState.DOWN: "bad", LinkState.UNKNOWN: "unseen"}


def print_link_matrix(links: Sequence[LinkRow], names: Sequence[str], console: Console) -> None:
    """Print a row for each node and a column for each peer; a cell has one sign per link.

    Where the matrix is wider than the terminal, only the links that are not connected are listed.

    Args:
        links: every link in both directions.
        names: the nodes, in the order to show them.
        console: where.
    """
    numbers = sorted({row.link for row in links})
    cells = {(row.source, row.target, row.link): row.state for row in links}
    ends = [name for name in names if any(name in (row.source, row.target) for row in links)]
    cell = max(2 * len(numbers) - 1, max(len(name) for name in ends)) + 2
    if 5 + cell * (len(ends) + 1) > console.width:
        _print_faults(links, console)
        return
    table = Table(box=None, pad_edge=False, header_style="title", padding=(0, 2, 0, 0))
    table.add_column("LINKS", no_wrap=True)
    for name in ends:
        table.add_column(f"{name}", no_wrap=True)
    for source in ends:
        row = [Text(source)]
        for target in ends:
            row.append(Text("-", "unseen") if source == target else _cell(cells, source, target, numbers))
        table.add_row(*row)
    console.print(table)
    signs = " ".join(str(number) for number in numbers)
    console.print(Text(f"row sees column: {signs} = that link is connected, x = down, ? = not seen", "unseen"))


def _cell(cells: dict[tuple[str, str, int], LinkState], source: str, target: str, numbers: Sequence[int]) -> Text:
    text = Text()
    for number in numbers:
        state = cells.get((source, target, number))
        if state is None:
            sign, style = " ", "unseen"
        else:
            sign = {LinkState.CONNECTED: str(number), LinkState.DOWN: "x", LinkState.UNKNOWN: "?"}[state]
            style = _STYLE[state]
        text.append(sign, style)
        text.append(" ")
    text.rstrip()
    return text


def _print_faults(links: Sequence[LinkRow], console: Console) -> None:
    faults = [row for row in links if row.state is not LinkState.CONNECTED]
    up = len(links) - len(faults)
    console.print(Text.assemble(("LINKS  ", "title"), f"{up} of {count(len(links), 'link direction')} connected"))
    for row in faults:
        console.print(
            Text.assemble(f"  link {row.link} {row.source} -> {row.target} ", (row.state.value, _STYLE[row.state]))
        )


def print_link_list(links: Sequence[LinkRow], console: Console) -> None:
    """Print every link in both directions with state, addresses and MTU."""
    table = Table(box=None, pad_edge=False, header_style="title", padding=(0, 2, 0, 0))
    for name in ("LINK", "FROM", "TO", "STATE"):
        table.add_column(name, no_wrap=True)
    addresses = console.width >= 66
    if addresses:
        table.add_column("ADDRESSES", no_wrap=True)
        table.add_column("MTU", justify="right", no_wrap=True)
    for row in links:
        cells = [
            Text(str(row.link)),
            Text(row.source),
            Text(row.target),
            Text(row.state.value, _STYLE[row.state]),
        ]
        if addresses:
            cells += [
                Text(f"{row.source_address} -> {row.target_address}"),
                Text(str(row.mtu)) if row.mtu is not None else Text("?", "unseen"),
            ]
        table.add_row(*cells)
    console.print(table)
