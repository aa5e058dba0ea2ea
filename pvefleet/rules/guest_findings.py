"""Findings about guests: disputed owners, copies that differ, locks left behind, configurations that are missing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from pvefleet.model.catalogue import finding
from pvefleet.model.facts import ClusterFacts, NodeFacts
from pvefleet.model.finding import Finding
from pvefleet.model.observation import ProblemKind, Seen
from pvefleet.rules.guest_inventory import Dispute, Guest, GuestInventory
from pvefleet.rules.membership import Membership
from pvefleet.rules.node_health import node_findings
from pvefleet.rules.reach import unread_nodes
from pvefleet.rules.selector import Selection

_STANDING = frozenset({"suspended"})
"""Locks that are a state of the guest, not a task's: a hibernated machine keeps it until it is resumed."""
_OF_SNAPSHOTS = frozenset({"snapshot", "snapshot-delete"})
_LISTED = 40
"""So many guests at most are named in one finding's evidence."""


def reading_findings(facts: ClusterFacts, members: Membership) -> Iterator[Finding]:
    """Yield why something could not be read: nodes, their cluster file system, the sources of guests."""
    yield from unread_nodes(facts, members)
    yield from (one for one in node_findings(facts) if one.code.startswith("PMX"))
    for node in facts.seen:
        yield from _sources(node)


def not_understood(facts: ClusterFacts) -> bool:
    """Was the output of any source of guests not understood?"""
    return any(seen.kind is ProblemKind.NOT_UNDERSTOOD for node in facts.seen for seen in _observations(node))


def guest_findings(
    facts: ClusterFacts, members: Membership, inventory: GuestInventory, chosen: Sequence[Guest]
) -> Iterator[Finding]:
    """Yield what is wrong with the guests *chosen*, and with the cluster's guests as a whole."""
    cluster = facts.cluster or "cluster"
    numbers = {guest.vmid for guest in chosen}
    for vmid, names in inventory.twice:
        if vmid in numbers:
            yield finding(
                "GST-E-0002", str(vmid), f"guest {vmid} runs on {' and '.join(names)}", _views(inventory, vmid)
            )
    known = {guest.vmid: guest.node for guest in inventory.guests}
    for vmid, name in inventory.ghosts:
        if vmid in numbers or vmid not in known:
            has = f"{known[vmid]} has" if vmid in known else "nobody has"
            message = f"guest {vmid} runs on {name} without its configuration, which {has}"
            yield finding("GST-E-0012", str(vmid), message, _views(inventory, vmid))
    for dispute in inventory.owners:
        if dispute.apart and dispute.vmid in numbers:
            yield finding(
                "GST-E-0001", str(dispute.vmid), f"nodes do not agree who owns guest {dispute.vmid}", dispute.views
            )
    for guest in chosen:
        if guest.problem:
            path = f"{_FOLDERS[guest.type]}/{guest.vmid}.conf of {guest.node}"
            yield finding(
                "GST-W-0003",
                str(guest.vmid),
                f"the configuration of guest {guest.vmid} is not understood",
                [f"{path}, {guest.problem}"],
            )
        yield from _lock(guest)
        yield from _half_made(guest)
        if guest.looked_for:
            yield finding("GST-W-0006", str(guest.vmid), f"guest {guest.vmid} of {guest.node} has no configuration")
    yield from _unread(chosen)
    yield from _of_no_node(members, chosen)
    yield from _differing(cluster, inventory, numbers)


def left_out(facts: ClusterFacts, selection: Selection) -> Iterator[Finding]:
    """Yield the guests that a selector did not take because nobody could say whether it means them."""
    if selection.unsure:
        by_term: dict[str, list[int]] = {}
        for vmid, term in selection.unsure:
            by_term.setdefault(term, []).append(vmid)
        count = _guests(len({vmid for vmid, _ in selection.unsure}))
        yield finding(
            "GST-I-0011",
            facts.cluster or "cluster",
            f"{count} left out, because nobody could say what the selector asks of them",
            [f"{term}: not known of {_numbers(sorted(vmids))}" for term, vmids in by_term.items()],
        )


_FOLDERS = {"qemu": "qemu-server", "lxc": "lxc"}


def _lock(guest: Guest) -> Iterator[Finding]:
    lock = guest.lock
    if not lock or lock in _STANDING or guest.at_work:
        return
    # A snapshot that is half made is the fault, and its finding names the lock.
    if lock in _OF_SNAPSHOTS and any(_unfinished(guest)):
        return
    if guest.at_work is None and not guest.owner_down:
        yield finding("GST-I-0005", str(guest.vmid), f"guest {guest.vmid} is locked ({lock}), perhaps rightly")
        return
    why = f"{guest.node} is down" if guest.owner_down else f"no task on {guest.node} works on it"
    yield finding("GST-W-0004", str(guest.vmid), f"guest {guest.vmid} is locked ({lock}), and {why}")


