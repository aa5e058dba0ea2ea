"""Findings: the worst first, each with what was seen and what to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from pvefleet.model.catalogue import entry
from pvefleet.model.finding import Finding, Severity
from pvefleet.views.words import count

_STYLE = {Severity.CRITICAL: "bad", Severity.WARNING: "warn", Severity.INFO: "hint"}
_INDENT = 10
_MOST = 8
"""Lines of evidence shown with one finding."""


_ALIKE = {Severity.CRITICAL: 10, Severity.WARNING: 5, Severity.INFO: 5}
"""So many findings of one kind are shown as one. What is critical is worth its evidence for longer."""
_NAMED = 6
"""Messages shown of such a group."""


def print_findings(findings: Sequence[Finding], console: Console, *, well: str) -> None:
    """Print the findings, or one line where there is none; many of one kind are shown together.

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
    for group in _groups(findings):
        if len(group) < _ALIKE[group[0].severity]:
            for one in group:
                _print_one(one, console)
        else:
            _print_group(group, console)


def _groups(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Return findings of one kind together, each kind where its first one stands."""
    groups: dict[str, list[Finding]] = {}
    often = Counter(one.code for one in findings)
    for at, one in enumerate(findings):
        together = often[one.code] >= _ALIKE[one.severity]
        groups.setdefault(one.code if together else f"{one.code} {at}", []).append(one)
    return list(groups.values())


def _print_one(one: Finding, console: Console) -> None:
    _print_head(one, one.message, console)
    for line in one.evidence[:_MOST]:
        _print_below(Text(line, "unseen"), console)
    if len(one.evidence) > _MOST:
        _print_below(Text(f"and {len(one.evidence) - _MOST} more: --json shows all", "unseen"), console)
    if one.fix:
        _print_below(Text.assemble(("fix: ", "hint"), one.fix), console)


def _print_group(group: Sequence[Finding], console: Console) -> None:
    """Print how many there are of a kind, the first ones' messages, and the fix with their subjects."""
    kind = entry(group[0].code)
    _print_head(group[0], f"{kind.title}: {len(group)} times", console)
    for one in group[:_NAMED]:
        _print_below(Text(one.message, "unseen"), console)
    if len(group) > _NAMED:
        _print_below(Text(f"and {len(group) - _NAMED} more: --json shows all", "unseen"), console)
    if kind.fix:
        named = list(dict.fromkeys(one.subject for one in group))
        subjects = ",".join(named[:_NAMED]) + (",…" if len(named) > _NAMED else "")
        _print_below(Text.assemble(("fix: ", "hint"), kind.fix.replace("{subject}", subjects)), console)


def _print_head(one: Finding, message: str, console: Console) -> None:
    severity = (f"{one.severity.value.upper():<{_INDENT}}", _STYLE[one.severity])
    console.print(Text.assemble(severity, message, (f"  [{one.code}]", "unseen")))


def _print_below(text: Text, console: Console) -> None:
    console.print(Padding(text, (0, 0, 0, _INDENT)))
