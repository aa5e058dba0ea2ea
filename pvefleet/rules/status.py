"""The reports of ``cluster.status``, ``cluster.nodes`` and ``cluster.links``, as pure functions of the facts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from pvefleet.model.facts import ClusterFacts, NodeFacts
from pvefleet.model.finding import Finding, Severity
from pvefleet.model.status import (
    LinkAddress,
    LinksReport,
    NodeRow,
    NodesReport,
    NodeState,
    StatusReport,
    exit_of,
)
from pvefleet.rules.config import agreed_version, config_findings, running_version
from pvefleet.rules.guests import guest_rows
from pvefleet.rules.ha import ha_findings, ha_summary
from pvefleet.rules.links import link_findings, link_rows
from pvefleet.rules.membership import Membership, Peer, conf_of_record, in_no_cluster, membership
from pvefleet.rules.node_health import NOT_UNDERSTOOD, node_findings
from pvefleet.rules.overrides import overrides
from pvefleet.rules.pmxcfs import connection_findings
from pvefleet.rules.qdevice import qdevice_findings, qdevice_row
from pvefleet.rules.quorum import corosync_findings, quorum_findings, quorum_row
from pvefleet.rules.reach import unread_nodes
from pvefleet.rules.replication import replication_findings, replication_summary

_ORDER = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}


def status_findings(facts: ClusterFacts, members: Membership, *, rpo_seconds: float | None = None) -> list[Finding]:
    """Return what is wrong with the cluster as it stands, in the order of causes.

    Args:
        facts: what was read; HA and replication are judged where they were.
        members: its membership.
        rpo_seconds: how old a replica may be; None: not judged.
    """
    rows = link_rows(facts, members)
    return [
        *quorum_findings(facts, members),
        *unread_nodes(facts, members),
        *corosync_findings(facts),
        *qdevice_findings(facts, members),
        *node_findings(facts),
        *connection_findings(facts),
        *config_findings(facts, members),
        *link_findings(members, rows),
        *(ha_findings(facts, members) if any(node.ha for node in facts.seen) else ()),
        *(
            replication_findings(facts, members, rpo_seconds=rpo_seconds)
            if any(node.replication for node in facts.seen)
            else ()
        ),
    ]


def by_severity(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return the findings with the worst first; within one severity their order stays."""
    return tuple(sorted(findings, key=lambda one: _ORDER[one.severity]))


def status_report(facts: ClusterFacts, *, rpo_seconds: float | None = None) -> StatusReport:
    """Return the whole report of ``cluster.status``; *rpo_seconds* is how old a replica may be."""
    members = membership(facts)
    findings = by_severity(status_findings(facts, members, rpo_seconds=rpo_seconds))
    record = conf_of_record(facts)
    read = len(facts.seen)
    unclear = any(one.code == NOT_UNDERSTOOD for one in findings)
    nodes = node_rows(facts, members)
    return StatusReport(
        cluster=facts.cluster or (record.conf.cluster_name if record else "") or "",
        taken_at=facts.taken_at,
        here=facts.here,
        nodes_total=len(nodes),
        nodes_read=read,
        config_version=agreed_version(facts),
        quorum=quorum_row(facts, members),
        qdevice=qdevice_row(facts, members),
        overrides=overrides(findings),
        nodes=nodes,
        links=link_rows(facts, members),
        guests=guest_rows(facts),
        ha=ha_summary(facts, members) if any(node.ha for node in facts.seen) else None,
        replication=replication_summary(facts, members) if any(node.replication for node in facts.seen) else None,
        findings=findings,
        exit_code=exit_of(findings, read=read, not_understood=unclear),
    )


def nodes_report(facts: ClusterFacts) -> NodesReport:
    """Return the report of ``cluster.nodes``: the nodes and what is wrong with them."""
    report = status_report(facts)
    findings = tuple(one for one in report.findings if not one.code.startswith("LNK"))
    unclear = any(one.code == NOT_UNDERSTOOD for one in findings)
    code = exit_of(findings, read=report.nodes_read, not_understood=unclear)
    return NodesReport(report.cluster, report.taken_at, report.here, report.nodes, findings, code)


def links_report(facts: ClusterFacts) -> LinksReport:
    """Return the report of ``cluster.links``: the link matrix and what is wrong with links and membership."""
    report = status_report(facts)
    findings = tuple(one for one in report.findings if one.code[:3] in ("LNK", "NOD", "COR", "QUO", "OUT"))
    unclear = any(one.code == NOT_UNDERSTOOD for one in findings)
    code = exit_of(findings, read=report.nodes_read, not_understood=unclear)
    names = tuple(node.name for node in report.nodes)
    return LinksReport(report.cluster, report.taken_at, report.here, names, report.links, findings, code)


def node_rows(facts: ClusterFacts, members: Membership) -> tuple[NodeRow, ...]:
    """Return one row per node of hosts.toml, then one per member that hosts.toml does not list."""
    rows = [_row(facts, node, members) for node in facts.nodes]
    known = {node.name for node in facts.nodes}
    rows += [_unlisted(facts, peer, members) for peer in members.peers if peer.name not in known]
    return tuple(sorted(rows, key=lambda row: row.nodeid or 0)) if facts.here else tuple(rows)


