"""Reports of ``ha.status``, ``ha.rules`` and ``ha.groups``: what table and JSON render."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pvefleet.model.errors import ExitCode
from pvefleet.model.finding import Finding
from pvefleet.model.quorum_row import QuorumRow


class HaState(StrEnum):
    """What HA as a whole does."""

    NEVER_USED = "never-used"
    """No guest is under HA and none ever was."""
    IDLE = "idle"
    """No guest is under HA any more, and no watchdog is held."""
    ARMED = "armed"
    """Guests are under HA: nodes that carry them reset themselves when they lose quorum."""
    DISARMING = "disarming"
    DISARMED = "disarmed"
    """Switched off for a time: nothing is started elsewhere, no node resets itself."""
    UNKNOWN = "unknown"
    """No copy of the HA files was read."""


class ManagerState(StrEnum):
    """What the HA manager (CRM master) does, by its last sign of life."""

    ACTIVE = "active"
    IDLE = "idle"
    """No guest is under HA: it may rest."""
    SILENT = "silent"
    """Its last round is too long ago: it is dead, stopped, or without quorum."""
    NONE = "none"
    """There is none."""
    UNKNOWN = "unknown"
    """No copy of manager_status was read."""


class Verdict(StrEnum):
    """How well the place of a guest agrees with a rule or a group, computed here: PVE itself does not tell."""

    SATISFIED = "satisfied"
    BEST_EFFORT = "best-effort"
    """It is where the rule allows, but not where it prefers."""
    VIOLATED = "violated"
    """It is where the rule forbids."""
    NOT_RUNNING = "not-running"
    """There is nothing to hold: no guest of the rule runs."""
    IGNORED = "ignored"
    """The HA manager does not follow it."""
    DISABLED = "disabled"
    """The operator switched it off."""
    UNKNOWN = "unknown"
    """It was not seen where the guest is."""


class RuleKind(StrEnum):
    """What a rule speaks of."""

    GROUP = "group"
    """Up to Proxmox VE 8: a guest and its nodes."""
    NODE_AFFINITY = "node-affinity"
    """Guests and nodes."""
    RESOURCE_AFFINITY = "resource-affinity"
    """Guests among themselves: together or apart."""
    OTHER = "other"
    """A type that is not known here."""


class Maintenance(StrEnum):
    """How far a node is in its maintenance."""

    NO = "no"
    REQUESTED = "requested"
    """Asked for, but the node's agent has not taken it up."""
    DRAINING = "draining"
    """Taken up, but guests are still there, or the watchdog still runs."""
    DRAINED = "drained"
    """No guest of HA is left and the watchdog is closed: the node cannot reset itself."""
    LEAVING = "leaving"


@dataclass(frozen=True, slots=True)
class NodePriority:
    """A node of a rule or group; higher is preferred, unset counts as 0."""

    node: str
    priority: int


@dataclass(frozen=True, slots=True)
class Placement:
    """One rule or group against one guest.

    Attributes:
        name: the rule's or the group's.
        kind: see :class:`RuleKind`.
        verdict: see :class:`Verdict`.
        reason: why, where it is not simply satisfied.
    """

    name: str
    kind: RuleKind
    verdict: Verdict
    reason: str


@dataclass(frozen=True, slots=True)
class HaServiceRow:
    """One guest under HA.

    Attributes:
        sid: ``vm:100``.
        type: ``vm`` or ``ct``.
        vmid: its number.
        state: in the words of ``ha-manager status``.
        crm_state: the manager's own word; None where it does not know the guest.
        node: where it is, by the manager, else by its configuration file; None where it does not exist.
        target: where it is going.
        requested: what is wanted of it; None where it is not configured any more.
        verdict: the worst of ``placements``; None where no rule and no group speaks of it.
        placements: each rule and group that does.
        max_restart, max_relocate: how often a failed start is tried again, here and elsewhere.
        failback: does it return to a better node?
        moving_seconds: how long its migration has been running; None where none was seen.
        comment: the operator's.
    """

    sid: str
    type: str
    vmid: int | None
    state: str
    crm_state: str | None
    node: str | None
    target: str | None
    requested: str | None
    verdict: Verdict | None
    placements: tuple[Placement, ...]
    max_restart: int | None
    max_relocate: int | None
    failback: bool | None
    moving_seconds: float | None
    comment: str


@dataclass(frozen=True, slots=True)
class HaNodeRow:
    """One node as HA sees it.

    Attributes:
        name: its name.
        state: the manager's word: ``online``, ``maintenance``, ``unknown``, ``fence``, ``gone``; None for no word.
        agent: what its agent (LRM) does, in one word or two.
        agent_state, agent_mode: the agent's own words.
        agent_age_seconds: since its last round, by the node's own clock where it was read.
        maintenance: see :class:`Maintenance`; None where nobody could say.
        services: guests of HA on it.
        active: those of them that count as active, also such as are on their way to it.
        watchdog_armed: is the watchdog held there, by its marker? None where the node was not read.
        watchdog_driver: what the kernel calls the device.
        crm, lrm, watchdog_mux: what systemd says of the daemons.
    """

    name: str
    state: str | None
    agent: str | None
    agent_state: str | None
    agent_mode: str | None
    agent_age_seconds: float | None
    maintenance: Maintenance | None
    services: int | None
    active: int | None
    watchdog_armed: bool | None
    watchdog_driver: str | None
    crm: str | None
    lrm: str | None
    watchdog_mux: str | None


