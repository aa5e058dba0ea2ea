"""Running one line on a node through Fabric: a runner that keeps bytes, waits on events and never blocks its caller.

Invoke's own runner decodes per chunk, joins its whole buffer for every chunk, polls, leaves the standard input
open, takes a lost connection for a normal end and cannot give up on a peer that has frozen. This one keeps the
interface, with a different inside: a thread opens the channel, sends the line and the input (all of which may block for
ever), while the caller's thread collects the output under a deadline.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import IO, Any

from fabric.runners import Remote, Result
from paramiko import Channel, Transport
from paramiko.ssh_exception import ChannelException, SSHException

from pvefleet.nodes.ssh.wire import KILL_AFTER

_CHUNK = 1 << 22
_PACKET = 1 << 15
_MARGIN = 1.0
"""Seconds that the answer may be on its way after the node has killed a command."""
_PROBE_SECONDS = 1.0
_LATE = 0.2
"""Seconds that paramiko's own time limit for opening a channel may be late; it looks ten times a second."""
_SETTLE = 0.2
"""Seconds in which paramiko's thread is gone after a connection is lost: it closes the channels a moment before."""


class NotRunError(SSHException):
    """No command channel could be had, or the node refused the command: nothing was run.

    Attributes:
        refused: the node answered and said no; otherwise it did not answer.
    """

    def __init__(self, message: str, *, refused: bool) -> None:
        super().__init__(message)
        self.refused = refused


class LostError(SSHException):
    """The connection ended after the command had been handed over and before all of its answer was here.

    Attributes:
        status: its exit status, if that had come; the output is incomplete.
    """

    def __init__(self, message: str, status: int | None) -> None:
        super().__init__(message)
        self.status = status


class OverdueError(SSHException):
    """The answer is not complete although the node should have ended the command by now.

    Attributes:
        status: its exit status, if that has come: then something it started keeps its output open.
        alive: does the node's sshd still answer? If so, the command cannot be killed there.
    """

    def __init__(self, message: str, status: int | None, *, alive: bool) -> None:
        super().__init__(message)
        self.status = status
        self.alive = alive


