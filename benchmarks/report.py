"""What a measurement found, and how benchmarks/results.md shows it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.sampling import Sample


@dataclass(frozen=True, slots=True)
class Row:
    """One thing measured.

    Attributes:
        what: its name.
        sample: the runs.
        command: how to do it by hand.
    """

    what: str
    sample: Sample
    command: str


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure has to be.

    Attributes:
        text: the goal in words, its limit included.
        value: what was measured, as text with its unit; empty where it could not be.
        met: was it reached?
    """

    text: str
    value: str
    met: bool


@dataclass(frozen=True, slots=True)
class Table:
    """Rows that belong together.

    Attributes:
        title: heading.
        rows: what was measured.
        base: the row that all others are compared with; empty: the figures stand for themselves.
        unit: of the figures, where there is no base.
        remark: a sentence below the heading.
    """

    title: str
    rows: Sequence[Row]
    base: str = ""
    unit: str = "s"
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """What one measurement gave."""

    tables: tuple[Table, ...]
    goals: tuple[Goal, ...]


def at_most(text: str, value: float | None, limit: float, unit: str = "") -> Goal:
    """Return the goal that *value* is no more than *limit*; None: it could not be measured."""
    if value is None:
        return Goal(text, "", met=False)
    return Goal(text, f"{value:.3g}{unit}", met=value <= limit)


def at_least(text: str, value: float | None, limit: float, unit: str = "") -> Goal:
    """Return the goal that *value* is no less than *limit*; None: it could not be measured."""
    if value is None:
        return Goal(text, "", met=False)
    return Goal(text, f"{value:.3g}{unit}", met=value >= limit)


def ratio(over: Sample, under: Sample) -> float | None:
    """Return how many times as much *over* is as *under*; None where one of them could not be run."""
    return over.median / under.median if over.values and under.values else None


def document(head: str, found: Sequence[Findings], problems: Sequence[str]) -> str:
    """Return the whole of results.md: what the run was, the goals, what could not be measured, the tables."""
    goals = [goal for one in found for goal in one.goals]
    parts = [head]
    if goals:
        rows = [(goal.text, goal.value or "not measured", "yes" if goal.met else "**no**") for goal in goals]
        parts.append("## Goals\n\n" + _grid(("goal", "measured", "met"), rows))
    if problems:
        parts.append("## Not measured\n\n" + "".join(f"- {problem}\n" for problem in problems))
    parts += [_section(table) for one in found for table in one.tables]
    return "\n".join(parts)


def _section(table: Table) -> str:
    remark = f"{table.remark}\n\n" if table.remark else ""
    return f"## {table.title}\n\n{remark}" + (_ratios(table) if table.base else _figures(table))


def _ratios(table: Table) -> str:
    base = next(row.sample for row in table.rows if row.what == table.base)
    whole = base.median if base.values else 0.0
    rows = []
    for row in table.rows:
        sample = row.sample
        if not sample.values or not whole:
            rows.append((row.what, "not run", sample.failure or "nothing to compare with", "0", _code(row.command)))
            continue
        spread = f"{sample.low / whole:.2f} to {sample.high / whole:.2f}"
        rows.append((row.what, f"{sample.median / whole:.2f}", spread, str(len(sample.values)), _code(row.command)))
    return _grid(("what", f"ratio to {table.base}", "lowest to highest", "runs", "command"), rows)


def _figures(table: Table) -> str:
    rows = []
    for row in table.rows:
        sample = row.sample
        if not sample.values:
            rows.append((row.what, "not run", sample.failure, "0", _code(row.command)))
            continue
        spread = f"{sample.low:.3g} to {sample.high:.3g}"
        rows.append((row.what, f"{sample.median:.3g}", spread, str(len(sample.values)), _code(row.command)))
    return _grid(("what", f"median, {table.unit}", "lowest to highest", "runs", "command"), rows)


def _grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join("| " + " | ".join(_cell(cell) for cell in line) + " |\n" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _code(text: str) -> str:
    return f"`{text}`"
