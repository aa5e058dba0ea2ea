"""A cluster of HA's decisions in memory: one manager, an agent a node, and a clock that tests turn."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lab.pve.ha.crm import SUCCESS, WRONG_NODE, Manager, Seen
from lab.pve.ha.lrm import Agent
from lab.pve.ha.placement import Affinities
from lab.pve.ha.timing import Timing

ROUND = 5.0


@dataclass
class Machine:
    """A node as its agent sees it. `works` says how orders end, success unless told; orders end a round later."""

    cluster: Cluster
    name: str
    up: bool = True
    connected: bool = True
    watchdog: bool = False
    lock: bool = False
    works: dict[tuple[str, str], int] = field(default_factory=dict)
    journal: list[str] = field(default_factory=list)
    running: set[str] = field(default_factory=set)
    _ended: dict[str, int] = field(default_factory=dict)

    def log(self, message: str, *, warning: bool = False) -> None:
        self.journal.append(message)

    def is_quorate(self) -> bool:
        return self.connected

    def hold_lock(self) -> bool:
        owner = self.cluster.locks.get(self.name)
        if not self.connected or owner not in (None, self.name):
            self.lock = False
            return False
        self.cluster.locks[self.name] = self.name
        self.cluster.renewed[self.name] = self.cluster.now
        self.lock = True
        return True

    def release_lock(self) -> None:
        self.cluster.locks.pop(self.name, None)
        self.lock = False

    def open_watchdog(self) -> bool:
        self.watchdog = True
        return True

    def update_watchdog(self) -> None:
        return

    def close_watchdog(self) -> None:
        self.watchdog = False

    def is_settled(self, sid: str, wanted: str) -> bool:
        here = self.cluster.owners.get(sid) == self.name
        return (sid in self.running) == (wanted == "started") and (here or wanted == "stopped")

    def work(self, sid: str, order: str, service: Mapping[str, Any]) -> None:
        code = self.works.get((sid, order), SUCCESS)
        if self.cluster.owners.get(sid) != self.name and order != "stopped":
            code = WRONG_NODE
        if code == SUCCESS:
            self._carry_out(sid, order, service)
        self._ended[sid] = code

    def _carry_out(self, sid: str, order: str, service: Mapping[str, Any]) -> None:
        if order == "started":
            self.running.add(sid)
        elif order == "stopped":
            self.running.discard(sid)
        else:
            was_running = sid in self.running
            self.running.discard(sid)
            self.cluster.owners[sid] = service["target"]
            if order == "migrate" and was_running:
                self.cluster.machines[service["target"]].running.add(sid)

    def done(self) -> dict[str, int]:
        ended, self._ended = self._ended, {}
        return ended


class Cluster:
    """Three nodes; `vm:100` and `ct:101` run on the first and second. Seconds are genuine ones."""

    def __init__(self, *, resources: Mapping[str, Mapping[str, str]] | None = None) -> None:
        self.now = 0.0
        self.timing = Timing()
        self.status: dict[str, Any] = {}
        self.owners = {"vm:100": "pve01", "ct:101": "pve02"}
        self.resources = {sid: dict(one) for sid, one in (resources or {"vm:100": {}, "ct:101": {}}).items()}
        self.affinities = Affinities()
        self.orders: list[str] = []
        self.locks: dict[str, str] = {}
        self.renewed: dict[str, float] = {}
        self.journal: list[str] = []
        self.machines = {name: Machine(self, name) for name in ("pve01", "pve02", "pve03")}
        for sid, node in self.owners.items():
            self.machines[node].running.add(sid)
        self.manager = Manager(self.status, self, self.timing)
        self.agents = {name: Agent(name, machine, self.timing) for name, machine in self.machines.items()}
        self.reports: dict[str, dict[str, Any]] = {}
        self._next = dict.fromkeys((*self.machines, "manager"), 0.0)

    def log(self, message: str, *, warning: bool = False) -> None:
        self.journal.append(message)

    def fenced(self, node: str) -> bool:
        if self.locks.get(node) == node and self.now - self.renewed[node] < self.timing.lock:
            return False
        self.locks[node] = "manager"
        return True

    def steal(self, sid: str, source: str, target: str) -> None:
        if self.owners.get(sid) != source:
            raise ValueError(f"Configuration file of {sid} does not exist")
        self.owners[sid] = target

    def set_requested(self, sid: str, state: str) -> None:
        self.resources[sid]["state"] = state

    def state(self, sid: str) -> str:
        return str(self.status["service_status"][sid]["state"])

    def place(self, sid: str) -> str:
        return str(self.status["service_status"][sid]["node"])

    def pull_plug(self, node: str) -> None:
        self.machines[node].up = self.machines[node].connected = False
        self.machines[node].running.clear()

    def step(self) -> None:
        """Five seconds pass: whoever's round is due has it."""
        for name, agent in self.agents.items():
            machine = self.machines[name]
            if machine.up and self.now >= self._next[name]:
                seconds = agent.round(self.status, self.resources)
                self._next[name] = self.now + (seconds or float("inf"))
                if machine.connected:
                    self.reports[name] = agent.report(self.now)
        if self.now >= self._next["manager"]:
            self._manage()
            self._next["manager"] = self.now + self.timing.busy_round
        self.now += ROUND

    def _manage(self) -> None:
        waiting, self.orders = self.orders, []
        found = {
            sid: options | ({"node": self.owners[sid]} if sid in self.owners else {})
            for sid, options in self.resources.items()
        }
        members = {name: machine.up and machine.connected for name, machine in self.machines.items()}
        reports = {name: self.reports.get(name) for name in self.machines}
        self.manager.round(Seen(self.now, members, reports, found, self.affinities, waiting))

    def until(self, sid: str, state: str, *, seconds: float = 600.0) -> float:
        """Let time pass until a guest is in that state; returns how much did."""
        began = self.now
        while sid not in self.status.get("service_status", {}) or self.state(sid) != state:
            assert self.now - began < seconds, f"{sid} is still {self.state(sid)}: {self.journal[-5:]}"
            self.step()
        return self.now - began

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        while self.now < end:
            self.step()

    def settled(self) -> Cluster:
        """Well, with everything started."""
        self.run(60.0)
        assert all(one.get("running") for one in self.status["service_status"].values())
        return self
