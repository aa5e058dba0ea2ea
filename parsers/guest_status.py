"""``qm status VMID [--verbose 1]`` and ``pct status VMID [--verbose 1]``: does a guest of this node run? Exit status 0.

A guest of another node, or none, is an error on standard error. ``--verbose 1`` adds values, some of them nested.

Schema::

    {"status": string, "values": [[string, string]]}
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from parsers._shape import Info, shape
from parsers._source import Source

NAME = "guest_status"
info = Info("`qm status` and `pct status` command parser", magic_commands=("qm status", "pct status"))

_LINE = re.compile(r"(\t*)([A-Za-z0-9_][^\s:]*):(?: (.*))?")
_STATUS = re.compile(r"[a-z][a-z -]*")


@dataclass(frozen=True, slots=True)
class GuestStatus:
    """The state of one guest.

    Attributes:
        status: ``running``, ``stopped``, ``paused``, ``prelaunch`` …
        values: what ``--verbose 1`` adds; nested values as ``blockstat/scsi0/rd_bytes``.
    """

    status: str
    values: tuple[tuple[str, str], ...]


def read(text: str) -> GuestStatus:
    """Read ``qm status`` or ``pct status``.

    Raises:
        ParseError: there is no status, a value stands twice, or a line is not understood.
    """
    source = Source(NAME, text)
    source.refuse_nothing()
    source.refuse_complaint()
    path: list[str] = []
    values: dict[str, str] = {}
    for number, line in enumerate(source.lines, 1):
        match = _LINE.fullmatch(line)
        if match is None or len(match[1]) > len(path):
            raise source.error("not a line of the form 'key: value'", number)
        path = [*path[: len(match[1])], match[2]]
        name = "/".join(path)
        if name in values:
            raise source.error("this value stands twice", number)
        values[name] = match[3] or ""
    status = values.pop("status", "")
    if not _STATUS.fullmatch(status):
        raise source.error("no status")
    return GuestStatus(status, tuple(values.items()))


def parse(data: str, raw: bool = False, quiet: bool = False) -> dict[str, Any]:  # noqa: ARG001
    """Return :func:`read` as a dictionary, the way jc does."""
    result: dict[str, Any] = shape(read(data), raw)
    return result
