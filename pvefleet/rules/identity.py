"""Is it the cluster that is meant? What must fit before anything is changed, and can never be accepted."""

from __future__ import annotations

from collections.abc import Iterator

from pvefleet.model.facts import ClusterFacts
from pvefleet.model.finding import Finding
from pvefleet.rules.config import config_findings
from pvefleet.rules.membership import membership
from pvefleet.rules.node_health import node_findings

CODES = frozenset({"NOD-E-0011", "CFG-E-0004", "CFG-W-0005"})
"""A machine of another name, another cluster's node, a member that hosts.toml does not list."""


def identity_findings(facts: ClusterFacts) -> Iterator[Finding]:
    """Yield what speaks against these being the nodes and the cluster that hosts.toml names."""
    members = membership(facts)
    for finding in (*node_findings(facts), *config_findings(facts, members)):
        if finding.code in CODES:
            yield finding
