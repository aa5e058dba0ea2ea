"""pve-ha-crm: on every node a manager in waiting; the one that holds the manager's lock decides."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lab.pve.guests import DIRECTORIES
from lab.pve.layout import ETC_PVE, NodeSettings

from . import versions
from .crm import Manager, Seen
from .daemon import Rounds
from .files import Files
from .locks import Lock
from .placement import Affinities, from_groups, from_rules
from .timing import IDLE_MANAGER_ROUNDS, Timing
from .watchdog import Watchdog

LOCKS = Path("priv/lock")
WAIT, SLAVE, MASTER, LOST = "wait_for_quorum", "slave", "master", "lost_manager_lock"


class Crm:
    """One node's manager. It is the `World` of its decisions."""

    def __init__(self, settings: NodeSettings, rounds: Rounds, files: Files) -> None:
        self._settings, self._rounds, self._files = settings, rounds, files
        self._timing = Timing(settings.ha_scale)
        self._state = WAIT
        self._lock = self._lock_of("ha_manager_lock")
        self._agent_locks: dict[str, Lock] = {}
        self._watchdog = Watchdog(rounds.log)
        self._manager: Manager | None = None
        self._empty_rounds = 0

    def _lock_of(self, name: str) -> Lock:
        return Lock(self._files.root / LOCKS / name, self._timing.lock, self._rounds.log)

    def log(self, message: str, *, warning: bool = False) -> None:
        """A line of the journal."""
        self._rounds.log(message, warning=warning)

    def fenced(self, node: str) -> bool:
        """Take the lock of the node's agent."""
        lock = self._agent_locks.setdefault(node, self._lock_of(f"ha_agent_{node}_lock"))
        return lock.hold()

    def steal(self, sid: str, source: str, target: str) -> None:
        """Move the configuration file.

        Raises:
            ValueError: there is none where it should be.
        """
        kind, _, vmid = sid.partition(":")
        name = Path(DIRECTORIES["qemu" if kind == "vm" else "lxc"], f"{vmid}.conf")
        nodes = self._files.root / "nodes"
        try:
            os.rename(nodes / source / name, nodes / target / name)  # noqa: PTH104 - a rename of PVE's own
        except FileNotFoundError:
            raise ValueError(f"Configuration file 'nodes/{source}/{name}' does not exist") from None

    def set_requested(self, sid: str, state: str) -> None:
        """Write the requested state into resources.cfg."""
        with self._files.locked():
            resources = self._files.resources()
            if sid in resources:
                resources[sid]["state"] = state
                self._files.write_resources(resources)

    def _enter(self, state: str) -> None:
        if state != self._state:
            self.log(f"status change {self._state} => {state}")
        self._state = state

    def round(self) -> float | None:
        """Once: see whether we manage, and if so manage."""
        if self._rounds.stopping:
            self._stop()
            return None
        if not self._files.is_quorate():
            return self._without_quorum()
        if self._state in (WAIT, LOST):
            self._enter(SLAVE)
        if self._state == SLAVE:
            if not self._wanted() or not self._lock.hold():
                return self._timing.idle_round
            self._take_office()
        if not self._lock.hold():
            self._leave_office(LOST)
            return self._timing.idle_round
        return self._manage()

    def _wanted(self) -> bool:
        """Is there anything to manage?"""
        if self._files.text("ha/resources.cfg") or self._files.text("ha/crm_commands"):
            return True
        status = self._files.manager_status()
        return bool(status.get("service_status") or status.get("node_request") or status.get("disarm"))

    def _without_quorum(self) -> float:
        if self._state == MASTER:
            self._lock.hold()
            self._leave_office(LOST)
        self._enter(WAIT)
        return self._timing.idle_round

    def _take_office(self) -> None:
        can_disarm = versions.of(self._settings.pve) >= versions.DISARM
        self._manager = Manager(self._files.manager_status(), self, self._timing, can_disarm=can_disarm)
        self._empty_rounds = 0
        if not self._is_disarmed():
            self._watchdog.open()
        self._enter(MASTER)

    def _is_disarmed(self) -> bool:
        disarm = self._manager.disarm if self._manager else None
        return disarm is not None and disarm["state"] == "disarmed"

    def _leave_office(self, state: str) -> None:
        self._watchdog.close()
        self._manager = None
        self._enter(state)

    def _manage(self) -> float:
        manager = self._manager
        assert manager is not None
        self._watchdog.update()
        was_disarmed = self._is_disarmed()
        manager.round(self._look())
        self._agent_locks = {node: lock for node, lock in self._agent_locks.items() if not lock.held}
        if self._is_disarmed() and not was_disarmed:
            self.log("HA stack fully disarmed, releasing CRM watchdog")
            self._watchdog.close()
        elif not self._is_disarmed():
            self._watchdog.open()
        manager.status["master_node"] = self._settings.name
        manager.status["timestamp"] = int(time.time())
        self._files.write_manager_status(manager.status)
        self._empty_rounds = 0 if self._wanted() else self._empty_rounds + 1
        if self._empty_rounds > IDLE_MANAGER_ROUNDS:
            self.log("cluster had no service configured for 90 rounds, going idle.")
            self._leave_office(SLAVE)
            self._lock.release()
        return self._timing.busy_round

    def _look(self) -> Seen:
        resources = self._files.resources()
        for sid, options in resources.items():
            owner = self._files.owner(sid.partition(":")[2])
            if owner is not None:
                options["node"] = owner[0]
        members = self._files.members(self._settings.name)
        return Seen(
            now=time.monotonic(),
            members=members,
            agents={node: self._agent(node) for node in members},
            resources=resources,
            affinities=self._affinities(resources),
            orders=self._files.take_commands(),
        )

    def _agent(self, node: str) -> Mapping[str, Any] | None:
        found = self._files.lrm_status(node)
        if found is None and not (self._files.root / "nodes" / node).is_dir():
            self.log(f"unable to read file '/etc/pve/nodes/{node}/lrm_status'", warning=True)
        return found

    def _affinities(self, resources: Mapping[str, Mapping[str, str]]) -> Affinities:
        if versions.of(self._settings.pve) >= versions.RULES:
            return from_rules(self._files.rules())
        return from_groups(self._files.groups(), resources)

    def _stop(self) -> None:
        self.log("server received shutdown request")
        if self._state == MASTER:
            self.log("voluntary release CRM lock")
        with contextlib.suppress(OSError):
            self._lock.release()
        self._watchdog.close()


def main(_argv: list[str]) -> int:
    """Be pve-ha-crm until SIGTERM."""
    rounds = Rounds("pve-ha-crm")
    rounds.run(Crm(NodeSettings.load(), rounds, Files(ETC_PVE)).round)
    return 0
