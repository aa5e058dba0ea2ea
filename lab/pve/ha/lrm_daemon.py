"""pve-ha-lrm: this node's agent. Guests are started, stopped and moved by processes of their own."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping
from typing import Any

from lab.pve import client, guests
from lab.pve.layout import ETC_PVE, LIB, NodeSettings
from lab.pve.process import PATH

from .crm import ERROR
from .daemon import Rounds
from .files import Files
from .locks import Lock
from .lrm import Agent
from .timing import Timing
from .watchdog import Watchdog

WORK_POLL = 0.2


class Lrm:
    """The agent on its node; it is the `Node` of its decisions."""

    def __init__(self, settings: NodeSettings, rounds: Rounds, files: Files) -> None:
        self._settings, self._rounds, self._files = settings, rounds, files
        self._timing = Timing(settings.ha_scale)
        lock = files.root / "priv/lock" / f"ha_agent_{settings.name}_lock"
        self._lock = Lock(lock, self._timing.lock, rounds.log)
        self._watchdog = Watchdog(rounds.log)
        self._workers: dict[int, str] = {}
        self._agent = Agent(settings.name, self, self._timing)
        self._next = 0.0

    def log(self, message: str, *, warning: bool = False) -> None:
        """A line of the journal."""
        self._rounds.log(message, warning=warning)

    def is_quorate(self) -> bool:
        """Has the node quorum?"""
        return self._files.is_quorate()

    def hold_lock(self) -> bool:
        """Take or renew the agent's lock."""
        return self._lock.hold()

    def release_lock(self) -> None:
        """Give it back."""
        self._lock.release()

    def open_watchdog(self) -> bool:
        """Open the watchdog unless it is."""
        return self._watchdog.open()

    def update_watchdog(self) -> None:
        """Say that the agent lives."""
        self._watchdog.update()

    def close_watchdog(self) -> None:
        """Give the watchdog up in good order."""
        self._watchdog.close()

    def is_settled(self, sid: str, wanted: str) -> bool:
        """Is the guest here and already what is wanted?"""
        kind, vmid = _guest(sid)
        if wanted == "stopped":
            return not guests.pid(kind, vmid)
        return bool(guests.pid(kind, vmid)) and (ETC_PVE / guests.path(kind, vmid)).exists()

    def work(self, sid: str, order: str, service: Mapping[str, Any]) -> None:
        """Begin in a process of its own."""
        words = {"started": "starting", "stopped": "stopping"}
        if order in words:
            self.log(f"{words[order]} service {sid}")
        argv = [sys.executable, "-ISB", str(LIB / "main.py"), "ha.worker", sid, order, str(service.get("target", ""))]
        timeout = {"PVELAB_TIMEOUT": str(service["timeout"])} if "timeout" in service else {}
        env = {"PATH": PATH, "LANG": "C.UTF-8", "HOME": "/root", **timeout}
        self._workers[os.posix_spawn(sys.executable, argv, env)] = sid

    def done(self) -> dict[str, int]:
        """The workers that have ended."""
        ended = {}
        for pid in list(self._workers):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                code = os.waitstatus_to_exitcode(status)
                ended[self._workers.pop(pid)] = code if code in range(9) else ERROR
        return ended

    def round(self) -> float | None:
        """Once; while guests are being worked on it only looks whether they are ready."""
        if self._rounds.stopping and self._agent.stop is None:
            self._agent.stop = _how_the_node_ends()
            self._next = 0.0
        if self._agent.busy and time.monotonic() < self._next:
            if self._agent.collect(self._files.resources()):
                self._report()
            return min(WORK_POLL, max(self._next - time.monotonic(), 0.05))
        seconds = self._agent.round(self._files.manager_status(), self._files.resources())
        self._report()
        if seconds is None:
            return None
        self._next = time.monotonic() + seconds
        return WORK_POLL if self._agent.busy else seconds

    def _report(self) -> None:
        if self.is_quorate():
            self._files.write_lrm_status(self._settings.name, self._agent.report(time.time()))


def _guest(sid: str) -> tuple[guests.Kind, int]:
    kind, _, vmid = sid.partition(":")
    return (guests.QEMU if kind == "vm" else guests.LXC), int(vmid)


def _how_the_node_ends() -> str:
    """`reboot` or `poweroff` when PID 1 says so, `restart` when only we are to stop."""
    try:
        return str(client.ask({"op": "ending"}).get("ending") or "restart")
    except OSError:
        return "restart"


def main(_argv: list[str]) -> int:
    """Be pve-ha-lrm until SIGTERM."""
    rounds = Rounds("pve-ha-lrm")
    rounds.log("status change startup => wait_for_agent_lock")
    rounds.run(Lrm(NodeSettings.load(), rounds, Files(ETC_PVE)).round)
    return 0
