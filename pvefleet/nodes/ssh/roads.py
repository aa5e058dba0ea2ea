"""What the nodes of one command share: gateways opened once, and the ways to a node that lead through another one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from contextlib import nullcontext
from typing import Protocol

from paramiko import Transport

from pvefleet.model.inventory import GatewayEntry, NodeEntry
from pvefleet.nodes.ssh.connection import ConnectionDroppedError, NodeConnection
from pvefleet.nodes.ssh.dial import Deadline
from pvefleet.nodes.ssh.reach import Route, inner_addresses, outer_addresses

_GATEWAY_PLACES = 8
"""Logins at the same time through one gateway; sshd starts to turn connections away at 10 (MaxStartups)."""

_SHARE = 0.9
"""Of the time a node has to be reached, its gateway gets this much: then its failure is told, and not overtaken."""

_PEERS_USED = 2
_DETOURS = 4
_PEERS_WOKEN = 3


class Peer(Protocol):
    """A node as a stepping stone to another."""

    @property
    def entry(self) -> NodeEntry:
        """What hosts.toml says of it."""

    @property
    def standing(self) -> NodeConnection | None:
        """Its connection, if it is open right now."""

    @property
    def coming(self) -> bool:
        """Is it being reached at one of its own addresses right now?"""

    @property
    def untried(self) -> bool:
        """Has nobody tried to reach it yet?"""

    def wake(self) -> None:
        """Start reaching it at its own addresses, in a thread of its own."""


class Gateway:
    """One jump host: logged in to once, when the first node behind it is wanted, and shared from then on.

    Args:
        entry: what hosts.toml says of it.
        login: opens a connection to it by a deadline, or raises Unreachable.
    """

    def __init__(self, entry: GatewayEntry, login: Callable[[GatewayEntry, Deadline], NodeConnection]) -> None:
        self.name = entry.name
        self.places = threading.BoundedSemaphore(_GATEWAY_PLACES)
        self._entry = entry
        self._login = login
        self._lock = threading.Lock()
        self._opening: Future[NodeConnection] | None = None

    def transport(self, deadline: Deadline) -> Transport:
        """Return the open connection; who comes while it is being opened waits for it and shares the outcome.

        Raises:
            Unreachable: it cannot be reached.
            TimeoutError: somebody else is still at it when *deadline* has passed.
        """
        with self._lock:
            opening = self._opening
            mine = opening is None or (opening.done() and not _stands(opening))
            if opening is None or mine:
                opening = self._opening = Future()
        if mine:
            try:
                opening.set_result(self._login(self._entry, Deadline.after(deadline.left * _SHARE)))
            except Exception as error:
                opening.set_exception(error)
        transport: Transport = opening.result(deadline.left + 0.1).transport
        return transport

    def close(self) -> None:
        """Hang up. May be called twice."""
        with self._lock:
            opening, self._opening = self._opening, None
        if opening is not None and opening.done() and opening.exception() is None:
            opening.result().close()


class Roads:
    """All ways to all nodes of one command.

    Args:
        gateways: by name.
    """

    def __init__(self, gateways: dict[str, Gateway]) -> None:
        self._gateways = gateways
        self._peers: tuple[Peer, ...] = ()

    def lead_past(self, peers: Sequence[Peer]) -> None:
        """Say which nodes may serve as stepping stones."""
        self._peers = tuple(peers)

    def direct(self, entry: NodeEntry) -> tuple[Route, ...]:
        """Return the ways to *entry* from here, or through its gateway if it has one."""
        addresses = outer_addresses(entry)
        if not entry.gateway:
            return tuple(Route(address, str(address)) for address in addresses)
        gateway = self._gateways[entry.gateway]
        return tuple(
            Route(address, f"{address} via {gateway.name}", gateway.transport, lambda: gateway.places)
            for address in addresses
        )

    def detours(self, entry: NodeEntry) -> tuple[Route, ...] | None:
        """Return ways to *entry* through nodes of its cluster that are connected.

        Returns:
            Some ways; nothing, while a node that might serve is still being reached; None if none will.
        """
        cluster = [peer for peer in self._peers if peer.entry.cluster == entry.cluster]
        peers = [peer for peer in cluster if peer.entry.name != entry.name]
        standing = [(peer, peer.standing) for peer in peers]
        usable = [(peer.entry.name, connection) for peer, connection in standing if connection is not None][
            :_PEERS_USED
        ]
        if usable:
            ways = [
                Route(address, f"{address} via {name}", _through(connection), nullcontext)
                for address in inner_addresses(entry)
                for name, connection in usable
            ]
            return tuple(ways[:_DETOURS])
        if any(peer.coming for peer in peers):
            return ()
        woken = [peer for peer in peers if peer.untried][:_PEERS_WOKEN]
        for peer in woken:
            peer.wake()
        return () if woken else None

    def close(self) -> None:
        """Hang up on the gateways."""
        for gateway in self._gateways.values():
            gateway.close()


def _stands(opening: Future[NodeConnection]) -> bool:
    return opening.exception() is None and opening.result().is_connected


def _through(connection: NodeConnection) -> Callable[[Deadline], Transport]:
    def transport(_deadline: Deadline) -> Transport:
        if not connection.is_connected:
            raise ConnectionDroppedError("the connection was lost")
        open_transport: Transport = connection.transport
        return open_transport

    return transport
