"""Fabric's Connection with everything it leaves open closed: host keys, keys offered, timeouts, reconnecting."""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any

from fabric import Config, Connection
from paramiko import Channel, MissingHostKeyPolicy, PKey, SSHClient, SSHConfig, Transport
from paramiko.ssh_exception import SSHException

from pvefleet.model.inventory import Endpoint
from pvefleet.nodes.ssh.dial import Deadline, Progress, Stage, hang_up, tune
from pvefleet.nodes.ssh.identity import Identity
from pvefleet.nodes.ssh.known_hosts import HostKey, KnownHosts
from pvefleet.nodes.ssh.runner import NodeRunner

logging.getLogger("paramiko").addHandler(logging.NullHandler())

_RSA_SIGNATURES = ("rsa-sha2-512", "rsa-sha2-256")
_FAST_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com")
"""They encrypt and authenticate in one pass: paramiko's own first choice takes half as long again for long outputs."""


class HostKeyUnknownError(SSHException):
    """Nothing is pinned under the node's name.

    Attributes:
        known: what is pinned.
    """

    def __init__(self, known: KnownHosts) -> None:
        super().__init__("host key unknown")
        self.known = known


class HostKeyChangedError(SSHException):
    """The node shows another key than the one pinned.

    Attributes:
        shown: what it shows.
        known: what is pinned.
        revoked: is the key shown among those taken back?
    """

    def __init__(self, shown: HostKey, known: KnownHosts, *, revoked: bool = False) -> None:
        super().__init__("host key changed")
        self.shown = shown
        self.known = known
        self.revoked = revoked


class ConnectionDroppedError(SSHException):
    """The connection was lost since it was opened. It is never reopened behind anybody's back."""


class NodeConnection(Connection):  # type: ignore[misc]
    """One login on one node. Opened once; when it is lost, it stays lost.

    Fabric's own configuration files and ssh_config are not read: hosts.toml alone says how a node is reached.

    Args:
        name: the node's name, under which its host key is pinned.
        endpoint: where the stream leads.
        user: the login.
        stream: an open byte stream to its sshd.
        identity: what to log in with.
        known: the pinned host keys.
        channel_seconds: how long opening a command channel may take.
        progress: is told each stage of the login.
    """

    node_name: str
    channel_seconds: float
    stream: socket.socket | Channel
    _login: Identity
    _known: KnownHosts
    _progress: Progress
    _spent: bool

    def __init__(
        self,
        name: str,
        endpoint: Endpoint,
        user: str,
        *,
        stream: socket.socket | Channel,
        identity: Identity,
        known: KnownHosts,
        channel_seconds: float,
        progress: Progress,
    ) -> None:
        super().__init__(
            endpoint.host, user=user, port=endpoint.port, config=_config(), gateway=False, forward_agent=False
        )
        self._set(
            node_name=name,
            channel_seconds=channel_seconds,
            stream=stream,
            _login=identity,
            _known=known,
            _progress=progress,
            _spent=False,
        )
        self.client.set_missing_host_key_policy(_Pinned(name, known, progress))

    def login(self, deadline: Deadline) -> None:
        """Speak SSH over the stream: greeting, host key, authentication, in this order, by *deadline*.

        Raises:
            SSHException, OSError, EOFError, KeyFileError: see :mod:`pvefleet.nodes.ssh.errors`, which knows them all.
        """
        self._progress.stage = Stage.GREETING
        left = max(0.1, deadline.left)
        with self._login.offered() as key:
            self.connect_kwargs = {
                "sock": self.stream,
                "pkey": key,
                "allow_agent": key is None,
                "look_for_keys": False,
                "timeout": left,
                "banner_timeout": left,
                "auth_timeout": left,
                "channel_timeout": self.channel_seconds,
                "transport_factory": self._transport_factory(left),
            }
            self.open()

    def open(self) -> None:
        """Log in, the first time; afterwards only check that the connection still stands.

        Raises:
            ConnectionDroppedError: it was lost, or closed.
        """
        if self.is_connected:
            return
        if self._spent:
            raise ConnectionDroppedError("the connection was lost")
        self._spent = True
        super().open()

    def close(self) -> None:
        """Hang up at once, whatever is under way. Never raises."""
        self._spent = True
        hang_up(self.stream)
        self.client.close()

    def _transport_factory(self, seconds: float) -> Callable[..., Transport]:
        pinned = [key.type for key in self._known.keys(self.node_name)]

        def build(stream: Any, **options: Any) -> Transport:
            tune(stream)
            transport = Transport(stream, **options)
            transport.handshake_timeout = seconds
            security = transport.get_security_options()
            security.key_types = preferring(pinned, security.key_types)
            security.ciphers = first(_FAST_CIPHERS, security.ciphers)
            self._progress.transport = transport
            return transport

        return build


def login_work(
    name: str, user: str, identity: Identity, known: KnownHosts, seconds: float
) -> Callable[[socket.socket | Channel, Endpoint, Deadline, Progress], NodeConnection]:
    """Return what turns a stream to an sshd into an open connection, or closes it.

    Args:
        name: the name under which its host key is pinned.
        user: the login.
        identity: what to log in with.
        known: the pinned host keys.
        seconds: how long opening a command channel may take later.
    """

    def work(
        stream: socket.socket | Channel, endpoint: Endpoint, deadline: Deadline, progress: Progress
    ) -> NodeConnection:
        connection = NodeConnection(
            name,
            endpoint,
            user,
            stream=stream,
            identity=identity,
            known=known,
            channel_seconds=seconds,
            progress=progress,
        )
        try:
            connection.login(deadline)
        except BaseException:
            connection.close()
            raise
        return connection

    return work


class _Pinned(MissingHostKeyPolicy):
    """Accepts a host key only if it is pinned under the node's name. Asked before anything secret is sent."""

    def __init__(self, name: str, known: KnownHosts, progress: Progress) -> None:
        self._name = name
        self._known = known
        self._progress = progress

    def missing_host_key(self, client: SSHClient, hostname: str, key: PKey) -> None:  # noqa: ARG002
        shown = HostKey(self._name, key.get_name(), key.get_base64())
        pinned = self._known.keys(self._name)
        if not pinned:
            raise HostKeyUnknownError(self._known)
        if self._known.revoked(self._name, shown):
            raise HostKeyChangedError(shown, self._known, revoked=True)
        if all(known.base64 != shown.base64 for known in pinned):
            raise HostKeyChangedError(shown, self._known)
        self._progress.stage = Stage.LOGIN


def preferring(pinned: Sequence[str], offered: Sequence[str]) -> tuple[str, ...]:
    """Order the host key algorithms so that a key that is pinned is asked for first."""
    return first([name for kind in pinned for name in (_RSA_SIGNATURES if kind == "ssh-rsa" else (kind,))], offered)


def first(wanted: Sequence[str], offered: Sequence[str]) -> tuple[str, ...]:
    """Order the algorithms on offer so that those of *wanted* come first, in their order."""
    found = [name for name in dict.fromkeys(wanted) if name in offered]
    return (*found, *(name for name in offered if name not in found))


_base = threading.local()


def _config() -> Config:
    """A configuration of its own for each connection; cloning one is ten times cheaper than building one."""
    if not hasattr(_base, "config"):
        _base.config = Config(
            lazy=True, ssh_config=SSHConfig(), overrides={"load_ssh_configs": False, "runners": {"remote": NodeRunner}}
        )
    return _base.config.clone()
