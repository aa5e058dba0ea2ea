"""HA as one picture: the copy of the files that speaks for the cluster, and every node's agent by its own clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from parsers.ha_groups_cfg import HaGroup
from parsers.ha_resources_cfg import HaResource
from parsers.ha_rules_cfg import HaRule
from parsers.lrm_status import LrmStatus
from parsers.manager_status import ManagerStatus, ServiceStatus
from pvefleet.model.facts import ClusterFacts, NodeFacts
from pvefleet.model.ha_facts import HaFiles, HaUnits, Watchdog
from pvefleet.model.observation import ProblemKind
from pvefleet.rules.membership import Membership, in_no_cluster

SILENT_SECONDS = 30.0
"""A manager or an agent that has not reported for longer is taken for dead, as ``ha-manager status`` does."""
DRIFT_SECONDS = 2.0
"""A report further in the future than this is the work of a wrong clock, as ``ha-manager status`` has it."""
RULES_SINCE = 9
"""The first major version of Proxmox VE whose HA manager has rules in place of groups."""


@dataclass(frozen=True, slots=True)
class Agent:
    """One node as far as HA is concerned.

    Attributes:
        name: its name.
        member: is it in the partition that speaks for the cluster? None where no view was read.
        quorate: does the node itself see quorum? None where it was not read.
        status: its ``lrm_status``; None where there is none, or it was not read.
        age: seconds since its last round, by its own clock where it was read, else by the speaker's.
        watchdog, units: what the node itself says; None where it was not read.
    """

    name: str
    member: bool | None
    quorate: bool | None
    status: LrmStatus | None
    age: float | None
    watchdog: Watchdog | None
    units: HaUnits | None

    @property
    def fresh(self) -> bool:
        """Is its report new enough to be believed?"""
        return self.age is not None and self.age <= SILENT_SECONDS


@dataclass(frozen=True, slots=True)
class HaView:
    """HA as the speaking node's copy of the files has it; every node by its name in hosts.toml.

    Attributes:
        speaker: the node whose copy it is, or empty.
        quorate: has the speaker's partition quorum? None where no view was read.
        files: the copy; None where none was read.
        manager: ``manager_status``; None where it was not read.
        manager_age: seconds since the manager's last round, by its own clock where its node was read.
        resources: the configured guests, by sid; None where they were not read.
        services: the guests the manager deals with, by sid.
        groups, rules: None where they were not read.
        node_states: the manager's word for each node.
        guests: number to node and type, by the guest list of the speaker; None where it was not read.
        agents: one per node.
        available: nodes that can take guests; None where nobody could say.
        reads_rules: does the manager follow rules? None where its version was not seen.
        majors: major versions of Proxmox VE among the nodes read.
    """

    speaker: str
    quorate: bool | None
    files: HaFiles | None
    manager: ManagerStatus | None
    manager_age: float | None
    resources: Mapping[str, HaResource] | None
    services: Mapping[str, ServiceStatus]
    groups: Mapping[str, HaGroup] | None
    rules: tuple[HaRule, ...] | None
    node_states: Mapping[str, str]
    guests: Mapping[int, tuple[str, str]] | None
    agents: tuple[Agent, ...]
    available: frozenset[str] | None
    reads_rules: bool | None
    majors: frozenset[int]

    @property
    def used(self) -> bool:
        """Is any guest under HA, by the files that were read?"""
        return bool(self.resources) or bool(self.services)

    @property
    def managed(self) -> bool:
        """Does a manager report?"""
        return self.manager_age is not None and self.manager_age <= SILENT_SECONDS


def ha_view(facts: ClusterFacts, members: Membership) -> HaView:
    """Return HA as one picture; empty where no copy of the files was read."""
    aliases = {node.pve_name: node.name for node in facts.nodes if node.pve_name != node.name}
    speaking = speaking_node(facts, members)
    files = _files(speaking)
    manager = _manager(files, aliases)
    majors = {node.name: major for node in facts.seen if (major := _major(node)) is not None}
    agents = _agents(facts, members, files, manager, aliases)
    age = _manager_age(facts, files, manager)
    node_states = dict(manager.node_status) if manager else {}
    services = {one.sid: one for one in manager.services} if manager else {}
    resources = files.resources.value if files else None
    return HaView(
        speaker=speaking.name if speaking else "",
        quorate=members.main.quorate if members.main else None,
        files=files,
        manager=manager,
        manager_age=age,
        resources=None if resources is None else {one.sid: one for one in resources},
        services=services,
        groups=_groups(files, aliases),
        rules=_rules(files, aliases),
        node_states=node_states,
        guests=_guests(facts, speaking, aliases),
        agents=agents,
        available=_available(agents, node_states, managed=age is not None and age <= SILENT_SECONDS),
        reads_rules=_reads_rules(manager, majors),
        majors=frozenset(majors.values()),
    )


def speaking_node(facts: ClusterFacts, members: Membership) -> NodeFacts | None:
    """Return the node whose copy of the HA files speaks for the cluster: of the quorate partition if there is one."""
    ranked = [name for part in members.partitions for name in part.viewers]
    by_name = {node.name: node for node in facts.seen}
    ordered = [by_name[name] for name in ranked] + [node for node in facts.seen if node.name not in set(ranked)]
    return next((node for node in ordered if _files(node) is not None), None)


def _files(node: NodeFacts | None) -> HaFiles | None:
    return node.ha.files.value if node and node.ha else None


def _manager(files: HaFiles | None, aliases: Mapping[str, str]) -> ManagerStatus | None:
    manager = files.manager.value if files else None
    if manager is None or not aliases:
        return manager
    return replace(
        manager,
        master_node=aliases.get(manager.master_node, manager.master_node) if manager.master_node else None,
        node_status=tuple((aliases.get(node, node), state) for node, state in manager.node_status),
        maintenance_requested=tuple(aliases.get(node, node) for node in manager.maintenance_requested),
        services=tuple(
            replace(
                one,
                node=aliases.get(one.node, one.node),
                target=aliases.get(one.target, one.target) if one.target else None,
            )
            for one in manager.services
        ),
    )


def _groups(files: HaFiles | None, aliases: Mapping[str, str]) -> Mapping[str, HaGroup] | None:
    groups = files.groups.value if files else None
    if groups is None:
        return None
    return {one.name: replace(one, nodes=_renamed(one.nodes, aliases)) for one in groups}


def _rules(files: HaFiles | None, aliases: Mapping[str, str]) -> tuple[HaRule, ...] | None:
    rules = files.rules.value if files else None
    return None if rules is None else tuple(replace(one, nodes=_renamed(one.nodes, aliases)) for one in rules)


def _renamed(
    nodes: tuple[tuple[str, int | None], ...], aliases: Mapping[str, str]
) -> tuple[tuple[str, int | None], ...]:
    return tuple((aliases.get(node, node), priority) for node, priority in nodes)


def _guests(
    facts: ClusterFacts, speaking: NodeFacts | None, aliases: Mapping[str, str]
) -> Mapping[int, tuple[str, str]] | None:
    candidates = [speaking, *facts.seen] if speaking else list(facts.seen)
    owned = next((node.guests_owned.value for node in candidates if node and node.guests_owned.value), None)
    if owned is None:
        return None
    return {guest.vmid: (aliases.get(guest.node, guest.node), guest.type) for guest in owned.guests}


def _agents(
    facts: ClusterFacts,
    members: Membership,
    files: HaFiles | None,
    manager: ManagerStatus | None,
    aliases: Mapping[str, str],
) -> tuple[Agent, ...]:
    by_name = {node.name: node for node in facts.nodes}
    names = dict.fromkeys(node.name for node in facts.nodes)
    names |= dict.fromkeys(peer.name for peer in members.peers)
    if manager:
        names |= dict.fromkeys(node for node, _ in manager.node_status)
    theirs = {aliases.get(node, node): seen.value for node, seen in files.agents} if files else {}
    ids = {peer.name: peer.nodeid for peer in members.peers}
    agents = []
    for name in names:
        node = by_name.get(name)
        own = _files(node)
        status, clock = theirs.get(name), files.clock if files else 0.0
        if node and own:
            written = next((seen.value for pve_name, seen in own.agents if pve_name == node.pve_name), None)
            status, clock = written or status, own.clock
        agents.append(
            Agent(
                name=name,
                member=ids.get(name) in members.main.members if members.main else None,
                quorate=_quorate(node) if node and node.read else None,
                status=status,
                age=clock - status.timestamp if status else None,
                watchdog=node.ha.watchdog.value if node and node.ha else None,
                units=node.ha.units.value if node and node.ha else None,
            )
        )
    return tuple(agents)


def _quorate(node: NodeFacts) -> bool | None:
    """Say whether a node sees quorum; one whose corosync is down or hangs has none."""
    if node.quorum.value:
        return node.quorum.value.quorate
    if in_no_cluster(node) or node.quorum.kind is ProblemKind.NOT_UNDERSTOOD:
        return None
    return False


def _manager_age(facts: ClusterFacts, files: HaFiles | None, manager: ManagerStatus | None) -> float | None:
    """Return the age of the manager's last round, by the clock that stamped it where that node was read."""
    if files is None or manager is None or manager.timestamp is None:
        return None
    for node in facts.seen:
        own = _files(node)
        if node.name == manager.master_node and own and own.manager.value and own.manager.value.timestamp is not None:
            return own.clock - own.manager.value.timestamp
    return files.clock - manager.timestamp


def _available(agents: tuple[Agent, ...], node_states: Mapping[str, str], *, managed: bool) -> frozenset[str] | None:
    """Return the nodes that HA would start a guest on: those it calls online, else those that are members."""
    if managed and node_states:
        return frozenset(node for node, state in node_states.items() if state == "online")
    if all(agent.member is None for agent in agents):
        return None
    return frozenset(agent.name for agent in agents if agent.member)


def _major(node: NodeFacts) -> int | None:
    version = node.version.value
    first = version.version.partition(".")[0] if version else ""
    return int(first) if first.isdigit() else None


def _reads_rules(manager: ManagerStatus | None, majors: Mapping[str, int]) -> bool | None:
    """Say whether the manager follows rules: by the version of its node, else by that of all nodes if it is one."""
    major = majors.get(manager.master_node or "") if manager else None
    if major is None and len(set(majors.values())) == 1:
        major = next(iter(majors.values()))
    return None if major is None else major >= RULES_SINCE
