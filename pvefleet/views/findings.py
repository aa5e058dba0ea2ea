"""Findings: the worst first, each with what was seen and what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from pvefleet.model.finding import Finding, Severity
from pvefleet.views.words import count

_STYLE = {Severity.CRITICAL: "bad", Severity.WARNING: "warn", Severity.INFO: "hint"}
_INDENT = 10
_MOST = 8
"""Lines of evidence shown with one finding."""


def print_findings(findings: Sequence[Finding], console: Console, *, well: str) -> None:
    """Print the findings, or one line where there is none.

    Args:
        findings: in the order to show them.
        console: where.
        well: the line for no findings.
    """
    if not findings:
        console.print(Text(well, "good"))
        return
    by_severity = Counter(one.severity for one in findings)
    parts = {Severity.CRITICAL: "critical finding", Severity.WARNING: "warning", Severity.INFO: "note"}
    summary = ", ".join(count(by_severity[severity], word) for severity, word in parts.items() if by_severity[severity])
    console.print(Text(summary, "title"))
    for one in findings:
        head = Text.assemble(
            (f"{one.severity.value.upper():<{_INDENT}}", _STYLE[one.severity]),
            one.message,
            (f"  [{one.code}]", "unseen"),
        )
        console.print(head)
        for line in one.evidence[:_MOST]:
            console.print(Padding(Text(line, "unseen"), (0, 0, 0, _INDENT)))
        if len(one.evidence) > _MOST:
            more = f"and {len(one.evidence) - _MOST} more: --json shows all"
            console.print(Padding(Text(more, "unseen"), (0, 0, 0, _INDENT)))
        if one.fix:
            console.print(Padding(Text.assemble(("fix: ", "hint"), one.fix), (0, 0, 0, _INDENT)))
