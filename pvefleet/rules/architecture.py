"""How the cluster is built: votes, QDevice, links, size and timers, as the rules of the field state them."""

from __future__ import annotations

from collections.abc import Iterator

from pvefleet.model.catalogue import finding
from pvefleet.model.facts import ClusterFacts
from pvefleet.model.finding import Finding
from pvefleet.rules.membership import Membership, conf_of_record

_MANY_NODES = 32
_RECOVERY_LIMIT_MS = 30_000
"""Token plus consensus: an armed node resets itself 60 s after it lost quorum, and HA needs time of its own."""


def architecture_findings(facts: ClusterFacts, membership: Membership) -> Iterator[Finding]:
    """Yield what in the cluster's build leaves too little room for the next fault."""
    record = conf_of_record(facts)
    if record is None or not membership.peers:
        return
    subject = facts.cluster or record.conf.cluster_name or "cluster"
    nodes = len(membership.peers)
    qdevice = record.conf.qdevice
    votes = sum(peer.votes for peer in membership.peers)
    if qdevice is None and nodes == 2:
        yield finding("ARC-W-0001", subject, "the cluster has two nodes and no QDevice")
    elif qdevice is None and votes % 2 == 0:
        yield finding("ARC-W-0002", subject, f"the nodes have {votes} votes, an even number, and there is no QDevice")
    if qdevice is not None and qdevice.votes is not None:
        right = nodes - 1 if qdevice.algorithm == "lms" else 1
        if qdevice.votes != right or (qdevice.algorithm != "lms" and nodes % 2):
            yield finding(
                "ARC-W-0004",
                subject,
                f"the QDevice has {qdevice.votes} votes, algorithm {qdevice.algorithm or 'unknown'}, {nodes} nodes",
            )
    single = [peer.name for peer in membership.peers if len(peer.addresses) < 2]
    if nodes > 1 and single:
        yield finding("ARC-W-0003", subject, "corosync has a single link", [f"one address: {', '.join(single)}"])
    if nodes > _MANY_NODES:
        yield finding("ARC-I-0005", subject, f"the cluster has {nodes} nodes")
    yield from _timers(facts, subject)


def _timers(facts: ClusterFacts, subject: str) -> Iterator[Finding]:
    for node in facts.seen:
        if node.cmap.value is None:
            continue
        token = node.cmap.value.int("runtime.config.totem.token")
        consensus = node.cmap.value.int("runtime.config.totem.consensus")
        if token is not None and consensus is not None and token + consensus > _RECOVERY_LIMIT_MS:
            message = f"token {token} ms and consensus {consensus} ms add up to {(token + consensus) / 1000:.0f} s"
            yield finding("ARC-W-0006", subject, message, [f"running on {node.name}"])
            return
