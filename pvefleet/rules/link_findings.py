"""What speaks against adding, removing or changing a link: addresses that cannot work, somebody left without a link."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from parsers.corosync_conf import CorosyncConf
from pvefleet.model.catalogue import finding
from pvefleet.model.finding import Finding
from pvefleet.model.status import LinkRow, LinkState
from pvefleet.rules.corosync_edit import unreadable
from pvefleet.rules.link_edit import LINKS, Addresses, link_addresses, link_numbers


@dataclass(frozen=True, slots=True)
class LinkWorld:
    """What was seen of the cluster, by the nodes' names in the cluster.

    Attributes:
        configured: the addresses that each node has on its interfaces (``ip -o addr``); a node that is missing was
            not looked at.
        answered: pairs of node and address: the node reached that address. A pair that is missing was not reached.
        links: every link in both directions, as the node at its start sees it; names as in hosts.toml.
        versions: the version of corosync on each node.
        names: the name in the cluster to the name in hosts.toml, where they differ.
    """

    configured: Mapping[str, Collection[str]]
    answered: Collection[tuple[str, str]]
    links: Collection[LinkRow]
    versions: Mapping[str, str]
    names: Mapping[str, str]


def add_findings(conf: CorosyncConf, number: int, addresses: Addresses, world: LinkWorld) -> Iterator[Finding]:
    """Yield what speaks against adding a link.

    Args:
        conf: what the cluster runs.
        number: the link's number.
        addresses: node to address, as they were given.
        world: what was seen.
    """
    yield from _always(conf, world)
    if number not in LINKS:
        yield finding("EDT-E-0006", f"link{number}", f"a link has a number from 0 to 7, not {number}")
    elif number in link_numbers(conf):
        yield finding("EDT-E-0006", f"link{number}", f"there is a link {number} already")
    yield from _addresses(conf, number, addresses, world, replaced={})
    yield from connected(conf, link_numbers(conf), world)


def remove_findings(conf: CorosyncConf, number: int, world: LinkWorld) -> Iterator[Finding]:
    """Yield what speaks against removing a link."""
    yield from _always(conf, world)
    if number not in link_numbers(conf):
        yield finding("EDT-E-0006", f"link{number}", f"there is no link {number}")
        return
    if number == 0 and conf.qdevice is not None:
        yield finding("EDT-E-0014", "link0", "the cluster has a QDevice, which needs ring0_addr")
    elif number == 0:
        yield finding("EDT-I-0015", "link0", "no node would have a ring0_addr")
    yield from connected(conf, _others(conf, number), world)


def change_findings(
    conf: CorosyncConf,
    number: int,
    addresses: Addresses,
    world: LinkWorld,
    *,
    aside: tuple[int, Addresses] | None = None,
) -> Iterator[Finding]:
    """Yield what speaks against giving a link other addresses.

    Args:
        conf: what the cluster runs.
        number: the link's number.
        addresses: node to new address; a node that is not named keeps its own.
        world: what was seen.
        aside: number and addresses of the link that carries the traffic meanwhile, where one is added for that.
    """
    yield from _always(conf, world)
    if number not in link_numbers(conf):
        yield finding("EDT-E-0006", f"link{number}", f"there is no link {number}")
        return
    if number == 0 and conf.qdevice is not None:
        # Between the two reloads no node has a ring0_addr.
        yield finding("EDT-E-0014", "link0", "the cluster has a QDevice, which needs ring0_addr all the time")
    old = link_addresses(conf, number)
    new = {**old, **addresses}
    yield from _addresses(conf, number, new, world, replaced=old)
    if aside is not None:
        yield from add_findings(conf, aside[0], aside[1], world)
        shared = sorted(set(new.values()) & set(aside[1].values()))
        for address in shared:
            yield finding("EDT-E-0009", address, f"{address} would be on link {number} and on link {aside[0]}")
    else:
        yield from connected(conf, _others(conf, number), world)


def connected(conf: CorosyncConf, staying: Collection[int], world: LinkWorld) -> Iterator[Finding]:
    """Yield one finding for each pair of nodes that none of the links *staying* connects, seen from both ends.

    Args:
        conf: the configuration: every node of it counts, also such as are away.
        staying: numbers of the links that carry the cluster during and after the change.
        world: what was seen.
    """
    names = [world.names.get(name, name) for name in (node.name or str(node.nodeid) for node in conf.nodes)]
    up = {(row.source, row.target, row.link) for row in world.links if row.state is LinkState.CONNECTED}
    for at, one in enumerate(names):
        for other in names[at + 1 :]:
            good = [link for link in staying if (one, other, link) in up and (other, one, link) in up]
            if not good:
                which = ", ".join(f"link {link}" for link in sorted(staying)) or "no link"
                message = f"{one} and {other} are not connected by what stays: {which}"
                yield finding("EDT-E-0013", f"{one}-{other}", message)


def _others(conf: CorosyncConf, number: int) -> tuple[int, ...]:
    return tuple(one for one in link_numbers(conf) if one != number)


def _always(conf: CorosyncConf, world: LinkWorld) -> Iterator[Finding]:
    yield from unreadable(conf, conf.cluster_name)
    if len(set(world.versions.values())) > 1:
        evidence = [f"{name} {version}" for name, version in world.versions.items()]
        yield finding("EDT-E-0016", conf.cluster_name, "the nodes run different versions of corosync", evidence)


def _addresses(
    conf: CorosyncConf, number: int, addresses: Addresses, world: LinkWorld, *, replaced: Addresses
) -> Iterator[Finding]:
    names = [node.name or str(node.nodeid) for node in conf.nodes]
    missing = [name for name in names if name not in addresses]
    foreign = [name for name in addresses if name not in names]
    if missing:
        yield finding("EDT-E-0007", f"link{number}", f"no address on link {number} for {', '.join(missing)}")
    if foreign:
        yield finding("EDT-E-0007", f"link{number}", f"not a node of the cluster: {', '.join(foreign)}")
    parsed: dict[str, IPv4Address | IPv6Address] = {}
    for name, text in addresses.items():
        address = _usable(text)
        if address is None:
            yield finding("EDT-E-0008", name, f"{text!r} cannot be an address of a link on {name}")
        else:
            parsed[name] = address
    if len({address.version for address in parsed.values()}) > 1:
        evidence = [f"{name} {address}" for name, address in parsed.items()]
        yield finding("EDT-E-0011", f"link{number}", f"link {number} would have IPv4 and IPv6 addresses", evidence)
    yield from _unique(conf, number, parsed)
    yield from _real(parsed, world, replaced)


def _usable(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:
        return None
    bad = address.is_loopback or address.is_multicast or address.is_unspecified or address.is_link_local
    return None if bad else address


def _unique(conf: CorosyncConf, number: int, parsed: Mapping[str, IPv4Address | IPv6Address]) -> Iterator[Finding]:
    owners: dict[str, list[str]] = {}
    for name, address in parsed.items():
        owners.setdefault(str(address), []).append(f"{name}, link {number}")
    for node in conf.nodes:
        for link, text in node.addresses:
            known = _usable(text)
            if link != number and known is not None:
                owners.setdefault(str(known), []).append(f"{node.name or node.nodeid}, link {link}")
    for address_text, where in owners.items():
        if len(where) > 1:
            yield finding("EDT-E-0009", address_text, f"{address_text} would be used {len(where)} times", where)


def _real(parsed: Mapping[str, IPv4Address | IPv6Address], world: LinkWorld, replaced: Addresses) -> Iterator[Finding]:
    """Judge the addresses by what the nodes say; those that stay as they are work or do not work already."""
    for name, address in parsed.items():
        if name not in world.configured:
            yield finding("EDT-E-0010", name, f"it was not seen which addresses {name} has")
        elif address not in {_usable(text) for text in world.configured[name]}:
            yield finding(
                "EDT-E-0010",
                name,
                f"{name} has no interface with the address {address}",
                [f"it has {', '.join(sorted(world.configured[name])) or 'none'}"],
            )
    answered = {(name, _usable(text)) for name, text in world.answered}
    same = {name for name, text in replaced.items() if name in parsed and _usable(text) == parsed[name]}
    for source in parsed:
        for target, address in parsed.items():
            if source == target or {source, target} <= same or (source, address) in answered:
                continue
            yield finding("EDT-E-0012", f"{source}-{target}", f"{source} does not reach {address} of {target}")
