"""``/var/log/pve/tasks/X/UPID:…``: what a task printed, and how it ended. Needs no daemon.

The last line is ``TASK OK``, ``TASK WARNINGS: n`` or ``TASK ERROR: why`` once the task has ended. A task that was
killed has none of them, so a log without an end says nothing about whether the task still runs: ask ``task_index``.

Schema::

    {"lines": [string], "ended": boolean, "status": string or null}
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from parsers._shape import Info, shape
from parsers._source import Source

NAME = "task_log"
info = Info("task log file parser", ("file",), ("cat /var/log/pve/tasks/0/UPID:…",))

_END = re.compile(r"TASK (?:(?P<ok>OK)|(?P<warnings>WARNINGS: [0-9]+)|ERROR: ?(?P<error>.*))")
_READER = re.compile(r"(?:awk|cat|head|sed|tail|timeout): ")


@dataclass(frozen=True, slots=True)
class TaskLog:
    """The log of one task.

    Attributes:
        lines: what it printed, without the end.
        ended: does the log have an end?
        status: ``OK``, ``WARNINGS: 2`` or the error, as the task index says it; None without an end.
    """

    lines: tuple[str, ...]
    ended: bool
    status: str | None


def read(text: str) -> TaskLog:
    """Read a task's log; a task that has printed nothing yet has an empty one.

    Raises:
        ParseError: the only line is the error message of the command that was to read the file.
    """
    source = Source(NAME, text)
    lines = source.lines
    if len(lines) == 1 and _READER.match(lines[0]):
        raise source.error("an error message instead of the contents", 1)
    # An error may have several lines: the end is the last line that looks like one.
    for number in range(len(lines), 0, -1):
        match = _END.fullmatch(lines[number - 1])
        if match is not None and (match["error"] is not None or number == len(lines)):
            error = "\n".join([match["error"] or "", *lines[number:]])
            return TaskLog(tuple(lines[: number - 1]), True, match["ok"] or match["warnings"] or error)
    return TaskLog(tuple(lines), False, None)


def parse(data: str, raw: bool = False, quiet: bool = False) -> dict[str, Any]:  # noqa: ARG001
    """Return :func:`read` as a dictionary, the way jc does."""
    result: dict[str, Any] = shape(read(data), raw)
    return result
