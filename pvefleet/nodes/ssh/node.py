"""A node reached over SSH."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import PurePosixPath

from paramiko.ssh_exception import SSHException

from pvefleet.model.errors import NodeError, TimedOut
from pvefleet.model.inventory import NodeEntry
from pvefleet.model.node import CommandResult
from pvefleet.nodes.ssh.connection import ConnectionDroppedError, NodeConnection, login_work
from pvefleet.nodes.ssh.dial import Deadline, Stage
from pvefleet.nodes.ssh.errors import key_unknown, login_failure, overrun, run_failure, unreachable
from pvefleet.nodes.ssh.identity import Identity, KeyFileError
from pvefleet.nodes.ssh.known_hosts import KnownHosts
from pvefleet.nodes.ssh.reach import Route, race
from pvefleet.nodes.ssh.roads import Roads
from pvefleet.nodes.ssh.runner import NotRunError, OverdueError
from pvefleet.nodes.ssh.wire import request

_SESSIONS = 8
"""Commands at the same time over one connection; sshd's MaxSessions is 10."""


class SshNode:
    """One node, connected to when the first command is run, and held open until closed.

    Several threads may run commands at the same time. A connection that is lost is reported once, by the command it was
    lost under or by the next one, which is then not run; only the command after that connects anew.

    Args:
        entry: what hosts.toml says.
        identity: what to log in with, or why that cannot be.
        known: the pinned host keys.
        roads: the ways to it.
        connect_seconds: how long reaching it may take, over all ways.
        closed: called when it is closed.
    """

    def __init__(
        self,
        entry: NodeEntry,
        *,
        identity: Identity | KeyFileError,
        known: KnownHosts,
        roads: Roads,
        connect_seconds: float,
        closed: Callable[[], None] = lambda: None,
    ) -> None:
        self.entry = entry
        self._identity = identity
        self._known = known
        self._roads = roads
        self._seconds = connect_seconds
        self._closed = closed
        self._opening = threading.Lock()
        self._sessions = threading.BoundedSemaphore(_SESSIONS)
        self._connection: NodeConnection | None = None
        self._via = ""
        self._ended = 0
        self._failure: NodeError | None = None
        self._coming = False
        self._shut = False

    @property
    def name(self) -> str:
        """The node's name in hosts.toml."""
        return self.entry.name

    @property
    def via(self) -> str:
        """``address:port`` or ``address:port via PEER``; empty before the first contact."""
        return self._via

    @property
    def standing(self) -> NodeConnection | None:
        """Its connection, if it is open right now."""
        connection = self._connection
        return connection if connection is not None and connection.is_connected else None

    @property
    def coming(self) -> bool:
        """Is it being reached at one of its own addresses right now?"""
        return self._coming

    @property
    def untried(self) -> bool:
        """Has nobody tried to reach it yet?"""
        return self._ended == 0 and not self._opening.locked()

    def wake(self) -> None:
        """Start reaching it at its own addresses, in a thread of its own."""
        self._coming = True
        threading.Thread(target=self._arrive, name=f"wake-{self.name}", daemon=True).start()

    def run(self, argv: tuple[str, ...], *, timeout: float, stdin: bytes = b"") -> CommandResult:
        """Run *argv* there; see :meth:`pvefleet.model.node.Node.run`.

        A program that does not exist or may not be executed is a result with exit 127 or 126, as a shell has it.
        """
        prepared = request(argv, timeout)
        program = PurePosixPath(argv[0]).name
        try:
            connection = self._connected()
        except ConnectionDroppedError as error:
            raise run_failure(self.name, program, error, seconds=timeout, dropped=True) from error
        if not self._sessions.acquire(timeout=self._seconds):
            busy = NotRunError(f"{_SESSIONS} commands are under way already", refused=True)
            raise run_failure(self.name, program, busy, seconds=timeout, dropped=False)
        try:
            result = connection.run(
                prepared.line,
                in_stream=io.BytesIO(stdin),
                timeout=timeout,
                hide=True,
                warn=True,
                pty=False,
                echo=False,
                dry=False,
                encoding="utf-8",
            )
        except (SSHException, OSError, EOFError) as error:
            raise self._lost(connection, program, error, timeout) from error
        finally:
            self._sessions.release()
        answer = prepared.result(result.exited, result.stdout_bytes, result.stderr_bytes, result.seconds)
        if answer is None:
            text = f"{program} on {self.name} did not end within {timeout:g} s and was stopped"
            raise TimedOut(self.name, text, seconds=timeout)
        return answer

    def close(self) -> None:
        """Hang up. Never raises; may be called twice; the next command connects anew."""
        self._shut = True
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        self._closed()

    def _arrive(self) -> None:
        with suppress(NodeError):
            self._connected()

    def _connected(self) -> NodeConnection:
        """Return the open connection; if there was none yet, one caller opens it and the others wait for that."""
        deadline, seen = Deadline.after(self._seconds), self._ended
        standing = self.standing
        if standing is not None:
            return standing
        if not self._opening.acquire(timeout=self._seconds):
            raise unreachable(self.name, [("", overrun(Stage.CONNECTING))])
        try:
            connection = self._connection
            if connection is not None and connection.is_connected:
                return connection
            if connection is not None:
                self._connection = None
                raise ConnectionDroppedError("the connection was lost")
            if self._ended != seen and self._failure is not None:
                raise self._failure
            self._connection = connection = self._reach(deadline)
            return connection
        finally:
            self._opening.release()

    def _reach(self, deadline: Deadline) -> NodeConnection:
        self._shut = False
        self._coming = True
        self._failure = None
        try:
            if isinstance(self._identity, KeyFileError):
                raise unreachable(self.name, [("", login_failure(self._identity, Stage.RESOLVING))])
            if not self._known.keys(self.name):
                raise unreachable(self.name, [("", key_unknown(self._known))])
            work = login_work(self.name, self.entry.user, self._identity, self._known, self._seconds)
            ways = self._roads.direct(self.entry)
            connection, self._via = race(self.name, ways, work, deadline, detours=self._detours)
        except NodeError as error:
            self._failure = error
            raise
        finally:
            self._ended += 1
            self._coming = False
        if self._shut:
            connection.close()
        return connection

    def _detours(self) -> tuple[Route, ...] | None:
        """Its own addresses are used up: from now on it waits for others, so that nobody should wait for it."""
        self._coming = False
        return self._roads.detours(self.entry)

    def _lost(self, connection: NodeConnection, program: str, error: BaseException, seconds: float) -> NodeError:
        dropped = not connection.is_connected
        mute = isinstance(error, OverdueError) and not error.alive
        unanswered = isinstance(error, NotRunError) and not error.refused
        if dropped or mute or unanswered:
            if self._connection is connection:
                self._connection = None
            connection.close()
        return run_failure(self.name, program, error, seconds=seconds, dropped=dropped)
