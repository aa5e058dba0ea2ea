"""PID 1 of a lab node: starts the enabled units, reaps, keeps their logs, answers systemctl and systemd-run."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
import uuid
from pathlib import Path

from . import devlog, journal, process, unitfiles
from .control import Control
from .layout import BOOT_ID, CONTROL_SOCKET, LOG_DIR, REBOOT_STATUS
from .scope import Scope
from .timer import Timer
from .unit import Exit, Host, StartError, Unit

KERNEL_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Init:
    """The units of this node and the children of PID 1. `ending` is `reboot` or `poweroff` once it is to end."""

    def __init__(self) -> None:
        self.units: dict[str, Unit | Timer | Scope] = {}
        self.booted = time.time()
        self.shutting_down = asyncio.Event()
        self.ending = ""
        self._watched: dict[int, asyncio.Future[Exit]] = {}
        self._background: set[asyncio.Task[None]] = set()
        self._host = Host(watch=self.watch, log_pipe=self.log_pipe, changed=self._changed)

    def load(self, name: str) -> Unit | Timer | Scope | None:
        """The unit of that name, read from its files when it is not known yet or is down; None when there is none."""
        name = unitfiles.canonical(name)
        known = self.units.get(name)
        if known is not None and (known.transient or known.active not in ("inactive", "failed")):
            return known
        file = unitfiles.read(name)
        if file is None:
            return known
        if known is None and file.name in self.units:
            return self.load(file.name)
        if known is not None:
            known.file = file
            return known
        return self.add(file)

    def add(self, file: unitfiles.UnitFile, *, transient: bool = False, collect: bool = False) -> Unit | Timer | Scope:
        """Make a unit known under its name."""
        unit: Unit | Timer | Scope
        if file.name.endswith(".timer"):
            unit = Timer(file, self.fire, self.booted)
            unit.transient, unit.collect = transient, collect
        else:
            unit = Unit(file, self._host, transient=transient, collect=collect)
        self.units[file.name] = unit
        return unit

    async def start(self, name: str, seen: frozenset[str] = frozenset()) -> None:
        """Start a unit after what it requires or wants.

        Raises:
            StartError: it, or what it requires, did not come up.
        """
        unit = self.load(name)
        if unit is None:
            return
        seen |= {unit.name}
        for required in unit.file.words("Unit", "Requires") + unit.file.words("Unit", "BindsTo"):
            if required.endswith(".service") and required not in seen:
                try:
                    await self.start(required, seen)
                except StartError:
                    raise StartError("dependency") from None
        await unit.start()
        for wanted in unit.file.words("Unit", "Wants"):
            known = self.load(wanted) if wanted.endswith(".service") and wanted not in seen else None
            if known is not None and known.active == "inactive":
                with contextlib.suppress(StartError):
                    await self.start(wanted, seen)

    async def stop(self, name: str) -> None:
        """Stop a unit, first those that require it."""
        unit = self.load(name)
        if unit is None:
            return
        for other in list(self.units.values()):
            requires = other.file.words("Unit", "Requires") + other.file.words("Unit", "BindsTo")
            if unit.name in requires and other.active == "active":
                await other.stop()
        await unit.stop()
        if unit.transient:
            self._forget(unit)

    async def restart(self, name: str) -> None:
        """Stop and start a unit, and start again what required it and was running."""
        unit = self.load(name)
        if unit is None:
            return
        dependents = [
            other.name
            for other in self.units.values()
            if unit.name in other.file.words("Unit", "Requires") and other.active == "active"
        ]
        await self.stop(name)
        await self.start(name)
        for dependent in dependents:
            with contextlib.suppress(StartError):
                await self.start(dependent)

    async def fire(self, name: str) -> None:
        """A timer has elapsed: start its unit without waiting for it."""

        async def run() -> None:
            with contextlib.suppress(StartError):
                await self.start(name)

        self.background(run())

    def background(self, work: object) -> None:
        """Run a coroutine to its end without anybody waiting for it."""
        task: asyncio.Task[None] = asyncio.ensure_future(work)  # type: ignore[call-overload]
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _changed(self, unit: Unit) -> None:
        """A transient unit that ended cleanly, or with --collect in any way, is forgotten as systemd forgets it."""
        if unit.transient and (unit.active == "inactive" or (unit.collect and unit.active == "failed")):
            asyncio.get_running_loop().call_soon(self._forget, unit)

    def _forget(self, unit: Unit | Timer | Scope) -> None:
        if self.units.get(unit.name) is unit and unit.active in ("inactive", "failed"):
            del self.units[unit.name]

    def adopt(self, name: str, pid: int) -> Scope:
        """Watch an orphan of this node under the name of a unit."""
        future = self.watch(pid)
        if not Path(f"/proc/{pid}").exists():
            future.set_result(Exit("exited", 0))
        scope = Scope(name, pid, future)
        self.units[name] = scope

        async def until_gone() -> None:
            await scope.watch()
            self._forget(scope)

        self.background(until_gone())
        return scope

    def watch(self, pid: int) -> asyncio.Future[Exit]:
        """A future of the end of a child of ours; to be asked for before the event loop can run again."""
        future: asyncio.Future[Exit] = asyncio.get_running_loop().create_future()
        self._watched[pid] = future
        return future

    def reap(self) -> None:
        """Collect every child that has ended, ours or adopted."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            future = self._watched.pop(pid, None)
            if future is not None and not future.done():
                future.set_result(Exit.of(status))

    def log_pipe(self, unit: str, ident: str) -> int:
        """The writing end of a pipe whose lines go to the unit's log."""
        read_end, write_end = os.pipe()
        os.set_blocking(read_end, False)
        loop = asyncio.get_running_loop()
        tail = b""

        def readable() -> None:
            nonlocal tail
            try:
                chunk = os.read(read_end, 65536)
            except BlockingIOError:
                return
            if not chunk:
                loop.remove_reader(read_end)
                os.close(read_end)
                if tail:
                    journal.write(unit, tail.decode(errors="replace"), ident=ident)
                return
            *lines, tail = (tail + chunk).split(b"\n")
            for line in lines:
                journal.write(unit, line.decode(errors="replace"), ident=ident)

        loop.add_reader(read_end, readable)
        return write_end

    def unit_of(self, pid: int) -> Unit | None:
        """The service a process belongs to, by session or by descent."""
        try:
            session = os.getsid(pid)
        except OSError:
            session = pid
        for unit in self.units.values():
            if isinstance(unit, Unit) and (session in unit.sessions or pid == unit.main_pid):
                return unit
        return None

    async def boot(self) -> None:
        """Start what is enabled: units ordered after another one of the set wait for it."""
        names = unitfiles.enabled_at_boot()
        jobs: dict[str, asyncio.Task[None]] = {}

        async def one(name: str) -> None:
            unit = self.load(name)
            if unit is None:
                return
            before = {other for other in jobs if other != name and self._ordered(other, unit)}
            await asyncio.gather(*(jobs[other] for other in before), return_exceptions=True)
            with contextlib.suppress(StartError):
                await self.start(name)

        for name in names:
            jobs[name] = asyncio.create_task(one(name))
        await asyncio.gather(*jobs.values(), return_exceptions=True)

    def _ordered(self, other: str, unit: Unit | Timer | Scope) -> bool:
        first = unitfiles.read(other)
        if other in unit.file.words("Unit", "After"):
            return first is None or unit.name not in first.words("Unit", "After")
        return first is not None and unit.name in first.words("Unit", "Before")

    async def shut_down(self) -> None:
        """Stop every unit, those started last first."""
        running = [unit for unit in self.units.values() if unit.active in ("active", "activating")]
        for unit in sorted(running, key=lambda unit: unit.started_at, reverse=True):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(unit.stop(), 20.0)


