"""One unit at run time: state, processes, and how it is started and stopped."""

from __future__ import annotations

import asyncio
import os
import shlex
import shutil
import signal
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

from . import journal, process
from .layout import NOTIFY
from .unitfiles import UnitFile, timespan

SUCCESS = "success"


class StartError(Exception):
    """A unit did not come up; the text is its result, e.g. `exit-code`, `timeout`."""


@dataclass(slots=True)
class Exit:
    """How a process ended: `code` is `exited` or `killed`, `status` its exit status or signal number."""

    code: str
    status: int

    @classmethod
    def of(cls, wait_status: int) -> Exit:
        """From what waitpid() gave."""
        if os.WIFSIGNALED(wait_status):
            return cls("killed", os.WTERMSIG(wait_status))
        return cls("exited", os.WEXITSTATUS(wait_status))

    @property
    def clean(self) -> bool:
        """Exit 0, or one of the signals systemd counts as a clean end."""
        clean_signals = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE)
        return self.status == 0 if self.code == "exited" else self.status in clean_signals


@dataclass(slots=True)
class Host:
    """What a unit needs of PID 1: waiting for a child's end, and a pipe whose lines go to the unit's log."""

    watch: Callable[[int], asyncio.Future[Exit]]
    log_pipe: Callable[[str, str], int]
    changed: Callable[[Unit], None]


