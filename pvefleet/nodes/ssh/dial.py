"""Getting a byte stream to a node's sshd before any SSH is spoken: a TCP connection, or a channel through another."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass
from enum import IntEnum

from paramiko import Channel, Transport

from pvefleet.model.inventory import Endpoint

_KEEPALIVE_IDLE = 5
_KEEPALIVE_INTERVAL = 5
_KEEPALIVE_COUNT = 3
_USER_TIMEOUT_MS = 20_000


class Stage(IntEnum):
    """How far an attempt to log in has come; the further, the more its failure says about the node."""

    RESOLVING = 0
    GATEWAY = 1
    CONNECTING = 2
    GREETING = 3
    LOGIN = 4


@dataclass(slots=True)
class Progress:
    """What an attempt to log in has reached; written by its thread, read by the one that waits for it.

    Attributes:
        stage: how far it is.
        transport: paramiko's side of it, from the greeting on.
    """

    stage: Stage = Stage.RESOLVING
    transport: Transport | None = None

    @property
    def greeted(self) -> bool:
        """Has an SSH server introduced itself? Then other addresses would only lead to the same one."""
        return self.transport is not None and self.transport.remote_version != ""


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment by which something has to be done.

    Attributes:
        at: on the monotonic clock.
    """

    at: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """Return the moment *seconds* from now."""
        return cls(time.monotonic() + seconds)

    @property
    def left(self) -> float:
        """Seconds that are left, 0 once it has passed."""
        return max(0.0, self.at - time.monotonic())


def dial(
    endpoint: Endpoint, deadline: Deadline, progress: Progress, through: Transport | None = None
) -> socket.socket | Channel:
    """Connect to *endpoint*.

    Args:
        endpoint: where an sshd is expected.
        deadline: give up by then. Resolving a name cannot be interrupted: run this in a thread that may be left behind.
        progress: is told each stage.
        through: an open connection whose far end connects on; None connects from here.

    Raises:
        OSError: as the socket or the resolver says.
        paramiko.SSHException: the far end of *through* cannot connect, or did not say so in time.
    """
    if through is not None:
        progress.stage = Stage.CONNECTING
        return through.open_channel("direct-tcpip", (endpoint.host, endpoint.port), ("", 0), timeout=deadline.left)
    progress.stage = Stage.RESOLVING
    choices = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    progress.stage = Stage.CONNECTING
    failure: OSError = TimeoutError(f"{endpoint} did not answer")
    for number, (family, kind, protocol, _, address) in enumerate(choices):
        stream = socket.socket(family, kind, protocol)
        stream.settimeout(max(0.01, deadline.left / (len(choices) - number)))
        try:
            stream.connect(address)
        except OSError as error:
            stream.close()
            failure = error
            continue
        return stream
    raise failure


def tune(stream: object) -> None:
    """Set what a TCP connection for SSH needs; a channel through another node has no such settings.

    Without TCP_NODELAY every command waits 40 ms for a delayed acknowledgement. A peer that is gone is noticed after
    about 20 s: probes when idle, the user timeout when data is in flight. SSH's own keepalive would only hide it: the
    unacknowledged request suppresses the probes.
    """
    if not isinstance(stream, socket.socket):
        return
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_IDLE)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEPALIVE_INTERVAL)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _KEEPALIVE_COUNT)
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _USER_TIMEOUT_MS)


def hang_up(stream: socket.socket | Channel) -> None:
    """End *stream* so that a thread that reads from it wakes up at once. Never raises, never waits."""
    try:
        if isinstance(stream, socket.socket):
            stream.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    finally:
        stream.close()