def _row(facts: ClusterFacts, node: NodeFacts, members: Membership) -> NodeRow:
    peer = members.by_name(node.name)
    quorum = node.quorum.value
    machine = node.machine.value
    vms, vms_running, containers, containers_running = _guest_counts(facts, node.pve_name, node)
    return NodeRow(
        name=node.name,
        nodeid=peer.nodeid if peer else (quorum.nodeid if quorum else None),
        state=_state(node, members),
        votes=peer.votes if peer else None,
        quorate=quorum.quorate if quorum else None,
        member_of=tuple(members.name_of(member.nodeid) for member in quorum.members) if quorum else (),
        addresses=_addresses(peer),
        version=node.version.value.version if node.version.value else None,
        uptime_seconds=machine.uptime if machine else None,
        config_version=running_version(node),
        clock_offset_seconds=round(machine.clock_offset, 3) if machine else None,
        writable=node.pmxcfs.value.writable if node.pmxcfs.value else None,
        via=node.via,
        vms=vms,
        vms_running=vms_running,
        containers=containers,
        containers_running=containers_running,
        note=_note(node),
    )


def _unlisted(facts: ClusterFacts, peer: Peer, members: Membership) -> NodeRow:
    vms, _, containers, _ = _guest_counts(facts, peer.name, None)
    views = [viewer for part in members.partitions if peer.nodeid in part.members for viewer in part.viewers]
    where = "not seen from here" if facts.here else "not in hosts.toml"
    if views:
        where += f"; a member for {', '.join(views)}"
    elif members.partitions:
        where += f"; no member for {', '.join(viewer for part in members.partitions for viewer in part.viewers)}"
    return NodeRow(
        name=peer.name,
        nodeid=peer.nodeid,
        state=NodeState.NOT_SEEN,
        votes=peer.votes,
        quorate=None,
        member_of=(),
        addresses=_addresses(peer),
        version=None,
        uptime_seconds=None,
        config_version=None,
        clock_offset_seconds=None,
        writable=None,
        via="",
        vms=vms,
        vms_running=None,
        containers=containers,
        containers_running=None,
        note=where,
    )


def _addresses(peer: Peer | None) -> tuple[LinkAddress, ...]:
    return tuple(LinkAddress(number, address) for number, address in peer.addresses) if peer else ()


def _state(node: NodeFacts, members: Membership) -> NodeState:
    if not node.read:
        if members.seen_by(node.name):
            return NodeState.UNREACHED
        return NodeState.OFFLINE if members.partitions else NodeState.NOT_SEEN
    if node.quorum.value is None:
        return NodeState.NOT_CLUSTERED if in_no_cluster(node) else NodeState.NO_COROSYNC
    main = members.main
    return NodeState.ONLINE if main and node.name in main.viewers else NodeState.APART


def _note(node: NodeFacts) -> str:
    if node.error is not None:
        return node.error.message
    if node.quorum.problem is not None:
        return "" if in_no_cluster(node) else node.quorum.problem.message
    if node.pmxcfs.problem is not None:
        return "/etc/pve does not answer"
    if node.pmxcfs.value and not node.pmxcfs.value.mounted:
        return "/etc/pve is not mounted"
    return ""


def _guest_counts(
    facts: ClusterFacts, pve_name: str, node: NodeFacts | None
) -> tuple[int | None, int | None, int | None, int | None]:
    """Return VMs, running VMs, containers, running containers: the owner's lists, else any copy of the guest list.

    Where the owner's /etc/pve does not answer, its processes still tell what runs there.
    """
    here = node.guests_here.value if node and node.guests_here else None
    if here is not None:
        running_vms = Counter(guest.status for guest in here.vms)["running"]
        running_ct = Counter(guest.status for guest in here.containers)["running"]
        return len(here.vms), running_vms, len(here.containers), running_ct
    processes = node.guest_processes.value if node and node.guest_processes else None
    for owned in _guest_lists(facts, node):
        mine = [(vmid, kind) for vmid, owner, kind in owned if owner == pve_name]
        kinds = Counter(kind for _, kind in mine)
        running = Counter(kind for vmid, kind in mine if processes and vmid in processes.of(kind))
        vms, containers = (None, None) if processes is None else (running["qemu"], running["lxc"])
        return kinds["qemu"], vms, kinds["lxc"], containers
    return None, None, None, None


def _guest_lists(facts: ClusterFacts, first: NodeFacts | None) -> Iterator[list[tuple[int, str, str]]]:
    """Yield the guest lists that were read: the node's own first, then a quorate node's, then the others'."""
    ranked = sorted(
        facts.seen, key=lambda other: (other is not first, not (other.quorum.value and other.quorum.value.quorate))
    )
    for other in ranked:
        if other.guests_owned.value:
            yield [(guest.vmid, guest.node, guest.type) for guest in other.guests_owned.value.guests]
