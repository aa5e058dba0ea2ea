"""The one door to standard output: a report goes in, a table or a JSON document comes out."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from pvefleet.views.plain import document, event_line, line

_HOME_AND_CLEAR = "\x1b[H\x1b[2J"


def present(
    report: Any, *, as_json: bool, one_line: bool = False, out: TextIO | None = None, width: int | None = None
) -> None:
    """Print *report*.

    Args:
        report: a report of ``pvefleet.model``.
        as_json: print one JSON document.
        one_line: print that on one line: it is the last of a series.
        out: where to; standard output by default.
        width: columns of the tables; the terminal's by default.
    """
    out = out or sys.stdout
    with _reader_may_leave():
        out.write(f"{line(report) if one_line else document(report)}\n" if as_json else _text(report, out, width))
        out.flush()


def present_next(report: Any, *, as_json: bool, in_place: bool) -> None:
    """Print one report of a series.

    Args:
        report: the next one.
        as_json: print it as one line of JSON.
        in_place: on a terminal it takes the place of the one before.
    """
    out = sys.stdout
    with _reader_may_leave():
        if as_json:
            out.write(f"{line(report)}\n")
        else:
            out.write((_HOME_AND_CLEAR if in_place and out.isatty() else "") + _text(report, out))
        out.flush()


def print_event(event: Any) -> None:
    """Print one event of a running change as one line of JSON, at once."""
    with _reader_may_leave():
        sys.stdout.write(f"{event_line(event)}\n")
        sys.stdout.flush()


def _text(report: Any, out: TextIO, width: int | None = None) -> str:
    from pvefleet.views.console import console
    from pvefleet.views.registry import view_of

    target = console(out, width)
    with target.capture() as captured:
        view_of(report)(report, target)
    # Tables pad their last column; blanks at the end of a line only get in the way of whoever copies or diffs it.
    return "".join(f"{row.rstrip()}\n" for row in captured.get().splitlines())


@contextmanager
def _reader_may_leave() -> Iterator[None]:
    """Let the reader (head, less) leave without a complaint: what it wanted, it has. Python would add one at exit."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
