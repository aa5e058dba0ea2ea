"""Findings about one node each: its cluster file system, clock, name and version, and sources that gave no answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields

from pvefleet.model.catalogue import finding
from pvefleet.model.facts import ClusterFacts, NodeFacts
from pvefleet.model.finding import Finding
from pvefleet.model.observation import ProblemKind, Seen
from pvefleet.rules.membership import in_no_cluster

NOT_UNDERSTOOD = "OUT-E-0001"
"""The finding that ends a report with 13."""


def node_findings(facts: ClusterFacts) -> Iterator[Finding]:
    """Yield what is wrong with each node that was read, and versions that differ between them."""
    for node in facts.seen:
        yield from _pmxcfs(node)
        yield from _machine(facts, node)
        yield from _sources(node)
    versions = {node.name: node.version.value.version for node in facts.seen if node.version.value}
    if len(set(versions.values())) > 1:
        yield finding(
            "VER-W-0001",
            facts.cluster or "cluster",
            "the nodes run different versions of Proxmox VE",
            [f"{name} {version}" for name, version in versions.items()],
        )


def _pmxcfs(node: NodeFacts) -> Iterator[Finding]:
    state = node.pmxcfs
    if state.kind is ProblemKind.TIMED_OUT:
        yield finding("PMX-E-0002", node.name, f"pmxcfs on {node.name} does not answer", ["reading /etc/pve hangs"])
    elif state.value and not state.value.mounted:
        yield finding("PMX-E-0001", node.name, f"pmxcfs does not run on {node.name}", ["/etc/pve is not mounted"])
    elif state.value and not state.value.writable and node.quorum.value and node.quorum.value.quorate:
        yield finding("PMX-W-0003", node.name, f"/etc/pve on {node.name} is read-only although the node is quorate")


def _machine(facts: ClusterFacts, node: NodeFacts) -> Iterator[Finding]:
    machine = node.machine.value
    if machine is None:
        return
    if not facts.here and machine.hostname != node.pve_name:
        yield finding("NOD-E-0011", node.name, f"the machine behind {node.name} calls itself {machine.hostname}")
    if abs(machine.clock_offset) - machine.clock_doubt > facts.clock_limit:
        yield finding(
            "CLK-W-0001",
            node.name,
            f"the clock of {node.name} is {machine.clock_offset:+.1f} s off",
            [f"measured over one round trip, give or take {machine.clock_doubt:.1f} s"],
        )


def _observations(node: NodeFacts) -> Iterator[Seen[object]]:
    for field in fields(node):
        value = getattr(node, field.name)
        if isinstance(value, Seen):
            yield value


def _sources(node: NodeFacts) -> Iterator[Finding]:
    """Name each source that gave nothing, unless a finding about its daemon says so already."""
    explained = (
        {node.quorum.source, node.links.source, node.reach.source, node.cmap.source} if node.quorum.problem else set()
    )
    explained.add(node.pmxcfs.source)
    if node.qdevice and (node.quorum.problem or node.qdevice.kind in (ProblemKind.FAILED, ProblemKind.ABSENT)):
        explained.add(node.qdevice.source)
    if in_no_cluster(node):
        explained |= {node.conf_cluster_file.source, node.conf_running_file.source}
    for seen in _observations(node):
        problem = seen.problem
        if problem is None:
            continue
        if problem.kind is ProblemKind.NOT_UNDERSTOOD:
            yield finding(
                NOT_UNDERSTOOD,
                node.name,
                f"the output of {seen.source} on {node.name} was not understood",
                [problem.message],
            )
        elif problem.kind is not ProblemKind.SKIPPED and seen.source not in explained:
            yield finding("OUT-W-0002", node.name, f"{seen.source} on {node.name}: {problem.message}")
