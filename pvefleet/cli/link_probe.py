"""Asking every node about addresses of links: which it has, which of the others' it reaches, which corosync it runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pvefleet.cli.fleet import Fleet
from pvefleet.model.errors import UsageError
from pvefleet.model.node import Node
from pvefleet.model.remote_files import script
from pvefleet.rules.link_world import Asked, parse_addresses, parse_link

_SECONDS = 15.0
_ASK = """\
set -u
export LC_ALL=C.UTF-8
ip -o addr show | sed -n 's/^.* inet6\\{0,1\\} \\([^ /]*\\).*/has \\1/p'
corosync -v | sed -n "s/.*version '\\([^']*\\)'.*/corosync \\1/p"
for address in "$@"; do
  (if ping -c 2 -i 0.3 -W 2 -- "$address" >/dev/null 2>&1; then echo "reaches $address"; fi) &
done
wait
"""


def ask(fleet: Fleet, addresses: Sequence[str]) -> Asked:
    """Return what the nodes said; one that was not read is missing.

    Args:
        fleet: the cluster.
        addresses: whom each node is to reach.
    """

    def work(node: Node) -> str:
        return script(node, _ASK, *addresses, timeout=_SECONDS).text

    names = {entry.name: entry.pve_name for entry in fleet.entries}
    configured: dict[str, tuple[str, ...]] = {}
    versions: dict[str, str] = {}
    answered: list[tuple[str, str]] = []
    for outcome in fleet.fan_out(work, nodes=fleet.nodes, seconds=_SECONDS):
        if outcome.value is None:
            continue
        name = names[outcome.node]
        said = [line.partition(" ") for line in outcome.value.splitlines()]
        configured[name] = tuple(value for key, _, value in said if key == "has")
        versions.update((name, value) for key, _, value in said if key == "corosync")
        answered += [(name, value) for key, _, value in said if key == "reaches"]
    return Asked(configured, tuple(sorted(answered)), versions)


def by_cluster_name(fleet: Fleet, addresses: Mapping[str, str]) -> dict[str, str]:
    """Return *addresses* by the nodes' names in the cluster; they are given by those in hosts.toml.

    Raises:
        UsageError: a node is not in hosts.toml.
    """
    names = {entry.name: entry.pve_name for entry in fleet.entries}
    unknown = [name for name in addresses if name not in names]
    if unknown:
        raise UsageError(f"{unknown[0]} is not a node of {fleet.cluster}", hint=f"its nodes: {', '.join(names)}")
    return {names[name]: address for name, address in addresses.items()}


def from_inventory(fleet: Fleet, link: int) -> dict[str, str]:
    """Return the addresses of one link that hosts.toml gives, by name in hosts.toml."""
    found = {entry.name: dict(entry.links).get(link) for entry in fleet.entries}
    return {name: address for name, address in found.items() if address is not None}


def add_link(fleet: Fleet, link: str, addresses: Sequence[str]) -> Any:
    """Return the procedure that adds a link.

    Args:
        fleet: the cluster.
        link: the value of ``--link``.
        addresses: the values of ``--address``; who is not named has the address that hosts.toml gives.
    """
    from pvefleet.procedures.change_links import AddLink

    number = parse_link(link)
    wanted = by_cluster_name(fleet, from_inventory(fleet, number) | parse_addresses(addresses))
    return AddLink(link=number, addresses=wanted, asked=ask(fleet, tuple(wanted.values())))


def remove_link(fleet: Fleet, link: str) -> Any:
    """Return the procedure that removes a link; *link* is the value of ``--link``."""
    from pvefleet.procedures.change_links import RemoveLink

    return RemoveLink(link=parse_link(link), asked=ask(fleet, ()))


def change_link(fleet: Fleet, link: str, addresses: Sequence[str]) -> Any:
    """Return the procedure that gives a link other addresses.

    Args:
        fleet: the cluster.
        link: the value of ``--link``.
        addresses: the values of ``--address``; who is not named keeps its own.

    Raises:
        UsageError: no address is named.
    """
    from pvefleet.procedures.change_links import ChangeLink

    number = parse_link(link)
    wanted = by_cluster_name(fleet, parse_addresses(addresses))
    if not wanted:
        raise UsageError("which addresses?", hint="--address pve01=10.78.0.1 --address pve02=10.78.0.2")
    # Those that stay are asked about as well, where hosts.toml knows them: all pairs have to reach one another.
    others = by_cluster_name(fleet, from_inventory(fleet, number))
    asked = ask(fleet, tuple(dict.fromkeys((*wanted.values(), *others.values()))))
    return ChangeLink(link=number, addresses=wanted, asked=asked)