def _unfinished(guest: Guest) -> Iterator[tuple[str, str]]:
    """Yield name and ``snapstate`` of each snapshot that is not whole."""
    for one in guest.conf.snapshots if guest.conf else ():
        if snapstate := one.get("snapstate"):
            yield one.name, snapstate


def _half_made(guest: Guest) -> Iterator[Finding]:
    for name, snapstate in _unfinished(guest):
        subject = f"{guest.vmid}/{name}"
        evidence = [f"snapstate: {snapstate}", *([f"lock: {guest.lock}"] if guest.lock else [])]
        if guest.at_work is None and not guest.owner_down:
            yield finding("SNP-I-0002", subject, f"snapshot {subject} is not whole, perhaps still in work", evidence)
        elif not guest.at_work:
            why = f"{guest.node} is down" if guest.owner_down else f"no task on {guest.node} works on it"
            yield finding("SNP-W-0001", subject, f"snapshot {subject} is half made, and {why}", evidence)


def _unread(chosen: Sequence[Guest]) -> Iterator[Finding]:
    by_node: dict[str, list[int]] = {}
    for guest in chosen:
        if not guest.config_from and not guest.looked_for:
            by_node.setdefault(guest.node, []).append(guest.vmid)
    for node, vmids in by_node.items():
        yield finding(
            "GST-W-0007", node, f"the configuration of {_guests(len(vmids))} of {node} was not read", [_numbers(vmids)]
        )


def _of_no_node(members: Membership, chosen: Sequence[Guest]) -> Iterator[Finding]:
    if not members.peers:
        return
    known = {peer.name for peer in members.peers}
    by_node: dict[str, list[int]] = {}
    for guest in chosen:
        if guest.node not in known:
            by_node.setdefault(guest.node, []).append(guest.vmid)
    for node, vmids in by_node.items():
        yield finding(
            "GST-W-0010",
            node,
            f"{_guests(len(vmids))} in the name of {node}, which is not in the cluster",
            [_numbers(vmids)],
        )


def _differing(cluster: str, inventory: GuestInventory, numbers: Collection[int]) -> Iterator[Finding]:
    apart = [one for one in inventory.copies if one.apart and one.vmid in numbers]
    moved = [one for one in inventory.owners if not one.apart and one.vmid in numbers]
    changed = [one for one in inventory.copies if not one.apart and one.vmid in numbers]
    if apart:
        yield finding(
            "GST-W-0008",
            cluster,
            f"the configuration of {_guests(len(apart))} differs between sides that do not see each other",
            [line for one in apart for line in one.views],
        )
    if moved or changed:
        lines = [f"{one.vmid}: {'; '.join(one.views)}" for one in moved] + [
            line for one in changed for line in one.views
        ]
        yield finding(
            "GST-I-0009",
            cluster,
            f"{_guests(len({one.vmid for one in moved + changed}))} changed while the nodes were read",
            lines,
        )


def _views(inventory: GuestInventory, vmid: int) -> Sequence[str]:
    disputes: dict[int, Dispute] = {dispute.vmid: dispute for dispute in inventory.owners}
    return disputes[vmid].views if vmid in disputes else ()


def _guests(number: int) -> str:
    return "1 guest" if number == 1 else f"{number} guests"


def _numbers(vmids: Sequence[int]) -> str:
    some = ", ".join(map(str, vmids[:_LISTED]))
    return f"{some} and {len(vmids) - _LISTED} more" if len(vmids) > _LISTED else some


def _observations(node: NodeFacts) -> Iterator[Seen[Any]]:
    if node.guests_here is not None:
        yield node.guests_here
    if node.guests is not None:
        yield from (node.guests.files, node.guests.pools, node.guests.ha, node.guests.tasks)


def _sources(node: NodeFacts) -> Iterator[Finding]:
    for seen in _observations(node):
        problem = seen.problem
        if problem is None or problem.kind is ProblemKind.SKIPPED:
            continue
        if problem.kind is ProblemKind.NOT_UNDERSTOOD:
            message = f"the output of {seen.source} on {node.name} was not understood"
            yield finding("OUT-E-0001", node.name, message, [problem.message])
        else:
            yield finding("OUT-W-0002", node.name, f"{seen.source} on {node.name}: {problem.message}")
