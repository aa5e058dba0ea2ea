"""From what was read to evidence: who could look, what each of them saw, and what is known of the watchdog."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from parsers.lrm_status import LrmStatus
from pvefleet.model.bmc import PowerReading
from pvefleet.model.errors import Unreachable, UnreachableReason
from pvefleet.model.evidence import HERE, Evidence, Fencing, Look, Sign, Vantage, Way, Word
from pvefleet.model.evidence_probe import Place, Probed, Suspect
from pvefleet.model.facts import ClusterFacts, NodeFacts
from pvefleet.model.inventory import Endpoint, NodeEntry
from pvefleet.rules.evidence import trusted
from pvefleet.rules.membership import Membership, conf_of_record, membership

_SSH_PORT = 22
_CONNECTED = "connected"
_MEMBER = ((Way.MEMBER, ""),)

_GREETED = frozenset(
    {
        UnreachableReason.HOST_KEY_UNKNOWN,
        UnreachableReason.HOST_KEY_CHANGED,
        UnreachableReason.AUTH_REJECTED,
        UnreachableReason.AUTH_TIMEOUT,
        UnreachableReason.NO_SESSION,
    }
)
"""An SSH server introduced itself under the node's address."""

_ACCEPTED = frozenset({UnreachableReason.REFUSED, UnreachableReason.NO_BANNER, UnreachableReason.CLOSED})
"""A kernel answered; behind a forwarder, only the forwarder did."""

_SILENT = frozenset({UnreachableReason.TIMEOUT, UnreachableReason.NO_ROUTE})


def suspect(entry: NodeEntry, facts: ClusterFacts) -> Suspect:
    """Return where *entry* has to be looked for: every address of hosts.toml, and its links by corosync.conf as well.

    From here its links are tried, too, but need not be silent: this machine may have no way into those networks.
    """
    stated = tuple(dict.fromkeys((entry.endpoint, *entry.alternatives)))
    forwarded = any(endpoint.is_loopback for endpoint in stated)
    port = _SSH_PORT if forwarded else entry.endpoint.port
    peer = membership(facts).by_name(entry.name)
    addresses = dict.fromkeys([*(one for _, one in entry.links), *(one for _, one in (peer.addresses if peer else ()))])
    links = tuple(Endpoint(address, port) for address in addresses)
    direct = tuple(endpoint for endpoint in stated if not endpoint.is_loopback)
    from_here = [Place(endpoint) for endpoint in stated]
    if not forwarded:
        from_here += [Place(link, needed=False) for link in links if link not in stated]
    return Suspect(
        name=entry.name,
        pve_name=entry.pve_name,
        from_here=() if entry.gateway else tuple(from_here),
        from_peers=tuple(Place(endpoint) for endpoint in dict.fromkeys((*links, *direct))),
    )


def evidence(
    entry: NodeEntry,
    facts: ClusterFacts,
    probed: Mapping[str, Probed],
    power: Sequence[PowerReading] = (),
    word: Word | None = None,
) -> Evidence:
    """Return the evidence for one node.

    Args:
        entry: the node.
        facts: the cluster, read with HA.
        probed: what the probes brought, by vantage point: the name of a peer, or ``workstation``. A vantage point that
            was not reached is missing.
        power: what its BMC said.
        word: what an operator states.
    """
    known = membership(facts)
    where = suspect(entry, facts)
    peers = [node for node in facts.seen if node.name != entry.name]
    looks = [*_login(entry, facts)]
    vantages = []
    if entry.gateway:
        vantages.append(_behind_gateway(entry, peers))
    elif HERE in probed:
        vantages.append(_here(where, peers))
        looks += probed[HERE].looks
    for peer in peers:
        vantages.append(_from_peer(where, peer, peers, known))
        looks += [*_corosync(entry, peer, known), *_pmxcfs(entry, peer)]
        if peer.name in probed:
            looks += [*probed[peer.name].looks, *_agent(entry, peer, probed[peer.name])]
    return Evidence(
        node=entry.name,
        vantages=tuple(vantages),
        looks=tuple(looks),
        fencing=tuple(_fencing(entry, peer, facts, probed.get(peer.name)) for peer in peers),
        power=tuple(trusted(reading, entry.pve_name) for reading in power),
        word=word,
    )


def _here(where: Suspect, peers: Sequence[NodeFacts]) -> Vantage:
    paths = tuple(path for place in where.from_here if place.needed for path in place.paths)
    heard = any(" via " not in peer.via for peer in peers)
    return Vantage(HERE, paths, "" if heard else "it reached no other node itself")


def _behind_gateway(entry: NodeEntry, peers: Sequence[NodeFacts]) -> Vantage:
    """The gateway is the vantage point: it was asked to connect to every address of the node, and found nobody."""
    heard = any(peer.via.endswith(f" via {entry.gateway}") for peer in peers)
    return Vantage(entry.gateway, ((Way.LOGIN, ""),), "" if heard else "it reached no other node either")


def _from_peer(where: Suspect, peer: NodeFacts, peers: Sequence[NodeFacts], known: Membership) -> Vantage:
    links = tuple((Way.LINK, str(number)) for number in _links(where, known))
    paths = (*_MEMBER, *links, *(path for place in where.from_peers for path in place.paths))
    others = {one.nodeid for node in peers if node.name != peer.name and (one := known.by_name(node.name))}
    status = peer.links.value
    heard = status is not None and any(
        one.nodeid in others and one.state == _CONNECTED for link in status.links for one in link.peers
    )
    return Vantage(peer.name, paths, "it hears no other node on any link" if others and not heard else "")


