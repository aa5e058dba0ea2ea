"""Links: what each node says of its links to the members it sees."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from pvefleet.model.catalogue import finding
from pvefleet.model.facts import ClusterFacts, NodeFacts
from pvefleet.model.finding import Finding
from pvefleet.model.status import LinkRow, LinkState
from pvefleet.rules.membership import Membership, Peer

_UP = frozenset({"connected"})

_Down = dict[frozenset[str], list[tuple[str, str]]]
"""Pair of nodes to the directions (source, target) in which their link is seen down."""


def link_rows(facts: ClusterFacts, membership: Membership) -> tuple[LinkRow, ...]:
    """Return every configured link from every node to every other, by the view of the node at its start."""
    by_name = {node.name: node for node in facts.nodes}
    rows = []
    for source in membership.peers:
        node = by_name.get(source.name)
        for target in membership.peers:
            if target.nodeid != source.nodeid:
                rows += [_row(node, source, target, number) for number, _ in source.addresses]
    return tuple(sorted(rows, key=lambda row: row.link))


def _row(node: NodeFacts | None, source: Peer, target: Peer, number: int) -> LinkRow:
    return LinkRow(
        link=number,
        source=source.name,
        target=target.name,
        state=_state(node, target.nodeid, number),
        source_address=dict(source.addresses)[number],
        target_address=dict(target.addresses).get(number, ""),
        mtu=_mtu(node, target.nodeid, number),
    )


def _state(node: NodeFacts | None, nodeid: int, number: int) -> LinkState:
    status = node.links.value if node else None
    if status is None:
        return LinkState.UNKNOWN
    for link in status.links:
        if link.number == number:
            for peer in link.peers:
                if peer.nodeid == nodeid:
                    return LinkState.CONNECTED if peer.state in _UP else LinkState.DOWN
    return LinkState.UNKNOWN


def _mtu(node: NodeFacts | None, nodeid: int, number: int) -> int | None:
    reach = node.reach.value if node else None
    if reach is None:
        return None
    for peer in reach.peers:
        if peer.nodeid == nodeid:
            return next((link.mtu for link in peer.links if link.number == number and link.connected), None)
    return None


def link_findings(membership: Membership, rows: tuple[LinkRow, ...]) -> Iterator[Finding]:
    """Yield one finding for each link that is down between nodes that count each other as members.

    A link that one node has lost towards everybody is that node's finding; other losses are named pair by pair. Links
    towards a node that is no member are not findings of their own: the node is.
    """
    members = {name: part.members for part in membership.partitions for name in part.viewers}
    down: dict[int, _Down] = defaultdict(lambda: defaultdict(list))
    pairs: dict[int, set[frozenset[str]]] = defaultdict(set)
    for row in rows:
        target = membership.by_name(row.target)
        if target is None or target.nodeid not in members.get(row.source, frozenset()):
            continue
        pair = frozenset({row.source, row.target})
        pairs[row.link].add(pair)
        if row.state is LinkState.DOWN:
            down[row.link][pair].append((row.source, row.target))
    for number in sorted(down):
        yield from _one_link(number, dict(down[number]), pairs[number])


def _one_link(number: int, down: _Down, pairs: set[frozenset[str]]) -> Iterator[Finding]:
    left = dict(down)
    names = sorted({name for pair in pairs for name in pair})
    if len(names) > 1 and set(left) == pairs and len(pairs) > 1:
        evidence = [f"seen down by {', '.join(sorted({source for ways in left.values() for source, _ in ways}))}"]
        yield finding("LNK-W-0001", f"link{number}", f"link {number} is down between all members", evidence)
        return
    for name in names:
        mine = {pair for pair in pairs if name in pair}
        if len(mine) > 1 and mine <= set(left):
            lost = {pair: left.pop(pair) for pair in mine}
            evidence = _summary(name, number, lost)
            yield finding(
                "LNK-W-0001", f"{name}/link{number}", f"link {number} of {name} is down to all other members", evidence
            )
    for pair in sorted(left, key=sorted):
        one, other = sorted(pair)
        yield finding(
            "LNK-W-0001",
            f"{one}-{other}/link{number}",
            f"link {number} between {one} and {other} is down",
            [f"{source} sees it down to {target}" for source, target in left[pair]],
        )


def _summary(name: str, number: int, lost: _Down) -> list[str]:
    """Say in two lines who sees link *number* of *name* down: the node itself, and its peers."""
    ways = [way for directions in lost.values() for way in directions]
    own = sorted(target for source, target in ways if source == name)
    others = sorted(source for source, target in ways if target == name)
    lines = [f"{name} sees link {number} down to {', '.join(own)}"] if own else []
    return lines + ([f"seen down by {', '.join(others)}"] if others else [])
