"""Timers: `.timer` units, from files or from `systemd-run --on-active`."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from . import journal
from .instants import parse_instant
from .unitfiles import UnitFile, timespan

STAMPS = Path("/var/lib/systemd/timers")


class Timer:
    """A timer that starts another unit.

    Of OnCalendar= it understands an instant, `2026-11-21 03:42:19 UTC` or `@EPOCH`; one that repeats never comes. With
    Persistent= an instant that came while the timer did not run counts at its next start.
    """

    def __init__(self, file: UnitFile, fire: Callable[[str], Awaitable[None]], booted: float) -> None:
        self.file = file
        self.active, self.sub, self.result = "inactive", "dead", "success"
        self.started_at = self.ended_at = 0.0
        self.next_at: float | None = None
        self.last_trigger = 0.0
        self.transient = self.collect = False
        self._fire, self._booted = fire, booted
        self._task: asyncio.Task[None] | None = None

    @property
    def name(self) -> str:
        """Its full name, e.g. `rollback.timer`."""
        return self.file.name

    @property
    def description(self) -> str:
        """Its Description=, else its name."""
        return self.file.get("Unit", "Description", self.name)

    @property
    def target(self) -> str:
        """The unit it starts."""
        return self.file.get("Timer", "Unit", f"{self.name.removesuffix('.timer')}.service")

    async def start(self) -> None:
        """Begin to wait; a running timer is left alone."""
        if self.active == "active":
            return
        self.active, self.sub, self.started_at = "active", "waiting", time.time()
        self._say(f"Started {self.name} - {self.description}.")
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Cancel: what it would have started is not started any more."""
        if self.active != "active":
            return
        if self._task is not None:
            self._task.cancel()
        self._end()

    def _end(self) -> None:
        self.active, self.sub, self.ended_at, self.next_at = "inactive", "dead", time.time(), None
        self._say(f"{self.name}: Deactivated successfully.")
        self._say(f"Stopped {self.name} - {self.description}.")

    def _first(self) -> float | None:
        waits = [self.started_at + timespan(value) for value in self.file.all("Timer", "OnActiveSec")]
        for key in ("OnBootSec", "OnStartupSec"):
            waits += [self._booted + timespan(value) for value in self.file.all("Timer", key)]
        for value in self.file.all("Timer", "OnCalendar"):
            with contextlib.suppress(ValueError):
                instant = parse_instant(value, self.started_at)
                if instant > self._seen_until():
                    waits.append(instant)
        return min(waits) if waits else None

    def _seen_until(self) -> float:
        """Instants up to this one are done with: those before its start, or for a persistent timer before its stamp."""
        if not self.file.flag("Timer", "Persistent"):
            return self.started_at
        stamp = STAMPS / f"stamp-{self.name}"
        if not stamp.exists():
            stamp.parent.mkdir(parents=True, exist_ok=True)
            stamp.touch()
        return min(self.started_at, stamp.stat().st_mtime)

    async def _run(self) -> None:
        self.next_at = self._first()
        repeat = self.file.get("Timer", "OnUnitActiveSec") or self.file.get("Timer", "OnUnitInactiveSec")
        if self.next_at is None and repeat:
            self.next_at = time.time() + timespan(repeat)
        while self.next_at is not None:
            await asyncio.sleep(max(0.0, self.next_at - time.time()))
            self.last_trigger = max(time.time(), self.next_at)
            if self.file.flag("Timer", "Persistent"):
                # not by touch: the kernel's file times lag a few milliseconds, and the instant would come again
                os.utime(STAMPS / f"stamp-{self.name}", (self.last_trigger, self.last_trigger))
            self.next_at = self.last_trigger + timespan(repeat) if repeat else None
            if self.next_at is None and (self.transient or not self.file.flag("Timer", "RemainAfterElapse", True)):
                # ended before it fires, so that what it starts may stop or replace the timer
                self._task = None
                self._end()
            elif self.next_at is None:
                self.sub = "elapsed"
            await self._fire(self.target)
            if self.active != "active":
                return

    def _say(self, message: str) -> None:
        journal.write(self.name, message, ident="systemd", pid=1)
