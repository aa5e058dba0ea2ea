"""Findings about HA's manager, agents, watchdogs and guests."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pvefleet.model.catalogue import finding
from pvefleet.model.finding import Finding
from pvefleet.model.ha_status import HaNodeRow, HaServiceRow, Maintenance, ManagerState
from pvefleet.rules.ha_rows import exists, manager_state
from pvefleet.rules.ha_view import DRIFT_SECONDS, SILENT_SECONDS, Agent, HaView

FENCE_SECONDS = 200.0
"""Fencing takes up to two minutes, over three where the dead node was the manager's; then something is wrong."""
MIGRATION_SECONDS = 1800.0
_SETTLED = frozenset({"started", "request_stop", "stopped", "freeze"})
"""States in which the manager's word for a guest's node should be where its configuration file is."""
_LEAVING_MODES = frozenset({"restart", "shutdown"})


def manager_findings(view: HaView, subject: str) -> Iterator[Finding]:
    """Yield a missing manager, a disarmed HA, orders that wait. Without quorum no manager can report: not a finding."""
    state = manager_state(view)
    master = view.manager.master_node if view.manager else None
    waiting = view.files.commands.value if view.files else None
    orders = [f"order waiting: {line}" for line in waiting.lines] if waiting else []
    wanted = any(resource.state != "ignored" for resource in (view.resources or {}).values())
    nobody = bool(view.quorate) and wanted and state in (ManagerState.SILENT, ManagerState.NONE)
    if nobody:
        age = view.manager_age or 0.0
        message = f"the HA manager on {master} has been silent for {age:.0f} s" if master else "there is no HA manager"
        yield finding("HAV-E-0001", subject, message, [*_down(view.agents), *orders])
    elif view.quorate and waiting and waiting.changed_at is not None and orders and view.files:
        age = view.files.clock - waiting.changed_at
        if age > SILENT_SECONDS:
            yield finding("HAV-W-0025", subject, f"orders to HA have been waiting for {age:.0f} s", orders)
    if view.manager and view.manager.disarm:
        disarm = view.manager.disarm
        yield finding("HAV-W-0008", subject, f"HA is {disarm.state}, guests: {disarm.mode}")
    if master and view.manager_age is not None and view.manager_age < -DRIFT_SECONDS:
        message = f"the HA manager's last report is {-view.manager_age:.0f} s ahead of the clock"
        yield finding("HAV-W-0026", master, message)


def _down(agents: Iterable[Agent]) -> list[str]:
    return [
        f"{agent.name}: pve-ha-crm is {agent.units.crm}"
        for agent in agents
        if agent.units and agent.units.crm != "active"
    ]


def agent_findings(view: HaView, nodes: Sequence[HaNodeRow]) -> Iterator[Finding]:
    """Yield what is wrong with each node's agent, watchdog and daemons, and every maintenance."""
    rows = {row.name: row for row in nodes}
    unclear = {name for name, seen in view.files.agents if seen.problem} if view.files else set()
    for agent in view.agents:
        row = rows[agent.name]
        if agent.watchdog and agent.watchdog.armed and agent.quorate is False:
            yield finding(
                "HAV-E-0006",
                agent.name,
                f"the watchdog of {agent.name} runs, and the node has no quorum",
                ["/run/watchdog-mux.active is there"],
            )
        if row.maintenance not in (None, Maintenance.NO, Maintenance.LEAVING):
            yield _maintenance(agent, row)
        if view.used and view.quorate and agent.member and agent.quorate is not False:
            if agent.name not in unclear:
                yield from _agent(agent, row)
            yield from _daemons(agent)


def _maintenance(agent: Agent, row: HaNodeRow) -> Finding:
    said = {
        Maintenance.REQUESTED: "maintenance was requested, its agent has not taken it up",
        Maintenance.DRAINING: "maintenance, not drained yet",
        Maintenance.DRAINED: "maintenance, drained",
    }
    evidence = [f"active guests of HA: {row.active}"] if row.active else []
    if agent.watchdog and agent.watchdog.armed:
        evidence.append("its watchdog is held")
    words = said[row.maintenance or Maintenance.REQUESTED]
    if agent.status and agent.status.mode == "maintenance" and not agent.fresh:
        words = "maintenance, its agent is silent"
    return finding("HAV-W-0009", agent.name, f"{agent.name}: {words}", evidence)


def _agent(agent: Agent, row: HaNodeRow) -> Iterator[Finding]:
    status, age = agent.status, agent.age
    if status is None or age is None:
        if agent.units or row.services:
            code = "HAV-E-0002" if row.services else "HAV-W-0030"
            yield finding(code, agent.name, f"the HA agent of {agent.name} has never reported", _said(agent))
    elif age > SILENT_SECONDS:
        code = "HAV-E-0002" if row.services else "HAV-W-0030"
        evidence = [f"its last word: {status.state}, mode {status.mode}", *_said(agent)]
        if row.services:
            evidence.append(f"guests of HA there: {row.services}")
        yield finding(code, agent.name, f"the HA agent of {agent.name} has been silent for {age:.0f} s", evidence)
    elif age < -DRIFT_SECONDS:
        message = f"the report of the HA agent of {agent.name} is {-age:.0f} s ahead of the clock"
        yield finding("HAV-W-0026", agent.name, message)
    elif status.mode in _LEAVING_MODES:
        evidence = [f"guests of HA there: {row.services}"] if row.services else []
        yield finding("HAV-W-0010", agent.name, f"the HA agent of {agent.name} is in {status.mode} mode", evidence)
    elif status.state == "lost_agent_lock":
        yield finding("HAV-E-0007", agent.name, f"the HA agent of {agent.name} has lost its lock")
    elif status.state == "active" and agent.watchdog and not agent.watchdog.armed:
        evidence = ["lrm_status says active, /run/watchdog-mux.active is not there"]
        yield finding("HAV-W-0028", agent.name, f"the HA agent of {agent.name} is active without a watchdog", evidence)


