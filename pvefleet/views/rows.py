"""Rows in columns, for lists of thousands: rich's tables take seconds for those, this takes a fraction of one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style

Cell = str | tuple[str, str]
"""A text, or a text and its style."""

_GAP = 2
_LEAST = 8
"""A column that gives way is not made narrower than this, as long as others can still be."""
_CUT = "…"


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        name: its heading; a list whose headings are all empty has no heading line.
        right: are its texts set to the right?
        gives: where the lines do not fit, columns with the highest number are cut first; 0 is cut last.
        drops: is it left out before columns with a lower number are cut?
        least: it is left out on terminals with fewer columns than this.
    """

    name: str
    right: bool = False
    gives: int = 0
    drops: bool = False
    least: int = 0


def print_rows(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], console: Console) -> None:
    """Print one line per row, never wider than the console.

    Args:
        columns: what each row has.
        rows: a cell per column; line ends and other control characters in them are shown as blanks.
        console: where.
    """
    shown = [at for at, column in enumerate(columns) if console.width >= column.least]
    texts = [[_clean(row[at]) for at in shown] for row in rows]
    kept = [columns[at] for at in shown]
    widths = _fit(kept, _widths(kept, texts), console.width)
    console.print(_Rows(kept, texts, widths))


def plain(text: str) -> str:
    """Return *text* on one line: what a guest's owner writes must not move the cursor of whoever lists it."""
    return text if text.isprintable() else "".join(sign if sign.isprintable() else " " for sign in text)


def _clean(cell: Cell) -> tuple[str, str]:
    text, style = (cell, "") if isinstance(cell, str) else cell
    return plain(text), style


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[tuple[str, str]]]) -> list[int]:
    widths = [cell_len(column.name) for column in columns]
    for row in rows:
        for at, (text, _) in enumerate(row):
            if len(text) > widths[at] or not text.isascii():
                widths[at] = max(widths[at], cell_len(text))
    return widths


def _fit(columns: Sequence[Column], widths: list[int], room: int) -> list[int]:
    """Return widths that fit, 0 for a column that is left out: one after the other gives way, some altogether."""
    over = sum(widths) + _GAP * (len(widths) - 1) - room
    order = sorted(range(len(columns)), key=lambda at: -columns[at].gives)
    fitted = list(widths)
    for floor in (_LEAST, 1):
        for at in order:
            if over <= 0:
                return fitted
            less = min(over, max(0, fitted[at] - floor))
            fitted[at] -= less
            over -= less
            if over > 0 and columns[at].drops and fitted[at]:
                over -= fitted[at] + _GAP
                fitted[at] = 0
    return fitted


@dataclass(frozen=True)
class _Rows:
    columns: Sequence[Column]
    rows: Sequence[Sequence[tuple[str, str]]]
    widths: Sequence[int]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        styles = {style: console.get_style(style) for row in self.rows for _, style in row if style}
        room = options.max_width
        if any(column.name for column in self.columns):
            heading = [(column.name, "title") for column in self.columns]
            styles["title"] = console.get_style("title")
            yield from self._line(heading, styles, room)
        for row in self.rows:
            yield from self._line(row, styles, room)

    def _line(self, row: Sequence[tuple[str, str]], styles: dict[str, Style], room: int) -> Iterator[Segment]:
        shown = [at for at, width in enumerate(self.widths) if width]
        last = max((at for at in shown if row[at][0]), default=-1)
        for at in shown:
            width = min(self.widths[at], room)
            if at > last or width <= 0:
                break
            text, style = row[at]
            yield Segment(_set(text, width, right=self.columns[at].right, fill=at < last), styles.get(style))
            room -= width + _GAP
            if at < last and room > 0:
                yield Segment(" " * _GAP)
        yield Segment.line()


def _set(text: str, width: int, *, right: bool, fill: bool) -> str:
    length = len(text) if text.isascii() else cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + _CUT
    if right:
        return " " * (width - length) + text
    return text + " " * (width - length) if fill else text
