"""Reading hosts.toml, and picking nodes out of it by the names an operator types after ``-H``."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TypeVar

from pvefleet.model.errors import InventoryError, UsageError
from pvefleet.model.evidence import Level
from pvefleet.model.inventory import (
    ClusterEntry,
    Endpoint,
    GatewayEntry,
    Inventory,
    NodeEntry,
    Policy,
)
from pvefleet.nodes.addresses import check_host, check_port, parse_endpoint
from pvefleet.nodes.bmc_entry import read_bmc
from pvefleet.nodes.hosts_schema import (
    ClusterTable,
    HostsTable,
    NodeTable,
    PolicyTable,
    SchemaError,
    decode,
    similar,
)

T = TypeVar("T")

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\Z")
_TOP_LINK = 7
"""corosync knows links 0 to 7."""


def load(path: Path) -> Inventory:
    """Read and validate a hosts.toml.

    Args:
        path: the file; relative paths in it are relative to its folder, ``~`` is the home directory.

    Returns:
        Everything it says, in the order of the file. ``known_hosts`` is the file of that name beside it unless it
        says otherwise. A cluster's name is also a group.

    Raises:
        InventoryError: it cannot be read, is not TOML, or has a key or value that is not allowed: the first of them,
            with file, key and reason.
    """
    path = path.absolute()
    document = _parse(path)
    try:
        return _Builder(path, decode(document)).build()
    except SchemaError as problem:
        keys = ".".join(key if _NAME.match(key) else f'"{key}"' for key in problem.path)
        where = f"{path}: {keys}" if keys else str(path)
        raise InventoryError(f"{where}: {problem.reason}", hint=problem.hint) from problem


def select(inventory: Inventory, names: Sequence[str]) -> tuple[NodeEntry, ...]:
    """Pick nodes by name.

    Args:
        inventory: where from.
        names: node names and ``@group``; blanks around them and empty ones are dropped.

    Returns:
        The nodes in the order asked for, each once. Nothing if *names* is empty.

    Raises:
        UsageError: a name is unknown, or names were given and none is left.
    """
    nodes = {node.name: node for node in inventory.nodes}
    groups = dict(inventory.groups)
    wanted: dict[str, NodeEntry] = {}
    for name in (given.strip() for given in names):
        if name.startswith("@"):
            if name[1:] not in groups:
                raise UsageError(
                    f"there is no group {name} in {inventory.path}", hint=_other_name(name[1:], groups, "@")
                )
            wanted.update((member, nodes[member]) for member in groups[name[1:]])
        elif name in nodes:
            wanted[name] = nodes[name]
        elif name:
            raise UsageError(f"there is no node {name!r} in {inventory.path}", hint=_unknown_node(name, nodes, groups))
    if names and not wanted:
        raise UsageError("no node is named", hint=f"known nodes: {', '.join(nodes)}")
    return tuple(wanted.values())


def _unknown_node(name: str, nodes: Iterable[str], groups: Iterable[str]) -> str:
    if name in groups:
        return f"{name} is a cluster or a group: write @{name}"
    if "@" in name or ":" in name:
        return "only names of hosts.toml are taken; user, address and port stand there"
    return _other_name(name, nodes, "")


def _other_name(name: str, known: Iterable[str], sign: str) -> str:
    known = list(known)
    listed = ", ".join(sign + other for other in known)
    guess = similar(name, known).replace("did you mean ", f"did you mean {sign}")
    return guess or (f"known: {listed}" if listed else "hosts.toml has none")


def _parse(path: Path) -> dict[str, object]:
    try:
        text = path.read_bytes().decode("utf-8")
        return tomllib.loads(text)
    except FileNotFoundError as error:
        raise InventoryError(
            f"{path}: there is no such file", hint="PVEFLEET_HOSTS names another one; README shows what belongs into it"
        ) from error
    except OSError as error:
        raise InventoryError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InventoryError(f"{path}: line {line}: not UTF-8 text", hint="save the file as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        reason, _, place = str(error).rpartition(" (at ")
        hint = "text stands in quotes, tables in [brackets]"
        raise InventoryError(f"{path}: line {_line(place, text)}: not TOML: {reason}", hint=hint) from error


def _line(place: str, text: str) -> int:
    """Read the line out of ``line 3, column 5)`` or ``end of document)``."""
    found = re.match(r"line (\d+)", place)
    return int(found.group(1)) if found else text.rstrip().count("\n") + 1


class _Builder:
    """Turns the decoded tables into records and checks what they mean together."""

    def __init__(self, path: Path, table: HostsTable) -> None:
        self._path = path
        self._table = table
        self._owners: dict[str, str] = {}
        self._endpoints: dict[tuple[str, Endpoint], str] = {}

    def build(self) -> Inventory:
        if not self._table.clusters:
            raise SchemaError(("clusters",), "there is no cluster", "add a [clusters.NAME] with its nodes")
        gateways = tuple(self._gateway(name) for name in self._table.gateways)
        clusters = tuple(self._cluster(name, table) for name, table in self._table.clusters.items())
        defaults = [cluster.name for cluster in clusters if cluster.default]
        if len(defaults) > 1:
            reason = f"{defaults[0]} is the default already"
            raise SchemaError(("clusters", defaults[1], "default"), reason, "mark one cluster at most")
        named = [(cluster.name, tuple(node.name for node in cluster.nodes)) for cluster in clusters]
        groups = [(name, self._group(name, members)) for name, members in self._table.groups.items()]
        known_hosts = self._file(("known_hosts",), self._table.known_hosts or "known_hosts")
        return Inventory(self._path, clusters, (*named, *groups), gateways, known_hosts)

    def _gateway(self, name: str) -> GatewayEntry:
        table, keys = self._table.gateways[name], ("gateways", name)
        _check_name(keys, name, "gateway")
        _checked((*keys, "port"), check_port, table.port)
        endpoint = _checked((*keys, "address"), parse_endpoint, table.address, table.port)
        return GatewayEntry(name, endpoint, _user((*keys, "user"), table.user), self._identity(keys, table.identity))

    def _cluster(self, name: str, table: ClusterTable) -> ClusterEntry:
        keys = ("clusters", name)
        _check_name(keys, name, "cluster")
        _checked((*keys, "port"), check_port, table.port)
        _user((*keys, "user"), table.user)
        self._check_gateway((*keys, "gateway"), table.gateway)
        if not table.nodes:
            raise SchemaError((*keys, "nodes"), "the cluster has no node", f"add a [clusters.{name}.nodes.NODE]")
        nodes = tuple(self._node(name, table, alias, node) for alias, node in table.nodes.items())
        by_pve_name: dict[str, str] = {}
        for node in nodes:
            other = by_pve_name.setdefault(node.pve_name, node.name)
            if other != node.name:
                reason = f"{other} has the same name in the cluster: {node.pve_name}"
                raise SchemaError((*keys, "nodes", node.name, "pve_name"), reason, "it is what `uname -n` prints there")
        return ClusterEntry(name, table.default, nodes, _policy((*keys, "policy"), table.policy))

    def _node(self, cluster: str, shared: ClusterTable, alias: str, table: NodeTable) -> NodeEntry:
        keys = ("clusters", cluster, "nodes", alias)
        _check_name(keys, alias, "node")
        if self._owners.setdefault(alias, cluster) != cluster:
            reason = f"cluster {self._owners[alias]} has a node of that name already"
            raise SchemaError(keys, reason, "choose another key and set pve_name to the node's own name")
        if alias in self._table.gateways:
            raise SchemaError(keys, "a gateway has that name already", "host keys are pinned by name: rename one")
        port = shared.port if table.port is None else table.port
        _checked((*keys, "port"), check_port, port)
        gateway = shared.gateway if table.gateway is None else table.gateway
        self._check_gateway((*keys, "gateway"), gateway)
        endpoints = [_checked((*keys, "address"), parse_endpoint, table.address, port)]
        endpoints += [_checked((*keys, "alternatives"), parse_endpoint, text, port) for text in table.alternatives]
        for endpoint in endpoints:
            other = self._endpoints.setdefault((gateway, endpoint), alias)
            if other != alias:
                raise SchemaError(keys, f"{endpoint} is the address of {other} already", "each node has its own")
        pve_name = alias if table.pve_name is None else table.pve_name
        _check_name((*keys, "pve_name"), pve_name, "node")
        return NodeEntry(
            name=alias,
            pve_name=pve_name,
            cluster=cluster,
            endpoint=endpoints[0],
            alternatives=tuple(dict.fromkeys(endpoints[1:])),
            links=_links((*keys, "links"), table),
            user=_user((*keys, "user"), shared.user if table.user is None else table.user),
            identity=self._identity(keys, shared.identity if table.identity is None else table.identity),
            gateway=gateway,
            bmc=None if table.bmc is None else read_bmc((*keys, "bmc"), table.bmc, self._file),
        )

    def _group(self, name: str, members: tuple[str, ...]) -> tuple[str, ...]:
        keys = ("groups", name)
        _check_name(keys, name, "group")
        if name in self._table.clusters:
            raise SchemaError(keys, "a cluster has that name already, and is a group itself", "rename the group")
        if not members:
            raise SchemaError(keys, "the group is empty", "list node names, or leave it out")
        for member in members:
            if member not in self._owners:
                raise SchemaError(keys, f"there is no node {member!r}", _other_name(member, self._owners, ""))
        return tuple(dict.fromkeys(members))

    def _check_gateway(self, keys: tuple[str, ...], name: str) -> None:
        if name and name not in self._table.gateways:
            raise SchemaError(keys, f"there is no gateway {name!r}", _other_name(name, self._table.gateways, ""))

    def _identity(self, keys: tuple[str, ...], text: str | None) -> Path | None:
        return None if text is None else self._file((*keys, "identity"), text)

    def _file(self, keys: tuple[str, ...], text: str) -> Path:
        if not text:
            raise SchemaError(keys, "is empty", "leave the key out instead")
        try:
            return self._path.parent / Path(text).expanduser()
        except RuntimeError as error:
            raise SchemaError(keys, f"{text.split('/')[0]} is nobody's home directory") from error


def _checked(keys: tuple[str, ...], check: Callable[..., T], *args: object) -> T:
    try:
        return check(*args)
    except ValueError as error:
        hint = "HOST, HOST:PORT or [IPv6]:PORT" if check is parse_endpoint else ""
        raise SchemaError(keys, str(error), hint) from error


def _check_name(keys: tuple[str, ...], name: str, what: str) -> None:
    if not _NAME.match(name):
        reason = f"{name!r} cannot be the name of a {what}"
        raise SchemaError(keys, reason, "letters, digits, dots, hyphens and underscores, as typed after -H")


def _user(keys: tuple[str, ...], user: str) -> str:
    if not user or user != user.strip() or "@" in user:
        raise SchemaError(keys, f"{user!r} is not a login name")
    return user


def _links(keys: tuple[str, ...], table: NodeTable) -> tuple[tuple[int, str], ...]:
    links: dict[int, str] = {}
    for number, address in table.links.items:
        if not (number.isascii() and number.isdigit() and int(number) <= _TOP_LINK):
            raise SchemaError((*keys, number), f"corosync has links 0 to {_TOP_LINK}")
        _checked((*keys, number), check_host, address)
        if address in links.values():
            raise SchemaError((*keys, number), f"{address} is another link's address already")
        links[int(number)] = address
    return tuple(sorted(links.items()))


def _policy(keys: tuple[str, ...], table: PolicyTable) -> Policy:
    given = {item.name: getattr(table, item.name) for item in fields(table) if item.name != "evidence"}
    stated = {name: value for name, value in given.items() if value is not None}
    for name, value in stated.items():
        if not (0 < value < math.inf):
            raise SchemaError((*keys, name), "must be more than 0")
    return Policy(**stated, evidence=_evidence((*keys, "evidence"), table.evidence))


def _evidence(keys: tuple[str, ...], text: str | None) -> Level | None:
    if text is None:
        return None
    if text in (Level.E0, Level.E1):
        reason = f"{text} never suffices: a node that is only cut off is silent too"
        raise SchemaError(keys, reason, "it is E2, E3 or E4")
    if text not in tuple(Level):
        raise SchemaError(keys, f"{text!r} is no level of evidence", "it is E2, E3 or E4")
    return Level(text)
