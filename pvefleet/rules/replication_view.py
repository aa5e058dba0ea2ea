"""Replication as one picture: the copy of the jobs that speaks for the cluster, each owner's own state and clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from parsers.guest_conf import GuestConf
from parsers.replication_cfg import ReplicationJob
from parsers.replication_state import ReplicationState
from parsers.storage_cfg import Storage
from pvefleet.model.facts import ClusterFacts, NodeFacts
from pvefleet.model.replication_facts import JobsFile, NodeZone
from pvefleet.rules.membership import Membership


@dataclass(frozen=True, slots=True)
class Owner:
    """A node that runs jobs, with what its own files say.

    Attributes:
        name: its name.
        clock: its own time, in seconds since the epoch.
        zone: the zone of its scheduler; None where it was not read.
        states: how its jobs went, by guest and target; None where that was not read.
        running: guest and target of the runs in progress; None where that was not read.
        logs: the end of the log of each job's last run there.
        quorate: has it quorum? None where it could not say.
        members: the nodes it counts as members; None where it could not say.
    """

    name: str
    clock: float
    zone: NodeZone | None
    states: Mapping[tuple[int, str], ReplicationState] | None
    running: frozenset[tuple[int, str]] | None
    logs: Mapping[str, tuple[str, ...]] | None
    quorate: bool | None
    members: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class ReplicationView:
    """Replication as the speaking node's copy of the jobs has it; every node by its name in hosts.toml.

    Attributes:
        speaker: the node whose copy it is; empty where none was read.
        clock: the speaker's own time.
        file: that copy; None where none was read.
        jobs: its jobs, by guest and number.
        guests: number to owner and type; None where no guest list was read.
        names: number to name of the guests whose configuration was read.
        configs: number to configuration, of the guests whose configuration was read.
        storages: the storages; None where storage.cfg was not read.
        owners: the nodes that were read, by name.
        nodes: every node of the cluster that is known; None where no nodelist was read.
        listed: the nodes of hosts.toml; every node for a node that looks at itself alone, and has no hosts.toml.
    """

    speaker: str
    clock: float
    file: JobsFile | None
    jobs: tuple[ReplicationJob, ...]
    guests: Mapping[int, tuple[str, str]] | None
    names: Mapping[int, str]
    configs: Mapping[int, GuestConf]
    storages: Mapping[str, Storage] | None
    owners: Mapping[str, Owner]
    nodes: frozenset[str] | None
    listed: frozenset[str]


def replication_view(facts: ClusterFacts, members: Membership) -> ReplicationView:
    """Return replication as one picture; without jobs where no copy of replication.cfg was read."""
    aliases = {node.pve_name: node.name for node in facts.nodes}
    ordered = _speakers(facts, members)
    speaking = next((node for node in ordered if node.replication and node.replication.jobs.value), None)
    file = speaking.replication.jobs.value if speaking and speaking.replication else None
    jobs = tuple(_renamed(job, aliases) for job in file.jobs) if file else ()
    configs = _configs(ordered)
    return ReplicationView(
        speaker=speaking.name if speaking else "",
        clock=speaking.replication.clock if speaking and speaking.replication else 0.0,
        file=file,
        jobs=tuple(sorted(jobs, key=lambda job: (job.guest, job.number))),
        guests=_guests(ordered, aliases),
        names={vmid: conf.get("name") or conf.get("hostname") or "" for vmid, conf in configs.items()},
        configs=configs,
        storages=_storages(ordered),
        owners={node.name: owner for node in facts.seen if (owner := _owner(node, members, aliases)) is not None},
        nodes=frozenset(peer.name for peer in members.peers) if members.peers else None,
        listed=frozenset(node.name for node in facts.nodes)
        | (frozenset(peer.name for peer in members.peers) if facts.here else frozenset()),
    )


def _speakers(facts: ClusterFacts, members: Membership) -> tuple[NodeFacts, ...]:
    """Return the nodes that were read in the order in which they speak for the cluster: the quorate partition first."""
    rank = {name: number for number, part in enumerate(members.partitions) for name in part.viewers}
    return tuple(sorted(facts.seen, key=lambda node: rank.get(node.name, len(rank))))


def _renamed(job: ReplicationJob, aliases: Mapping[str, str]) -> ReplicationJob:
    source = aliases.get(job.source, job.source) if job.source else None
    return replace(job, source=source, target=aliases.get(job.target, job.target))


def _guests(ordered: tuple[NodeFacts, ...], aliases: Mapping[str, str]) -> Mapping[int, tuple[str, str]] | None:
    owned = next((node.guests_owned.value for node in ordered if node.guests_owned.value), None)
    if owned is None:
        return None
    return {guest.vmid: (aliases.get(guest.node, guest.node), guest.type) for guest in owned.guests}


def _configs(ordered: tuple[NodeFacts, ...]) -> Mapping[int, GuestConf]:
    """Return the configurations by the first speaker that read them; an owner that read its own alone adds to them."""
    found: dict[int, GuestConf] = {}
    for node in ordered:
        files = node.guests.files.value if node.guests else None
        if files is None:
            continue
        for file in files.files:
            if file.conf is not None:
                found.setdefault(file.vmid, file.conf)
        if files.everything:
            break
    return found


def _storages(ordered: tuple[NodeFacts, ...]) -> Mapping[str, Storage] | None:
    for node in ordered:
        storages = node.replication.storages.value if node.replication else None
        if storages is not None:
            return {storage.id: storage for storage in storages}
    return None


def _owner(node: NodeFacts, members: Membership, aliases: Mapping[str, str]) -> Owner | None:
    own = node.replication
    if own is None:
        return None
    states = None
    running = None
    if own.states.value is not None:
        states = {(state.guest, aliases.get(state.target, state.target)): state for state in own.states.value}
        if own.running.value is not None:
            alive = {(process.pid, process.started) for process in own.running.value}
            running = frozenset(key for key, state in states.items() if (state.pid, state.ptime) in alive)
    quorum = node.quorum.value
    return Owner(
        name=node.name,
        clock=own.clock,
        zone=own.zone.value,
        states=states,
        running=running,
        logs={log.job: log.lines for log in own.logs.value} if own.logs.value is not None else None,
        quorate=quorum.quorate if quorum else None,
        members=frozenset(members.name_of(member.nodeid) for member in quorum.members) if quorum else None,
    )
