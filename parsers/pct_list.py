"""``pct list``: the containers of this node. Exit status 0; a node without any prints nothing at all.

The Lock column is blank without a lock, so it is read by its place in the line; a lock longer than its column
(``snapshot-delete``) shifts the name.

Schema::

    [{"vmid": integer, "status": string, "lock": string or null, "name": string, "extra": [[string, string]]}]
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from parsers._shape import Info, shape
from parsers._source import Source

NAME = "pct_list"
info = Info("`pct list` command parser", magic_commands=("pct list",))

_HEADING = ["VMID", "Status", "Lock", "Name"]
_ROW = re.compile(
    r"(?=.{22})(?P<vmid>[0-9]+) +(?P<status>[a-z-]+) +"
    r"(?:(?<=^.{22})(?P<lock>\S+) +)?(?P<name>\S+)(?P<rest>(?: +\S+)*) *"
)


@dataclass(frozen=True, slots=True)
class PctGuest:
    """One container of this node.

    Attributes:
        vmid: its number.
        status: ``running`` or ``stopped``.
        lock: what has it locked, such as ``backup`` or ``snapshot-delete``; None if nothing has.
        name: its host name, or ``CT<vmid>``.
        extra: columns not known here.
    """

    vmid: int
    status: str
    lock: str | None
    name: str
    extra: tuple[tuple[str, str], ...] = ()


def read(text: str) -> tuple[PctGuest, ...]:
    """Read ``pct list``; no text at all means no container, so check the exit status first.

    Raises:
        ParseError: the heading is missing, a container is listed twice, or a line is not understood.
    """
    source = Source(NAME, text)
    if not source.lines:
        return ()
    columns = source.lines[0].split()
    if columns[:4] != _HEADING:
        raise source.error("not the heading of pct list", 1)
    guests = [_guest(source, columns[4:], number, line) for number, line in enumerate(source.lines[1:], 2)]
    if not guests:
        raise source.error("a heading without a container")
    if len({guest.vmid for guest in guests}) != len(guests):
        raise source.error("a container is listed twice")
    return tuple(guests)


def parse(data: str, raw: bool = False, quiet: bool = False) -> list[dict[str, Any]]:  # noqa: ARG001
    """Return :func:`read` as a list of dictionaries, the way jc does."""
    result: list[dict[str, Any]] = shape(read(data), raw)
    return result


def _guest(source: Source, columns: list[str], number: int, line: str) -> PctGuest:
    row = _ROW.fullmatch(line)
    if row is None or len(row["rest"].split()) != len(columns):
        raise source.error("not a line of pct list", number)
    vmid = source.integer(row["vmid"], "VMID", number)
    extra = tuple(zip(columns, row["rest"].split(), strict=True))
    return PctGuest(vmid, row["status"], row["lock"], row["name"], extra)
