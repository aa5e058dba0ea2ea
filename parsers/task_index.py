"""``/var/log/pve/tasks/active`` and ``…/index``: the tasks of one node, and how they ended. Needs no daemon.

``active`` has ``UPID 0`` for a task that runs and ``UPID 1 END STATUS`` for one that ended; ``index`` gets ``UPID END
STATUS`` some seconds later. No text at all means no task.

Schema::

    [{"upid": {"text": string, "node": string, "pid": integer, "pstart": integer, "starttime": integer, "type": string,
               "id": string, "user": string},
      "endtime": integer or null, "status": string or null}]
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from parsers._shape import Info, shape
from parsers._source import Source
from parsers._upid import PATTERN, Upid, build

__all__ = ["Task", "Upid", "parse", "read", "read_upid"]

NAME = "task_index"
info = Info("task index file parser", ("file",), ("cat /var/log/pve/tasks/active", "cat /var/log/pve/tasks/index"))

_END = re.compile(r" (?:[0-9] )?(?P<end>[0-9A-Fa-f]{8}) (?P<status>\S.*)")
_RUNNING = re.compile(r"(?: [01])?")


@dataclass(frozen=True, slots=True)
class Task:
    """One task.

    Attributes:
        upid: its name, taken apart.
        endtime: its end, in seconds since the epoch; None while it runs.
        status: ``OK``, ``WARNINGS: 2``, ``unexpected status`` (it was killed) or the error; None while it runs.
    """

    upid: Upid
    endtime: int | None
    status: str | None

    @property
    def succeeded(self) -> bool:
        """Did it end well, with or without warnings?"""
        return self.status is not None and (self.status == "OK" or self.status.startswith("WARNINGS:"))


def read(text: str) -> tuple[Task, ...]:
    """Read the ``active`` or the ``index`` file, in the order of the file.

    Raises:
        ParseError: a line is not understood.
    """
    source = Source(NAME, text)
    if source.lines and not source.text.strip():
        raise source.error("blank lines only")
    return tuple(_task(source, number, line) for number, line in enumerate(source.lines, 1))


def read_upid(text: str) -> Upid:
    """Read one UPID.

    Raises:
        ParseError: it is none.
    """
    match = PATTERN.fullmatch(text.strip())
    if match is None:
        raise Source(NAME, text).error("not a UPID")
    return build(match)


def parse(data: str, raw: bool = False, quiet: bool = False) -> list[dict[str, Any]]:  # noqa: ARG001
    """Return :func:`read` as a list of dictionaries, the way jc does."""
    result: list[dict[str, Any]] = shape(read(data), raw)
    return result


def _task(source: Source, number: int, line: str) -> Task:
    match = PATTERN.match(line)
    if match is None:
        raise source.error("not the line of a task", number)
    rest = line[match.end() :]
    if _RUNNING.fullmatch(rest):
        return Task(build(match), None, None)
    end = _END.fullmatch(rest)
    if end is None:
        raise source.error("neither a running nor an ended task", number)
    return Task(build(match), int(end["end"], 16), end["status"].rstrip())
