"""The HA manager's decisions: from what it knew, what it sees and its orders to what every guest shall do.

The world is handed in; nothing here reads a file or a clock, so that whole failovers run in a test.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from . import orders
from .node_states import FENCE, UNKNOWN, NodeStates
from .placement import Affinities, Question, best_node
from .timing import Timing

Service = dict[str, Any]
SUCCESS, ERROR, RETRY, WRONG_NODE, IGNORED = 0, 1, 2, 3, 8
WANTS_RUN = ("started", "enabled")
PASSES = 10
_FREEZABLE = ("request_start", "started", "request_stop", "stopped")
_BUSY = ("migrate", "relocate", "fence", "recovery")
_KEPT = ("node", "failed_nodes", "maintenance_node")


class World(Protocol):
    """What the manager needs of its node."""

    def log(self, message: str, *, warning: bool = False) -> None:
        """Put a line into the journal."""

    def fenced(self, node: str) -> bool:
        """Is the node surely not running guests any more, which having its agent's lock proves?"""

    def steal(self, sid: str, source: str, target: str) -> None:
        """Move a guest's configuration from a fenced node; an error ends the round."""

    def set_requested(self, sid: str, state: str) -> None:
        """Write a guest's requested state into the configuration."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one round starts from: clock, nodes in the partition, agents' reports, configuration, orders."""

    now: float
    members: Mapping[str, bool]
    agents: Mapping[str, Mapping[str, Any] | None]
    resources: Mapping[str, Mapping[str, str]]
    affinities: Affinities
    orders: Sequence[str] = ()


