"""Units that watch a process somebody else started: a VM's `100.scope`, a container's `pve-container@111.service`."""

from __future__ import annotations

import asyncio
import signal
import time

from . import journal, process
from .unit import Exit
from .unitfiles import UnitFile

STOP_SECONDS = 90.0


class Scope:
    """An adopted process; the unit is gone when the process is."""

    transient = collect = True

    def __init__(self, name: str, pid: int, ended: asyncio.Future[Exit]) -> None:
        self.file = UnitFile(name)
        self.active, self.sub, self.result = "active", "running", "success"
        self.main_pid = self.last_pid = pid
        self.started_at, self.ended_at = time.time(), 0.0
        self._ended = ended
        journal.write(self.name, f"Started {name}.", ident="systemd", pid=1)

    @property
    def name(self) -> str:
        """Its full name."""
        return self.file.name

    @property
    def description(self) -> str:
        """Its name, as scopes have no other."""
        return self.file.name

    async def start(self) -> None:
        """A scope cannot be started again."""

    async def watch(self) -> None:
        """Return when the process has ended."""
        await self._ended
        self.active, self.sub, self.ended_at, self.main_pid = "inactive", "dead", time.time(), 0
        journal.write(self.name, f"{self.name}: Deactivated successfully.", ident="systemd", pid=1)

    async def stop(self) -> None:
        """Signal the process, harder in the end."""
        members = process.family(self.main_pid)
        process.kill(members, signal.SIGTERM)
        done, _ = await asyncio.wait({self._ended}, timeout=STOP_SECONDS)
        if not done:
            process.kill(members, signal.SIGKILL)
            await self._ended
        journal.write(self.name, f"Stopped {self.name}.", ident="systemd", pid=1)
