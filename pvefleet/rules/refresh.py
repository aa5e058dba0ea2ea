"""A node that slept through a change of corosync.conf: may it be given the cluster's, and is it back?"""

from __future__ import annotations

from collections.abc import Iterator

from pvefleet.model.catalogue import finding
from pvefleet.model.facts import ClusterFacts, ConfFile, NodeFacts
from pvefleet.model.finding import Finding
from pvefleet.model.procedure import MET, Verdict, unmet


def conf_of_others(facts: ClusterFacts, *, node: str) -> ConfFile | None:
    """Return the corosync.conf that the rest of the cluster runs: quorate, the same in both files and running.

    Returns:
        None where no other node is quorate, or where those that are do not agree.
    """
    found: dict[str, ConfFile] = {}
    for one in facts.seen:
        record, local, cmap = one.conf_cluster_file.value, one.conf_running_file.value, one.cmap.value
        if one.name == node or one.quorum.value is None or not one.quorum.value.quorate:
            continue
        if record is None or local is None or cmap is None or record.digest != local.digest:
            return None
        if cmap.int("totem.config_version") != record.conf.config_version:
            return None
        found[record.digest] = record
    return next(iter(found.values())) if len(found) == 1 else None


def refresh_findings(facts: ClusterFacts, node: str) -> Iterator[Finding]:
    """Yield what speaks against giving *node* the others' corosync.conf.

    Args:
        facts: with HEALTH.
        node: its name in hosts.toml.
    """
    others = conf_of_others(facts, node=node)
    seen = next((one for one in facts.nodes if one.name == node), None)
    if others is None:
        yield finding("CHG-E-0004", node, "no other node is quorate with one configuration in its files and running")
        return
    if seen is None or not any(one.name == seen.pve_name for one in others.conf.nodes):
        yield finding("CHG-E-0003", node, f"the cluster's corosync.conf does not list {node}")
        return
    keys = {
        one.name: one.health.authkey.value for one in facts.seen if one.health is not None and one.health.authkey.value
    }
    theirs = {key for name, key in keys.items() if name != node}
    if keys.get(node) not in theirs:
        yield finding("CHG-E-0005", node, f"the authkey of {node} is not the others', or was not read")
    if back(facts, node=node, digest=others.digest).met:
        yield finding("CHG-I-0006", node, f"{node} is a member with version {others.conf.config_version}")


def others_hold(facts: ClusterFacts, *, node: str, digest: str) -> Verdict:
    """Does the rest of the cluster still run this configuration, with quorum?"""
    found = conf_of_others(facts, node=node)
    if found is None:
        return unmet("no other node is quorate with one configuration in its files and running")
    return MET if found.digest == digest else unmet("the cluster's configuration has changed")


def has_file(facts: ClusterFacts, *, node: str, digest: str) -> Verdict:
    """Does the node's own file hold this content?"""
    seen = _node(facts, node)
    copy = seen.conf_running_file.value if seen else None
    if copy is None:
        return unmet(f"/etc/corosync/corosync.conf on {node} was not read")
    return MET if copy.digest == digest else unmet(f"{node} has version {copy.conf.config_version}")


def back(facts: ClusterFacts, *, node: str, digest: str) -> Verdict:
    """Is the node a member by every quorate node's view, with this configuration in its file and running?"""
    file = has_file(facts, node=node, digest=digest)
    if not file.met:
        return file
    seen = _node(facts, node)
    if seen is None or seen.quorum.value is None or seen.cmap.value is None or seen.conf_running_file.value is None:
        return unmet(f"corosync on {node} does not run")
    if seen.cmap.value.int("totem.config_version") != seen.conf_running_file.value.conf.config_version:
        return unmet(f"corosync on {node} runs another version than its file has")
    if not seen.quorum.value.quorate:
        return unmet(f"{node} has no quorum")
    mine = seen.quorum.value.nodeid
    for one in facts.seen:
        view = one.quorum.value
        if view is not None and view.quorate and mine not in {member.nodeid for member in view.members}:
            return unmet(f"{one.name} does not see {node} as a member")
    return MET


def _node(facts: ClusterFacts, name: str) -> NodeFacts | None:
    return next((one for one in facts.nodes if one.name == name), None)
