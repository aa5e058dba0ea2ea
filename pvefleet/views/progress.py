"""The progress of a running change on standard error: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.status import Status
from rich.text import Text

from pvefleet.model.run import RunEvent
from pvefleet.views.console import console as console_on
from pvefleet.views.present import print_event
from pvefleet.views.run import PHASE_STYLE

Tell = Callable[[RunEvent], None]


@contextmanager
def progress(*, as_json: bool) -> Iterator[Tell]:
    """Give a function that shows events as they come.

    Args:
        as_json: print each on standard output as one line of JSON instead.
    """
    if as_json:
        yield print_event
        return
    console = console_on(sys.stderr)
    if not console.is_terminal:
        yield _Plain(console)
        return
    live = _Live(console)
    try:
        yield live
    finally:
        live.stop()


class _Plain:
    """One line per thing that happens; what is waited for is said once, not at every look."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._said: dict[str, str] = {}
        self._lock = threading.Lock()

    def __call__(self, event: RunEvent) -> None:
        with self._lock:
            if event.event == "begun":
                self._console.print(f"run {event.run} begun: {event.title}")
            elif event.event == "step":
                self._said.pop(event.step, None)
                self._console.print(_line(event))
            elif event.event == "waiting" and self._said.get(event.step) != _gist(event.why):
                self._said[event.step] = _gist(event.why)
                self._console.print(f"{_place(event)} waiting: {event.why}")


class _Live:
    """A line that is always about now, and above it one line per step that has ended."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status = Status("", console=console, spinner="dots")
        self._running = False
        self._lock = threading.Lock()

    def __call__(self, event: RunEvent) -> None:
        with self._lock:
            if event.event == "begun":
                self._console.print(f"run {event.run} begun: {event.title}")
                self._status.start()
                self._running = True
            elif event.event == "step" and event.phase != "intent":
                self._console.print(_line(event))
            elif event.event in ("step", "waiting"):
                left = f"  {event.left:.0f} s left" if event.left is not None else ""
                why = f": {event.why}" if event.why else ""
                self._status.update(Text.assemble(f"{_place(event)} {event.title}", (f"{why}{left}", "unseen")))
            elif event.event == "ended":
                self.stop()

    def stop(self) -> None:
        """Take the live line away."""
        if self._running:
            self._running = False
            self._status.stop()


def _place(event: RunEvent) -> str:
    return f"[{event.number}/{event.count}]"


def _line(event: RunEvent) -> Text:
    what = "acts" if event.phase == "intent" else event.phase
    why = f": {event.why}" if event.why else ""
    return Text.assemble(f"{_place(event)} {event.title}  ", (what, PHASE_STYLE.get(event.phase, "")), why)


def _gist(why: str) -> str:
    """Return the text without its numbers: seconds that count down are no news."""
    return "".join(char for char in why if not char.isdigit())