def _new_boot_id() -> None:
    """Give this boot an id of its own: the kernel's is the host's, shared by all nodes and surviving their death."""
    BOOT_ID.parent.mkdir(mode=0o755, exist_ok=True)
    boot_id = str(uuid.uuid4())
    BOOT_ID.write_text(f"{boot_id}\n")
    with (LOG_DIR / "boots").open("a") as file:
        file.write(f"{boot_id.replace('-', '')} {time.time():.6f}\n")
    mount = ["mount", "--bind", str(BOOT_ID), str(KERNEL_BOOT_ID)]
    pid = os.posix_spawnp("mount", mount, {"PATH": process.PATH})
    os.waitpid(pid, 0)


def _compile() -> None:
    """Compile the package for this node's python when the installer could not: tools then start three times faster."""
    package = Path(__file__).parent
    if not (package / "__pycache__").exists():
        argv = [
            sys.executable,
            "-I",
            "-S",
            "-m",
            "compileall",
            "-q",
            "--invalidation-mode",
            "unchecked-hash",
            str(package),
        ]
        os.posix_spawn(sys.executable, argv, {"PATH": process.PATH})


async def _serve() -> str:
    """Run until told to end; return how."""
    loop = asyncio.get_running_loop()
    init = Init()
    loop.add_signal_handler(signal.SIGCHLD, init.reap)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGPWR):
        loop.add_signal_handler(number, init.shutting_down.set)
    devlog.listen(init.unit_of)
    Control(init).listen(CONTROL_SOCKET)
    _compile()
    init.background(init.boot())
    await init.shutting_down.wait()
    journal.write("system", "Shutting down.", ident="systemd", pid=1)
    await init.shut_down()
    return init.ending


def main(_argv: list[str]) -> int:
    """Be PID 1 until SIGTERM, or until somebody asks for a reboot: the machine knows that by our exit status."""
    for path in (LOG_DIR, Path("/run/systemd/system"), Path("/run/lock"), Path("/run/sshd")):
        path.mkdir(parents=True, exist_ok=True)
    _new_boot_id()
    journal.write("system", f"Starting node {os.uname().nodename}", ident="systemd", pid=1)
    try:
        ending = asyncio.run(_serve())
    except Exception as error:
        journal.write("system", f"PID 1 died: {json.dumps(repr(error))}", ident="systemd", pid=1, priority=0)
        raise
    return REBOOT_STATUS if ending == "reboot" else 0
