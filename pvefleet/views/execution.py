"""Output of ``cluster.exec``: every line with its node in front, errors and exit statuses named."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from pvefleet.model.execution import ExecReport, Execution


def print_execution(report: ExecReport, console: Console) -> None:
    """Print what each node said, line by line behind its name, in the order the nodes were named."""
    width = max(len(row.node) for row in report.nodes)
    for row in report.nodes:
        for line in _lines(row):
            console.print(Text.assemble((f"{row.node:<{width}}  ", "title"), line), soft_wrap=True)


def _lines(row: Execution) -> list[Text]:
    lines = [Text(line) for line in row.stdout.splitlines()]
    lines += [Text(line, "warn") for line in row.stderr.splitlines()]
    if row.error:
        lines.append(Text(row.error, "bad"))
        if row.hint:
            lines.append(Text.assemble(("hint: ", "hint"), row.hint))
    elif row.exit != 0:
        lines.append(Text(f"exit status {row.exit}", "bad"))
    return lines or [Text("(no output)", "unseen")]
