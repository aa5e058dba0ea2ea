"""Expected votes set by hand: who is away, is that proven, and does the rest still stand as it was planned?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from parsers.corosync_quorumtool import QuorumStatus
from pvefleet.model.catalogue import finding
from pvefleet.model.facts import ClusterFacts
from pvefleet.model.finding import Finding
from pvefleet.model.procedure import MET, Verdict, unmet
from pvefleet.rules import votes, whole
from pvefleet.rules.membership import conf_of_record, membership


def present(facts: ClusterFacts) -> tuple[str, ...]:
    """Return the members of the partition that speaks for the cluster, by their names in hosts.toml."""
    members = membership(facts)
    return tuple(members.name_of(one) for one in sorted(members.main.members)) if members.main else ()


def absent(facts: ClusterFacts) -> tuple[str, ...]:
    """Return the nodes of the nodelist that are not members of that partition."""
    here = set(present(facts))
    return tuple(peer.name for peer in membership(facts).peers if peer.name not in here)


def view(facts: ClusterFacts) -> QuorumStatus | None:
    """Return what the first node of that partition sees."""
    members = membership(facts)
    viewers = members.main.viewers if members.main else ()
    return next((node.quorum.value for node in facts.seen if node.name in viewers), None)


def expected_findings(facts: ClusterFacts, wanted: int) -> Iterator[Finding]:
    """Yield what speaks against expecting *wanted* votes: a node that may live, a number that corosync refuses.

    Args:
        facts: with the proofs of every absent node.
        wanted: the number.
    """
    subject = facts.cluster or "cluster"
    status = view(facts)
    if status is None:
        yield finding("EXP-E-0001", subject, "no node says which members it sees")
        return
    if len(membership(facts).partitions) > 1:
        yield finding("EXP-E-0002", subject, "the nodes that were read do not see the same members")
    proofs = {proof.node: proof for proof in facts.proofs}
    for name in absent(facts):
        proof = proofs.get(name)
        if proof is None:
            yield finding("EXP-E-0003", name, f"{name} is away, and nobody has looked for it")
        elif not proof.suffices:
            yield from proof.findings
    if not absent(facts):
        yield finding("EXP-E-0004", subject, "every node of the nodelist is a member: there is nothing to make up for")
    yield from votes.expected_findings(status, wanted, subject)


def members_are(facts: ClusterFacts, *, names: Sequence[str]) -> Verdict:
    """Are the members still exactly these?"""
    now = present(facts)
    return MET if set(now) == set(names) else unmet(f"the members are now {', '.join(now) or 'nobody'}")


def absent_proven(facts: ClusterFacts, *, names: Sequence[str]) -> Verdict:
    """Is every one of these nodes still proven down?"""
    proofs = {proof.node: proof for proof in facts.proofs}
    for name in names:
        proof = proofs.get(name)
        if proof is None or not proof.suffices:
            why = proof.findings[0].message if proof and proof.findings else "nobody has looked for it"
            return unmet(f"{name} is not proven down: {why}")
    return MET


def expects(facts: ClusterFacts, *, votes: int, names: Sequence[str]) -> Verdict:
    """Do all of these nodes expect so many votes?"""
    by_name = {node.name: node for node in facts.nodes}
    for name in names:
        status = by_name[name].quorum.value if name in by_name else None
        if status is None:
            return unmet(f"corosync on {name} does not answer")
        if status.expected_votes != votes:
            return unmet(f"{name} expects {status.expected_votes} votes")
    return MET


def quorate(facts: ClusterFacts, *, names: Sequence[str]) -> Verdict:
    """Do all of these nodes have quorum?"""
    by_name = {node.name: node for node in facts.nodes}
    for name in names:
        status = by_name[name].quorum.value if name in by_name else None
        if status is None or not status.quorate:
            return unmet(f"{name} has no quorum")
    return MET


def all_back(facts: ClusterFacts) -> Verdict:
    """Is every node of the nodelist a member? Only then does the sum of the nodelist cost nobody quorum."""
    away = absent(facts)
    if away:
        return unmet(f"{', '.join(away)} is still away: with the sum of the nodelist expected, quorum would be lost")
    return whole.everyone_read(facts)


def configured_votes(facts: ClusterFacts) -> int | None:
    """Return the votes of all nodes and the QDevice by the newest corosync.conf; None where none was read."""
    record = conf_of_record(facts)
    if record is None:
        return None
    device = record.conf.qdevice
    return sum(peer.votes for peer in membership(facts).peers) + ((device.votes or 0) if device else 0)
