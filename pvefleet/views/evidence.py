"""The ladder of evidence that a node is down."""

from __future__ import annotations

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pvefleet.model.bmc import PowerReading
from pvefleet.model.evidence import EvidenceReport, Look, Proof, Rung, Sign
from pvefleet.views.findings import print_findings

_SIGN = {Sign.ALIVE: "bad", Sign.SILENT: "good", Sign.UNKNOWN: "unseen"}
_INDENT = 5


def print_evidence(report: EvidenceReport, console: Console) -> None:
    """Print the verdict, every rung of the ladder with its reason, what was looked at, and the findings."""
    proof = report.proof
    console.print(Text.assemble(("Cluster   ", "title"), report.cluster))
    console.print(Text.assemble(("Node      ", "title"), proof.node))
    console.print(Text.assemble(("Evidence  ", "title"), _verdict(proof)))
    console.print()
    for rung in proof.rungs:
        _print_rung(rung, console, alive=proof.alive)
    console.print()
    _print_looks(report, console)
    console.print()
    print_findings(proof.findings, console, well=f"{proof.node} is proven down")


def _verdict(proof: Proof) -> Text:
    if proof.alive:
        return Text("alive", "bad")
    return Text.assemble(
        (proof.level.value, "good" if proof.suffices else "warn"), f", asked for is {proof.minimum.value}"
    )


def _print_rung(rung: Rung, console: Console, *, alive: bool) -> None:
    mark = ("yes", "good") if rung.holds else ("no ", "unseen")
    console.print(Text.assemble((f"{rung.level.value:<{_INDENT}}", "title"), mark, f"  {rung.why}"))
    if not (rung.holds or alive):
        for line in rung.lines:
            console.print(Padding(Text(line, "unseen"), (0, 0, 0, _INDENT + 5)))


def _print_looks(report: EvidenceReport, console: Console) -> None:
    table = Table(box=None, pad_edge=False, header_style="title", padding=(0, 2, 0, 0))
    for head in ("FROM", "WAY", "TO", "SIGN", ""):
        table.add_column(head, no_wrap=head != "")
    for look in report.looks:
        table.add_row(*_row(look))
    for reading in report.power:
        table.add_row(*_reading(reading))
    console.print(table)


def _row(look: Look) -> tuple[Text, ...]:
    sign = Text(look.sign.value, _SIGN[look.sign])
    return Text(look.vantage), Text(look.way.value), Text(look.place), sign, Text(look.why)


def _reading(reading: PowerReading) -> tuple[Text, ...]:
    style = {"on": "bad", "off": "good"}.get(reading.power.value, "unseen")
    return Text("BMC"), Text("power"), Text(""), Text(reading.power.value, style), Text(reading.why)
