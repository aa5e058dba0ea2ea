"""Plan and result of ``node.prepare``."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pvefleet.model.prepare import PrepareReport, PrepareState
from pvefleet.views.console import console as console_on

_STYLE = {
    PrepareState.PREPARED: "good",
    PrepareState.ALREADY: "good",
    PrepareState.WOULD: "hint",
    PrepareState.NOT_TRIED: "unseen",
    PrepareState.REFUSED: "warn",
}


def print_prepare(report: PrepareReport, console: Console) -> None:
    """Print the cluster, the key, and one line per node."""
    console.print(Text.assemble(("Cluster  ", "title"), report.cluster))
    console.print(Text.assemble(("Key      ", "title"), report.key))
    table = Table(box=None, pad_edge=False, header_style="title", padding=(0, 2, 0, 0))
    table.add_column("NODE", no_wrap=True)
    table.add_column("PLAN" if report.planned else "RESULT", no_wrap=True)
    table.add_column("")
    for row in report.nodes:
        table.add_row(Text(row.node), Text(row.state.value, _STYLE.get(row.state, "bad")), Text(row.note))
    console.print(table)


def show_plan(report: PrepareReport) -> None:
    """Print a plan that is about to be asked about, on standard error: standard output is for the result."""
    print_prepare(report, console_on(sys.stderr))