class NodeResult(Result):  # type: ignore[misc]
    """Fabric's result with the bytes as they came.

    Attributes:
        stdout_bytes: standard output.
        stderr_bytes: standard error.
        seconds: from handing the command over to its exit status.
    """

    def __init__(self, stdout_bytes: bytes, stderr_bytes: bytes, seconds: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stdout_bytes = stdout_bytes
        self.stderr_bytes = stderr_bytes
        self.seconds = seconds


class NodeRunner(Remote):  # type: ignore[misc]
    """Fabric's remote runner. ``in_stream`` is a binary stream that is read to its end; ``timeout`` is the limit that
    the node itself keeps: here a little more is allowed, for SIGKILL and the way back.

    Raises from ``run``: NotRunError, LostError, OverdueError.
    """

    def start(self, command: str, shell: str, env: dict[str, Any], timeout: float | None = None) -> None:  # noqa: ARG002
        """Hand *command* over to a thread that may block; see :class:`Feeder`."""
        source: IO[bytes] | None = self.streams["in"]
        self._stdout: list[bytes] = []
        self._stderr: list[bytes] = []
        self._seconds = 0.0
        data = source.read() if source else b""
        self._feeder = Feeder(self.context.transport, command, data, self.context.channel_seconds)
        self._feeder.start()

    def start_timer(self, timeout: float) -> None:
        """Nothing: waiting itself keeps the time."""

    def create_io_threads(self) -> tuple[dict[Any, Any], list[str], list[str]]:
        """None: the caller's own thread reads both streams."""
        return {}, [], []

    def wait(self) -> None:
        """Collect both streams until the far end has closed the channel."""
        channel = self._channel()
        start = time.monotonic()
        patience = start + float(self.opts["timeout"]) + _MARGIN
        grace = patience + KILL_AFTER
        complete = False
        while not complete:
            now = time.monotonic()
            rung = now < grace and self._feeder.bell.wait((patience if now < patience else grace) - now)
            status = _status(channel)
            if not rung and (status is not None or now >= patience):
                raise OverdueError("no end in sight", status, alive=status is not None or self._answers())
            complete = channel.closed
            self._drain(channel)
        self._seconds = time.monotonic() - start
        self._judge(channel)

    def _channel(self) -> Channel:
        feeder = self._feeder
        feeder.opened.wait(self.context.channel_seconds + _LATE)
        channel = feeder.call_off()
        if channel is not None:
            return channel
        refused = isinstance(feeder.failure, ChannelException)
        raise NotRunError(f"no command channel: {feeder.failure or 'no answer'}", refused=refused)

    def returncode(self) -> int:
        """The exit status; there is one, or ``wait`` would have raised."""
        return int(self._channel().recv_exit_status())

    def generate_result(self, **kwargs: Any) -> NodeResult:
        """Put the bytes into the result; the text is left to whoever wants it."""
        return NodeResult(
            b"".join(self._stdout), b"".join(self._stderr), self._seconds, connection=self.context, **kwargs
        )

    def stop(self) -> None:
        """Close the channel, in a thread of its own if it is still open: that sends a message, which may block."""
        channel = self._feeder.call_off() if hasattr(self, "_feeder") else None
        if channel is not None and not channel.closed:
            threading.Thread(target=_close, args=(channel,), name="close-channel", daemon=True).start()

    def _drain(self, channel: Channel) -> None:
        while channel.recv_ready():
            self._stdout.append(channel.recv(_CHUNK))
        while channel.recv_stderr_ready():
            self._stderr.append(channel.recv_stderr(_CHUNK))

    def _judge(self, channel: Channel) -> None:
        status = _status(channel)
        if status is not None and channel.eof_received:
            return
        transport = self.context.transport
        transport.join(_SETTLE)
        if transport.is_active() and not channel.event_ready:
            raise NotRunError("the node refuses to run commands", refused=True)
        raise LostError("the answer broke off", status)

    def _answers(self) -> bool:
        probe = Feeder(self.context.transport, "", b"", _PROBE_SECONDS)
        probe.start()
        answered = probe.opened.wait(_PROBE_SECONDS + _LATE)
        return answered and (probe.failure is None or isinstance(probe.failure, ChannelException))


class _Bell:
    """Rung by paramiko whenever there is something to read on either stream, or nothing more to come."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        """Ring; paramiko calls this when data came or the stream was closed."""
        self._event.set()

    def clear(self) -> None:
        """Ignored: paramiko calls this when one stream is drained, which says nothing about the other."""

    def wait(self, seconds: float) -> bool:
        """Wait for the next ring; False if there is none within *seconds*."""
        rung = self._event.wait(max(0.0, seconds))
        self._event.clear()
        return rung


class Feeder(threading.Thread):
    """Opens a channel, sends the command line (none: a probe) and the standard input. Each may block for ever.

    Attributes:
        bell: rung while the channel is read from.
        opened: set once there is a channel, or a failure instead.
        failure: why there is none.
    """

    def __init__(self, transport: Transport, line: str, data: bytes, seconds: float) -> None:
        super().__init__(name="feed-command", daemon=True)
        self._transport = transport
        self._line = line
        self._data = data
        self._seconds = seconds
        self.bell = _Bell()
        self.opened = threading.Event()
        self.failure: Exception | None = None
        self._lock = threading.Lock()
        self._channel: Channel | None = None
        self._called_off = False

    def call_off(self) -> Channel | None:
        """Return the channel over which the command is, or is being, handed over; if there is none yet, see to it that
        there never will be: what was given up on must not run later.
        """
        with self._lock:
            self._called_off = self._channel is None
            return self._channel

    def run(self) -> None:
        """The thread's work."""
        try:
            channel = self._transport.open_session(timeout=self._seconds)
        except Exception as error:
            self.failure = error
            self.opened.set()
            return
        channel.in_buffer.set_event(self.bell)  # type: ignore[arg-type]
        channel.in_stderr_buffer.set_event(self.bell)  # type: ignore[arg-type]
        with self._lock:
            if not self._called_off:
                self._channel = channel
        self.opened.set()
        # Whatever goes wrong from here on shows on the channel, which the reading side judges.
        with suppress(SSHException, OSError, EOFError):
            if self._channel is None or not self._line:
                channel.close()
                return
            channel.exec_command(self._line)
            self._send(channel)
            channel.shutdown_write()

    def _send(self, channel: Channel) -> None:
        """Send all of the input; paramiko's own ``sendall`` copies the whole rest for every packet."""
        sent, total = 0, len(self._data)
        while sent < total:
            part = channel.send(self._data[sent : sent + _PACKET])
            if part == 0:
                return
            sent += part


def _close(channel: Channel) -> None:
    with suppress(SSHException, OSError, EOFError):
        channel.close()


def _status(channel: Channel) -> int | None:
    """The exit status, if the far end has sent one."""
    return channel.exit_status if channel.exit_status >= 0 else None
