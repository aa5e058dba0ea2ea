"""Votes: what is left when a node stops, what ``pvecm expected`` takes, and in which order nodes are restarted.

Reckoned from every node's own view, by what votequorum itself counts now: votes present, expected, and needed. A
configuration says what should be; only the running numbers decide.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from parsers.corosync_quorumtool import QuorumStatus
from pvefleet.model.catalogue import finding
from pvefleet.model.facts import ClusterFacts, NodeFacts
from pvefleet.model.finding import Finding
from pvefleet.model.procedure import MET, Verdict, unmet
from pvefleet.rules.ha_view import ha_view
from pvefleet.rules.membership import Membership, membership

_TWO_NODE, _WAIT_FOR_ALL, _TIE_BREAKER = "2Node", "WaitForAll", "AutoTieBreaker"
KNOWN_FLAGS = frozenset(
    {"Quorate", "Qdevice", _TWO_NODE, _WAIT_FOR_ALL, _TIE_BREAKER, "LastManStanding", "AllowDownscale"}
)
"""What ``corosync-quorumtool`` may name. Last man standing and downscaling only ever lower what is needed, later."""
_LOWEST_WINS = 1
"""``runtime.votequorum.atb_type``: in a tie the side with the lowest node id wins."""


@dataclass(frozen=True, slots=True)
class VotesLeft:
    """What one node would see when another one has stopped.

    Attributes:
        viewer: the node that stays.
        present: the votes it counts now, the QDevice's included.
        leaving: the votes that go.
        left: what remains.
        needed: what quorum takes.
        quorate: would it keep quorum?
        why: how, where that is not simply the majority.
    """

    viewer: str
    present: int
    leaving: int
    left: int
    needed: int
    quorate: bool
    why: str


@dataclass(frozen=True, slots=True)
class ExpectedRange:
    """What ``pvecm expected N`` takes here.

    Attributes:
        lowest: the votes that are present: corosync takes nothing lower.
        highest: the highest number that leaves, or makes, this partition quorate.
        quorate: has it quorum now? Then corosync refuses what is higher; without quorum it takes it, to no use.
        configured: the votes of all nodes and the QDevice, which a reload puts back; None where they are not known.
    """

    lowest: int
    highest: int
    quorate: bool
    configured: int | None

    def explained(self) -> tuple[str, ...]:
        """Return the range in sentences for the operator."""
        lines = [
            f"{self.lowest} votes are present: corosync takes nothing lower",
            f"with {self.highest + 1} expected, {(self.highest + 1) // 2 + 1} votes would be needed, "
            f"more than the {self.lowest} that are present",
            "expected votes last until the next reload or restart of corosync: each change of corosync.conf sets them"
            " back to the sum of the nodelist",
            "a node that returns raises them to the votes that are then present, no further",
        ]
        if self.configured is not None:
            lines.append(f"the nodelist and the QDevice have {self.configured} votes")
        return tuple(lines)


def unknown_flags(status: QuorumStatus) -> tuple[str, ...]:
    """Return features votequorum runs with whose arithmetic is not known here."""
    return tuple(flag for flag in status.flags if flag not in KNOWN_FLAGS)


def votes_left(status: QuorumStatus, viewer: str, nodeid: int, *, tie_breaker: int | None = None) -> VotesLeft:
    """Return what *viewer* would see when the node *nodeid* has stopped.

    Args:
        status: what ``corosync-quorumtool -s`` says on the viewer.
        viewer: its name.
        nodeid: the node that stops; one that is no member takes no votes along.
        tie_breaker: ``runtime.votequorum.atb_type`` there; None where it was not read.

    The QDevice's votes stay with the viewer if they are its own now: it decides for the part that keeps the majority,
    and one node that stops leaves no two parts.
    """
    leaving = sum(member.votes for member in status.members if member.nodeid == nodeid)
    left = status.total_votes - leaving
    # Of the two nodes one alone suffices: votequorum has set what is needed to 1 by itself.
    needed = status.quorum
    if not status.quorate:
        return VotesLeft(viewer, status.total_votes, leaving, left, needed, False, "there is no quorum now")
    if left >= needed:
        why = "of two nodes one is enough" if _TWO_NODE in status.flags and needed == 1 else ""
        return VotesLeft(viewer, status.total_votes, leaving, left, needed, True, why)
    staying = [member.nodeid for member in status.members if member.nodeid != nodeid]
    tie = _TIE_BREAKER in status.flags and tie_breaker == _LOWEST_WINS and 2 * left == status.expected_votes
    if tie and staying and min(staying) < nodeid:
        return VotesLeft(viewer, status.total_votes, leaving, left, needed, True, "a tie, and the lowest node id stays")
    return VotesLeft(viewer, status.total_votes, leaving, left, needed, False, f"{left} votes, {needed} needed")


def stop_findings(facts: ClusterFacts, node: str) -> Iterator[Finding]:
    """Yield what speaks against stopping corosync on *node*, by the votes alone.

    Args:
        facts: the base facts of every node.
        node: its name in hosts.toml.
    """
    members = membership(facts)
    peer = members.by_name(node)
    if peer is None:
        yield finding("VOT-E-0002", node, f"{node} is not in the nodelist of any configuration that was read")
        return
    unseen = [one.name for one in facts.nodes if one.name != node and one.quorum.value is None]
    unseen += [one.name for one in members.peers if not one.listed]
    for name in unseen:
        yield finding("VOT-E-0002", name, f"it was not seen how many votes {name} counts")
    views = [(one, one.quorum.value) for one in facts.seen if one.quorum.value is not None]
    if len({frozenset(member.nodeid for member in status.members) for _, status in views}) > 1:
        yield finding("VOT-E-0003", node, "the nodes do not see the same members", _views(members))
        return
    lost: list[str] = []
    for seen, status in views:
        unknown = unknown_flags(status)
        if unknown:
            yield finding("VOT-E-0005", seen.name, f"votequorum on {seen.name} runs with {', '.join(unknown)}")
        elif seen.name != node:
            after = votes_left(status, seen.name, peer.nodeid, tie_breaker=_tie_breaker(seen))
            if not after.quorate:
                lost.append(f"{seen.name}: {after.why}")
    if lost:
        yield finding("VOT-E-0001", node, f"without {node} quorum would be lost", lost)
    yield from _waits_for_all(members, node, views)


def _waits_for_all(
    members: Membership, node: str, views: Sequence[tuple[NodeFacts, QuorumStatus]]
) -> Iterator[Finding]:
    waiting = [seen.name for seen, status in views if _WAIT_FOR_ALL in status.flags]
    present = {member.nodeid for _, status in views for member in status.members}
    away = [peer.name for peer in members.peers if peer.nodeid not in present]
    if waiting and away:
        message = f"{node} would have no quorum after its start: wait_for_all, and {', '.join(away)} is away"
        yield finding("VOT-E-0004", node, message, [f"wait_for_all on {', '.join(waiting)}"])


def _views(members: Membership) -> list[str]:
    return [
        f"{', '.join(part.viewers)}: {', '.join(members.name_of(one) for one in sorted(part.members))}"
        for part in members.partitions
    ]


def _tie_breaker(node: NodeFacts) -> int | None:
    return node.cmap.value.int("runtime.votequorum.atb_type") if node.cmap.value else None


def may_stop(facts: ClusterFacts, *, node: str) -> Verdict:
    """Would every other node keep quorum without *node*, by its own view? The check that procedures gate on."""
    found = next(stop_findings(facts, node), None)
    if found is None:
        return MET
    return unmet("; ".join((found.message, *found.evidence)))


def expected_range(status: QuorumStatus, configured: int | None = None) -> ExpectedRange:
    """Return which numbers ``pvecm expected`` takes, by one node's view.

    Args:
        status: what ``corosync-quorumtool -s`` says there.
        configured: the votes of all nodes and the QDevice by corosync.conf.
    """
    return ExpectedRange(status.total_votes, max(1, 2 * status.total_votes - 1), status.quorate, configured)


def expected_findings(status: QuorumStatus, wanted: int, subject: str) -> Iterator[Finding]:
    """Yield one finding where ``pvecm expected`` *wanted* would be refused, or be of no use.

    Args:
        status: what ``corosync-quorumtool -s`` says on the node it would run on.
        wanted: the number.
        subject: the cluster's name.
    """
    valid = expected_range(status)
    if not valid.lowest <= wanted <= valid.highest:
        message = f"{wanted} cannot be expected here, only {valid.lowest} to {valid.highest}"
        yield finding("VOT-E-0006", subject, message, valid.explained())
    unknown = unknown_flags(status)
    if unknown:
        yield finding("VOT-E-0005", subject, f"votequorum runs with {', '.join(unknown)}")


def least_risk_first(facts: ClusterFacts, nodes: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the order in which corosync is restarted: the nodes whose restart risks least come first.

    Nodes whose watchdog is released, then those with an armed one or one that was not seen, then the HA manager's, and
    at the very end the node we stand on. Within each the order stays.

    Args:
        facts: with HA.
        nodes: names in hosts.toml; every node of the nodelist, in its order, unless given.
    """
    members = membership(facts)
    names = tuple(nodes) or tuple(peer.name for peer in members.peers)
    view = ha_view(facts, members)
    master = view.manager.master_node if view.manager else None
    released = {agent.name for agent in view.agents if agent.watchdog is not None and not agent.watchdog.armed}
    order = sorted(dict.fromkeys(names), key=lambda name: (name == facts.here, name == master, name not in released))
    return tuple(order)