class Manager:
    """The active manager. `status` is what goes into manager_status; `nodes` follows the nodes."""

    def __init__(self, status: dict[str, Any], world: World, timing: Timing, *, can_disarm: bool = True) -> None:
        self.status = status
        self.can_disarm = can_disarm
        self._world = world
        status.setdefault("node_status", {})
        status.setdefault("service_status", {})
        self.nodes = NodeStates(status["node_status"], timing, self.log)
        self._seen = Seen(0.0, {}, {}, {}, Affinities())
        self._results: dict[str, Mapping[str, Any]] = {}

    @property
    def services(self) -> dict[str, Service]:
        """Every guest the manager deals with, by sid."""
        services: dict[str, Service] = self.status["service_status"]
        return services

    @property
    def disarm(self) -> dict[str, str] | None:
        """Set while HA is disarmed or on its way there."""
        return self.status.get("disarm")

    def log(self, message: str) -> None:
        """A line of the manager's journal."""
        self._world.log(message)

    def warn(self, message: str) -> None:
        """One that tells of something amiss."""
        self._world.log(message, warning=True)

    def round(self, seen: Seen) -> None:
        """Decide once.

        Raises:
            Exception: what the world raised; nothing further is decided in this round.
        """
        self._seen = seen
        modes = {node: str((agent or {}).get("mode", "")) for node, agent in seen.agents.items()}
        self.nodes.update(seen.members, modes, seen.now)
        self._results = {
            uid: result for agent in seen.agents.values() if agent for uid, result in agent.get("results", {}).items()
        }
        for line in seen.orders:
            orders.obey(self, line)
        if not (self.disarm and self.disarm["mode"] == "ignore"):
            self._take_over_configuration()
        if self.disarm:
            self._disarmed(modes)
            return
        self._freeze_where_agents_stop(modes)
        for _ in range(PASSES):
            if not self._pass(modes):
                break

    def _take_over_configuration(self) -> None:
        for sid, options in self._seen.resources.items():
            requested = options.get("state", "started")
            owner = options.get("node")
            if requested == "ignored" or sid in self.services or owner is None:
                continue
            state = "request_start" if requested in WANTS_RUN else "request_stop"
            self.log(f"adding new service '{sid}' on node '{owner}'")
            self.services[sid] = {"state": state, "node": owner, "uid": new_uid()}
        for sid in list(self.services):
            if self._seen.resources.get(sid, {}).get("state", "") == "ignored" or sid not in self._seen.resources:
                self.log(f"removing stale service '{sid}' (no config)")
                del self.services[sid]

    def _disarmed(self, modes: Mapping[str, str]) -> None:
        """Freeze what can be frozen; when every agent has let go, HA is disarmed."""
        assert self.disarm is not None
        for service in self.services.values():
            service.pop("cmd", None)
        if self.disarm["state"] == "disarmed":
            return
        busy = [(sid, one["state"]) for sid, one in self.services.items() if one["state"] in _BUSY]
        for sid, state in busy:
            self.log(f"deferring disarm - service '{sid}' is in '{state}' state")
        if busy:
            self._pass(modes)
            return
        if self.disarm["mode"] == "freeze":
            for sid, service in sorted(self.services.items()):
                if service["state"] in _FREEZABLE:
                    self.log(f"disarm: freezing service '{sid}' (was '{service['state']}')")
                    self.services[sid] = {"state": "freeze", "node": service["node"], "uid": new_uid()}
        online = [node for node, state in self.nodes.states.items() if state == "online"]
        if online and all(modes.get(node) == "disarm" for node in online):
            self.log("all LRMs disarmed, HA stack is now fully disarmed")
            self.disarm["state"] = "disarmed"

    def _freeze_where_agents_stop(self, modes: Mapping[str, str]) -> None:
        for sid, service in sorted(self.services.items()):
            node = service["node"]
            if modes.get(node) == "restart" and self.nodes.is_alive(node) and service["state"] in _FREEZABLE:
                self.enter(sid, "freeze")

    def _pass(self, modes: Mapping[str, str]) -> bool:
        """Go over every guest once; was anything changed?"""
        before = {sid: one["state"] for sid, one in self.services.items()}
        for sid in sorted(self.services):
            service = self.services[sid]
            handler: Callable[..., None] = getattr(self, f"_in_{service['state']}", self._in_unknown_state)
            handler(sid, service, modes.get(service["node"], ""))
        for node in [node for node, state in self.nodes.states.items() if state == FENCE]:
            self._fence(node)
        return before != {sid: one["state"] for sid, one in self.services.items()}

    def _fence(self, node: str) -> None:
        if not self._world.fenced(node):
            return
        self.log(f"fencing: acknowledged - got agent lock for node '{node}'")
        self.nodes.enter(node, UNKNOWN)
        for sid in sorted(self.services):
            if self.services[sid]["node"] == node and self.services[sid]["state"] == "fence":
                self.enter(sid, "recovery")

    def enter(self, sid: str, state: str, **more: Any) -> None:
        """Put a guest into another state, with a new order to its node."""
        old = self.services[sid]
        kept = {key: old[key] for key in _KEPT if key in old}
        self.services[sid] = kept | {key: value for key, value in more.items() if value is not None}
        self.services[sid] |= {"state": state, "uid": new_uid()}
        shown = ", ".join(f"{key} = {more[key]}" for key in ("node", "target") if more.get(key))
        self.log(f"service '{sid}': state changed from '{old['state']}' to '{state}'{f'  ({shown})' if shown else ''}")

    def order(self, sid: str, command: list[Any]) -> None:
        """Remember what an operator ordered for a guest."""
        if command[0] == orders.STOP and not self.disarm:
            self._world.set_requested(sid, "stopped")
        self.services[sid]["cmd"] = command

    def rivals_on(self, sid: str, node: str) -> list[str]:
        """The guests on a node that must not be there together with this one."""
        rivals = self._seen.affinities.rivals(sid)
        return [other for other in sorted(rivals) if self.services.get(other, {}).get("node") == node]

    def _requested(self, sid: str) -> str:
        return self._seen.resources.get(sid, {}).get("state", "started")

    def _result(self, service: Service) -> int | None:
        """How the present order ended, once per order."""
        result = self._results.get(service.get("uid", ""))
        return int(result["exit_code"]) if result else None

    def _lost(self, sid: str, service: Service) -> bool:
        """Begin to fence the guest's node if it has been away too long; True when the guest can only wait."""
        node = service["node"]
        if self.nodes.is_alive(node):
            return False
        if self.nodes.is_lost(node, self._seen.now):
            self.enter(sid, "fence")
            self.nodes.enter(node, FENCE)
        return True

    def _choose(self, sid: str, service: Service, *, excluded: Sequence[str] = (), anew: bool = False) -> str | None:
        options = self._seen.resources.get(sid, {})
        placed = {other: str(one.get("target") or one["node"]) for other, one in self.services.items() if other != sid}
        question = Question(
            sid=sid,
            current="" if anew else service["node"],
            online=self.nodes.online,
            placed=placed,
            excluded=frozenset(excluded),
            failback=options.get("failback", "1") == "1" and options.get("nofailback", "0") != "1",
            home=service.get("maintenance_node"),
        )
        return best_node(question, self._seen.affinities)

    def _in_unknown_state(self, sid: str, service: Service, _mode: str) -> None:
        self.warn(f"got unknown state '{service['state']}' for service '{sid}'")

    def _in_request_start(self, sid: str, service: Service, _mode: str) -> None:
        self.enter(sid, "started", node=service["node"])

    def _in_request_stop(self, sid: str, service: Service, _mode: str) -> None:
        if self._lost(sid, service):
            return
        result = self._result(service)
        if result == SUCCESS:
            self.enter(sid, "stopped")
        elif result not in (None, IGNORED, RETRY):
            self.warn(f"service '{sid}' stop failed (exit code {result})")
            self.enter(sid, "error")

    def _in_stopped(self, sid: str, service: Service, _mode: str) -> None:
        requested = self._requested(sid)
        if requested == "disabled":
            service.pop("cmd", None)
            return
        if self._lost(sid, service):
            return
        command = service.pop("cmd", None)
        if command and command[0] in (orders.MIGRATE, orders.RELOCATE):
            self.enter(sid, "relocate", node=service["node"], target=command[1])
        elif requested in WANTS_RUN:
            self.enter(sid, "request_start", node=service["node"])

    def _in_started(self, sid: str, service: Service, _mode: str) -> None:
        if self._lost(sid, service):
            return
        command = service.pop("cmd", None)
        if self._requested(sid) not in WANTS_RUN:
            timeout = command[1] if command and command[0] == orders.STOP else None
            self.enter(sid, "request_stop", timeout=timeout)
        elif command and command[0] in (orders.MIGRATE, orders.RELOCATE):
            self.enter(sid, _how(sid, command[0]), node=service["node"], target=command[1])
        else:
            self._keep_running(sid, service)

    def _keep_running(self, sid: str, service: Service) -> None:
        result = self._result(service)
        if result == SUCCESS:
            service.pop("failed_nodes", None)
            service |= {"running": 1, "uid": new_uid()}
        elif result not in (None, RETRY, IGNORED):
            self._start_elsewhere(sid, service)
            return
        target = self._choose(sid, service)
        if target in (None, service["node"]):
            if service.get("maintenance_node") == service["node"]:
                del service["maintenance_node"]
            return
        home = service.get("maintenance_node")
        if self.nodes.states.get(service["node"]) == "maintenance":
            home = home or service["node"]
        elif home == target:
            service.pop("maintenance_node", None)
            home = None
        self.log(f"migrate service '{sid}' to node '{target}' (running)")
        self.enter(sid, _how(sid, orders.MIGRATE), node=service["node"], target=target, maintenance_node=home)

    def _start_elsewhere(self, sid: str, service: Service) -> None:
        failed = [*service.get("failed_nodes", ()), service["node"]]
        limit = int(self._seen.resources.get(sid, {}).get("max_relocate", "1"))
        self.warn(f"starting service {sid} on node '{service['node']}' failed, relocating service.")
        target = self._choose(sid, service, excluded=failed) if len(failed) <= limit else None
        if target is None:
            self.warn(
                f"recovery policy for service {sid} failed, entering error state. Failed nodes: {', '.join(failed)}"
            )
            self.enter(sid, "error", failed_nodes=failed)
        else:
            self.log(f"relocate service '{sid}' to node '{target}'")
            self.enter(sid, _how(sid, orders.MIGRATE), node=service["node"], target=target, failed_nodes=failed)

    def _in_migrate(self, sid: str, service: Service, _mode: str) -> None:
        if self._lost(sid, service):
            return
        result = self._result(service)
        if result is None or result == RETRY:
            return
        back = "started" if self._requested(sid) in WANTS_RUN else "request_stop"
        if result in (SUCCESS, IGNORED):
            self.enter(sid, back, node=service["target"])
        elif result == WRONG_NODE:
            self.warn(f"service '{sid}' - migration failed: service registered on wrong node!")
            self.enter(sid, "error")
        else:
            self.warn(f"service '{sid}' - migration failed (exit code {result})")
            self.enter(sid, back, node=service["node"])

    _in_relocate = _in_migrate

    def _in_fence(self, sid: str, service: Service, _mode: str) -> None:
        """The node's lock decides; a node whose fencing another manager began is taken up."""
        if self.nodes.is_alive(service["node"]):
            self.enter(sid, "started" if self._requested(sid) in WANTS_RUN else "request_stop", node=service["node"])
        elif self.nodes.states.get(service["node"]) != FENCE:
            self.nodes.enter(service["node"], FENCE)

    def _in_recovery(self, sid: str, service: Service, _mode: str) -> None:
        requested = self._requested(sid)
        if requested == "disabled":
            self.enter(sid, "stopped")
            return
        source = service["node"]
        target = self._choose(sid, service, anew=True)
        if target is None:
            self.warn(f"recovering service '{sid}' from fenced node '{source}' failed, no recovery node found")
            return
        self.log(f"recover service '{sid}' from fenced node '{source}' to node '{target}'")
        self._world.steal(sid, source, target)
        self.enter(sid, "started" if requested in WANTS_RUN else "request_stop", node=target)

    def _in_freeze(self, sid: str, service: Service, mode: str) -> None:
        if mode == "active" and self.nodes.is_alive(service["node"]):
            self.enter(sid, "started" if self._requested(sid) in WANTS_RUN else "request_stop", node=service["node"])

    def _in_error(self, sid: str, service: Service, _mode: str) -> None:
        service.pop("cmd", None)
        if self._requested(sid) == "disabled":
            service.pop("failed_nodes", None)
            self.log(f"clearing error state of service '{sid}'")
            self.enter(sid, "stopped")


def _how(sid: str, verb: str) -> str:
    """A container is always relocated."""
    return orders.RELOCATE if sid.startswith("ct:") else verb


def new_uid() -> str:
    """The name of an order to an agent."""
    return base64.b64encode(secrets.token_bytes(16)).decode().rstrip("=")
