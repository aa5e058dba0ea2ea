"""The HA agent of one node: when it holds its lock and the watchdog, and what it does with its guests.

As with the manager, the world is handed in.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from .crm import ERROR, SUCCESS, WRONG_NODE
from .timing import IDLE_AGENT_ROUNDS, WORKERS, Timing

WAIT, ACTIVE, LOST, MAINTENANCE = "wait_for_agent_lock", "active", "lost_agent_lock", "maintenance"
_INACTIVE = frozenset({"stopped", "freeze", "error", "request_start"})
_WANTED = {"started": "started", "request_stop": "stopped", "stopped": "stopped"}
_MOVES = ("migrate", "relocate")


class Node(Protocol):
    """What the agent needs of its node."""

    def log(self, message: str, *, warning: bool = False) -> None:
        """Put a line into the journal."""

    def is_quorate(self) -> bool:
        """Has the node quorum?"""

    def hold_lock(self) -> bool:
        """Take or renew the agent's lock."""

    def release_lock(self) -> None:
        """Give it back."""

    def open_watchdog(self) -> bool:
        """Open the watchdog unless it is."""

    def update_watchdog(self) -> None:
        """Say that the agent lives."""

    def close_watchdog(self) -> None:
        """Give the watchdog up in good order."""

    def is_settled(self, sid: str, wanted: str) -> bool:
        """Is the guest here and already what is wanted (`started` or `stopped`)?"""

    def work(self, sid: str, order: str, service: Mapping[str, Any]) -> None:
        """Begin to carry out an order without waiting for its end."""

    def done(self) -> dict[str, int]:
        """The orders that have ended since the last question: sid and exit code."""


def active_services(status: Mapping[str, Any], node: str) -> int:
    """How many guests keep a node's agent, and with it its watchdog, active."""
    return sum(
        node in (one["node"], one.get("target")) and one["state"] not in _INACTIVE
        for one in status.get("service_status", {}).values()
    )


