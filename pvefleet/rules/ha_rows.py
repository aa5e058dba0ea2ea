"""The rows of HA's reports: guests, nodes, rules, groups, the manager."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from parsers.ha_resources_cfg import HaResource
from parsers.manager_status import ServiceStatus
from pvefleet.model.facts import ClusterFacts
from pvefleet.model.ha_status import (
    HaGroupRow,
    HaManagerRow,
    HaNodeRow,
    HaRuleRow,
    HaServiceRow,
    HaState,
    HaSummary,
    Maintenance,
    ManagerState,
    Placement,
    RuleKind,
    StateCount,
    Verdict,
)
from pvefleet.rules.ha_placement import Judged, worst
from pvefleet.rules.ha_view import DRIFT_SECONDS, SILENT_SECONDS, Agent, HaView

_RESTS = frozenset({"stopped", "freeze", "error", "request_start"})
"""States in which a guest does not count as active on its node, as PVE's own ``count_active_services`` has it."""
_TYPES = {"vm": "qemu", "ct": "lxc"}


def service_rows(facts: ClusterFacts, view: HaView, judged: Sequence[Judged]) -> tuple[HaServiceRow, ...]:
    """Return every guest that is configured for HA or that the manager still deals with, by number."""
    placements: dict[str, list[Placement]] = defaultdict(list)
    for one in judged:
        for sid, place in one.guests.items():
            placements[sid].append(place)
    moving = _moving_seconds(facts)
    resources = view.resources or {}
    sids = sorted({*resources, *view.services}, key=_order)
    return tuple(
        _service(view, sid, resources.get(sid), view.services.get(sid), placements.get(sid, ()), moving) for sid in sids
    )


def _order(sid: str) -> tuple[int, str]:
    number = sid.rpartition(":")[2]
    return (int(number) if number.isdigit() else 0, sid)


def _service(
    view: HaView,
    sid: str,
    resource: HaResource | None,
    service: ServiceStatus | None,
    placements: Iterable[Placement],
    moving: Mapping[tuple[str, int], float],
) -> HaServiceRow:
    kind, _, number = sid.partition(":")
    vmid = int(number) if number.isdigit() else None
    owner = view.guests.get(vmid) if view.guests is not None and vmid is not None else None
    node = service.node if service else (owner[0] if owner else None)
    places = tuple(placements)
    return HaServiceRow(
        sid=sid,
        type=kind,
        vmid=vmid,
        state=service_state(view, sid, resource, service),
        crm_state=service.state if service else None,
        node=node,
        target=service.target if service else None,
        requested=requested_state(resource) if resource else None,
        verdict=worst(place.verdict for place in places),
        placements=places,
        max_restart=None if resource is None else _or_one(resource.max_restart),
        max_relocate=None if resource is None else _or_one(resource.max_relocate),
        failback=None if resource is None else resource.failback is not False,
        moving_seconds=moving.get((node or "", vmid or 0)),
        comment=resource.comment if resource else "",
    )


def _or_one(value: int | None) -> int:
    return 1 if value is None else value


def requested_state(resource: HaResource) -> str:
    """Return what is wanted of a guest; nothing written means ``started``, which was once called ``enabled``."""
    return "started" if resource.state in (None, "enabled") else str(resource.state)


def exists(view: HaView, sid: str) -> bool | None:
    """Say whether the guest behind *sid* exists with the type that the sid names; None where that was not read."""
    if view.guests is None:
        return None
    kind, _, number = sid.partition(":")
    found = view.guests.get(int(number)) if number.isdigit() else None
    return found is not None and found[1] == _TYPES.get(kind, found[1])


def service_state(view: HaView, sid: str, resource: HaResource | None, service: ServiceStatus | None) -> str:
    """Return a guest's state in the words of ``ha-manager status``, ``?`` where the manager's file was not read."""
    if view.manager is None or view.resources is None:
        return "?"
    if resource is None:
        return "deleting"
    wanted = requested_state(resource)
    if wanted == "ignored":
        return "ignored"
    if view.manager.disarm and view.manager.disarm.mode == "ignore" and view.manager.disarm.state == "disarmed":
        return "ignore"
    if exists(view, sid) is False:
        return "not found"
    if service is None:
        return "queued"
    if service.state == "stopped":
        return {"started": "starting", "disabled": "disabled"}.get(wanted, "stopped")
    if service.state == "started":
        if not service.running:
            return "starting"
        return "stopping" if wanted in ("stopped", "disabled") else "started"
    if service.state == "error" and wanted == "disabled":
        return "clearing error flag"
    return service.state


def _moving_seconds(facts: ClusterFacts) -> dict[tuple[str, int], float]:
    """Return how long each migration that was seen has been running, by the node it runs on and the guest."""
    return {
        (node.name, one.vmid): node.ha.clock - one.since
        for node in facts.seen
        if node.ha and node.ha.moving.value
        for one in node.ha.moving.value
    }


def node_rows(view: HaView) -> tuple[HaNodeRow, ...]:
    """Return one row per node."""
    here: Counter[str] = Counter(service.node for service in view.services.values())
    active = active_services(view)
    return tuple(_node(view, agent, here[agent.name], active[agent.name]) for agent in view.agents)


def active_services(view: HaView) -> Counter[str]:
    """Return how many active guests each node has, those on their way to it included."""
    found: Counter[str] = Counter()
    for service in view.services.values():
        if service.state not in _RESTS:
            found.update({node for node in (service.node, service.target) if node})
    return found


