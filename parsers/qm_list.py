"""``qm list``: the virtual machines of this node. Exit status 0; a node without any prints nothing at all.

Without ``--full 1`` the status is only ``running`` or ``stopped``: a paused machine shows as running.

Schema::

    [{"vmid": integer, "name": string, "status": string, "memory_mib": number, "bootdisk_gib": number, "pid": integer,
      "extra": [[string, string]]}]
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from parsers._shape import Info, shape
from parsers._source import Source

NAME = "qm_list"
info = Info("`qm list` command parser", magic_commands=("qm list",))

_HEADING = ["VMID", "NAME", "STATUS", "MEM(MB)", "BOOTDISK(GB)", "PID"]
_ROW = re.compile(
    r"\s*(?P<vmid>[0-9]+) (?P<name>.*?\S)\s+(?P<status>\S+)\s+(?P<memory>[0-9]+(?:\.[0-9]+)?)"
    r"\s+(?P<disk>[0-9]+\.[0-9]{2})\s+(?P<pid>[0-9]+)(?P<rest>(?:\s+\S+)*)\s*"
)


@dataclass(frozen=True, slots=True)
class QmGuest:
    """One virtual machine of this node.

    Attributes:
        vmid: its number.
        name: its name; ``VM <vmid>``, with a blank, if it has none.
        status: ``running``, ``stopped``; with ``--full 1`` also ``paused`` and others.
        memory_mib: configured memory in MiB.
        bootdisk_gib: size of the boot disk in GiB; 0 without one.
        pid: process id of its QEMU, 0 if none runs.
        extra: columns not known here.
    """

    vmid: int
    name: str
    status: str
    memory_mib: float
    bootdisk_gib: float
    pid: int
    extra: tuple[tuple[str, str], ...] = ()


def read(text: str) -> tuple[QmGuest, ...]:
    """Read ``qm list``; no text at all means no machine, so check the exit status first.

    Raises:
        ParseError: the heading or a column of it is missing, a machine is listed twice, or a line is not understood.
    """
    source = Source(NAME, text)
    if not source.lines:
        return ()
    columns = source.lines[0].split()
    if columns[:6] != _HEADING:
        raise source.error("not the heading of qm list", 1)
    guests = [_guest(source, columns[6:], number, line) for number, line in enumerate(source.lines[1:], 2)]
    if not guests:
        raise source.error("a heading without a machine")
    if len({guest.vmid for guest in guests}) != len(guests):
        raise source.error("a machine is listed twice")
    return tuple(guests)


def parse(data: str, raw: bool = False, quiet: bool = False) -> list[dict[str, Any]]:  # noqa: ARG001
    """Return :func:`read` as a list of dictionaries, the way jc does."""
    result: list[dict[str, Any]] = shape(read(data), raw)
    return result


def _guest(source: Source, columns: list[str], number: int, line: str) -> QmGuest:
    row = _ROW.fullmatch(line)
    if row is None or len(row["rest"].split()) != len(columns):
        raise source.error("not a line of qm list", number)
    return QmGuest(
        vmid=source.integer(row["vmid"], "VMID", number),
        name=row["name"].lstrip(),
        status=row["status"],
        memory_mib=source.fraction(row["memory"], "MEM(MB)", number),
        bootdisk_gib=source.fraction(row["disk"], "BOOTDISK(GB)", number),
        pid=source.integer(row["pid"], "PID", number),
        extra=tuple(zip(columns, row["rest"].split(), strict=True)),
    )
