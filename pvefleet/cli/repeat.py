"""Reports again and again: ``--watch N`` and ``cluster.logs --follow``, until interrupted."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import IntEnum
from typing import Any

from pvefleet.cli.environment import Environment
from pvefleet.model.errors import ExitCode, UsageError
from pvefleet.views.present import present_next

_LEAST_SECONDS, _MOST_SECONDS = 1.0, 3600.0


def watch(report: Callable[[], Any], seconds: str, *, as_json: bool, environment: Environment) -> IntEnum:
    """Show a new report every *seconds*, in place on a terminal, one JSON document a line with ``--json``.

    Args:
        report: makes the next report.
        seconds: the value of ``--watch``.
        as_json: print JSON lines.
        environment: pauses.

    Returns:
        The exit code of the last report, once the operator interrupts.

    Raises:
        UsageError: *seconds* is no number between 1 and 3600.
    """
    try:
        pause = float(seconds)
    except ValueError:
        pause = 0.0
    if not _LEAST_SECONDS <= pause <= _MOST_SECONDS:
        raise UsageError(f"--watch takes seconds from 1 to 3600, not {seconds!r}")
    code: IntEnum = ExitCode.INTERRUPTED
    try:
        while True:
            shown = report()
            present_next(shown, as_json=as_json, in_place=True)
            code = shown.exit_code
            environment.pause(pause)
    except KeyboardInterrupt:
        return code


def stream(reports: Iterator[Any], *, as_json: bool) -> IntEnum:
    """Show report after report as they come, one below the other; return 0 once the operator interrupts."""
    try:
        for report in reports:
            present_next(report, as_json=as_json, in_place=False)
    except KeyboardInterrupt:
        pass
    return ExitCode.OK
