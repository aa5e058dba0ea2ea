"""Messages of many nodes: time, node, program, text."""

from __future__ import annotations

from datetime import UTC, datetime

from rich.console import Console
from rich.text import Text

from pvefleet.model.logs import LogLine, LogsReport

_STYLE = {0: "bad", 1: "bad", 2: "bad", 3: "bad", 4: "warn"}


def print_logs(report: LogsReport, console: Console) -> None:
    """Print the messages, then what is missing."""
    print_lines(report, console)
    for source in report.nodes:
        if source.error:
            console.print(Text.assemble((f"{source.node}: ", "title"), (source.error, "bad")), soft_wrap=True)
        elif source.cut:
            text = f"{source.node}: only the newest {source.lines} messages; --lines shows more"
            console.print(Text(text, "warn"), soft_wrap=True)
    if not report.lines and not any(source.error for source in report.nodes):
        console.print(Text(f"no messages of {', '.join(report.units)}", "unseen"))


def print_lines(report: LogsReport, console: Console) -> None:
    """Print the messages alone, each on a line of its own that is never wrapped."""
    width = max((len(source.node) for source in report.nodes), default=0)
    for line in report.lines:
        console.print(_line(line, width), soft_wrap=True)


def _line(line: LogLine, width: int) -> Text:
    when = datetime.fromtimestamp(line.when, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    text = " ".join(line.message.split("\n")).strip()
    style = _STYLE.get(line.priority if line.priority is not None else 6, "")
    return Text.assemble((when, "unseen"), " ", (f"{line.node:<{width}}", "title"), f" {line.program}: ", (text, style))
