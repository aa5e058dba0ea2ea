"""An SSH server inside the test process that really runs commands, and fails in the ways it is told to."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO

import paramiko
from paramiko.common import (
    AUTH_FAILED,
    AUTH_SUCCESSFUL,
    OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED,
    OPEN_FAILED_CONNECT_FAILED,
    OPEN_SUCCEEDED,
)

from pvefleet.model.inventory import Endpoint

Command = Callable[["Session"], None]


@dataclass
class Behaviour:
    """How the server treats whoever connects; may be changed while it runs.

    Attributes:
        greeting: ``ssh``, or what happens instead: ``silent`` or ``close``.
        full: how many more connections to close right away, as an sshd without a free place does.
        login: ``accept``, ``reject``, ``hang`` or ``close``.
        session: ``accept``, ``reject`` or ``hang``.
        command: what a command does; None refuses to run any.
        forwards: where connections through it really go; None forbids them.
    """

    greeting: str = "ssh"
    full: int = 0
    login: str = "accept"
    session: str = "accept"
    command: Command | None = field(default_factory=lambda: run_here)
    forwards: dict[tuple[str, int], Endpoint] | None = field(default_factory=dict)


class SshServer:
    """Listens on a loopback address until closed.

    Attributes:
        endpoint: where.
        behaviour: see :class:`Behaviour`.
        logins: how many were accepted.
        busiest: the most logins that were under way at the same time.
        closing: set when it closes.
        thaw: ends a hang of ``session``.
    """

    def __init__(self, host_key: paramiko.PKey, behaviour: Behaviour | None = None, host: str = "127.0.0.1") -> None:
        self.host_key = host_key
        self.behaviour = behaviour or Behaviour()
        self.logins = 0
        self.busiest = 0
        self.closing = threading.Event()
        self.thaw = threading.Event()
        self._under_way = 0
        self._lock = threading.Lock()
        self._transports: list[paramiko.Transport] = []
        self._sockets: list[socket.socket] = []
        self._listener = socket.create_server((host, 0), backlog=64)
        self.endpoint = Endpoint(host, self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """End every connection and stop listening."""
        self.closing.set()
        self.thaw.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.drop()

    def drop(self) -> None:
        """Cut every connection, as a node does that loses power."""
        for client in self._sockets:
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        for transport in self._transports:
            transport.join(5)
        for client in self._sockets:
            client.close()

    def _accept(self) -> None:
        while not self.closing.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(client)
            if self.behaviour.greeting == "close" or self.behaviour.full > 0:
                self.behaviour.full -= 1
                client.close()
            elif self.behaviour.greeting == "ssh":
                self._speak(client)

    def _speak(self, client: socket.socket) -> None:
        self.count(+1)
        transport = paramiko.Transport(client)
        transport.add_server_key(self.host_key)
        self._transports.append(transport)
        transport.start_server(server=_Interface(self, transport), event=threading.Event())

    def count(self, step: int) -> None:
        with self._lock:
            self._under_way += step
            self.busiest = max(self.busiest, self._under_way)
            self.logins += step < 0


class Session:
    """One command on its channel."""

    def __init__(self, server: SshServer, transport: paramiko.Transport, channel: paramiko.Channel, line: str) -> None:
        self.server = server
        self.transport = transport
        self.channel = channel
        self.line = line

    def started(self) -> Session:
        """Wait until the client has heard that its command was accepted: only then it ends its input."""
        while self.channel.recv(1 << 16):
            pass
        return self

    def cut(self) -> None:
        """Lose the connection."""
        self.transport.sock.shutdown(socket.SHUT_RDWR)


def run_here(session: Session) -> None:
    """Run the line with /bin/sh on this machine as sshd does: output as it comes, exit status, end of file, close."""
    process = subprocess.Popen(
        ["/bin/sh", "-c", session.line],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    channel = session.channel

    def feed() -> None:
        with contextlib.suppress(OSError), process.stdin as stdin:
            while data := channel.recv(1 << 20):
                stdin.write(data)

    def forward(source: IO[bytes], send: Callable[[bytes], None]) -> None:
        with contextlib.suppress(OSError), source:
            while data := source.read(1 << 18):
                send(data)

    threads = [
        threading.Thread(target=forward, args=(process.stdout, channel.sendall), daemon=True),
        threading.Thread(target=forward, args=(process.stderr, channel.sendall_stderr), daemon=True),
    ]
    threading.Thread(target=feed, daemon=True).start()
    for thread in threads:
        thread.start()
    with contextlib.suppress(OSError, EOFError):
        channel.send_exit_status(process.wait())
        for thread in threads:
            thread.join()
        channel.shutdown_write()
        channel.close()


class _Interface(paramiko.ServerInterface):
    def __init__(self, server: SshServer, transport: paramiko.Transport) -> None:
        self._server = server
        self._transport = transport

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        mode = self._server.behaviour.login
        if mode == "hang":
            self._server.closing.wait(30)
        if mode == "close":
            self._transport.sock.shutdown(socket.SHUT_RDWR)
        if mode != "accept":
            return AUTH_FAILED
        self._server.count(-1)
        return AUTH_SUCCESSFUL

    def check_channel_request(self, kind: str, chanid: int) -> int:
        mode = self._server.behaviour.session
        if mode == "hang":
            self._server.thaw.wait(30)
        return OPEN_SUCCEEDED if mode != "reject" else OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        run = self._server.behaviour.command
        if run is None:
            return False
        session = Session(self._server, self._transport, channel, command.decode())
        threading.Thread(target=run, args=(session,), daemon=True).start()
        return True

    def check_channel_direct_tcpip_request(
        self, chanid: int, origin: tuple[str, int], destination: tuple[str, int]
    ) -> int:
        forwards = self._server.behaviour.forwards
        if forwards is None:
            return OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
        target = forwards.get(destination)
        if target is None:
            return OPEN_FAILED_CONNECT_FAILED
        try:
            far = socket.create_connection((target.host, target.port), timeout=2)
        except OSError:
            return OPEN_FAILED_CONNECT_FAILED
        far.settimeout(None)
        threading.Thread(target=self._join, args=(chanid, far), daemon=True).start()
        return OPEN_SUCCEEDED

    def _join(self, chanid: int, far: socket.socket) -> None:
        channel = self._transport._channels.get(chanid)
        while channel is None and self._transport.is_active():
            channel = self._transport._channels.get(chanid)
        if channel is None:
            far.close()
            return

        def pump(read: Callable[[int], bytes], write: Callable[[bytes], object], end: Callable[[], object]) -> None:
            with contextlib.suppress(OSError, EOFError):
                while data := read(1 << 16):
                    write(data)
            with contextlib.suppress(OSError, EOFError):
                end()

        threading.Thread(target=pump, args=(channel.recv, far.sendall, far.close), daemon=True).start()
        pump(far.recv, channel.sendall, channel.close)
