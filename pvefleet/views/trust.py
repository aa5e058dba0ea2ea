"""Table of ``cluster.trust``."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pvefleet.model.trust import TrustReport, TrustState

_STYLE = {TrustState.KNOWN: "good", TrustState.ADDED: "good", TrustState.DECLINED: "warn"}


def print_trust(report: TrustReport, console: Console) -> None:
    """Print one line per node: what became of its key, and the key's fingerprint."""
    table = Table(box=None, pad_edge=False, header_style="title", padding=(0, 2, 0, 0))
    for name in ("NODE", "HOST KEY"):
        table.add_column(name, no_wrap=True)
    table.add_column("FINGERPRINT", overflow="fold")
    for row in report.nodes:
        table.add_row(
            Text(row.node),
            Text(row.state.value, _STYLE.get(row.state, "bad")),
            Text(f"{row.key_type} {row.fingerprint}" if row.fingerprint else "-"),
        )
    console.print(table)
    for row in report.nodes:
        if row.note:
            console.print(Text(f"{row.node}: {row.note}"))
    console.print(Text(f"keys are kept in {report.known_hosts}", "unseen"))