def _links(where: Suspect, known: Membership) -> tuple[int, ...]:
    peer = known.by_name(where.name)
    return tuple(number for number, _ in peer.addresses) if peer else ()


def _login(entry: NodeEntry, facts: ClusterFacts) -> Iterator[Look]:
    """Yield what became of the login that every command begins with."""
    node = next((one for one in facts.nodes if one.name == entry.name), None)
    vantage = entry.gateway or HERE
    if node is None:
        return
    if node.error is None:
        yield Look(vantage, Way.LOGIN, "", Sign.ALIVE, f"it took commands at {node.via}")
    elif not isinstance(node.error, Unreachable):
        yield Look(vantage, Way.LOGIN, "", Sign.ALIVE, f"a login worked: {node.error.message}")
    elif node.error.reason in _GREETED:
        yield Look(vantage, Way.LOGIN, "", Sign.ALIVE, f"an SSH server answered: {node.error.message}")
    elif node.error.reason in _ACCEPTED and not entry.endpoint.is_loopback:
        yield Look(vantage, Way.LOGIN, "", Sign.ALIVE, f"it answered: {node.error.message}")
    else:
        silent = node.error.reason in _SILENT
        yield Look(vantage, Way.LOGIN, "", Sign.SILENT if silent else Sign.UNKNOWN, node.error.message)


def _corosync(entry: NodeEntry, peer: NodeFacts, known: Membership) -> Iterator[Look]:
    """Yield what a peer's corosync says: membership, and every link to the node."""
    me = known.by_name(entry.name)
    if me is None:
        yield Look(peer.name, Way.MEMBER, "", Sign.UNKNOWN, "corosync.conf does not list it")
        return
    quorum, links, reach = peer.quorum.value, peer.links.value, peer.reach.value
    if quorum is None:
        yield Look(peer.name, Way.MEMBER, "", Sign.UNKNOWN, f"{peer.quorum.source} was not read")
    else:
        member = any(one.nodeid == me.nodeid for one in quorum.members)
        yield Look(peer.name, Way.MEMBER, "", *((Sign.ALIVE, "a member") if member else (Sign.SILENT, "no member")))
    for link in links.links if links else ():
        for one in link.peers:
            if one.nodeid == me.nodeid:
                sign = Sign.ALIVE if one.state == _CONNECTED else Sign.SILENT
                yield Look(peer.name, Way.LINK, str(link.number), sign, one.state)
    for other in reach.peers if reach else ():
        for way in other.links:
            if other.nodeid == me.nodeid and way.connected:
                yield Look(peer.name, Way.LINK, str(way.number), Sign.ALIVE, f"connected to {way.target}")


def _pmxcfs(entry: NodeEntry, peer: NodeFacts) -> Iterator[Look]:
    for node in peer.members.value.nodes if peer.members.value else ():
        if node.name == entry.pve_name:
            sign = Sign.ALIVE if node.online else Sign.SILENT
            yield Look(peer.name, Way.PMXCFS, "", sign, "online" if node.online else "offline")


def _first_report(entry: NodeEntry, peer: NodeFacts) -> LrmStatus | None:
    files = peer.ha.files.value if peer.ha else None
    seen = dict(files.agents).get(entry.pve_name) if files else None
    return seen.value if seen else None


def _agent(entry: NodeEntry, peer: NodeFacts, probed: Probed) -> Iterator[Look]:
    """Yield whether the node's HA agent reported between two readings: both times are by the node's own clock."""
    first = _first_report(entry, peer)
    second = probed.agent.value if probed.agent else None
    if first is not None and second is not None:
        moved = second.timestamp > first.timestamp
        why = f"reported {second.timestamp - first.timestamp} s later" if moved else "no new report"
        yield Look(peer.name, Way.AGENT, "", Sign.ALIVE if moved else Sign.SILENT, why)


def _fencing(entry: NodeEntry, peer: NodeFacts, facts: ClusterFacts, probed: Probed | None) -> Fencing:
    report = _first_report(entry, peer)
    files = peer.ha.files.value if peer.ha else None
    manager = files.manager.value if files else None
    return Fencing(
        peer=peer.name,
        state=report.state if report else None,
        mode=report.mode if report else None,
        disarmed=None if manager is None else manager.disarm is not None,
        quorum_elsewhere=_quorum_elsewhere(peer, facts),
        unchanged=probed.unchanged if probed else None,
        reported=files.clock - report.timestamp if files and report else None,
    )


def _quorum_elsewhere(peer: NodeFacts, facts: ClusterFacts) -> bool | None:
    """Could the nodes that *peer* does not see have quorum among themselves? By the configured votes alone.

    What corosync runs with is not asked: expected votes that were lowered by hand would hide the other side's majority.
    """
    quorum, record = peer.quorum.value, conf_of_record(facts)
    if quorum is None or record is None:
        return None
    device = record.conf.qdevice
    if device is not None and device.votes is None:
        return None
    votes = sum(node.votes for node in record.conf.nodes) + (device.votes or 0 if device else 0)
    return votes - quorum.total_votes >= votes // 2 + 1
