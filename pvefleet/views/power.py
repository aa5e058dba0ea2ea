"""A node's power by its BMC: what is about to be cut, and what came of it."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.text import Text

from pvefleet.model.bmc import Power
from pvefleet.model.power import PowerOutcome, PowerReport
from pvefleet.views.console import console as console_on
from pvefleet.views.findings import print_findings

_STYLE = {Power.ON: "good", Power.OFF: "warn", Power.UNKNOWN: "unseen"}
_SAYS = {
    PowerOutcome.READ: "",
    PowerOutcome.WOULD: "its power would be cut at once, without a shutdown",
    PowerOutcome.ALREADY: "off already: read off twice, nothing was done",
    PowerOutcome.OFF: "off: the power was cut, and read off twice",
    PowerOutcome.STILL_ON: "the BMC took the order, and the machine still has power",
    PowerOutcome.NOT_PROVEN: "the order was given; whether the power is off could not be read",
}
_MOST = 8
"""Guests named in the plan."""


def print_power(report: PowerReport, console: Console) -> None:
    """Print whose power it is, by which BMC, what it reads, and what speaks against cutting it."""

    def line(head: str, text: str | Text) -> None:
        console.print(Text.assemble((f"{head:<9}", "title"), text))

    line("Cluster", report.cluster)
    line("Node", report.node if report.node == report.pve_name else f"{report.node} ({report.pve_name})")
    line("BMC", report.bmc)
    machine = report.readings[-1].machine
    if machine is not None:
        parts = (machine.host_name, machine.model, machine.serial and f"serial {machine.serial}", machine.uuid)
        line("Machine", ", ".join(filter(None, parts)))
    line("Power", Text.assemble((report.power.value, _STYLE[report.power]), f"  {report.readings[-1].why}"))
    if report.member:
        line("Member", f"for {', '.join(report.member)}, with quorum")
    if report.guests:
        more = f" and {len(report.guests) - _MOST} more" if len(report.guests) > _MOST else ""
        line("Guests", ", ".join(report.guests[:_MOST]) + more)
    if _SAYS[report.outcome]:
        line("Result", _SAYS[report.outcome])
    if report.note:
        line("Note", report.note)
    if report.confirmation:
        line("Consent", f"type {report.confirmation!r}")
    if report.findings:
        print_findings(report.findings, console, well="")


def show_plan(report: PowerReport) -> None:
    """Print a plan that is about to be asked about, on standard error: standard output is for the result."""
    print_power(report, console_on(sys.stderr))