@dataclass(slots=True, eq=False)
class Unit:
    """A service. Times are epoch seconds; `fds` replaces stdin, stdout and stderr of a `systemd-run --pipe`."""

    file: UnitFile
    host: Host
    active: str = "inactive"
    sub: str = "dead"
    result: str = SUCCESS
    main_pid: int = 0
    last_pid: int = 0
    exit: Exit | None = None
    started_at: float = 0.0
    ended_at: float = 0.0
    restarts: int = 0
    transient: bool = False
    collect: bool = False
    fds: tuple[int, int, int] | None = None
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    stopping: bool = False
    sessions: set[int] = field(default_factory=set)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def name(self) -> str:
        """Its full name, e.g. `corosync.service`."""
        return self.file.name

    @property
    def kind(self) -> str:
        """The Type= of its [Service] section."""
        default = "simple" if self.file.all("Service", "ExecStart") else "oneshot"
        return self.file.get("Service", "Type", default)

    @property
    def description(self) -> str:
        """Its Description=, else its name."""
        return self.file.get("Unit", "Description", self.name)

    def say(self, message: str, priority: int = 6) -> None:
        """Put a line of PID 1 into the unit's journal."""
        journal.write(self.name, message, ident="systemd", pid=1, priority=priority)

    def enter(self, active: str, sub: str) -> None:
        """Change state and tell PID 1."""
        self.active, self.sub = active, sub
        self.host.changed(self)

    def unmet_condition(self) -> str:
        """The first Condition that does not hold, as journald words it; '' when all hold."""
        for key in ("ConditionPathExists", "ConditionPathIsDirectory", "ConditionFileNotEmpty"):
            for value in self.file.all("Unit", key):
                if Path(value.lstrip("!|")).exists() == value.startswith("!"):
                    return f"{key}={value}"
        return ""

    def environment(self) -> dict[str, str]:
        """The environment of its processes."""
        env = {
            "PATH": process.PATH,
            "LANG": "C.UTF-8",
            "NOTIFY_SOCKET": str(NOTIFY),
            "INVOCATION_ID": uuid.uuid4().hex,
            "MAINPID": str(self.main_pid),
        }
        for value in self.file.all("Service", "EnvironmentFile"):
            env |= process.environment_file(value)
        for value in self.file.all("Service", "Environment"):
            env |= dict(word.split("=", 1) for word in shlex.split(value) if "=" in word)
        return env

    def spawn(self, command: str) -> tuple[int, bool]:
        """Start one Exec= line; returns (pid, failure is ignored)."""
        env = self.environment()
        argv, ignore = process.command_line(command, env)
        return self.spawn_argv(argv, env), ignore

    def spawn_argv(self, argv: list[str], env: dict[str, str]) -> int:
        """Start a program of this unit with its user, directory and log."""
        directory, user = self.file.get("Service", "WorkingDirectory"), self.file.get("Service", "User")
        if directory:
            argv = ["env", "-C", directory.removeprefix("-").replace("~", "/root"), *argv]
        if user and user != "root":
            argv = ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", *argv]
        if self.fds is not None:
            stdin, stdout, stderr = self.fds
            pid = process.spawn(argv, env, stdin=stdin, stdout=stdout, stderr=stderr)
            self.sessions.add(pid)
            return pid
        pipe = self.host.log_pipe(self.name, Path(argv[0]).name)
        null = os.open("/dev/null", os.O_WRONLY)
        try:
            quiet_out = self.file.get("Service", "StandardOutput") == "null"
            quiet_err = self.file.get("Service", "StandardError") == "null"
            pid = process.spawn(
                argv, env, stdin=None, stdout=null if quiet_out else pipe, stderr=null if quiet_err else pipe
            )
            self.sessions.add(pid)
            return pid
        finally:
            os.close(null)
            os.close(pipe)

    async def run_to_end(self, command: str, seconds: float) -> Exit:
        """Run an ExecStartPre-like line; a failure that is to be ignored counts as exit 0."""
        pid, ignore = self.spawn(command)
        future = self.host.watch(pid)
        try:
            result = await asyncio.wait_for(asyncio.shield(future), None if seconds == float("inf") else seconds)
        except TimeoutError:
            process.kill(process.family(pid), signal.SIGKILL)
            await future
            raise StartError("timeout") from None
        return Exit("exited", 0) if ignore else result

    async def start(self) -> None:
        """Bring the unit up, as far as its Type= says that it is up.

        Raises:
            StartError: it did not come up.
        """
        async with self.lock:
            if self.active in ("active", "activating"):
                return
            unmet = self.unmet_condition()
            if unmet:
                self.say(f"{self.name} - {self.description} was skipped because of an unmet condition check ({unmet}).")
                return
            self.stopping, self.result, self.exit = False, SUCCESS, None
            self.sessions.clear()
            self.ready.clear()
            self.ended.clear()
            self.enter("activating", "start")
            self.say(f"Starting {self.name} - {self.description}...")
            try:
                await self._start_processes()
            except (StartError, OSError) as error:
                await self._failed_start(error)
                raise StartError(self.result) from None
            if self.active == "activating":
                self.started_at = time.time()
                self.enter("active", "running" if self.main_pid else "exited")
                self.say(f"Started {self.name} - {self.description}.")

    async def _start_processes(self) -> None:
        seconds = self.file.span("TimeoutStartSec", 90.0)
        self._make_runtime_directories()
        for command in self.file.all("Service", "ExecStartPre"):
            self._require((await self.run_to_end(command, seconds)), "ExecStartPre")
        if self.kind == "oneshot":
            for command in self.file.all("Service", "ExecStart"):
                self.exit = await self.run_to_end(command, self.file.span("TimeoutStartSec", float("inf")))
                self._require(self.exit, "ExecStart")
            if not self.file.flag("Service", "RemainAfterExit"):
                self.ended_at = time.time()
                self.enter("inactive", "dead")
                self.say(f"Finished {self.name} - {self.description}.")
                self.ended.set()
            return
        if self.kind == "forking":
            command = self.file.get("Service", "ExecStart")
            self._require((await self.run_to_end(command, seconds)), "ExecStart")
            self.main_pid = self._pid_from_file()
        else:
            self.main_pid, _ = self.spawn(self.file.get("Service", "ExecStart"))
        self.last_pid = self.main_pid
        self._keep(self._follow(self.host.watch(self.main_pid)))
        if self.kind in ("notify", "notify-reload"):
            await self._wait_ready(seconds)
        for command in self.file.all("Service", "ExecStartPost"):
            self._require((await self.run_to_end(command, seconds)), "ExecStartPost")

    def _pid_from_file(self) -> int:
        """The daemon a forking service left behind; an orphan of this node, so PID 1 is told of its end."""
        try:
            return int(Path(self.file.get("Service", "PIDFile")).read_text())
        except (OSError, ValueError):
            raise StartError("protocol") from None

    def _require(self, result: Exit, step: str) -> None:
        if not (result.code == "exited" and result.status == 0):
            self.exit = result
            self.say(f"{self.name}: {step} process exited, code={result.code}, status={result.status}", 5)
            raise StartError("exit-code" if result.code == "exited" else "signal")

    def _make_runtime_directories(self) -> None:
        for name in self.file.words("Service", "RuntimeDirectory"):
            path = Path("/run") / name
            path.mkdir(exist_ok=True, parents=True)
            path.chmod(int(self.file.get("Service", "RuntimeDirectoryMode", "0755"), 8))
            user = self.file.get("Service", "User")
            if user:
                shutil.chown(path, user, user)

    async def _wait_ready(self, seconds: float) -> None:
        ready, ended = asyncio.create_task(self.ready.wait()), asyncio.create_task(self.ended.wait())
        done, pending = await asyncio.wait(
            {ready, ended}, timeout=None if seconds == float("inf") else seconds, return_when=asyncio.FIRST_COMPLETED
        )
        for task in pending:
            task.cancel()
        if not done:
            raise StartError("timeout")
        if ended in done and ready not in done:
            raise StartError(self.result if self.result != SUCCESS else "protocol")

    async def _failed_start(self, error: Exception) -> None:
        self.result = str(error) if isinstance(error, StartError) else "exec"
        if isinstance(error, OSError):
            self.exit = Exit("exited", 203)
            self.say(f"{self.name}: Failed to execute: {error.strerror}", 3)
        if self.main_pid:
            self.stopping = True
            await self._terminate(5.0)
        self.ended_at = time.time()
        self.enter("failed", "failed")
        self.say(f"{self.name}: Failed with result '{self.result}'.", 4)
        self.say(f"Failed to start {self.name} - {self.description}.", 3)
        self.ended.set()

    def _keep(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _follow(self, future: asyncio.Future[Exit]) -> None:
        """Wait for the main process to end and decide what that means."""
        limit = self.file.get("Service", "RuntimeMaxSec")
        if limit and limit != "infinity":
            done, _ = await asyncio.wait({future}, timeout=timespan(limit))
            if not done:
                self.result = "timeout"
                self.say(f"{self.name}: Service reached runtime time limit. Stopping.", 4)
                process.kill(process.family(self.main_pid), signal.SIGTERM)
        self.exit = await future
        self.last_pid, self.main_pid, self.ended_at = self.main_pid, 0, time.time()
        if self.result == SUCCESS and not self.exit.clean:
            self.result = "exit-code" if self.exit.code == "exited" else "signal"
            self.say(f"{self.name}: Main process exited, code={self.exit.code}, status={self.exit.status}", 5)
        self.ended.set()
        if self.stopping or self.active != "active":
            return
        for command in self.file.all("Service", "ExecStopPost"):
            await self.run_to_end(command, 10.0)
        if self.result == SUCCESS and self.file.flag("Service", "RemainAfterExit"):
            self.enter("active", "exited")
            return
        self.enter(*(("inactive", "dead") if self.result == SUCCESS else ("failed", "failed")))
        if self.result != SUCCESS:
            self.say(f"{self.name}: Failed with result '{self.result}'.", 4)
        elif self.transient:
            self.say(f"{self.name}: Deactivated successfully.")
        await self._restart_if_wanted()

    async def _restart_if_wanted(self) -> None:
        policy = self.file.get("Service", "Restart", "no")
        if policy == "no" or (self.result == SUCCESS and policy != "always"):
            return
        if self.exit and str(self.exit.status) in self.file.words("Service", "RestartPreventExitStatus"):
            return
        if policy == "on-abnormal" and self.result == "exit-code":
            return
        # systemd's StartLimitBurst: five starts in ten seconds
        self.restarts += 1
        if self.restarts > 5 and self.ended_at - self.started_at < 2.0:
            self.say(f"{self.name}: Start request repeated too quickly.", 4)
            return
        await asyncio.sleep(timespan(self.file.get("Service", "RestartSec", "100ms")))
        if self.active in ("failed", "inactive") and not self.stopping:
            self.say(f"{self.name}: Scheduled restart job, restart counter is at {self.restarts}.")
            try:
                await self.start()
            except StartError:
                return

    async def stop(self) -> None:
        """Take the unit down: ExecStop, then SIGTERM, then SIGKILL after TimeoutStopSec."""
        self.stopping = True
        if self.active == "activating" and self.main_pid:
            process.kill([self.main_pid], signal.SIGTERM)
        async with self.lock:
            if self.active in ("inactive", "failed"):
                if self.active == "failed":
                    self.enter("inactive", "dead")
                return
            self.enter("deactivating", "stop")
            self.say(f"Stopping {self.name} - {self.description}...")
            seconds = self.file.span("TimeoutStopSec", 90.0)
            if self.main_pid or self.kind == "oneshot":
                for command in self.file.all("Service", "ExecStop"):
                    try:
                        await self.run_to_end(command, seconds)
                    except StartError:
                        break
            await self._terminate(seconds)
            for command in self.file.all("Service", "ExecStopPost"):
                await self.run_to_end(command, seconds)
            self.ended_at = time.time()
            failed = self.result == "timeout"
            self.enter(*(("failed", "failed") if failed else ("inactive", "dead")))
            if not failed:
                self.say(f"{self.name}: Deactivated successfully.")
            self.say(f"Stopped {self.name} - {self.description}.")
            self.ended.set()

    async def _terminate(self, seconds: float) -> None:
        pid = self.main_pid
        if not pid:
            return
        only_main = self.file.get("Service", "KillMode") == "process"
        members = [pid] if only_main else process.family(pid)
        process.kill(members, signal.SIGTERM)
        try:
            await asyncio.wait_for(self.ended.wait(), seconds)
        except TimeoutError:
            self.result = "timeout"
            self.say(f"{self.name}: State 'stop-sigterm' timed out. Killing.", 4)
            process.kill(members, signal.SIGKILL)
            await self.ended.wait()
        if not only_main:
            process.kill([other for other in members if other != pid], signal.SIGKILL)

    async def reload(self) -> bool:
        """Run ExecReload; False when there is none or it failed."""
        commands = self.file.all("Service", "ExecReload")
        if self.active != "active" or not commands:
            return False
        for command in commands:
            if not (await self.run_to_end(command, 90.0)).clean:
                return False
        return True
