"""What `ha-manager status` shows, made from the files. Pure."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .timing import DRIFT_SECONDS

_HELD = ("active", "maintenance")


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything the status is made from.

    Attributes:
        node, quorate, now: the node that is asked.
        old: a report older than so many seconds is that of a dead daemon.
        manager: manager_status.
        agents: every node's lrm_status; None where it cannot be read.
        resources: the configuration.
        owners: guest number to node.
        tells_fencing: from pve-ha-manager 5.1.3 on: the `fencing` line, and watchdogs in the agents' lines.
    """

    node: str
    quorate: bool
    now: float
    old: float
    manager: Mapping[str, Any]
    agents: Mapping[str, Mapping[str, Any] | None]
    resources: Mapping[str, Mapping[str, str]]
    owners: Mapping[str, str]
    tells_fencing: bool


def lines(inputs: Inputs) -> list[str]:
    """The report, a line each."""
    found = ["quorum OK" if inputs.quorate else f"quorum No quorum on node '{inputs.node}'!"]
    manager, disarm = inputs.manager, inputs.manager.get("disarm")
    master = manager.get("master_node") if manager.get("timestamp") else None
    state = _master_state(inputs)
    if master:
        tail = f" - {disarm['state']}, resource mode: {disarm['mode']}" if disarm else ""
        found.append(f"master {master} ({state}, {_date(manager['timestamp'])}){tail}")
    if inputs.tells_fencing:
        found.append(_fencing(state if master else "", disarm))
    found += [_agent(node, inputs) for node in sorted(manager.get("node_status", {}))]
    services = manager.get("service_status", {})
    found += [_service(sid, services[sid], inputs) for sid in sorted(services)]
    found += [_unmanaged(sid, inputs) for sid in sorted(inputs.resources) if sid not in services]
    return found


def _master_state(inputs: Inputs) -> str:
    manager = inputs.manager
    age = inputs.now - manager.get("timestamp", 0)
    if age > inputs.old:
        used = inputs.resources or manager.get("service_status")
        return "old timestamp - dead?" if used or not inputs.quorate else "idle"
    return "detected time drift!" if age < -DRIFT_SECONDS else "active"


def _fencing(master_state: str, disarm: Mapping[str, str] | None) -> str:
    if disarm:
        watchdog = "released" if disarm["state"] == "disarmed" else "active"
        return f"fencing {disarm['state']}, resource mode: {disarm['mode']} (CRM watchdog {watchdog})"
    armed = master_state == "active"
    return "fencing armed (CRM watchdog active)" if armed else "fencing standby (CRM watchdog standby)"


def _date(epoch: int) -> str:
    return time.strftime("%a %b %e %H:%M:%S %Y", time.localtime(epoch))


def _agent(node: str, inputs: Inputs) -> str:
    agent = inputs.agents.get(node)
    if agent is None:
        return f"lrm {node} (unable to read lrm status)"
    state, mode = str(agent.get("state", "unknown")), str(agent.get("mode", "unknown"))
    age = inputs.now - agent.get("timestamp", 0)
    shown = state
    if mode in ("maintenance", "disarm"):
        shown = f"{mode} mode"
    elif age > inputs.old:
        shown = "old timestamp - dead?"
    elif age < -DRIFT_SECONDS:
        shown = "detected time drift!"
    elif mode != "active":
        shown = f"{mode} mode"
    elif state == "wait_for_agent_lock" and not _active(node, inputs.manager):
        shown = "idle"
    watchdog = "active" if state in _HELD and shown != "old timestamp - dead?" else "standby"
    watchdog = "released" if mode == "disarm" else watchdog
    words = [shown, *([f"watchdog {watchdog}"] if inputs.tells_fencing else []), _date(agent.get("timestamp", 0))]
    return f"lrm {node} ({', '.join(words)})"


def _active(node: str, manager: Mapping[str, Any]) -> bool:
    from .lrm import active_services

    return active_services(manager, node) > 0


def _service(sid: str, service: Mapping[str, Any], inputs: Inputs) -> str:
    disarm = inputs.manager.get("disarm")
    state, options = str(service["state"]), inputs.resources.get(sid)
    requested = (options or {}).get("state", "started").replace("enabled", "started")
    if disarm and disarm["mode"] == "ignore":
        state = "ignore"
    elif options is None:
        state = "deleting"
    elif sid.partition(":")[2] not in inputs.owners:
        state = "not found"
    elif state == "started" and requested in ("stopped", "disabled"):
        state = "stopping"
    elif (state == "started" and not service.get("running")) or (state == "stopped" and requested == "started"):
        state = "starting"
    elif state == "stopped" and requested == "disabled":
        state = "disabled"
    elif state == "error" and requested == "disabled":
        state = "clearing error flag"
    return f"service {sid} ({service['node']}, {state})"


def _unmanaged(sid: str, inputs: Inputs) -> str:
    owner = inputs.owners.get(sid.partition(":")[2])
    ignored = inputs.resources[sid].get("state") == "ignored"
    return f"service {sid} ({owner or '---'}, {('ignored' if ignored else 'queued') if owner else 'not found'})"


def full(inputs: Inputs) -> str:
    """What `--verbose` adds."""
    state = {
        "lrm_status": {node: agent for node, agent in inputs.agents.items() if agent is not None},
        "manager_status": inputs.manager,
        "quorum": {"node": inputs.node, "quorate": "1" if inputs.quorate else "0"},
    }
    return "full cluster state:\n" + pretty(state)


def pretty(value: Any, depth: int = 0) -> str:
    """JSON as perl's JSON module lays it out: keys sorted, three blanks, ` : `."""
    if isinstance(value, Mapping) and value:
        inner, outer = "   " * (depth + 1), "   " * depth
        rows = [f"{inner}{json.dumps(key)} : {pretty(value[key], depth + 1)}" for key in sorted(value)]
        return "{\n" + ",\n".join(rows) + f"\n{outer}}}"
    if isinstance(value, list) and value:
        inner, outer = "   " * (depth + 1), "   " * depth
        return "[\n" + ",\n".join(inner + pretty(one, depth + 1) for one in value) + f"\n{outer}]"
    return json.dumps(value, ensure_ascii=False)
