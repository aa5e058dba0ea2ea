"""Is the cluster whole? The checks that procedures gate on and wait for. What was not seen never counts as well."""

from __future__ import annotations

from collections.abc import Hashable

from pvefleet.model.facts import ClusterFacts, NodeFacts
from pvefleet.model.procedure import MET, Verdict, unmet
from pvefleet.model.status import LinkState
from pvefleet.rules.ha_view import ha_view
from pvefleet.rules.links import link_rows
from pvefleet.rules.membership import membership

HA_FRESH_SECONDS = 15.0
"""An agent that holds its lock reports every 10 s; later than this it has missed a round."""


def everyone_read(facts: ClusterFacts) -> Verdict:
    """Was every node of hosts.toml and of the nodelist read?"""
    unread = [node for node in facts.nodes if not node.read]
    if unread:
        error = unread[0].error
        return unmet(f"{unread[0].name} was not read: {error.message if error else 'no answer'}")
    unlisted = [peer.name for peer in membership(facts).peers if not peer.listed]
    return unmet(f"{unlisted[0]} is a member and not in hosts.toml") if unlisted else MET


def members_whole(facts: ClusterFacts) -> Verdict:
    """Does every node see every node of the nodelist as a member, with quorum, in one and the same ring?"""
    read = everyone_read(facts)
    if not read.met:
        return read
    members = membership(facts)
    if not members.peers:
        return unmet("no corosync.conf was read")
    everyone = {peer.nodeid for peer in members.peers}
    for node in facts.nodes:
        status = node.quorum.value
        if status is None:
            return unmet(f"corosync on {node.name} does not answer")
        away = sorted(everyone - {member.nodeid for member in status.members})
        if away:
            names = ", ".join(members.name_of(one) for one in away)
            return unmet(f"not a member by the view of {node.name}: {names}")
        if not status.quorate:
            return unmet(f"{node.name} has no quorum")
    rings = {node.quorum.value.ring_id for node in facts.nodes if node.quorum.value}
    return MET if len(rings) == 1 else unmet(f"the nodes are in different rings: {', '.join(sorted(rings))}")


def ring_ids(facts: ClusterFacts) -> Hashable:
    """Return every node's ring id: they change with each new membership, also with one that is over already."""
    return tuple((node.name, node.quorum.value.ring_id if node.quorum.value else None) for node in facts.nodes)


def links_whole(facts: ClusterFacts) -> Verdict:
    """Is every link of every node connected to every other, by both ends' views?"""
    for row in link_rows(facts, membership(facts)):
        if row.state is LinkState.DOWN:
            return unmet(f"link {row.link} from {row.source} to {row.target} is down")
        if row.state is not LinkState.CONNECTED:
            return unmet(f"{row.source} does not say how link {row.link} to {row.target} is")
    return MET


def link_count(facts: ClusterFacts) -> int:
    """Return how many links every node of the nodelist has."""
    return min((len(peer.addresses) for peer in membership(facts).peers), default=0)


def one_config(facts: ClusterFacts) -> Verdict:
    """Do all nodes run the version that both of their copies of corosync.conf hold, and are all copies the same?"""
    digests: dict[str, str] = {}
    versions: dict[str, int | None] = {}
    for node in facts.nodes:
        local, record, cmap = node.conf_running_file.value, node.conf_cluster_file.value, node.cmap.value
        if local is None or record is None:
            lacking = node.conf_running_file if local is None else node.conf_cluster_file
            return unmet(f"{lacking.source} on {node.name} was not read")
        if cmap is None:
            return unmet(f"corosync on {node.name} does not say what it runs")
        if local.digest != record.digest:
            return unmet(f"{node.conf_running_file.source} on {node.name} is not what /etc/pve/corosync.conf says")
        running = cmap.int("totem.config_version")
        if running != local.conf.config_version:
            return unmet(f"{node.name} runs version {running}, its file has {local.conf.config_version}")
        digests[node.name], versions[node.name] = local.digest, running
    return MET if len(set(digests.values())) == 1 else unmet(f"corosync.conf differs between nodes: {versions}")


def conf_accepted(facts: ClusterFacts, *, node: str) -> Verdict:
    """Would corosync on *node* start with the file it has?"""
    process = _node(facts, node)
    test = process.corosync.conf_test.value if process and process.corosync else None
    if test is None:
        return unmet(f"corosync -t on {node} gave no answer")
    return MET if test.valid else unmet(f"corosync on {node} would not start again: {test.said}")


def restarted(facts: ClusterFacts, *, node: str, since: str) -> Verdict:
    """Does another corosync run on *node* than the one that did when the plan was made?

    Args:
        facts: with the COROSYNC section.
        node: where.
        since: what :func:`corosync_start` was then.
    """
    now = corosync_start(facts, node)
    if now is None:
        return unmet(f"corosync on {node} does not run")
    return MET if now != since else unmet(f"corosync on {node} has not been restarted")


def corosync_start(facts: ClusterFacts, node: str) -> str | None:
    """Return what tells one start of *node*'s corosync from any other: boot and start tick; None where it is unseen."""
    seen = _node(facts, node)
    machine = seen.machine.value if seen else None
    start = seen.corosync.started.value if seen and seen.corosync else None
    return f"{machine.boot_id} {start}" if machine and start is not None else None


def pmxcfs_writable(facts: ClusterFacts, *, node: str) -> Verdict:
    """Does pmxcfs on *node* take writes?"""
    seen = _node(facts, node)
    state = seen.pmxcfs.value if seen else None
    if state is None or not state.mounted:
        return unmet(f"/etc/pve on {node} is not there")
    return MET if state.writable else unmet(f"/etc/pve on {node} is read-only")


def ha_settled(facts: ClusterFacts) -> Verdict:
    """Does the HA manager see every node online, with every agent's report fresh? Where HA is not used, it is settled.

    The manager needs up to 9 s longer than the rest after a node has come back.
    """
    view = ha_view(facts, membership(facts))
    if view.files is None:
        return unmet("no node gave its copy of the HA files")
    if not view.used and not view.node_states:
        return MET
    if view.used and not view.managed:
        return unmet("the HA manager does not report")
    for agent in view.agents:
        state = view.node_states.get(agent.name)
        if state is not None and state not in ("online", "maintenance"):
            return unmet(f"the HA manager sees {agent.name} as {state}")
        if agent.status is not None and agent.status.state == "lost_agent_lock":
            return unmet(f"the HA agent of {agent.name} has lost its lock")
        if agent.status is not None and (agent.age is None or agent.age > HA_FRESH_SECONDS):
            return unmet(f"the HA agent of {agent.name} has not reported for {agent.age or 0:.0f} s")
    return MET


def disarmed(facts: ClusterFacts) -> Verdict:
    """Is HA disarmed, by the manager's word and by the watchdog's marker on every node?"""
    view = ha_view(facts, membership(facts))
    disarm = view.manager.disarm if view.manager else None
    if disarm is None or disarm.state != "disarmed":
        return unmet(f"HA is {disarm.state}" if disarm else "HA is not disarmed")
    armed = armed_nodes(facts)
    return unmet(f"the watchdog of {armed[0]} is armed, or was not seen") if armed else MET


def armed_nodes(facts: ClusterFacts) -> tuple[str, ...]:
    """Return the nodes whose watchdog is armed, or was not seen."""
    return tuple(
        node.name
        for node in facts.nodes
        if node.ha is None or node.ha.watchdog.value is None or node.ha.watchdog.value.armed
    )


def _node(facts: ClusterFacts, name: str) -> NodeFacts | None:
    return next((node for node in facts.nodes if node.name == name), None)
