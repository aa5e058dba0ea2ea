"""Findings of the checks beyond the status: keys, names, services, certificates, links, logins without pmxcfs."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address

from pvefleet.model.catalogue import finding
from pvefleet.model.facts import ClusterFacts, NodeFacts
from pvefleet.model.finding import Finding
from pvefleet.model.health_facts import HealthFacts
from pvefleet.model.observation import ProblemKind
from pvefleet.rules.membership import Membership, in_no_cluster

_DAY = 86400.0
_SOON_DAYS, _NOW_DAYS = 30, 7
_AUTHORITY_DAYS = 60
_AUTHORITY = "/etc/pve/pve-root-ca.pem"
_SLOW_US = 5000
_SMALL_MTU = 469
"""What knet uses until path MTU discovery has ended."""
_INSIDE_PVE = (".ssh/", "/root/.ssh/", "%h/.ssh/")
_NOT_FOR_ALL = frozenset({"corosync"})
"""Units whose absence has a finding of its own."""


def health_findings(facts: ClusterFacts, membership: Membership) -> Iterator[Finding]:
    """Yield what is wrong with each node's health, and what differs between the nodes."""
    yield from _differences(facts)
    for node in facts.seen:
        health = node.health
        if health is None:
            continue
        yield from _configuration(node, health)
        yield from _own_name(node, health)
        yield from _services(node, health)
        yield from _certificates(node, health)
        yield from _links(node, health, membership)
        yield from _logins(node, health)
        if health.synchronised.value is False:
            yield finding("CLK-W-0002", node.name, f"the clock of {node.name} is not kept by NTP")


def _differences(facts: ClusterFacts) -> Iterator[Finding]:
    subject = facts.cluster or facts.here or "cluster"
    versions = {
        n.name: n.health.corosync_version.value for n in facts.seen if n.health and n.health.corosync_version.value
    }
    if len(set(versions.values())) > 1:
        evidence = [f"{name} {version}" for name, version in versions.items()]
        yield finding("VER-W-0002", subject, "the nodes run different versions of corosync", evidence)
    keys = {n.name: n.health.authkey.value for n in facts.seen if n.health and n.health.authkey.value}
    if len(set(keys.values())) > 1:
        evidence = [f"{name} {digest[:12]}…" for name, digest in keys.items()]
        yield finding("CFG-E-0008", subject, "the nodes have different authkeys", evidence)
    yield from _names_agree(facts)
    yield from _authority(facts, subject)


def _authority(facts: ClusterFacts, subject: str) -> Iterator[Finding]:
    """All nodes have the same one: told once. Near its end it is every certificate's finding as well."""
    for node in facts.seen:
        for one in (node.health.certificates.value or ()) if node.health else ():
            if one.path == _AUTHORITY and one.ends is not None and node.machine.value:
                days = (one.ends - node.machine.value.clock) / _DAY
                if days <= _AUTHORITY_DAYS:
                    message = f"the cluster's certificate authority {_when(days)}"
                    yield finding("CRT-W-0004", subject, message, [one.subject])
                return


def _names_agree(facts: ClusterFacts) -> Iterator[Finding]:
    seen: dict[str, dict[frozenset[str], list[str]]] = {}
    for node in facts.seen:
        for resolved in (node.health.names.value or ()) if node.health else ():
            answers = frozenset(one for one in resolved.addresses if not _loopback(one))
            if not answers and resolved.name == node.pve_name:
                continue  # its own name: a finding of that node alone
            seen.setdefault(resolved.name, {}).setdefault(answers, []).append(node.name)
    for name, views in seen.items():
        if len(views) > 1:
            evidence = [f"{', '.join(sorted(ips)) or 'nothing'}: on {', '.join(nodes)}" for ips, nodes in views.items()]
            yield finding("NAM-W-0002", name, f"{name} does not resolve to the same address on all nodes", evidence)


def _own_name(node: NodeFacts, health: HealthFacts) -> Iterator[Finding]:
    names = health.names.value
    if not names:
        return
    own = names[0]
    if not own.addresses:
        yield finding("NAM-W-0001", node.name, f"{own.name} does not resolve on {node.name} itself")
    elif any(_loopback(one) for one in own.addresses):
        said = ", ".join(own.addresses)
        yield finding(
            "NAM-W-0001", node.name, f"{own.name} resolves to a loopback address on {node.name} itself", [said]
        )


