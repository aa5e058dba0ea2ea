"""Who is in the cluster by configuration, and who sees whom right now, from every node's own view."""

from __future__ import annotations

from dataclasses import dataclass

from parsers.corosync_conf import ConfNode
from pvefleet.model.facts import ClusterFacts, ConfFile, NodeFacts
from pvefleet.model.observation import ProblemKind


@dataclass(frozen=True, slots=True)
class Peer:
    """One entry of corosync's nodelist, with the name hosts.toml gives it.

    Attributes:
        name: the name in hosts.toml, or the name in the cluster where hosts.toml does not list it.
        nodeid: corosync's id.
        votes: its votes.
        addresses: link number and address.
        listed: does hosts.toml list it?
    """

    name: str
    nodeid: int
    votes: int
    addresses: tuple[tuple[int, str], ...]
    listed: bool


@dataclass(frozen=True, slots=True)
class Partition:
    """Nodes that see the same members.

    Attributes:
        viewers: names of the nodes that were read and share this view, in the order of hosts.toml.
        members: corosync ids of the members they see.
        quorate: do they have quorum?
    """

    viewers: tuple[str, ...]
    members: frozenset[int]
    quorate: bool


@dataclass(frozen=True, slots=True)
class Membership:
    """The nodelist and the partitions.

    Attributes:
        peers: the nodelist, by node id; empty where no copy of corosync.conf was read.
        partitions: the quorate one first, then the larger ones.
    """

    peers: tuple[Peer, ...]
    partitions: tuple[Partition, ...]

    @property
    def main(self) -> Partition | None:
        """The partition that speaks for the cluster, or None where no view was read."""
        return self.partitions[0] if self.partitions else None

    def by_id(self, nodeid: int) -> Peer | None:
        """Return the nodelist's entry with this id."""
        return next((peer for peer in self.peers if peer.nodeid == nodeid), None)

    def by_name(self, name: str) -> Peer | None:
        """Return the nodelist's entry with this name of hosts.toml."""
        return next((peer for peer in self.peers if peer.name == name), None)

    def name_of(self, nodeid: int) -> str:
        """Return a name for a node id, ``node N`` where the nodelist has none."""
        peer = self.by_id(nodeid)
        return peer.name if peer else f"node {nodeid}"

    def seen_by(self, name: str) -> tuple[str, ...]:
        """Return the names of the read nodes, other than itself, that count *name* as a member."""
        peer = self.by_name(name)
        if peer is None:
            return ()
        return tuple(
            viewer
            for partition in self.partitions
            if peer.nodeid in partition.members
            for viewer in partition.viewers
            if viewer != name
        )


def conf_of_record(facts: ClusterFacts) -> ConfFile | None:
    """Return the newest copy of corosync.conf that was read.

    The version decides; among equal ones a quorate node's /etc/pve comes before other copies.
    """
    ranked: list[tuple[int, bool, bool, ConfFile]] = []
    for node in facts.seen:
        quorate = bool(node.quorum.value and node.quorum.value.quorate)
        for seen, of_record in ((node.conf_cluster_file, True), (node.conf_running_file, False)):
            if seen.value is not None:
                ranked.append((seen.value.conf.config_version or 0, quorate, of_record, seen.value))
    return max(ranked, key=lambda rank: rank[:3])[3] if ranked else None


def membership(facts: ClusterFacts) -> Membership:
    """Return the nodelist of the newest corosync.conf and the partitions that the read nodes see."""
    record = conf_of_record(facts)
    aliases = {node.pve_name: node.name for node in facts.nodes}
    conf_nodes: tuple[ConfNode, ...] = record.conf.nodes if record else ()
    peers = []
    for node in conf_nodes:
        pve_name = node.name or (node.addresses[0][1] if node.addresses else str(node.nodeid))
        name = aliases.get(pve_name, pve_name)
        peers.append(Peer(name, node.nodeid, node.votes, node.addresses, listed=pve_name in aliases))
    views: dict[tuple[frozenset[int], bool], list[str]] = {}
    for seen in facts.seen:
        quorum = seen.quorum.value
        if quorum is not None:
            key = (frozenset(member.nodeid for member in quorum.members), quorum.quorate)
            views.setdefault(key, []).append(seen.name)
    partitions = [Partition(tuple(viewers), members, quorate) for (members, quorate), viewers in views.items()]
    partitions.sort(key=lambda part: (not part.quorate, -len(part.members), min(part.members, default=0)))
    return Membership(tuple(sorted(peers, key=lambda peer: peer.nodeid)), tuple(partitions))


def in_no_cluster(node: NodeFacts) -> bool:
    """Is this a node without any corosync.conf, its pmxcfs being alive to say so?"""
    return node.conf_running_file.kind is ProblemKind.ABSENT and node.conf_cluster_file.kind is ProblemKind.ABSENT
