"""May corosync be restarted on a node now? Votes, and what HA's watchdog would make of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pvefleet.model.catalogue import finding
from pvefleet.model.facts import ClusterFacts
from pvefleet.model.finding import Finding
from pvefleet.model.procedure import MET, Verdict, unmet
from pvefleet.rules import votes, whole
from pvefleet.rules.membership import membership

ARMED, TWO_NODES = "RST-W-0001", "RST-W-0002"
ARMED_LIMIT = 40.0
"""Seconds that a restart under an armed watchdog may take: the watchdog fires 60 s after the last renewal."""
_SAFE_LINKS = 2


def restart_findings(facts: ClusterFacts, nodes: Sequence[str]) -> Iterator[Finding]:
    """Yield the risks of restarting corosync on *nodes*, one after another."""
    if not whole.disarmed(facts).met:
        armed = set(whole.armed_nodes(facts))
        for name in nodes:
            if name in armed:
                yield finding(ARMED, name, f"the watchdog of {name} is armed, or was not seen")
    if two_alone(facts):
        subject = facts.cluster or "cluster"
        yield finding(TWO_NODES, subject, "each restart costs quorum for as long as it takes")


def two_alone(facts: ClusterFacts) -> bool:
    """Are there two nodes and no QDevice, so that neither has quorum without the other?"""
    members = membership(facts)
    return len(members.peers) == 2 and any(
        not votes.may_stop(facts, node=peer.name).met for peer in members.peers if peer.listed
    )


def may_stop(facts: ClusterFacts, *, node: str, accepted: Sequence[str]) -> Verdict:
    """Does everybody else keep quorum without *node*? Or is it one of two, with that accepted and no watchdog armed?

    Args:
        facts: with HA.
        node: whose corosync is to be restarted.
        accepted: the risks that were taken, as ``CODE:SUBJECT``.
    """
    verdict = votes.may_stop(facts, node=node)
    if verdict.met or not two_alone(facts) or not any(one.startswith(f"{TWO_NODES}:") for one in accepted):
        return verdict
    armed = whole.armed_nodes(facts)
    if armed:
        return unmet(f"quorum would be lost while the watchdog of {armed[0]} is armed, or was not seen")
    return MET


def watchdog_lets(facts: ClusterFacts, *, node: str, accepted: Sequence[str]) -> Verdict:
    """Is the node's watchdog released, or HA disarmed everywhere, or the risk accepted with two links connected?

    Arguments as :func:`may_stop`.
    """
    if node not in whole.armed_nodes(facts) or whole.disarmed(facts).met:
        return MET
    if f"{ARMED}:{node}" not in accepted:
        return unmet(f"the watchdog of {node} is armed, or was not seen")
    if whole.link_count(facts) < _SAFE_LINKS:
        return unmet(f"the watchdog of {node} is armed and there is only one link")
    return whole.links_whole(facts)
