"""watchdog-mux: keeps the machine's watchdog quiet as long as every client of its own reports in time."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import struct
import syslog
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.pve.layout import NodeSettings

from . import versions
from .timing import Timing

SOCKET = Path("/run/watchdog-mux.sock")
ACTIVE = Path("/run/watchdog-mux.active")
DEVICE = Path("/run/pvelab/watchdog0")
CLOSE, ALIVE = b"V", b"\0"
ROUND = 1.0


class Watchdog:
    """A daemon's connection to watchdog-mux. Closed by the word only: a broken one lets the machine be reset."""

    def __init__(self, log: Callable[[str], None], path: Path = SOCKET) -> None:
        self._log, self._path = log, path
        self._connection: socket.socket | None = None

    @property
    def held(self) -> bool:
        """Is it open?"""
        return self._connection is not None

    def open(self) -> bool:
        """Open it unless it is; False when watchdog-mux does not answer."""
        if self._connection is not None:
            return True
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(self._path))
        except OSError as error:
            connection.close()
            self._log(f"unable to open watchdog socket - {error.strerror}")
            return False
        self._connection = connection
        self._log("watchdog active")
        return True

    def update(self) -> None:
        """Say that we live."""
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.sendall(ALIVE)

    def close(self) -> None:
        """Give it up in good order."""
        if self._connection is not None:
            with contextlib.suppress(OSError):
                self._connection.sendall(CLOSE)
            self._connection.close()
            self._connection = None
            self._log("watchdog closed (disabled)")


@dataclass(slots=True)
class Client:
    """A connection of watchdog-mux: who, when it was last heard of, whether it may go."""

    pid: int
    heard: float
    closing: bool = False
    warned: bool = False


class Mux:
    """The clients and what they mean; sockets apart, so that a test can run it by a clock of its own."""

    def __init__(self, timing: Timing, log: Callable[[str], None], *, names_pids: bool) -> None:
        self._timing, self._log = timing, log
        self._names_pids = names_pids
        self.clients: dict[int, Client] = {}
        self.updating = True

    @property
    def active(self) -> bool:
        """Does anybody hold the watchdog?"""
        return bool(self.clients)

    def heard(self, fd: int, data: bytes, now: float) -> bool:
        """What a client sent; empty when it hung up. Returns whether it is still there."""
        client = self.clients[fd]
        if data:
            client.heard, client.warned = now, False
            client.closing = client.closing or CLOSE in data
            return True
        del self.clients[fd]
        if not client.closing:
            self._stop(f"client{self._who(client)} did not stop watchdog - disable watchdog updates")
        return False

    def check(self, now: float) -> bool:
        """May the device be told that all is well?"""
        for client in self.clients.values():
            silent = now - client.heard
            if silent > self._timing.watchdog:
                self._stop(f"client{self._who(client)} watchdog expired - disable watchdog updates")
            elif silent > self._timing.watchdog_warning and not client.warned and self._names_pids:
                client.warned = True
                self._log(f"client{self._who(client)} watchdog is about to expire")
        return self.updating

    def _who(self, client: Client) -> str:
        return f" (PID {client.pid})" if self._names_pids else ""

    def _stop(self, message: str) -> None:
        if self.updating:
            self._log(message)
        self.updating = False


def main(_argv: list[str]) -> int:
    """Be watchdog-mux until SIGTERM."""
    settings = NodeSettings.load()
    syslog.openlog("watchdog-mux", syslog.LOG_PID, syslog.LOG_DAEMON)
    if ACTIVE.exists():
        syslog.syslog(syslog.LOG_ERR, "watchdog active - unable to restart watchdog-mux")
        return 1
    syslog.syslog(syslog.LOG_INFO, "Watchdog driver 'Software Watchdog', version 0")
    mux = Mux(Timing(settings.ha_scale), syslog.syslog, names_pids=versions.of(settings.pve) >= (5, 1, 2))
    _serve(mux)
    return 0


def _serve(mux: Mux) -> None:
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: stopping.append(number))
    SOCKET.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(SOCKET))
    SOCKET.chmod(0o600)
    listener.listen(16)
    wake, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    connections: dict[int, socket.socket] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(listener, selectors.EVENT_READ)
        selector.register(wake, selectors.EVENT_READ)
        while not stopping:
            for key, _ in selector.select(ROUND if mux.active else None):
                now = time.monotonic()
                if key.fileobj is listener:
                    connection, _ = listener.accept()
                    mux.clients[connection.fileno()] = Client(_peer(connection), now)
                    connections[connection.fileno()] = connection
                    selector.register(connection, selectors.EVENT_READ)
                elif key.fd in connections and not mux.heard(key.fd, _received(connections[key.fd]), now):
                    selector.unregister(connections[key.fd])
                    connections.pop(key.fd).close()
            _show(mux)
    if not mux.active:
        SOCKET.unlink(missing_ok=True)


def _show(mux: Mux) -> None:
    """Keep the marker, and the device's timer from running out: it runs only while somebody holds the watchdog."""
    if mux.active:
        ACTIVE.mkdir(exist_ok=True)
    if mux.check(time.monotonic()):
        if mux.active:
            DEVICE.touch()
        else:
            DEVICE.unlink(missing_ok=True)
            if ACTIVE.exists():
                ACTIVE.rmdir()


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(256)
    except OSError:
        return b""


def _peer(connection: socket.socket) -> int:
    size = struct.calcsize("3i")
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
    return int(struct.unpack("3i", credentials)[0])
