"""Questions. They go to standard error and are answered on standard input, so that a report can still be piped."""

from __future__ import annotations

import getpass
import sys


def ask_yes(question: str) -> bool:
    """Ask a plain question; anything but y or yes (o or oui) is no."""
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes", "o", "oui")


def ask_text(question: str) -> str:
    """Ask for a line of text."""
    print(question, end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip()


def ask_secret(question: str) -> str:
    """Ask for something that is not shown while it is typed."""
    return getpass.getpass(question, stream=sys.stderr)
