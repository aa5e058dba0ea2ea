"""Findings about nodes that could not be read: exactly one per node, by the reason."""

from __future__ import annotations

from collections.abc import Iterator

from pvefleet.model.catalogue import finding
from pvefleet.model.errors import NodeError, Unreachable, UnreachableReason
from pvefleet.model.facts import ClusterFacts, NodeFacts
from pvefleet.model.finding import Finding
from pvefleet.rules.membership import Membership

_BY_REASON = {
    UnreachableReason.HOST_KEY_CHANGED: ("NOD-E-0003", "the host key of {name} is not the one that was trusted"),
    UnreachableReason.HOST_KEY_UNKNOWN: ("NOD-W-0004", "the host key of {name} is not trusted yet"),
    UnreachableReason.AUTH_REJECTED: ("NOD-W-0005", "{name} refuses our key"),
    UnreachableReason.AUTH_TIMEOUT: ("NOD-W-0006", "a login on {name} does not end"),
    UnreachableReason.KEY_FILE: ("NOD-W-0007", "the private key for {name} cannot be used"),
    UnreachableReason.GATEWAY: ("NOD-W-0008", "the gateway in front of {name} failed"),
}


def unread_nodes(facts: ClusterFacts, membership: Membership) -> Iterator[Finding]:
    """Yield one finding for each node that was not read."""
    for node in facts.nodes:
        if node.error is not None:
            yield _unread(facts, node, node.error, membership)


def _unread(facts: ClusterFacts, node: NodeFacts, error: NodeError, membership: Membership) -> Finding:
    seen_by = membership.seen_by(node.name)
    evidence = [error.message]
    if isinstance(error, Unreachable) and error.tried and "tried" not in error.message:
        evidence.append("tried " + ", ".join(error.tried))
    if seen_by:
        evidence.append("a member for " + ", ".join(seen_by))
    elif membership.partitions:
        evidence.append("no member for " + ", ".join(name for part in membership.partitions for name in part.viewers))
    evidence += _guests(facts, node)
    if not isinstance(error, Unreachable):
        return finding("NOD-W-0009", node.name, f"the answer of {node.name} did not arrive whole", evidence)
    if error.reason in _BY_REASON:
        code, message = _BY_REASON[error.reason]
        return finding(code, node.name, message.format(name=node.name), evidence)
    if seen_by:
        return finding(
            "NOD-W-0002", node.name, f"{node.name} cannot be asked from here, but is a member for its peers", evidence
        )
    if membership.partitions:
        return finding("NOD-E-0001", node.name, f"{node.name} is down: no answer, and no peer sees it", evidence)
    return finding("NOD-W-0010", node.name, f"{node.name} cannot be asked, and no other node could tell", evidence)


def _guests(facts: ClusterFacts, node: NodeFacts) -> list[str]:
    """Say which guests belong to a node that was not read, by any other node's copy of the guest list."""
    for other in facts.seen:
        owned = other.guests_owned.value
        if owned is not None:
            mine = [f"{guest.vmid} ({guest.type})" for guest in owned.guests if guest.node == node.pve_name]
            return ["its guests: " + ", ".join(mine)] if mine else []
    return []
