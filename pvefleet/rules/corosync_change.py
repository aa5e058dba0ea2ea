"""What stands in the way of a change of corosync.conf, whatever it is about."""

from __future__ import annotations

from collections.abc import Iterator

from pvefleet.model.catalogue import finding
from pvefleet.model.facts import ClusterFacts
from pvefleet.model.finding import Finding
from pvefleet.rules import whole
from pvefleet.rules.fallback import fallbacks


def leftover_findings(facts: ClusterFacts) -> Iterator[Finding]:
    """Yield one finding for each node that still has the fallback of another change."""
    for name, found in fallbacks(facts).items():
        if found is not None and (found.armed or found.acts):
            when = f"it fires in {found.left:.0f} s" if found.left is not None else "it is at work"
            yield finding("CHG-E-0002", name, f"{name} has the fallback of version {found.version}: {when}")


def watchdog_findings(facts: ClusterFacts, code: str) -> Iterator[Finding]:
    """Yield one finding for each node whose watchdog is armed, or was not seen, unless HA is disarmed everywhere.

    Args:
        facts: with HA.
        code: ``CHG-W-0001`` or ``CHG-W-0008``.
    """
    if not whole.disarmed(facts).met:
        for name in whole.armed_nodes(facts):
            yield finding(code, name, f"the watchdog of {name} is armed, or was not seen")
