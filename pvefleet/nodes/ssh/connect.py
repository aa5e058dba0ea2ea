"""Turning entries of hosts.toml into nodes that run commands over SSH."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from pvefleet.model.inventory import GatewayEntry, Inventory, NodeEntry, Policy
from pvefleet.nodes.ssh.connection import NodeConnection, login_work
from pvefleet.nodes.ssh.dial import Deadline, Stage
from pvefleet.nodes.ssh.errors import key_unknown, login_failure, unreachable
from pvefleet.nodes.ssh.hostkeys import fetch
from pvefleet.nodes.ssh.identity import KeyFileError, Keyring
from pvefleet.nodes.ssh.known_hosts import HostKey, KnownHosts, read
from pvefleet.nodes.ssh.node import SshNode
from pvefleet.nodes.ssh.reach import Route, race
from pvefleet.nodes.ssh.roads import Gateway, Roads


def ssh_nodes(
    entries: Sequence[NodeEntry],
    inventory: Inventory,
    *,
    passphrase: Callable[[Path], str | None],
    peers: Sequence[NodeEntry] = (),
) -> tuple[SshNode, ...]:
    """Make a node of each entry. No connection is made before a node's first command, but private keys are opened now.

    Args:
        entries: the nodes wanted.
        inventory: where they come from: its gateways, host keys and policies.
        passphrase: asks for the passphrase of an encrypted private key, once per file; None means there is none.
        peers: further nodes that may serve as stepping stones to them; they are connected to only if need be.

    Returns:
        One node per entry, in their order. Closing all of them also closes the gateways and stepping stones they used.

    Raises:
        HostKeysError: the file with the host keys exists and cannot be read.
    """
    known = read(inventory.known_hosts)
    keyring = Keyring(passphrase)
    policies = {cluster.name: cluster.policy for cluster in inventory.clusters}
    roads = _roads((*entries, *peers), inventory, keyring, known)
    shared = _Shared(roads)

    def node(entry: NodeEntry, closed: Callable[[], None] = lambda: None) -> SshNode:
        return SshNode(
            entry,
            identity=keyring.identity(entry.identity),
            known=known,
            roads=roads,
            connect_seconds=policies.get(entry.cluster, Policy()).connect_seconds,
            closed=closed,
        )

    wanted = {entry.name for entry in entries}
    nodes = tuple(node(entry, shared.one_less(entry.name)) for entry in entries)
    stones = tuple(node(entry) for entry in peers if entry.name not in wanted)
    shared.know(wanted, stones)
    roads.lead_past((*nodes, *stones))
    return nodes


def shown_host_key(
    entry: NodeEntry, inventory: Inventory, *, passphrase: Callable[[Path], str | None], seconds: float = 7.0
) -> HostKey:
    """Fetch the host key of *entry*, as ``hostkeys.fetch`` does, but through its gateway if it has one.

    Args:
        entry: the node.
        inventory: its gateways and the pinned host keys; the gateway's own must be among them.
        passphrase: asks for the passphrase of the gateway's private key.
        seconds: how long it may take.

    Raises:
        Unreachable: it, or its gateway, does not answer.
        HostKeysError: the file with the host keys exists and cannot be read.
    """
    roads = _roads((entry,), inventory, Keyring(passphrase), read(inventory.known_hosts))
    try:
        return fetch(entry, seconds=seconds, routes=roads.direct(entry))
    finally:
        roads.close()


def _roads(entries: Sequence[NodeEntry], inventory: Inventory, keyring: Keyring, known: KnownHosts) -> Roads:
    """Build the ways to *entries*; the gateways' private keys are opened now, while somebody can be asked."""
    used = {entry.gateway for entry in entries}
    gateways = [entry for entry in inventory.gateways if entry.name in used]
    for entry in gateways:
        keyring.identity(entry.identity)
    return Roads({entry.name: Gateway(entry, _gateway_login(keyring, known)) for entry in gateways})


class _Shared:
    """Closes what the nodes share once all of them are closed."""

    def __init__(self, roads: Roads) -> None:
        self._roads = roads
        self._lock = threading.Lock()
        self._open: set[str] = set()
        self._stones: tuple[SshNode, ...] = ()

    def know(self, names: set[str], stones: tuple[SshNode, ...]) -> None:
        self._open = set(names)
        self._stones = stones

    def one_less(self, name: str) -> Callable[[], None]:
        def closed() -> None:
            with self._lock:
                self._open.discard(name)
                last = not self._open
            if last:
                for stone in self._stones:
                    stone.close()
                self._roads.close()

        return closed


def _gateway_login(keyring: Keyring, known: KnownHosts) -> Callable[[GatewayEntry, Deadline], NodeConnection]:
    def login(entry: GatewayEntry, deadline: Deadline) -> NodeConnection:
        identity = keyring.identity(entry.identity)
        if isinstance(identity, KeyFileError):
            raise unreachable(entry.name, [("", login_failure(identity, Stage.RESOLVING))])
        if not known.keys(entry.name):
            raise unreachable(entry.name, [("", key_unknown(known))])
        work = login_work(entry.name, entry.user, identity, known, deadline.left)
        connection, _ = race(entry.name, (Route(entry.endpoint, str(entry.endpoint)),), work, deadline)
        return connection

    return login
