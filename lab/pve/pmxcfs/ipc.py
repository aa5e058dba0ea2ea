"""The socket the tools reach pmxcfs by: one JSON request a connection. Without it they print `ipcc_send_rec` errors."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lab.pve.layout import PMXCFS_SOCKET

if TYPE_CHECKING:
    from .daemon import Daemon

SOCKET: Path = PMXCFS_SOCKET


def serve(daemon: Daemon) -> None:
    """Answer in a thread of our own."""
    SOCKET.parent.mkdir(parents=True, exist_ok=True)
    SOCKET.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(SOCKET))
    SOCKET.chmod(0o600)
    listener.listen(32)
    threading.Thread(target=_accept, args=(listener, daemon), name="ipc", daemon=True).start()


def _accept(listener: socket.socket, daemon: Daemon) -> None:
    while True:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError, ValueError, KeyError):
            request = json.loads(connection.makefile().readline())
            connection.sendall(json.dumps(_answer(request, daemon)).encode() + b"\n")


def _answer(request: dict[str, Any], daemon: Daemon) -> dict[str, Any]:
    if request["op"] == "log":
        fields = {key: request[key] for key in ("tag", "pid", "user", "message")}
        daemon.kvstore.log(**fields)
    return {"synced": daemon.dfsm.synced or not daemon.clustered}


def ask(request: dict[str, Any]) -> dict[str, Any]:
    """One request of a tool.

    Raises:
        OSError: pmxcfs does not run.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(str(SOCKET))
        connection.sendall(json.dumps(request).encode() + b"\n")
        line = connection.makefile().readline()
    if not line:
        raise ConnectionRefusedError
    answer: dict[str, Any] = json.loads(line)
    return answer
