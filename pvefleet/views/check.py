"""Findings of ``cluster.check`` as text, and as the line that a monitoring system reads."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from pvefleet.model.check import CheckReport, NagiosReport
from pvefleet.views.findings import print_findings
from pvefleet.views.words import count


def print_check(report: CheckReport, console: Console) -> None:
    """Print the open findings, the waived ones in a line each, and waivers that are not needed any more."""
    name = report.cluster or "no cluster"
    read = f"{report.nodes_read} of {count(report.nodes_total, 'node')} read, {report.taken_at}"
    console.print(Text.assemble((name, "title"), f"  {read}"))
    if report.only:
        console.print(Text(f"only {', '.join(report.only)}", "warn"))
    console.print()
    print_findings(report.findings, console, well="Nothing wrong was found.")
    if report.waived:
        console.print()
        console.print(Text(count(len(report.waived), "waived finding"), "title"))
    for one in report.waived:
        waiver = one.waiver
        until = f"until {waiver.expires}, {waiver.owner}: {waiver.reason}"
        console.print(Text(f"{one.finding.code}  {one.finding.message} ({until})", "unseen"))
    for waiver in report.idle_waivers:
        about = f" {waiver.subject}" if waiver.subject else ""
        text = f"waiver {waiver.code}{about} of {waiver.owner} covers nothing, or ended on {waiver.expires}: remove it"
        console.print(Text(text, "warn"))


def print_nagios(report: NagiosReport, console: Console) -> None:
    """Print the plugin's one line, never wrapped."""
    console.print(Text(report.line), soft_wrap=True)
