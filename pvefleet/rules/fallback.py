"""Checks around a change of corosync.conf: what is staged, what is armed, what is written, and that nothing is left."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from pvefleet.model.facts import ClusterFacts
from pvefleet.model.fallback_facts import FallbackFacts
from pvefleet.model.procedure import MET, Verdict, unmet
from pvefleet.model.status import LinkState
from pvefleet.rules import whole
from pvefleet.rules.links import link_rows
from pvefleet.rules.membership import membership


def fallbacks(facts: ClusterFacts) -> dict[str, FallbackFacts | None]:
    """Return what stands on each node; None where it was not seen."""
    return {node.name: node.fallback.value if node.fallback else None for node in facts.nodes}


def staged_or_written(facts: ClusterFacts, *, digest: str, later: Sequence[str]) -> Verdict:
    """Has every node the new content staged? Or has it been written already?

    Args:
        facts: with FALLBACK.
        digest: SHA-256 of the new content.
        later: those of this edit and of the ones after it.
    """
    if written(facts, digests=later).met:
        return MET
    for name, found in fallbacks(facts).items():
        if found is None:
            return unmet(f"it was not seen what is staged on {name}")
        if found.new != digest:
            return unmet(f"the new configuration is not staged on {name}")
    return MET


def accepted(facts: ClusterFacts) -> Verdict:
    """Does corosync on every node take the staged content?"""
    for name, found in fallbacks(facts).items():
        if found is None or not found.test:
            return unmet(f"corosync on {name} was not asked about the new configuration")
        if found.test != "ok":
            return unmet(f"corosync on {name} would refuse the new configuration: {found.test}")
    return MET


def armed_or_written(facts: ClusterFacts, *, version: int, seconds: float, later: Sequence[str]) -> Verdict:
    """Is the fallback set on every node, with time enough left? Or has the change been written already?

    Args:
        facts: with FALLBACK.
        version: of the change.
        seconds: what writing it and proving it takes.
        later: as for :func:`staged_or_written`.
    """
    return MET if written(facts, digests=later).met else armed(facts, version=version, seconds=seconds)


def armed(facts: ClusterFacts, *, version: int, seconds: float) -> Verdict:
    """Is the fallback set on every node, with time enough left?"""
    for name, found in fallbacks(facts).items():
        if found is None:
            return unmet(f"it was not seen whether the fallback is set on {name}")
        if found.version != version or not found.armed:
            return unmet(f"the fallback is not set on {name}")
        if found.left is None or found.left < seconds:
            return unmet(f"the fallback of {name} would fire in {found.left or 0:.0f} s, before the change is proven")
    return MET


def idle(facts: ClusterFacts) -> Verdict:
    """Is no fallback at work right now?"""
    for name, found in fallbacks(facts).items():
        if found is None:
            return unmet(f"it was not seen whether a fallback is at work on {name}")
        if found.acts:
            return unmet(f"the fallback on {name} is at work")
    return MET


def gone(facts: ClusterFacts) -> Verdict:
    """Is nothing of a fallback left on any node, by each node's own word?"""
    for name, found in fallbacks(facts).items():
        if found is None:
            return unmet(f"{name} did not say that its fallback is gone")
        if not found.gone:
            what = ", ".join(found.files) or f"its timer is {found.timer}, its service {found.service}"
            return unmet(f"the fallback on {name} is not gone: {what}")
    return MET


def written(facts: ClusterFacts, *, digests: Collection[str]) -> Verdict:
    """Does /etc/pve/corosync.conf hold one of these contents, by every node that was read?"""
    for node in facts.seen:
        record = node.conf_cluster_file.value
        if record is None:
            return unmet(f"/etc/pve/corosync.conf on {node.name} was not read")
        if record.digest not in digests:
            return unmet(f"/etc/pve/corosync.conf on {node.name} has version {record.conf.config_version}")
    return MET if facts.seen else unmet("no node was read")


def runs_version(facts: ClusterFacts, *, version: int) -> Verdict:
    """Does every node run this version, in one configuration, and does it count every member as running it?"""
    one = whole.one_config(facts)
    if not one.met:
        return one
    for node in facts.nodes:
        cmap = node.cmap.value
        if cmap is None or cmap.int("totem.config_version") != version:
            return unmet(f"{node.name} does not run version {version}")
        for entry in cmap.under("runtime.members."):
            if entry.key.endswith(".status") and entry.value == "joined":
                key = entry.key.removesuffix(".status") + ".config_version"
                if cmap.int(key) != version:
                    return unmet(f"{node.name} sees a member with version {cmap.get(key)}, not {version}")
    return MET


def links_up(facts: ClusterFacts, *, links: Collection[int]) -> Verdict:
    """Are these links connected between all nodes, by both ends' views?"""
    rows = [row for row in link_rows(facts, membership(facts)) if row.link in links]
    if not rows or {row.link for row in rows} != set(links):
        return unmet(f"not every node has {', '.join(f'link {one}' for one in sorted(links)) or 'a link that stays'}")
    for row in rows:
        if row.state is LinkState.DOWN:
            return unmet(f"link {row.link} from {row.source} to {row.target} is down")
        if row.state is not LinkState.CONNECTED:
            return unmet(f"{row.source} does not say how link {row.link} to {row.target} is")
    return MET


def everyone_writes(facts: ClusterFacts) -> Verdict:
    """Does pmxcfs take writes on every node?"""
    for node in facts.nodes:
        verdict = whole.pmxcfs_writable(facts, node=node.name)
        if not verdict.met:
            return verdict
    return MET


def watchdogs_let(facts: ClusterFacts, *, code: str, accepted: Sequence[str]) -> Verdict:
    """Is every armed watchdog accepted by name, or HA disarmed everywhere?

    Args:
        facts: with HA.
        code: of the finding that the operator accepts.
        accepted: the risks that were taken, as ``CODE:SUBJECT``.
    """
    if whole.disarmed(facts).met:
        return MET
    for name in whole.armed_nodes(facts):
        if f"{code}:{name}" not in accepted:
            return unmet(f"the watchdog of {name} is armed, or was not seen")
    return MET
