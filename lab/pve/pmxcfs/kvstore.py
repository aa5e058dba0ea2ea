"""The second group, `pve_kvstore_v1`: who is online, nodes' addresses, and the cluster log."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass

from . import messages
from .cluster_info import Members
from .messages import Member

MAX_LOG = 5000


@dataclass(frozen=True, slots=True)
class LogEntry:
    """A line of the cluster log, in the order of its JSON."""

    uid: int
    time: int
    pri: int
    tag: str
    pid: int
    node: str
    user: str
    msg: str


class KvStore:
    """State of the group; `send` multicasts to it."""

    def __init__(self, members: Members, address: str, send: Callable[[bytes], None]) -> None:
        self._members, self._address, self._send = members, address, send
        self._log: dict[tuple[str, int], LogEntry] = {}
        self._uid = 0

    def confchg(self, members: tuple[Member, ...]) -> None:
        """These are online; tell the newcomers our address and what we have logged."""
        self._members.set_online({node for node, _ in members})
        self._send(messages.encode("ip", name=self._members.nodename, ip=self._address))
        if self._log:
            self._send(messages.encode("log", entries=[asdict(entry) for entry in list(self._log.values())[-200:]]))

    def deliver(self, _sender: Member, data: bytes) -> None:
        """A message of the group."""
        fields, _ = messages.decode(data)
        if fields["kind"] == "ip":
            self._members.addresses[fields["name"]] = fields["ip"]
        elif fields["kind"] == "log":
            for each in fields["entries"]:
                entry = LogEntry(**each)
                self._log[(entry.node, entry.uid)] = entry
            while len(self._log) > MAX_LOG:
                del self._log[min(self._log, key=lambda key: self._log[key].time)]

    def log(self, *, tag: str, pid: int, user: str, message: str, priority: int = 6) -> None:
        """Add a line to the cluster log of every node."""
        self._uid += 1
        entry = LogEntry(self._uid, int(time.time()), priority, tag, pid, self._members.nodename, user, message)
        self._log[(entry.node, entry.uid)] = entry
        try:
            self._send(messages.encode("log", entries=[asdict(entry)]))
        except OSError:
            return  # the others get it when they are met again

    def clusterlog(self) -> str:
        """The text of `.clusterlog`, newest line first."""
        entries = sorted(self._log.values(), key=lambda entry: (entry.time, entry.uid), reverse=True)
        rows = ",\n".join(json.dumps(asdict(entry), ensure_ascii=False, separators=(", ", ": ")) for entry in entries)
        newline = "\n" if rows else ""
        return f'{{\n"data": [\n{rows}{newline}]\n}}\n'
