"""SSH servers in this process, and nodes that lead to them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import paramiko
import pytest

from pvefleet.model.inventory import ClusterEntry, Endpoint, GatewayEntry, Inventory, NodeEntry, Policy
from pvefleet.nodes.ssh.connect import ssh_nodes
from pvefleet.nodes.ssh.node import SshNode
from tests.nodes.ssh_server import Behaviour, SshServer

HOST_KEYS = {name: paramiko.ECDSAKey.generate() for name in ("pve01", "pve02", "pve03", "bastion", "stranger")}


class Site:
    """A folder with a private key and pinned host keys, servers under these names, and nodes that lead to them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.identity = folder / "id"
        self.known_hosts = folder / "known_hosts"
        self.servers: list[SshServer] = []
        self.nodes: list[SshNode] = []
        paramiko.ECDSAKey.generate().write_private_key_file(str(self.identity))
        pinned = (
            f"{name} {key.get_name()} {key.get_base64()}\n" for name, key in HOST_KEYS.items() if name != "stranger"
        )
        self.known_hosts.write_text("".join(pinned))

    def server(self, name: str = "pve01", behaviour: Behaviour | None = None, **how: object) -> SshServer:
        """Start a server with the host key of *name*."""
        server = SshServer(HOST_KEYS[name], behaviour or Behaviour(**how))  # type: ignore[arg-type]
        self.servers.append(server)
        return server

    def entry(self, name: str, *endpoints: Endpoint, links: tuple[str, ...] = (), gateway: str = "") -> NodeEntry:
        """Describe a node at *endpoints*."""
        return NodeEntry(
            name=name,
            pve_name=name,
            cluster="lab",
            endpoint=endpoints[0],
            alternatives=endpoints[1:],
            links=tuple(enumerate(links)),
            identity=self.identity,
            gateway=gateway,
        )

    def connect(
        self, *entries: NodeEntry, gateways: tuple[GatewayEntry, ...] = (), seconds: float = 5.0, **options: object
    ) -> tuple[SshNode, ...]:
        """Make nodes of *entries*."""
        policy = Policy(connect_seconds=seconds)
        clusters = (ClusterEntry("lab", True, entries, policy),)
        inventory = Inventory(self.folder / "hosts.toml", clusters, (), gateways, self.known_hosts)
        options.setdefault("passphrase", lambda _path: None)
        nodes = ssh_nodes(entries, inventory, **options)  # type: ignore[arg-type]
        self.nodes.extend(nodes)
        return nodes

    def node(self, server: SshServer, name: str = "pve01", seconds: float = 5.0) -> SshNode:
        """Make a node of *server*."""
        return self.connect(self.entry(name, server.endpoint), seconds=seconds)[0]

    def close(self) -> None:
        for node in self.nodes:
            node.close()
        for server in self.servers:
            server.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site of its own for each test."""
    made = Site(tmp_path)
    yield made
    made.close()


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], bool]:
    """Wait until something holds, 5 s at most."""

    def wait(holds: Callable[[], bool]) -> bool:
        never = threading.Event()
        return any(holds() or never.wait(0.01) for _ in range(500))

    return wait
