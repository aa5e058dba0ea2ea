"""Orders to the manager: what `ha-manager crm-command` queues, and what the manager makes of each. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .node_states import MAINTENANCE, ONLINE

if TYPE_CHECKING:
    from .crm import Manager

MIGRATE, RELOCATE, STOP = "migrate", "relocate", "stop"
ENABLE, DISABLE = "enable-node-maintenance", "disable-node-maintenance"
DISARM, ARM = "disarm-ha", "arm-ha"


def obey(manager: Manager, line: str) -> None:
    """Do what one queued line says, or say in the journal why not: whoever queued it was told 0 long ago."""
    words = line.split()
    match words:
        case [("migrate" | "relocate") as verb, sid, node]:
            _move(manager, line, verb, sid, node)
        case ["stop", sid, seconds] if seconds.isdigit():
            _stop(manager, line, sid, int(seconds))
        case ["enable-node-maintenance", node]:
            _enable(manager, line, node)
        case ["disable-node-maintenance", node]:
            _disable(manager, line, node)
        case ["disarm-ha", ("freeze" | "ignore") as mode] if manager.can_disarm:
            _disarm(manager, line, mode)
        case ["arm-ha"] if manager.can_disarm:
            _arm(manager, line)
        case _:
            manager.warn(f"unable to parse crm command: {line}")


def _move(manager: Manager, line: str, verb: str, sid: str, node: str) -> None:
    service = manager.services.get(sid)
    if service is None:
        manager.warn(f"crm command error - no such service: {line}")
    elif manager.nodes.states.get(node) != ONLINE:
        manager.warn(f"crm command error - node not online: {line}")
    elif service["node"] == node:
        manager.log(f"ignore crm command - service already on target node: {line}")
    elif rivals := manager.rivals_on(sid, node):
        manager.warn(f"crm command error - service '{rivals[0]}' on node '{node}' in negative affinity: {line}")
    else:
        manager.log(f"got crm command: {line}")
        manager.order(sid, [verb, node])


def _stop(manager: Manager, line: str, sid: str, seconds: int) -> None:
    if sid not in manager.services:
        manager.warn(f"crm command error - no such service: {line}")
        return
    manager.log(f"got crm command: {line}")
    manager.order(sid, [STOP, seconds])


def _enable(manager: Manager, line: str, node: str) -> None:
    if manager.disarm:
        manager.warn(f"ignoring maintenance command for node {node} - HA stack is disarmed")
    elif manager.nodes.states.get(node) == MAINTENANCE:
        manager.log(f"ignoring crm command - node {node} is already in maintenance state")
    elif manager.nodes.states.get(node) != ONLINE:
        manager.warn(f"crm command error - node not online: {line}")
    else:
        manager.log(f"got crm command: {line}")
        manager.status.setdefault("node_request", {}).setdefault(node, {})["maintenance"] = 1


def _disable(manager: Manager, line: str, node: str) -> None:
    if manager.disarm:
        manager.warn(f"ignoring maintenance command for node {node} - HA stack is disarmed")
        return
    state = manager.nodes.states.get(node, "unknown")
    if state != MAINTENANCE:
        manager.warn(f"clearing maintenance of node {node} requested, but it's in state {state}")
    else:
        manager.log(f"got crm command: {line}")
    requests = manager.status.get("node_request", {})
    requests.get(node, {}).pop("maintenance", None)
    if not requests.get(node):
        requests.pop(node, None)


def _disarm(manager: Manager, line: str, mode: str) -> None:
    if manager.disarm:
        manager.log(f"ignoring disarm-ha command - already in disarm state ({manager.disarm['state']})")
        return
    manager.log(f"got crm command: {line}")
    manager.status["disarm"] = {"mode": mode, "state": "disarming"}


def _arm(manager: Manager, line: str) -> None:
    if not manager.disarm:
        manager.log("ignoring arm-ha command - HA stack is not disarmed")
        return
    manager.log(f"got crm command: {line}")
    del manager.status["disarm"]
