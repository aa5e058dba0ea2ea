"""Plans, runs and lists of runs."""

from __future__ import annotations

import sys

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pvefleet.model.run import PlanReport, RunListReport, RunNoteReport, RunReport, RunState
from pvefleet.views.console import console as console_on
from pvefleet.views.findings import print_findings
from pvefleet.views.words import count

PHASE_STYLE = {
    "done": "good",
    "already": "good",
    "waiting": "unseen",
    "intent": "hint",
    "paused": "warn",
    "refused": "warn",
    "stuck": "bad",
}
_STATE_STYLE = {
    RunState.DONE: "good",
    RunState.UNDONE: "good",
    RunState.CLEANED: "good",
    RunState.STUCK: "bad",
    RunState.RUNNING: "hint",
}


def print_plan(report: PlanReport, console: Console) -> None:
    """Print the cluster, the steps with their commands, the findings, and whether it would be let through."""
    console.print(Text.assemble(("Cluster  ", "title"), report.cluster))
    console.print(Text.assemble(("Plan     ", "title"), f"{report.procedure}, {count(len(report.steps), 'step')}"))
    for number, step in enumerate(report.steps, 1):
        console.print(
            Text.assemble((f"{number:>4}. ", "title"), step.title, (f"  (within {step.within:.0f} s)", "unseen"))
        )
        for command in step.commands:
            console.print(Text(f"      {command}", "unseen"))
    for line in report.diff:
        console.print(Text(f"      {line}", {"+": "good", "-": "bad"}.get(line[:1], "unseen")))
    for risk in report.accepted:
        console.print(Text.assemble(("accepted ", "warn"), f"{risk.code} {risk.subject}: {risk.reason}"))
    print_findings(report.findings, console, well="Nothing speaks against it.")
    for refusal in report.refusals:
        console.print(Text.assemble(("refused  ", "bad"), refusal))
    if report.confirmation and not report.refusals:
        console.print(Text.assemble(("asks for ", "hint"), f"--confirm '{report.confirmation}'"))


def show_plan(report: PlanReport) -> None:
    """Print a plan that is about to be asked about, on standard error: standard output is for the result."""
    print_plan(report, console_on(sys.stderr))


def print_run(report: RunReport, console: Console) -> None:
    """Print a run: every step's last word, what it has left set, and what to do now."""
    console.print(Text.assemble(("Cluster  ", "title"), report.cluster))
    console.print(
        Text.assemble(
            ("Run      ", "title"), f"{report.id}  {report.procedure}  ", (report.state, _style(report.state))
        )
    )
    console.print(Text.assemble(("By       ", "title"), f"{report.owner}, {report.started}"))
    table = Table(box=None, pad_edge=False, header_style="title", padding=(0, 2, 0, 0))
    for head in ("STEP", "RESULT", ""):
        table.add_column(head, no_wrap=head != "")
    for step in report.steps:
        table.add_row(Text(step.id), Text(step.phase, PHASE_STYLE.get(step.phase, "")), Text(step.why))
    console.print(table)
    for risk in report.accepted:
        console.print(Text.assemble(("accepted ", "warn"), f"{risk.code} {risk.subject}: {risk.reason}"))
    for line in report.left:
        console.print(Text.assemble(("still set  ", "bad"), line))
    for line in report.notes:
        console.print(Text.assemble(("note  ", "warn"), line))
    for line in report.next:
        console.print(Text.assemble(("next  ", "hint"), line))


def print_runs(report: RunListReport, console: Console) -> None:
    """Print one line per run, newest first."""
    console.print(Text.assemble(("Cluster  ", "title"), report.cluster))
    if not report.runs:
        console.print(Text("No run is known.", "unseen"))
    else:
        table = Table(box=None, pad_edge=False, header_style="title", padding=(0, 2, 0, 0))
        for head in ("RUN", "STATE", "STEPS", "PROCEDURE", "BY"):
            table.add_column(head, no_wrap=True)
        for row in report.runs:
            done, total = row.steps
            still = f", {row.left} still set" if row.left else ""
            table.add_row(
                Text(row.id),
                Text(f"{row.state}{still}", "bad" if row.left else _style(row.state)),
                Text(f"{done}/{'?' if total is None else total}"),
                Text(row.procedure),
                Text(row.owner),
            )
        console.print(table)
    for line in (*report.unread, *report.notes):
        console.print(Text.assemble(("note  ", "warn"), line))


def print_note(report: RunNoteReport, console: Console) -> None:
    """Print what a small request about a run has reached."""
    console.print(Text.assemble(("Run      ", "title"), report.run))
    console.print(f"{report.what}: told {', '.join(report.reached) or 'nobody'}")
    if report.missed:
        console.print(Text(f"not told: {', '.join(report.missed)}", "warn"))


def _style(state: RunState) -> str:
    return _STATE_STYLE.get(state, "warn")