class Agent:
    """The agent's state, mode and results: what stands in lrm_status.

    `stop` is how the daemon is to end, once it is: `restart`, `reboot` or `poweroff`.
    """

    def __init__(self, name: str, node: Node, timing: Timing) -> None:
        self.state, self.mode = WAIT, "active"
        self.results: dict[str, dict[str, Any]] = {}
        self.stop: str | None = None
        self._name, self._node, self._timing = name, node, timing
        self._running: dict[str, tuple[str, str]] = {}
        self._tries: dict[str, int] = {}
        self._idle_rounds = 0
        self._waited = 0.0
        self._announced = False
        self._drained = False

    def report(self, now: float) -> dict[str, Any]:
        """The content of lrm_status."""
        return {"state": self.state, "mode": self.mode, "timestamp": int(now), "results": self.results}

    @property
    def busy(self) -> bool:
        """Is anything being done?"""
        return bool(self._running)

    def round(self, status: Mapping[str, Any], resources: Mapping[str, Mapping[str, str]]) -> float | None:
        """Act once on what the manager says; returns seconds until the next round, None when the agent may end."""
        self._choose_mode(status)
        if self.stop and self._may_end(status):
            return None
        if self.state == WAIT:
            return self._wait(status)
        if self._drained and self.mode == "maintenance":
            return self._timing.idle_round
        self._drained = False
        if not (self._node.is_quorate() and self._node.hold_lock()):
            return self._without_lock()
        if self.state == LOST:
            self._enter(ACTIVE)
        if not self._node.open_watchdog():
            return self._timing.idle_round
        self._node.update_watchdog()
        self._work(status, resources)
        return self._maintain(status) if self.mode == "maintenance" else self._stay_active(status)

    def _enter(self, state: str) -> None:
        if state != self.state:
            self._node.log(f"status change {self.state} => {state}")
        self.state = state

    def _choose_mode(self, status: Mapping[str, Any]) -> None:
        if self.stop:
            if not self._announced:
                self._announce()
            self.mode = "shutdown" if self.stop == "poweroff" else "restart"
        elif status.get("node_request", {}).get(self._name, {}).get("maintenance"):
            self.mode = "maintenance"
        elif status.get("disarm") and self.state == WAIT:
            self.mode = "disarm"
        elif not status.get("disarm"):
            self.mode = "active"

    def _announce(self) -> None:
        self._announced = True
        if self.stop == "restart":
            self._node.log("restart LRM, freeze all services")
            return
        self._node.log("got shutdown request with shutdown policy 'conditional'")
        what = (
            "reboot LRM, stop and freeze all services" if self.stop == "reboot" else "shutdown LRM, stop all services"
        )
        self._node.log(what)

    def _may_end(self, status: Mapping[str, Any]) -> bool:
        """While it stops: once nothing here is active any more, it lets go of everything."""
        self._waited += self._timing.idle_round
        limit = self._timing.give_up_lost if self.state == LOST else self._timing.give_up_stop
        stays = self._stays_for(status)
        if self.state != WAIT and (stays or self.busy) and self._waited < limit:
            return False
        if not stays and not self.busy and self.state != LOST:
            self._let_go()
        return True

    def _stays_for(self, status: Mapping[str, Any]) -> bool:
        """Is there still a guest to be frozen, or where the machine itself goes down, to be stopped?"""
        if self.stop != "poweroff" and active_services(status, self._name):
            return True
        mine = [sid for sid, one in status.get("service_status", {}).items() if one["node"] == self._name]
        return self.stop != "restart" and any(not self._node.is_settled(sid, "stopped") for sid in mine)

    def _let_go(self) -> None:
        self._node.close_watchdog()
        self._node.release_lock()

    def _wait(self, status: Mapping[str, Any]) -> float:
        ready = self.mode == "active" and self._node.is_quorate() and active_services(status, self._name)
        if ready and self._node.hold_lock() and self._node.open_watchdog():
            self._idle_rounds = 0
            self._enter(ACTIVE)
            return self._timing.busy_round
        return self._timing.idle_round

    def _without_lock(self) -> float:
        if self.state != LOST:
            self._node.hold_lock()
            self._enter(LOST)
        return self._timing.idle_round

    def _stay_active(self, status: Mapping[str, Any]) -> float:
        if self.state == MAINTENANCE:
            self._enter(ACTIVE)
        if self.stop:
            return self._timing.idle_round
        if status.get("disarm"):
            ignoring = status["disarm"]["mode"] == "ignore"
            if not self.busy and (ignoring or not active_services(status, self._name)):
                self._let_go()
                self._enter(WAIT)
                self.mode = "disarm"
                return self._timing.idle_round
            return self._timing.busy_round
        mine = any(self._name in (one["node"], one.get("target")) for one in status.get("service_status", {}).values())
        self._idle_rounds = 0 if mine or self.busy else self._idle_rounds + 1
        if self._idle_rounds > IDLE_AGENT_ROUNDS:
            self._node.log("node had no service configured for 60 rounds, going idle.")
            self._let_go()
            self._enter(WAIT)
        return self._timing.busy_round

    def _maintain(self, status: Mapping[str, Any]) -> float:
        if self.state == ACTIVE:
            self._enter(MAINTENANCE)
        if not active_services(status, self._name) and not self.busy:
            self._let_go()
            self._drained = True
        return self._timing.idle_round

    def _work(self, status: Mapping[str, Any], resources: Mapping[str, Mapping[str, str]]) -> None:
        """Begin what is ordered and not begun yet."""
        self.collect(resources)
        services = status.get("service_status", {})
        known = {one.get("uid") for one in services.values()}
        sids = {result["sid"] for uid, result in self.results.items() if uid in known}
        self.results = {
            uid: result for uid, result in self.results.items() if uid in known or result["sid"] not in sids
        }
        for sid, service in sorted(services.items()):
            order = self._order_for(service)
            if order is None or service["node"] != self._name or sid in self._running:
                continue
            if service["uid"] in self.results:
                continue
            if order in ("started", "stopped") and self._node.is_settled(sid, order):
                self._tries.pop(sid, None)
                self._record(service["uid"], sid, order, SUCCESS)
            elif len(self._running) < WORKERS:
                self._running[sid] = (service["uid"], order)
                self._node.work(sid, order, service)

    def _order_for(self, service: Mapping[str, Any]) -> str | None:
        if self.stop in ("reboot", "poweroff") and service["state"] in _WANTED | {"freeze": ""}:
            return "stopped"
        if self.stop:
            return None
        if service["state"] in _MOVES:
            return str(service["state"])
        return _WANTED.get(service["state"])

    def collect(self, resources: Mapping[str, Mapping[str, str]]) -> bool:
        """Take in what has ended; was there anything?"""
        ended = self._node.done()
        for sid, code in ended.items():
            uid, order = self._running.pop(sid)
            if order == "started" and code not in (SUCCESS, WRONG_NODE):
                self._tries[sid] = self._tries.get(sid, 0) + 1
                limit = int(resources.get(sid, {}).get("max_restart", "1"))
                self._node.log(f"unable to start service {sid}", warning=True)
                if self._tries[sid] <= limit:
                    self._node.log(f"restart policy: retry number {self._tries[sid]} for service '{sid}'", warning=True)
                    continue
                code = ERROR
            self._tries.pop(sid, None)
            self._record(uid, sid, order, code)
        return bool(ended)

    def _record(self, uid: str, sid: str, order: str, code: int) -> None:
        self.results = {old: result for old, result in self.results.items() if result["sid"] != sid}
        self.results[uid] = {"sid": sid, "state": order, "exit_code": code}
