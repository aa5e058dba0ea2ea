"""The QDevice: is it connected on every node, and does it vote?"""

from __future__ import annotations

from collections.abc import Iterator

from parsers.corosync_conf import CorosyncConf
from parsers.corosync_qdevice_tool import CONNECTED
from pvefleet.model.catalogue import finding
from pvefleet.model.facts import ClusterFacts, NodeFacts
from pvefleet.model.finding import Finding
from pvefleet.model.observation import ProblemKind
from pvefleet.model.qdevice import QdeviceNode, QdeviceRow
from pvefleet.rules.membership import Membership, conf_of_record

_NO_DAEMON = frozenset({ProblemKind.FAILED, ProblemKind.ABSENT})
_NO_VOTE = "NV"


def device_votes(conf: CorosyncConf) -> int | None:
    """Return how many votes the configured QDevice has: 0 without one, None where the file does not tell.

    The algorithm lms has one vote less than there are nodes; PVE does not write them down.
    """
    if conf.qdevice is None:
        return 0
    if conf.qdevice.votes is None and conf.qdevice.algorithm == "lms":
        return len(conf.nodes) - 1
    return conf.qdevice.votes


def qdevice_row(facts: ClusterFacts, members: Membership) -> QdeviceRow | None:
    """Return the QDevice as the read nodes see it; None where the newest corosync.conf has none."""
    record = conf_of_record(facts)
    if record is None or record.conf.qdevice is None:
        return None
    answers = [(node.name, node.qdevice) for node in facts.seen if node.qdevice is not None]
    hosts = [seen.value.host for _, seen in answers if seen.value]
    connected = tuple(name for name, seen in answers if seen.value and seen.value.state == CONNECTED)
    return QdeviceRow(
        host=hosts[0] if hosts else record.conf.qdevice.host or "",
        algorithm=record.conf.qdevice.algorithm or "",
        votes=device_votes(record.conf),
        votes_cast=_votes_cast(facts, members),
        connected=connected,
        others=tuple(
            QdeviceNode(name, seen.value.state if seen.value else seen.problem.message if seen.problem else "")
            for name, seen in answers
            if name not in connected
        ),
    )


def qdevice_findings(facts: ClusterFacts, members: Membership) -> Iterator[Finding]:
    """Yield a server that nobody reaches or single nodes that do not, daemons that do not run, votes not cast.

    Where corosync itself does not run, that is the finding.
    """
    asked = [node for node in facts.seen if node.qdevice is not None and not node.quorum.problem]
    apart = [node for node in asked if _state(node) not in (None, CONNECTED)]
    if len(apart) > 1 and len(apart) == len([node for node in asked if _state(node)]):
        host = apart[0].qdevice.value.host if apart[0].qdevice and apart[0].qdevice.value else ""
        evidence = [f"{node.name}: {_state(node)}" for node in apart]
        subject = facts.cluster or facts.here or "cluster"
        yield finding("QDV-W-0001", subject, f"no node is connected to the QNetd server {host}", evidence)
    else:
        yield from (_not_connected(node) for node in apart)
    for node in asked:
        problem = node.qdevice.problem if node.qdevice else None
        if problem and problem.kind in _NO_DAEMON:
            message = f"the QDevice daemon does not run on {node.name}"
            yield finding("QDV-W-0002", node.name, message, [problem.message])
        elif _state(node) == CONNECTED and members.main and node.name in members.main.viewers and _is_voteless(node):
            yield finding("QDV-W-0003", node.name, f"the QDevice is connected on {node.name}, but casts no vote")


def _not_connected(node: NodeFacts) -> Finding:
    host = node.qdevice.value.host if node.qdevice and node.qdevice.value else ""
    message = f"the QDevice of {node.name} is not connected to {host}"
    return finding("QDV-W-0001", node.name, message, [f"state: {_state(node)}"])


def _state(node: NodeFacts) -> str | None:
    return node.qdevice.value.state if node.qdevice and node.qdevice.value else None


def _is_voteless(node: NodeFacts) -> bool:
    rows = node.quorum.value.members if node.quorum.value else ()
    return any(_NO_VOTE in (row.qdevice or "").split(",") for row in rows if row.local)


def _votes_cast(facts: ClusterFacts, members: Membership) -> int | None:
    viewers = members.main.viewers if members.main else ()
    views = [node.quorum.value for node in facts.seen if node.name in viewers and node.quorum.value]
    return next((view.qdevice.votes for view in views if view.qdevice), 0 if views else None)
