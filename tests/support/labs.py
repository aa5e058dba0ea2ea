"""One lab at a time: what tests share is kept while its tests run, and ended before another one is started.

A machine of two cores carries one lab well. Several, even idle ones, make corosync miss its token now and then.
"""

from __future__ import annotations

from collections.abc import Callable

from lab.client import Lab
from lab.errors import LabError

_running: dict[str, Lab] = {}


def shared(name: str, start: Callable[[], Lab]) -> Lab:
    """Return the lab of that name, started if it does not run; every other shared one is ended first.

    Starting is tried twice: what these tests are about is not whether a lab comes up; tests/lab has tests for that.
    """
    end(but=name)
    if name not in _running:
        try:
            _running[name] = start()
        except LabError:
            _running[name] = start()
    return _running[name]


def end(*, but: str = "") -> None:
    """End every shared lab, but for one."""
    for name in [name for name in _running if name != but]:
        _running.pop(name).down()