@dataclass(frozen=True, slots=True)
class HaRuleRow:
    """One rule.

    Attributes:
        name: its name.
        kind: see :class:`RuleKind`.
        type: as the file calls it.
        affinity: ``positive`` or ``negative``; None where the rule has none.
        strict: for node affinity: are its guests restricted to the nodes? None for rules among guests, always strict.
        nodes: of a node affinity rule.
        resources: the guests it names.
        verdict: the worst over its guests.
        reasons: what makes it that.
        comment: the operator's.
    """

    name: str
    kind: RuleKind
    type: str
    affinity: str | None
    strict: bool | None
    nodes: tuple[NodePriority, ...]
    resources: tuple[str, ...]
    verdict: Verdict
    reasons: tuple[str, ...]
    comment: str


@dataclass(frozen=True, slots=True)
class HaGroupRow:
    """One group (up to Proxmox VE 8, or not migrated yet).

    Attributes:
        name: its name.
        nodes: with their priorities.
        restricted: are its guests restricted to the nodes?
        nofailback: do they stay where they are when a better node comes back?
        resources: the guests that name it.
        verdict: the worst over its guests.
        reasons: what makes it that.
        comment: the operator's.
    """

    name: str
    nodes: tuple[NodePriority, ...]
    restricted: bool
    nofailback: bool
    resources: tuple[str, ...]
    verdict: Verdict
    reasons: tuple[str, ...]
    comment: str


@dataclass(frozen=True, slots=True)
class FailoverRow:
    """A guest that HA started again elsewhere: when (UTC ISO 8601), which, from where to where."""

    at: str
    sid: str
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class HaManagerRow:
    """The HA manager.

    Attributes:
        node: where it runs, or ran last.
        state: see :class:`ManagerState`.
        age_seconds: since its last round, by its own clock where its node was read.
        commands_waiting: orders that it has not taken yet; None where they were not read.
        shutdown_policy: what happens to guests when their node shuts down.
        scheduling: how nodes are chosen.
        seen_by: the node whose copy of the files this is; empty where none was read.
    """

    node: str | None
    state: ManagerState
    age_seconds: float | None
    commands_waiting: int | None
    shutdown_policy: str | None
    scheduling: str | None
    seen_by: str


@dataclass(frozen=True, slots=True)
class StateCount:
    """How many guests are in one state."""

    state: str
    count: int


@dataclass(frozen=True, slots=True)
class HaSummary:
    """HA in one line.

    Attributes:
        state: see :class:`HaState`.
        disarm_mode: ``freeze`` or ``ignore`` while it is disarmed.
        manager: the manager's node.
        manager_state: see :class:`ManagerState`.
        manager_age_seconds: since its last round.
        services: guests under HA; None where that was not read.
        states: how many are in which state, the most frequent first.
        violated: guests that are where a rule forbids it.
    """

    state: HaState
    disarm_mode: str | None
    manager: str | None
    manager_state: ManagerState
    manager_age_seconds: float | None
    services: int | None
    states: tuple[StateCount, ...]
    violated: int | None


@dataclass(frozen=True, slots=True)
class HaReport:
    """The whole of ``ha.status``.

    Attributes:
        cluster: the cluster's name.
        taken_at: when the nodes were read, UTC ISO 8601.
        here: the node that looked at itself alone; empty for a look at all nodes.
        nodes_total, nodes_read: how many there are, how many answered.
        quorum: as ``cluster.status`` has it.
        summary: HA in one line.
        manager: the manager.
        last_failover: by the managers' journals; None where they name none.
        failovers_seen: names of the nodes whose journal was read for it.
        groups, services, rules, nodes: one row each.
        findings: the worst first.
        exit_code: what the command ends with.
    """

    cluster: str
    taken_at: str
    here: str
    nodes_total: int
    nodes_read: int
    quorum: QuorumRow
    summary: HaSummary
    manager: HaManagerRow
    last_failover: FailoverRow | None
    failovers_seen: tuple[str, ...]
    groups: tuple[HaGroupRow, ...]
    services: tuple[HaServiceRow, ...]
    rules: tuple[HaRuleRow, ...]
    nodes: tuple[HaNodeRow, ...]
    findings: tuple[Finding, ...]
    exit_code: ExitCode


@dataclass(frozen=True, slots=True)
class HaRulesReport:
    """The whole of ``ha.rules``: every rule with its verdict for each guest, and what is wrong with rules."""

    cluster: str
    taken_at: str
    here: str
    seen_by: str
    rules: tuple[HaRuleRow, ...]
    services: tuple[HaServiceRow, ...]
    findings: tuple[Finding, ...]
    exit_code: ExitCode


@dataclass(frozen=True, slots=True)
class HaGroupsReport:
    """The whole of ``ha.groups``: every group with its verdict for each guest, and what is wrong with groups.

    Attributes:
        migrated: has this cluster rules instead of groups? None where no node could say.
    """

    cluster: str
    taken_at: str
    here: str
    seen_by: str
    migrated: bool | None
    groups: tuple[HaGroupRow, ...]
    services: tuple[HaServiceRow, ...]
    findings: tuple[Finding, ...]
    exit_code: ExitCode
