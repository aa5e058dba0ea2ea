"""The lab's control socket: one JSON line asks, JSON lines answer, one request per connection.

A request is ``{"op": NAME, ...arguments}``; the answer ``{"result": ...}`` or ``{"error": "one line"}``. The request
``exec`` carries three descriptors (the command's standard streams) and is answered ``{"exit": STATUS}``; the command
is killed when its asker hangs up.
"""

from __future__ import annotations

import json
import os
import selectors
import signal
import socket
import subprocess
import threading
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.node import ENVIRONMENT

_LINE_MOST = 4 << 20
_CHUNK = 1 << 16
_TERM = "TERM"


class Server:
    """Answers requests, each in a thread of its own."""

    def __init__(
        self, path: Path, operations: Mapping[str, Callable[..., Any]], enter: Callable[..., list[str]]
    ) -> None:
        """Open the socket.

        Args:
            path: where.
            operations: by name; called with the request's other fields, their result must be JSON.
            enter: turns (node name, argv) into the command that runs argv there; serves ``exec``.
        """
        self._operations = operations
        self._enter = enter
        self._listener = socket.socket(socket.AF_UNIX)
        _by_short_path(path, self._listener.bind)
        path.chmod(0o600)
        self._listener.listen(64)

    def start(self) -> None:
        """Begin to accept, in a thread."""
        threading.Thread(target=self._accept, name="control", daemon=True).start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            try:
                answer = self._answer(connection)
            except LabError as error:
                answer = {"error": str(error)}
            except Exception as error:
                traceback.print_exc()
                answer = {"error": f"a bug in the lab: {error!r} (more in lab.log)"}
            try:
                connection.sendall(json.dumps(answer).encode() + b"\n")
            except OSError:
                return

    def _answer(self, connection: socket.socket) -> dict[str, Any]:
        line, descriptors = _receive_line(connection)
        try:
            request = json.loads(line)
            operation = request.pop("op")
            if operation == "exec":
                return self._exec(connection, descriptors, **request)
            if operation not in self._operations:
                raise LabError(f"the lab has no operation {operation!r}")
            return {"result": self._operations[operation](**request)}
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _exec(
        self, connection: socket.socket, descriptors: Sequence[int], *, node: str, argv: list[str], term: str = ""
    ) -> dict[str, Any]:
        if len(descriptors) != 3:
            raise LabError("exec needs three descriptors")
        stdin, stdout, stderr = descriptors
        environment = {**ENVIRONMENT, **({_TERM: term} if term else {})}
        child = subprocess.Popen(
            self._enter(node, argv),
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            env=environment,
            start_new_session=True,
        )
        if not _ended_before_hangup(child, connection):
            # nsenter alone would leave the command behind: it is in the same process group.
            os.killpg(child.pid, signal.SIGKILL)
        status = child.wait()
        return {"exit": status if status >= 0 else 128 - status}


def _ended_before_hangup(child: subprocess.Popen[bytes], connection: socket.socket) -> bool:
    """Wait until the child has ended (True) or its asker has hung up (False)."""
    pidfd = os.pidfd_open(child.pid)
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(pidfd, selectors.EVENT_READ)
            selector.register(connection, selectors.EVENT_READ)
            return any(key.fd == pidfd for key, _ in selector.select())
    finally:
        os.close(pidfd)


class Client:
    """Asks the lab whose control socket is at ``path``."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def ask(self, operation: str, /, within: float = 60.0, **arguments: Any) -> Any:
        """Send one request and return its result.

        Raises:
            LabError: the lab refused, did not answer ``within`` seconds, or there is none.
        """
        with self._connect() as connection:
            connection.settimeout(within)
            return self._converse(connection, {"op": operation, **arguments}, ())["result"]

    def execute(
        self, node: str, argv: Sequence[str], streams: tuple[int, int, int], *, seconds: float | None, term: str = ""
    ) -> int:
        """Run a command in a node with the given descriptors as its standard streams; return its exit status.

        Raises:
            TimeoutError: it took longer than ``seconds``; it has been killed.
            LabError: the node is off or frozen, or there is no lab.
        """
        with self._connect() as connection:
            connection.settimeout(seconds)
            request = {"op": "exec", "node": node, "argv": list(argv), "term": term}
            return int(self._converse(connection, request, streams)["exit"])

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX)
        try:
            _by_short_path(self._path, connection.connect)
        except OSError as error:
            connection.close()
            raise LabError("no lab is running here: start one with `inv lab.up`") from error
        return connection

    def _converse(self, connection: socket.socket, request: dict[str, Any], streams: Sequence[int]) -> dict[str, Any]:
        line = json.dumps(request).encode() + b"\n"
        try:
            sent = socket.send_fds(connection, [line], list(streams))
            if sent < len(line):
                connection.sendall(line[sent:])
            answer = json.loads(_receive_line(connection)[0])
        except TimeoutError:
            raise
        except (OSError, ValueError) as error:
            raise LabError("the lab ended before it answered") from error
        if "error" in answer:
            raise LabError(answer["error"])
        return answer


def _receive_line(connection: socket.socket) -> tuple[bytes, list[int]]:
    """Read up to the first newline, and the descriptors that come with it."""
    line, descriptors = b"", []
    while not line.endswith(b"\n"):
        chunk, received, _flags, _address = socket.recv_fds(connection, _CHUNK, 3)
        descriptors += received
        line += chunk
        if not chunk or len(line) > _LINE_MOST:
            raise LabError("the lab ended before it answered" if not chunk else "a request is too long")
    return line, descriptors


def _by_short_path(path: Path, call: Callable[[str], None]) -> None:
    """Bind or connect under a path of any length, through the folder's number: the kernel takes 107 bytes only."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        call(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)
