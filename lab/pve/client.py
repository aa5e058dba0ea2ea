"""Asking PID 1 something over its control socket."""

from __future__ import annotations

import json
import socket
from collections.abc import Sequence
from typing import Any

from .layout import CONTROL_SOCKET


def ask(request: dict[str, Any], fds: Sequence[int] = ()) -> dict[str, Any]:
    """One request, one answer.

    Raises:
        OSError: PID 1 does not answer.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(str(CONTROL_SOCKET))
        message = json.dumps(request).encode() + b"\n"
        if fds:
            socket.send_fds(connection, [message], list(fds))
        else:
            connection.sendall(message)
        data = b""
        while not data.endswith(b"\n"):
            chunk = connection.recv(65536)
            if not chunk:
                raise ConnectionResetError("PID 1 closed the connection")
            data += chunk
    answer: dict[str, Any] = json.loads(data)
    return answer
