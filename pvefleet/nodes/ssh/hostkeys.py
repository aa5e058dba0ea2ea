"""Trusting a node's host key: fetch what it shows, compare with what is pinned, pin it."""

from __future__ import annotations

import socket

from paramiko import Channel, Transport

from pvefleet.model.inventory import Endpoint, GatewayEntry, NodeEntry
from pvefleet.nodes.ssh.dial import Deadline, Progress, Stage, hang_up, tune
from pvefleet.nodes.ssh.known_hosts import HostKey, HostKeysError, append, known, read
from pvefleet.nodes.ssh.reach import Route, outer_addresses, race

__all__ = ["HostKey", "HostKeysError", "append", "fetch", "known", "read"]


def fetch(entry: NodeEntry | GatewayEntry, *, seconds: float = 7.0, routes: tuple[Route, ...] = ()) -> HostKey:
    """Ask the sshd of *entry* for its host key. Nothing is sent but the greeting and the key exchange.

    Args:
        entry: the node or gateway.
        seconds: how long all of its addresses together may take.
        routes: ways to it, where it stands behind a gateway; its own addresses if empty.

    Returns:
        The key it shows, under the name of *entry*. Whether it is the right one, only the operator can tell.

    Raises:
        Unreachable: it does not answer.
    """
    addresses = outer_addresses(entry) if isinstance(entry, NodeEntry) else (entry.endpoint,)
    ways = routes or tuple(Route(address, str(address)) for address in addresses)

    def work(stream: socket.socket | Channel, _endpoint: Endpoint, deadline: Deadline, progress: Progress) -> HostKey:
        return _shown(entry.name, stream, deadline, progress)

    key, _ = race(entry.name, ways, work, Deadline.after(seconds))
    return key


def _shown(name: str, stream: socket.socket | Channel, deadline: Deadline, progress: Progress) -> HostKey:
    progress.stage = Stage.GREETING
    tune(stream)
    transport = Transport(stream)
    progress.transport = transport
    transport.banner_timeout = transport.handshake_timeout = deadline.left
    try:
        transport.start_client(timeout=deadline.left)
        key = transport.get_remote_server_key()
    finally:
        hang_up(stream)
        transport.close()
    return HostKey(name, key.get_name(), key.get_base64())
