"""Quorum: what the read nodes agree on, and the findings about corosync itself."""

from __future__ import annotations

from collections.abc import Iterator

from parsers.corosync_quorumtool import QuorumStatus
from pvefleet.model.catalogue import finding
from pvefleet.model.facts import ClusterFacts
from pvefleet.model.finding import Finding
from pvefleet.model.observation import ProblemKind
from pvefleet.model.quorum_row import QuorumRow
from pvefleet.rules.membership import Membership, Partition, conf_of_record, in_no_cluster
from pvefleet.rules.qdevice import device_votes


def quorum_row(facts: ClusterFacts, membership: Membership) -> QuorumRow:
    """Return quorum as the main partition sees it; all None where no node could say."""
    status = _view(facts, membership.main)
    if membership.main is None or status is None:
        return QuorumRow(None, None, None, None, None, (), None, ())
    return QuorumRow(
        quorate=status.quorate,
        total=status.total_votes,
        expected=status.expected_votes,
        highest_expected=status.highest_expected,
        needed=status.quorum,
        flags=status.flags,
        qdevice_votes=status.qdevice.votes if status.qdevice else None,
        seen_by=membership.main.viewers,
    )


def corosync_findings(facts: ClusterFacts) -> Iterator[Finding]:
    """Yield what is wrong with corosync on the nodes that were read."""
    for node in facts.seen:
        problem = node.quorum.problem
        if problem is None:
            continue
        if in_no_cluster(node):
            yield finding("CLU-W-0001", node.name, f"{node.name} is in no cluster")
        elif problem.kind is ProblemKind.TIMED_OUT:
            yield finding("COR-E-0002", node.name, f"corosync on {node.name} does not answer", [problem.message])
        elif problem.kind in (ProblemKind.FAILED, ProblemKind.ABSENT):
            yield finding("COR-E-0001", node.name, f"corosync does not run on {node.name}", [problem.message])


def quorum_findings(facts: ClusterFacts, membership: Membership) -> Iterator[Finding]:
    """Yield lost quorum, a split, rings that differ, and expected votes that somebody set by hand."""
    subject = facts.cluster or facts.here or "cluster"
    parts = membership.partitions
    if parts and not any(part.quorate for part in parts):
        yield finding(
            "QUO-E-0001", subject, "no node that was read has quorum", [_describe(part, membership) for part in parts]
        )
    if len({part.members for part in parts}) > 1:
        yield finding(
            "QUO-E-0002",
            subject,
            f"the cluster is split into {len(parts)} parts",
            [_describe(part, membership) for part in parts],
        )
    yield from _rings(facts, membership, subject)
    yield from _expected(facts, membership, subject)


def _rings(facts: ClusterFacts, membership: Membership, subject: str) -> Iterator[Finding]:
    for part in membership.partitions:
        views = [(node.name, node.quorum.value) for node in facts.seen if node.name in part.viewers]
        rings = [(name, view.ring_id) for name, view in views if view]
        if len({ring for _, ring in rings}) > 1:
            evidence = [f"{name}: ring {ring}" for name, ring in rings]
            yield finding("QUO-W-0004", subject, "nodes that see the same members are in different rings", evidence)


def _expected(facts: ClusterFacts, membership: Membership, subject: str) -> Iterator[Finding]:
    """A two-node cluster and a QDevice change the sum; a nodelist that is not the running one says nothing."""
    record = conf_of_record(facts)
    if record is None or not membership.peers:
        return
    device = device_votes(record.conf)
    if device is None:
        return
    configured = sum(peer.votes for peer in membership.peers) + device
    for part in membership.partitions:
        status = _view(facts, part)
        if (
            status is None
            or status.expected_votes == configured
            or _runs_another(facts, part, record.conf.config_version)
        ):
            continue
        yield finding(
            "QUO-W-0003",
            subject,
            f"{status.expected_votes} votes are expected, but the nodelist adds up to {configured}",
            [f"seen by {', '.join(part.viewers)}"],
        )


def _runs_another(facts: ClusterFacts, part: Partition, version: int | None) -> bool:
    running = {
        node.cmap.value.int("totem.config_version")
        for node in facts.seen
        if node.name in part.viewers and node.cmap.value
    }
    return running != {version}


def _view(facts: ClusterFacts, part: Partition | None) -> QuorumStatus | None:
    if part is None:
        return None
    return next(node.quorum.value for node in facts.seen if node.name == part.viewers[0])


def _describe(part: Partition, membership: Membership) -> str:
    members = ", ".join(membership.name_of(nodeid) for nodeid in sorted(part.members)) or "nobody"
    return f"{'quorate' if part.quorate else 'without quorum'}: {members} (by the view of {', '.join(part.viewers)})"