def _loopback(address: str) -> bool:
    try:
        return ip_address(address.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _configuration(node: NodeFacts, health: HealthFacts) -> Iterator[Finding]:
    verdict = health.conf_test.value
    if verdict is not None and not verdict.valid and not in_no_cluster(node):
        message = f"corosync on {node.name} would not start with its corosync.conf"
        yield finding("CFG-E-0007", node.name, message, [verdict.said])


def _services(node: NodeFacts, health: HealthFacts) -> Iterator[Finding]:
    for unit, state in health.units.value or ():
        pmxcfs_down = unit == "pve-cluster" and node.pmxcfs.value is not None and not node.pmxcfs.value.mounted
        if state != "active" and unit not in _NOT_FOR_ALL and not pmxcfs_down:
            yield finding("SVC-W-0001", node.name, f"{unit} is {state} on {node.name}")


def _certificates(node: NodeFacts, health: HealthFacts) -> Iterator[Finding]:
    machine = node.machine.value
    if machine is None:
        return
    for one in health.certificates.value or ():
        if one.ends is None:
            yield finding("CRT-W-0003", node.name, f"the certificate {one.path} is missing on {node.name}")
            continue
        days = (one.ends - machine.clock) / _DAY
        if days <= _NOW_DAYS or (days <= _SOON_DAYS and one.path != _AUTHORITY):
            code = "CRT-E-0002" if days <= _NOW_DAYS else "CRT-W-0001"
            message = f"the certificate {one.path} on {node.name} {_when(days)}"
            yield finding(code, node.name, message, [one.subject])


def _when(days: float) -> str:
    return f"ends in {days:.0f} days" if days >= 0 else f"ended {-days:.0f} days ago"


def _links(node: NodeFacts, health: HealthFacts, membership: Membership) -> Iterator[Finding]:
    trouble = health.trouble.value
    if trouble is not None:
        for peer, link, times in trouble.drops:
            name = membership.name_of(peer)
            message = f"{node.name} saw link {link} to {name} go down {times} times within the last hour"
            yield finding("LNK-W-0002", f"{node.name}-{name}/link{link}", message)
        if trouble.retransmits:
            message = f"corosync on {node.name} reported retransmits {trouble.retransmits} times within the last hour"
            yield finding("LNK-W-0005", node.name, message)
    for one in health.knet.value or ():
        if not one.connected or (node.quorum.value and one.nodeid == node.quorum.value.nodeid):
            continue
        name = membership.name_of(one.nodeid)
        subject = f"{node.name}-{name}/link{one.link}"
        if one.latency_ave > _SLOW_US:
            message = f"link {one.link} from {node.name} to {name} takes {one.latency_ave / 1000:.1f} ms"
            yield finding("LNK-W-0003", subject, message, [f"at most {one.latency_max / 1000:.1f} ms"])
        if one.mtu <= _SMALL_MTU:
            message = (
                f"link {one.link} from {node.name} to {membership.name_of(one.nodeid)} carries {one.mtu} bytes only"
            )
            yield finding("LNK-W-0004", subject, message)


def _logins(node: NodeFacts, health: HealthFacts) -> Iterator[Finding]:
    files = health.key_files.value
    if files is not None and (not files or files[0].startswith(_INSIDE_PVE)):
        said = f"sshd looks in {', '.join(files) or 'no file'}"
        yield finding("PRE-I-0001", node.name, f"logins on {node.name} depend on pmxcfs", [said])


def unanswered(node: NodeFacts) -> Iterator[Finding]:
    """Yield what of the node's health could not be read, unless a finding about its daemon says so already."""
    health = node.health
    if health is None:
        return
    daemons = {health.knet.source} if node.quorum.problem else set()
    if in_no_cluster(node):
        daemons |= {health.authkey.source, health.conf_test.source}
    for seen in (
        health.conf_test,
        health.corosync_version,
        health.authkey,
        health.names,
        health.units,
        health.trouble,
        health.knet,
        health.key_files,
        health.certificates,
        health.synchronised,
    ):
        problem = seen.problem
        if problem is None or problem.kind is ProblemKind.SKIPPED or seen.source in daemons:
            continue
        if problem.kind is ProblemKind.NOT_UNDERSTOOD:
            message = f"the output of {seen.source} on {node.name} was not understood"
            yield finding("OUT-E-0001", node.name, message, [problem.message])
        else:
            yield finding("OUT-W-0002", node.name, f"{seen.source} on {node.name}: {problem.message}")
