"""Terminals: width, colour, and the few signs that carry meaning."""

from __future__ import annotations

from typing import TextIO

from rich.console import Console
from rich.theme import Theme

_THEME = Theme(
    {
        "good": "green",
        "warn": "yellow",
        "bad": "bold red",
        "unseen": "dim",
        "title": "bold",
        "hint": "cyan",
    },
    inherit=False,
)
_PIPED_WIDTH = 200
"""Columns where the output is no terminal: nothing is cut for a reader that is a program."""


def console(out: TextIO, width: int | None = None) -> Console:
    """Return a console on *out*: coloured on a terminal only, as wide as it (``COLUMNS`` wins), no markup in data.

    Args:
        out: where it writes.
        width: columns, where they are not to be the terminal's.
    """
    made = Console(width=width, file=out, theme=_THEME, highlight=False, markup=False, emoji=False, soft_wrap=False)
    if width is None and not made.is_terminal and "COLUMNS" not in made._environ:
        made.width = _PIPED_WIDTH
    return made