def _said(agent: Agent) -> list[str]:
    return [f"pve-ha-lrm is {agent.units.lrm}"] if agent.units else []


def _daemons(agent: Agent) -> Iterator[Finding]:
    """The agent's own daemon is told of by its silence; a daemon that starts is not down."""
    if agent.units is None:
        return
    states = {"watchdog-mux": agent.units.watchdog_mux, "pve-ha-crm": agent.units.crm}
    down = [f"{unit} is {state}" for unit, state in states.items() if state not in ("active", "activating")]
    if down:
        yield finding("HAV-W-0027", agent.name, f"HA daemons do not run on {agent.name}", down)


def service_findings(view: HaView, services: Sequence[HaServiceRow], subject: str) -> Iterator[Finding]:
    """Yield guests that HA has given up, cannot place, or does not find; those of one node in one finding."""
    ended = _results(view.agents)
    waiting: dict[str, list[str]] = defaultdict(list)
    frozen: dict[str, list[str]] = defaultdict(list)
    for row in services:
        if row.crm_state == "error":
            yield finding("HAV-E-0003", row.sid, f"{row.sid} is in error on {row.node}", _why_error(view, row, ended))
        elif row.crm_state == "recovery":
            evidence = [
                f"{place.kind} {place.name}: {', '.join(_allowed(view, place.name))}" for place in row.placements
            ]
            message = f"{row.sid} waits for a node to run on since {row.node} was fenced"
            yield finding("HAV-E-0004", row.sid, message, evidence)
        elif row.crm_state == "fence" and row.node:
            waiting[row.node].append(row.sid)
        elif row.crm_state == "freeze" and row.node:
            frozen[row.node].append(row.sid)
        if row.moving_seconds is not None and row.target and row.moving_seconds > MIGRATION_SECONDS:
            message = f"{row.sid} has been moving to {row.target} for {row.moving_seconds / 60:.0f} min"
            yield finding("HAV-W-0013", row.sid, message)
        yield from _missing(view, row)
    yield from _fenced(view, waiting)
    yield from _frozen(view, frozen)
    ignored = [row.sid for row in services if row.requested == "ignored"]
    if ignored:
        yield finding("HAV-I-0031", subject, f"{len(ignored)} guests are configured for HA and ignored by it", ignored)


def _results(agents: Iterable[Agent]) -> Mapping[str, int]:
    """Return how the manager's orders ended, by their name."""
    return {one.uid: one.exit_code for agent in agents if agent.status for one in agent.status.results}


def _why_error(view: HaView, row: HaServiceRow, ended: Mapping[str, int]) -> list[str]:
    service = view.services[row.sid]
    evidence = []
    if service.uid is not None and service.uid in ended:
        evidence.append(f"the agent's last result: exit code {ended[service.uid]}")
    if service.failed_nodes:
        evidence.append(f"failed on {', '.join(service.failed_nodes)}")
    owner = view.guests.get(row.vmid) if view.guests is not None and row.vmid is not None else None
    if owner and owner[0] != row.node:
        evidence.append(f"its configuration file is on {owner[0]}")
    return evidence


def _allowed(view: HaView, name: str) -> list[str]:
    nodes = [node for one in (view.groups or {}).values() if one.name == name for node, _ in one.nodes]
    nodes += [node for rule in view.rules or () if rule.id == name for node, _ in rule.nodes]
    if not nodes:
        return ["it must be together with or apart from others"]
    available = view.available
    return [node if available is None or node in available else f"{node} (not available)" for node in nodes]


def _missing(view: HaView, row: HaServiceRow) -> Iterator[Finding]:
    if row.requested is None or row.vmid is None or view.guests is None:
        return
    owner = view.guests.get(row.vmid)
    if not exists(view, row.sid):
        message = f"{row.sid} is under HA, but the guest does not exist"
        if owner:
            message = f"{row.sid} is under HA, but {row.vmid} is a {'container' if owner[1] == 'lxc' else 'VM'}"
        yield finding("HAV-W-0014", row.sid, message)
    elif owner and row.crm_state in _SETTLED and owner[0] != row.node:
        message = f"{row.sid} is on {owner[0]} by its configuration file, on {row.node} by the HA manager"
        yield finding("HAV-W-0015", row.sid, message)


def _fenced(view: HaView, waiting: Mapping[str, list[str]]) -> Iterator[Finding]:
    ages = {agent.name: agent.age for agent in view.agents}
    for node, sids in waiting.items():
        age = ages.get(node)
        late = age is not None and age > FENCE_SECONDS
        silent = "" if age is None else f", silent for {age:.0f} s"
        message = f"{node}{silent}, is {'still not' if late else 'being'} fenced; its guests of HA wait"
        yield finding("HAV-E-0005" if late else "HAV-W-0012", node, message, sids)


def _frozen(view: HaView, frozen: Mapping[str, list[str]]) -> Iterator[Finding]:
    """A freeze by disarming, or by an agent that is being stopped or is silent, is told of by that."""
    if view.manager and view.manager.disarm:
        return
    agents = {agent.name: agent for agent in view.agents}
    for node, sids in frozen.items():
        agent = agents.get(node)
        status = agent.status if agent else None
        if agent and agent.member and status and (status.mode in _LEAVING_MODES or not agent.fresh):
            continue
        yield finding("HAV-W-0011", node, f"guests of HA on {node} are frozen", sids)