def _node(view: HaView, agent: Agent, services: int, active: int) -> HaNodeRow:
    known = view.manager is not None
    return HaNodeRow(
        name=agent.name,
        state=view.node_states.get(agent.name),
        agent=agent_word(agent, active),
        agent_state=agent.status.state if agent.status else None,
        agent_mode=agent.status.mode if agent.status else None,
        agent_age_seconds=None if agent.age is None else round(agent.age, 1),
        maintenance=maintenance(view, agent, active),
        services=services if known else None,
        active=active if known else None,
        watchdog_armed=agent.watchdog.armed if agent.watchdog else None,
        watchdog_driver=agent.watchdog.driver if agent.watchdog else None,
        crm=agent.units.crm if agent.units else None,
        lrm=agent.units.lrm if agent.units else None,
        watchdog_mux=agent.units.watchdog_mux if agent.units else None,
    )


def agent_word(agent: Agent, active: int) -> str | None:
    """Return what an agent does, in the words of ``ha-manager status`` but ``silent`` for a report that is too old."""
    status, age = agent.status, agent.age
    if status is None or age is None:
        return None
    if age > SILENT_SECONDS:
        return "silent"
    if age < -DRIFT_SECONDS:
        return "time drift"
    if status.mode != "active":
        return f"{status.mode} mode"
    return "idle" if status.state == "wait_for_agent_lock" and not active else status.state


def maintenance(view: HaView, agent: Agent, active: int) -> Maintenance | None:
    """Return how far a node is in its maintenance; a watchdog that was not seen proves no end."""
    if view.manager is None:
        return None
    status = agent.status
    if status and agent.fresh and status.mode == "maintenance":
        closed = agent.watchdog is not None and (not agent.watchdog.armed or view.manager.master_node == agent.name)
        drained = view.node_states.get(agent.name) == "maintenance" and not active and closed
        return Maintenance.DRAINED if drained else Maintenance.DRAINING
    if agent.name in view.manager.maintenance_requested:
        return Maintenance.REQUESTED
    leaving = bool(status and agent.fresh and status.state == "maintenance")
    return Maintenance.LEAVING if leaving else Maintenance.NO


def rule_rows(judged: Iterable[Judged]) -> tuple[HaRuleRow, ...]:
    """Return the rules, in the order of their file."""
    return tuple(
        HaRuleRow(
            name=one.constraint.name,
            kind=one.constraint.kind,
            type=one.constraint.type,
            affinity=one.constraint.affinity,
            strict=one.constraint.strict if one.constraint.kind is RuleKind.NODE_AFFINITY else None,
            nodes=one.constraint.nodes,
            resources=one.constraint.resources,
            verdict=one.verdict,
            reasons=one.reasons,
            comment=one.constraint.comment,
        )
        for one in judged
        if one.constraint.kind is not RuleKind.GROUP
    )


def group_rows(judged: Iterable[Judged]) -> tuple[HaGroupRow, ...]:
    """Return the groups, in the order of their file."""
    return tuple(
        HaGroupRow(
            name=one.constraint.name,
            nodes=one.constraint.nodes,
            restricted=one.constraint.strict,
            nofailback=one.constraint.failback is False,
            resources=one.constraint.resources,
            verdict=one.verdict,
            reasons=one.reasons,
            comment=one.constraint.comment,
        )
        for one in judged
        if one.constraint.kind is RuleKind.GROUP
    )


def manager_row(view: HaView) -> HaManagerRow:
    """Return the manager, as the speaking node's copy has it."""
    files = view.files
    return HaManagerRow(
        node=view.manager.master_node if view.manager else None,
        state=manager_state(view),
        age_seconds=None if view.manager_age is None else round(view.manager_age, 1),
        commands_waiting=len(files.commands.value.lines) if files and files.commands.value else None,
        shutdown_policy=files.options.shutdown_policy if files else None,
        scheduling=files.options.scheduling if files else None,
        seen_by=view.speaker,
    )


def manager_state(view: HaView) -> ManagerState:
    """Return what the manager does, by its last sign of life."""
    if view.manager is None:
        return ManagerState.UNKNOWN
    if view.manager.master_node is None or view.manager_age is None:
        return ManagerState.NONE
    if view.managed:
        return ManagerState.ACTIVE
    return ManagerState.IDLE if view.resources is not None and not view.used else ManagerState.SILENT


def ha_state(view: HaView) -> HaState:
    """Return what HA as a whole does."""
    manager = view.manager
    if manager is None or view.resources is None:
        return HaState.UNKNOWN
    if manager.disarm is not None:
        return HaState.DISARMED if manager.disarm.state == "disarmed" else HaState.DISARMING
    if view.used:
        return HaState.ARMED
    if manager.master_node is None:
        return HaState.NEVER_USED
    return HaState.ARMED if any(agent.watchdog and agent.watchdog.armed for agent in view.agents) else HaState.IDLE


def summary(view: HaView, services: Sequence[HaServiceRow]) -> HaSummary:
    """Return HA in one line."""
    manager = manager_row(view)
    known = view.manager is not None and view.resources is not None
    counts = Counter(row.state for row in services).most_common()
    return HaSummary(
        state=ha_state(view),
        disarm_mode=view.manager.disarm.mode if view.manager and view.manager.disarm else None,
        manager=manager.node,
        manager_state=manager.state,
        manager_age_seconds=manager.age_seconds,
        services=len(services) if known else None,
        states=tuple(StateCount(state, count) for state, count in counts) if known else (),
        violated=sum(row.verdict is Verdict.VIOLATED for row in services) if known else None,
    )
