"""UPIDs: the names of Proxmox VE's tasks."""

from __future__ import annotations

import re
from dataclasses import dataclass

PATTERN = re.compile(
    r"UPID:(?P<node>[A-Za-z0-9][A-Za-z0-9.-]*):(?P<pid>[0-9A-Fa-f]{8}):(?P<pstart>[0-9A-Fa-f]{8,9})"
    r":(?P<start>[0-9A-Fa-f]{8}):(?P<type>[^:\s/]+):(?P<id>[^:\s/]*):(?P<user>[^:\s/]+):"
)


@dataclass(frozen=True, slots=True)
class Upid:
    """The name of one task.

    Attributes:
        text: the name as it stands, ``UPID:node:…:``.
        node: the node it runs on.
        pid: its process.
        pstart: start of that process, in clock ticks since boot.
        starttime: its start, in seconds since the epoch.
        type: what it does, such as ``qmstart``, ``clusterjoin``.
        id: what it does it to, such as a guest's number; may be empty.
        user: who started it.
    """

    text: str
    node: str
    pid: int
    pstart: int
    starttime: int
    type: str
    id: str
    user: str

    @property
    def log_path(self) -> str:
        """Return the path of the task's log on its node."""
        return f"/var/log/pve/tasks/{self.text.split(':')[4][-1].upper()}/{self.text}"


def build(match: re.Match[str]) -> Upid:
    """Return the record of a match of :data:`PATTERN`."""
    return Upid(
        text=match[0],
        node=match["node"],
        pid=int(match["pid"], 16),
        pstart=int(match["pstart"], 16),
        starttime=int(match["start"], 16),
        type=match["type"],
        id=match["id"],
        user=match["user"],
    )
