"""Configuration: the copies of corosync.conf, the running versions, and hosts.toml against the nodelist."""

from __future__ import annotations

from collections.abc import Iterator

from pvefleet.model.catalogue import finding
from pvefleet.model.facts import ClusterFacts, NodeFacts
from pvefleet.model.finding import Finding
from pvefleet.rules.membership import Membership, in_no_cluster


def running_version(node: NodeFacts) -> int | None:
    """Return the config_version that the node's corosync runs, or None where it was not read."""
    return node.cmap.value.int("totem.config_version") if node.cmap.value else None


def agreed_version(facts: ClusterFacts) -> int | None:
    """Return the one version that all nodes that could say run, or None."""
    versions = {version for node in facts.seen if (version := running_version(node)) is not None}
    return versions.pop() if len(versions) == 1 else None


def config_findings(facts: ClusterFacts, membership: Membership) -> Iterator[Finding]:
    """Yield differences between nodes, between files, and between file and running corosync."""
    versions = {node.name: version for node in facts.seen if (version := running_version(node)) is not None}
    if len(set(versions.values())) > 1:
        yield finding(
            "CFG-E-0001",
            facts.cluster or "cluster",
            "the nodes run different versions of corosync.conf",
            [f"{name} runs version {version}" for name, version in versions.items()],
        )
    for node in facts.seen:
        yield from _files(node)
    yield from _inventory(facts, membership)


def _files(node: NodeFacts) -> Iterator[Finding]:
    local, record = node.conf_running_file.value, node.conf_cluster_file.value
    running = running_version(node)
    if local and record and local.digest != record.digest:
        yield finding(
            "CFG-W-0003",
            node.name,
            f"the two copies of corosync.conf on {node.name} differ",
            [
                f"/etc/pve/corosync.conf: version {record.conf.config_version}",
                f"/etc/corosync/corosync.conf: version {local.conf.config_version}",
            ],
        )
    if local and running is not None and local.conf.config_version != running:
        yield finding(
            "CFG-W-0002",
            node.name,
            f"corosync on {node.name} runs version {running}, its file holds {local.conf.config_version}",
        )


def _inventory(facts: ClusterFacts, membership: Membership) -> Iterator[Finding]:
    if facts.here:
        return
    for node in facts.seen:
        file = node.conf_cluster_file.value or node.conf_running_file.value
        if file and file.conf.cluster_name and facts.cluster and file.conf.cluster_name != facts.cluster:
            yield finding(
                "CFG-E-0004",
                node.name,
                f"{node.name} belongs to cluster {file.conf.cluster_name}, hosts.toml lists it under {facts.cluster}",
            )
    if not membership.peers:
        return
    for peer in membership.peers:
        if not peer.listed:
            yield finding("CFG-W-0005", peer.name, f"{peer.name} is a node of the cluster, but not in hosts.toml")
    for node in facts.nodes:
        if membership.by_name(node.name) is None and not (node.read and in_no_cluster(node)):
            yield finding("CFG-W-0006", node.name, f"{node.name} is in hosts.toml, but not in corosync's nodelist")
