"""The one door to standard output: a report goes in, a table or a JSON document comes out."""

from __future__ import annotations

import os
import sys
from typing import Any, TextIO

from pvefleet.views.plain import document


def present(report: Any, *, as_json: bool, out: TextIO | None = None) -> None:
    """Print *report*.

    Args:
        report: a report of ``pvefleet.model``.
        as_json: print one JSON document.
        out: where to; standard output by default.
    """
    out = out or sys.stdout
    try:
        if as_json:
            print(document(report), file=out)
        else:
            _print_text(report, out)
        out.flush()
    except BrokenPipeError:
        # The reader (head, less) has gone: what it wanted, it has. Python would complain once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _print_text(report: Any, out: TextIO) -> None:
    from pvefleet.views.console import console
    from pvefleet.views.registry import view_of

    target = console(out)
    with target.capture() as captured:
        view_of(report)(report, target)
    # Tables pad their last column; blanks at the end of a line only get in the way of whoever copies or diffs it.
    out.write("".join(f"{line.rstrip()}\n" for line in captured.get().splitlines()))
