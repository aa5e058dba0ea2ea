"""Links in corosync.conf: added, removed, and given other addresses, as series of whole configurations.

An address never changes in place: corosync refuses such a reload as a whole, and leaves files and daemons on different
versions. It changes by removing the link and adding it anew, while another link carries the traffic; a cluster with a
single link gets a second one first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from parsers.corosync_conf import CorosyncConf, Item, Section, Setting
from pvefleet.model.totem import ConfEdit
from pvefleet.rules.corosync_edit import edits, exchanged, with_interface
from pvefleet.rules.timers import interface_number

LINKS = range(8)
"""The numbers a link may have."""

Addresses = Mapping[str, str]
"""The name of a node in the cluster to its address on one link."""

_RING = re.compile(r"ring([0-7])_addr")


def link_numbers(conf: CorosyncConf) -> tuple[int, ...]:
    """Return the numbers of the links that any node has, in order."""
    return tuple(sorted({number for node in conf.nodes for number, _ in node.addresses}))


def link_addresses(conf: CorosyncConf, number: int) -> dict[str, str]:
    """Return the addresses of one link, by the name of the node (its id where it has none)."""
    found = {node.name or str(node.nodeid): dict(node.addresses).get(number) for node in conf.nodes}
    return {name: address for name, address in found.items() if address is not None}


def add_link(
    conf: CorosyncConf, number: int, addresses: Addresses, *, priority: int | None = None
) -> tuple[ConfEdit, ...]:
    """Return the one edit that adds a link.

    Args:
        conf: what the cluster runs.
        number: the link's number.
        addresses: one for every node, by its name in the cluster.
        priority: ``knet_link_priority``; corosync's own order unless given.

    Raises:
        ValueError: what :func:`pvefleet.rules.link_findings.add_findings` would have refused.
    """
    settings = () if priority is None else (("knet_link_priority", str(priority)),)
    return edits(conf, [(f"add link {number}", with_link(conf, number, addresses, settings))])


def remove_link(conf: CorosyncConf, number: int) -> tuple[ConfEdit, ...]:
    """Return the one edit that removes a link.

    Args:
        conf: what the cluster runs.
        number: the link's number.

    Raises:
        ValueError: there is no such link, or no other one.
    """
    return edits(conf, [(f"remove link {number}", without_link(conf, number))])


def change_link(
    conf: CorosyncConf,
    number: int,
    addresses: Addresses,
    *,
    aside: tuple[int, Addresses] | None = None,
) -> tuple[ConfEdit, ...]:
    """Return the edits that give a link other addresses: remove it, add it anew, with its settings.

    Args:
        conf: what the cluster runs.
        number: the link's number.
        addresses: the new ones; a node that is not named keeps its own.
        aside: a further link that carries the traffic meanwhile: its number and its addresses. It is added first, and
            stays: a cluster of one link needs it, and is better off with it afterwards.

    Raises:
        ValueError: there is no such link, or nothing else would carry the traffic.
    """
    if number not in link_numbers(conf):
        raise ValueError(f"there is no link {number}")
    steps: list[tuple[str, CorosyncConf]] = []
    now = conf
    if aside is not None:
        now = with_link(now, aside[0], aside[1])
        steps.append((f"add link {aside[0]}, to carry the traffic", now))
    settings = _interface_settings(conf, number)
    new = {**link_addresses(conf, number), **addresses}
    without = without_link(now, number)
    steps.append((f"remove link {number} with its old addresses", without))
    steps.append((f"add link {number} with its new addresses", with_link(without, number, new, settings)))
    return edits(conf, steps)


def with_link(
    conf: CorosyncConf, number: int, addresses: Addresses, settings: tuple[tuple[str, str], ...] = ()
) -> CorosyncConf:
    """Return *conf* with one more link; its version stays.

    Args:
        conf: the configuration.
        number: the link's number.
        addresses: one for every node, by its name in the cluster.
        settings: what its ``interface`` section holds beside the number.

    Raises:
        ValueError: the number is not free or not possible, or a node has no address.
    """
    names = {node.name or str(node.nodeid) for node in conf.nodes}
    if number not in LINKS or number in link_numbers(conf):
        raise ValueError(f"link {number} cannot be added")
    if names != set(addresses):
        raise ValueError(f"not one address for each of {', '.join(sorted(names))}")
    nodelist = conf.section("nodelist")
    for node in nodelist.sections("node"):
        address = addresses[node.get("name") or node.get("nodeid") or ""]
        nodelist = exchanged(nodelist, node, _with_address(node, number, address))
    conf = conf.with_section(nodelist)
    totem = conf.section("totem")
    known = next((one for one in totem.sections("interface") if interface_number(one) == number), None)
    interface = known or Section("interface", ()).with_setting("linknumber", str(number))
    for key, value in settings:
        interface = interface.with_setting(key, value)
    return conf.with_section(exchanged(totem, known, interface) if known else with_interface(totem, interface))


def without_link(conf: CorosyncConf, number: int) -> CorosyncConf:
    """Return *conf* without a link, its addresses and its ``interface`` section; its version stays.

    Raises:
        ValueError: there is no such link, or no other one.
    """
    if number not in link_numbers(conf):
        raise ValueError(f"there is no link {number}")
    if any(not [one for one, _ in node.addresses if one != number] for node in conf.nodes):
        raise ValueError(f"link {number} is the last one of a node")
    nodelist, key = conf.section("nodelist"), f"ring{number}_addr"
    for node in nodelist.sections("node"):
        nodelist = exchanged(nodelist, node, replace(node, items=_without_setting(node, key)))
    totem = conf.section("totem")
    for interface in totem.sections("interface"):
        if interface_number(interface) == number:
            totem = totem.without(interface)
    return conf.with_section(nodelist).with_section(totem)


def _without_setting(section: Section, key: str) -> tuple[Item, ...]:
    return tuple(item for item in section.items if not (isinstance(item, Setting) and item.key == key))


def _with_address(node: Section, number: int, address: str) -> Section:
    """Put the address behind those of lower links, as Proxmox VE sorts them."""
    before = [
        at
        for at, item in enumerate(node.items)
        if isinstance(item, Setting) and (match := _RING.fullmatch(item.key)) and int(match[1]) < number
    ]
    after = [at for at, item in enumerate(node.items) if isinstance(item, Setting) and _RING.fullmatch(item.key)]
    at = before[-1] + 1 if before else after[0] if after else len(node.items)
    return replace(node, items=(*node.items[:at], Setting(f"ring{number}_addr", address), *node.items[at:]))


def _interface_settings(conf: CorosyncConf, number: int) -> tuple[tuple[str, str], ...]:
    sections = conf.section("totem").sections("interface")
    own = next((one.settings() for one in sections if interface_number(one) == number), ())
    return tuple((key, value) for key, value in own if key != "linknumber")
