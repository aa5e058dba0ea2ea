"""The cluster file system between the nodes: does each pmxcfs see those that corosync sees?"""

from __future__ import annotations

from collections.abc import Iterator

from pvefleet.model.catalogue import finding
from pvefleet.model.facts import ClusterFacts, NodeFacts
from pvefleet.model.finding import Finding


def connection_findings(facts: ClusterFacts) -> Iterator[Finding]:
    """Yield each node whose pmxcfs others do not see, although corosync there counts the node as a member.

    Only what lives is judged: quorate nodes, where the map of members is kept up to date, and nodes whose own pmxcfs
    answers. Two that do not see each other are one finding, of the one that more nodes miss.
    """
    views = {node.name: node for node in facts.seen if _tells(node)}
    missed = {node.name: [name for name in views if _misses(views[name], node)] for node in facts.seen if _alive(node)}
    told: set[str] = set()
    for name, by in sorted(missed.items(), key=lambda one: -len(one[1])):
        others = [viewer for viewer in by if viewer not in told]
        if others:
            told.add(name)
            message = f"pmxcfs on {name} is not connected to that on {', '.join(others)}"
            evidence = [f"{viewer}: /etc/pve/.members has it offline" for viewer in others]
            yield finding("PMX-W-0004", name, message, evidence)


def _alive(node: NodeFacts) -> bool:
    return bool(node.pmxcfs.value and node.pmxcfs.value.mounted and node.quorum.value)


def _tells(node: NodeFacts) -> bool:
    return bool(_alive(node) and node.quorum.value and node.quorum.value.quorate and node.members.value)


def _misses(viewer: NodeFacts, node: NodeFacts) -> bool:
    """Does the viewer's pmxcfs have *node* offline while its corosync has it among the members?"""
    quorum, own = viewer.quorum.value, node.quorum.value
    if viewer.members.value is None or quorum is None or own is None:
        return False
    offline = {one.nodeid for one in viewer.members.value.nodes if not one.online}
    return own.nodeid in offline and own.nodeid in {member.nodeid for member in quorum.members}
