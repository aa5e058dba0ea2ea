"""The two datagram sockets services talk to: /dev/log (syslog) and /run/systemd/notify (readiness)."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from . import journal
from .layout import NOTIFY

if TYPE_CHECKING:
    from .unit import Unit

DEV_LOG = Path("/dev/log")
_SYSLOG = re.compile(
    r"(?:<(\d+)>)?(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d )?(?:(\S+?)(?:\[(\d+)\])?: )?(.*)", re.DOTALL
)
_CREDENTIALS = struct.Struct("3i")


def listen(unit_of: Callable[[int], Unit | None]) -> None:
    """Serve both sockets in the running event loop."""
    _serve(DEV_LOG, lambda pid, data: _log(unit_of(pid), pid, data))
    _serve(NOTIFY, lambda pid, data: _notify(unit_of(pid), data))


def _serve(path: Path, handle: Callable[[int, str], None]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    sock.bind(str(path))
    path.chmod(0o666)

    def readable() -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                data, ancillary, _, _ = sock.recvmsg(65536, 256)
                handle(_sender(ancillary), data.decode(errors="replace"))

    asyncio.get_running_loop().add_reader(sock, readable)


def _sender(ancillary: list[tuple[int, int, bytes]]) -> int:
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_CREDENTIALS:
            pid: int = _CREDENTIALS.unpack(data[: _CREDENTIALS.size])[0]
            return pid
    return 0


def split(data: str) -> tuple[int, str | None, int | None, str]:
    """A syslog datagram as (priority 0-7, identifier, pid, message)."""
    match = _SYSLOG.fullmatch(data.rstrip("\n\0"))
    assert match is not None, "the pattern matches any text"
    facility, ident, pid, message = match.groups()
    return int(facility or 13) & 7, ident, int(pid) if pid else None, message


def _log(unit: Unit | None, sender: int, data: str) -> None:
    priority, ident, pid, message = split(data)
    # a session's sshd has a session id of its own, but its lines belong to the service
    name = unit.name if unit else ("ssh" if ident and ident.startswith("sshd") else journal.SYSTEM)
    journal.write(name, message, ident=ident or "unknown", pid=pid or sender or None, priority=priority)


def _notify(unit: Unit | None, data: str) -> None:
    if unit is not None and "READY=1" in data.splitlines():
        unit.ready.set()
