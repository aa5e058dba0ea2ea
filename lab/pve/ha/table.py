"""The tables of PVE's command lines: box drawing under UTF-8, ASCII in the C locale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_UTF8 = ("┌┬┐", "╞╪╡", "├┼┤", "└┴┘", ("─", "═"), "│")
_ASCII = ("+++", "+++", "+++", "+++", ("-", "="), "|")


def table(rows: Sequence[Mapping[str, str]], columns: Sequence[str], *, utf8: bool) -> str:
    """The table, or nothing where there are no rows."""
    if not rows:
        return ""
    top, head, middle, bottom, (thin, thick), wall = _UTF8 if utf8 else _ASCII
    widths = [max(len(name), *(len(row.get(name, "")) for row in rows)) for name in columns]

    def rule(ends: str, stroke: str) -> str:
        return ends[0] + ends[1].join(stroke * (width + 2) for width in widths) + ends[2]

    def line(cells: Sequence[str]) -> str:
        padded = (f" {cell:<{width}} " for cell, width in zip(cells, widths, strict=True))
        return wall + wall.join(padded) + wall

    body: list[str] = []
    for row in rows:
        body += [line([row.get(name, "") for name in columns]), rule(middle, thin)]
    lines = [rule(top, thin), line(columns), rule(head, thick), *body[:-1], rule(bottom, thin)]
    return "".join(f"{text}\n" for text in lines)
