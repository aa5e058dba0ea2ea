"""Errors on standard error."""

from __future__ import annotations

import sys


def print_error(message: str, hint: str = "") -> None:
    """Print what is wrong and what to do next, in red on a terminal."""
    from rich.text import Text

    from pvefleet.views.console import console

    target = console(sys.stderr)
    target.print(Text.assemble(("error: ", "bad"), message), soft_wrap=True)
    if hint:
        target.print(Text.assemble(("  hint: ", "hint"), hint), soft_wrap=True)
