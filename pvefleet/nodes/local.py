"""The machine we stand on as a Node: for the one node that still has a console. Nothing but the standard library."""

from __future__ import annotations

import os
import pwd
import selectors
import signal
import subprocess
import threading
import time
from contextlib import suppress
from typing import IO

from pvefleet.model.errors import TimedOut, Unreachable, UnreachableReason
from pvefleet.model.node import CommandResult

_KILL_AFTER = 2.0
"""Seconds from SIGTERM to SIGKILL, as ``timeout -k 2`` has it on a remote node."""

_REAP = 1.0
"""Seconds a killed process gets to disappear; one in uninterruptible sleep does not, and is left behind."""

_CHUNK = 1 << 18


class LocalNode:
    """Runs commands as processes of their own session, in the environment that sshd would give them.

    Args:
        name: the node's name.
        environment: the commands' environment, for tests; the default is what a root login over SSH has.
    """

    def __init__(self, name: str, environment: dict[str, str] | None = None) -> None:
        self._name = name
        self._environment = _login_environment() if environment is None else environment

    @property
    def name(self) -> str:
        """The node's name."""
        return self._name

    @property
    def via(self) -> str:
        """Always ``local``."""
        return "local"

    def run(self, argv: tuple[str, ...], *, timeout: float, stdin: bytes = b"") -> CommandResult:
        """Run *argv* here; see :meth:`pvefleet.model.node.Node.run`.

        A program that does not exist or may not be executed is a result with exit 127 or 126, as a shell has it.

        Raises:
            TimedOut: it did not end in time: its whole process group got SIGTERM, 2 s later SIGKILL. Also if it ended,
                but something it started kept its output open until then; that goes on, as it does over SSH.
            Unreachable: this machine cannot start another process.
        """
        try:
            process = subprocess.Popen(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
                env=self._environment,
                bufsize=0,
            )
        except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
            missing = not isinstance(error, PermissionError)
            return CommandResult(127 if missing else 126, b"", f"{argv[0]}: {error.strerror}\n".encode())
        except OSError as error:
            message = f"{self._name} cannot start a process: {error.strerror}"
            raise Unreachable(self._name, message, reason=UnreachableReason.NO_SESSION) from error
        child = _Child(process, stdin)
        try:
            if child.ends_by(time.monotonic() + timeout):
                return child.result()
            raise self._timed_out(argv, timeout, child)
        finally:
            child.abandon()

    def close(self) -> None:
        """Nothing is held open."""

    def _timed_out(self, argv: tuple[str, ...], timeout: float, child: _Child) -> TimedOut:
        what = f"{argv[0]} on {self._name}"
        if child.exited:
            message = f"{what} ended, but something it started kept its output open for {timeout:g} s"
            return TimedOut(self._name, message, seconds=timeout)
        if child.stop():
            return TimedOut(self._name, f"{what} did not end within {timeout:g} s and was stopped", seconds=timeout)
        message = f"{what} did not end within {timeout:g} s and cannot be killed"
        hint = "it waits for a disk or a file system; if it is pmxcfs, `systemctl restart pve-cluster` frees it"
        return TimedOut(self._name, message, seconds=timeout, hint=hint)


class _Child:
    """One process and its three pipes, watched from a single thread."""

    def __init__(self, process: subprocess.Popen[bytes], stdin: bytes) -> None:
        self._process = process
        self._unsent = memoryview(stdin)
        self._output: dict[str, list[bytes]] = {"stdout": [], "stderr": []}
        self._pipes: dict[str, IO[bytes]] = {}
        self._selector = selectors.DefaultSelector()
        for name, pipe in (("stdin", process.stdin), ("stdout", process.stdout), ("stderr", process.stderr)):
            assert pipe is not None
            self._pipes[name] = pipe
            os.set_blocking(pipe.fileno(), False)
            event = selectors.EVENT_WRITE if name == "stdin" else selectors.EVENT_READ
            self._selector.register(pipe, event, name)
        if not stdin:
            self._drop("stdin")

    @property
    def exited(self) -> bool:
        """Has it ended? It is not reaped by looking, so that its process group stays its own until we are done."""
        if self._process.returncode is not None:
            return True
        return os.waitid(os.P_PID, self._process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def ends_by(self, deadline: float) -> bool:
        """Move bytes until both outputs are closed and the process has ended; False if that is not so by *deadline*."""
        while "stdout" in self._pipes or "stderr" in self._pipes:
            left = deadline - time.monotonic()
            ready = self._selector.select(left) if left > 0 else []
            if not ready and left <= 0:
                return False
            for key, _ in ready:
                self._move(key.data)
        return self._wait_exit(deadline)

    def stop(self) -> bool:
        """End its process group: SIGTERM, then SIGKILL; False if it is still there after that."""
        self._signal(signal.SIGTERM)
        if self.ends_by(time.monotonic() + _KILL_AFTER):
            return True
        self._signal(signal.SIGKILL)
        return self.ends_by(time.monotonic() + _REAP) or self.exited

    def result(self) -> CommandResult:
        """Reap it and say what it left behind."""
        code = self._process.wait()
        status = 128 - code if code < 0 else code
        return CommandResult(status, b"".join(self._output["stdout"]), b"".join(self._output["stderr"]))

    def abandon(self) -> None:
        """Let go of pipes and process whatever state they are in; a thread reaps what cannot be reaped now.

        A process that still runs (an interrupt came) is asked to end, as by Ctrl-C in a shell.
        """
        if not self.exited:
            self._signal(signal.SIGTERM)
        for name in tuple(self._pipes):
            self._drop(name)
        self._selector.close()
        if self._process.poll() is None:
            threading.Thread(target=self._process.wait, name=f"reap-{self._process.pid}", daemon=True).start()

    def _move(self, name: str) -> None:
        pipe = self._pipes[name]
        try:
            if name == "stdin":
                self._unsent = self._unsent[os.write(pipe.fileno(), self._unsent[:_CHUNK]) :]
                if not self._unsent:
                    self._drop(name)
                return
            data = os.read(pipe.fileno(), _CHUNK)
        except BlockingIOError:
            return
        except BrokenPipeError:
            data = b""
        if data:
            self._output[name].append(data)
        else:
            self._drop(name)

    def _drop(self, name: str) -> None:
        pipe = self._pipes.pop(name)
        self._selector.unregister(pipe)
        pipe.close()

    def _wait_exit(self, deadline: float) -> bool:
        watched = os.pidfd_open(self._process.pid)
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(watched, selectors.EVENT_READ)
                return bool(selector.select(max(0.0, deadline - time.monotonic())))
        finally:
            os.close(watched)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)


def _login_environment() -> dict[str, str]:
    user = pwd.getpwuid(os.getuid())
    return {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LC_ALL": "C.UTF-8",
        "HOME": user.pw_dir,
        "USER": user.pw_name,
        "LOGNAME": user.pw_name,
        "SHELL": user.pw_shell,
    }
