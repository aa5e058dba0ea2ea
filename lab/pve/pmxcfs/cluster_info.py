"""The cluster's nodes and the text of `.members`."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ClusterNode:
    """A node of corosync's nodelist; the address is that of its first link."""

    name: str
    nodeid: int
    address: str | None = None


@dataclass(frozen=True, slots=True)
class ClusterInfo:
    """Cluster name, configuration version and nodes as the running corosync has them."""

    name: str
    version: int
    nodes: tuple[ClusterNode, ...]


@dataclass(slots=True)
class Members:
    """What `.members` shows; `online` holds node ids, `addresses` what nodes have told of themselves by name."""

    nodename: str
    version: int = 0
    info: ClusterInfo | None = None
    quorate: bool = False
    online: set[int] = field(default_factory=set)
    addresses: dict[str, str] = field(default_factory=dict)

    def set_info(self, info: ClusterInfo) -> None:
        """The cluster was read anew."""
        self.info = info
        self.version += 1

    def set_online(self, online: set[int]) -> None:
        """Those nodes' pmxcfs are in our group."""
        if online != self.online:
            self.online = online
            self.version += 1

    def set_quorate(self, quorate: bool) -> None:
        """Quorum was won or lost."""
        if quorate != self.quorate:
            self.quorate = quorate
            self.version += 1

    def __str__(self) -> str:
        head = f'{{\n"nodename": "{self.nodename}",\n"version": {self.version}'
        if self.info is None:
            return f"{head}\n}}\n"
        cluster = (
            f'"name": "{self.info.name}", "version": {self.info.version}, '
            f'"nodes": {len(self.info.nodes)}, "quorate": {int(self.quorate)}'
        )
        rows = ",\n".join(self._row(node) for node in self.info.nodes)
        return f'{head},\n"cluster": {{ {cluster} }},\n"nodelist": {{\n{rows}\n  }}\n}}\n'

    def _row(self, node: ClusterNode) -> str:
        address = self.addresses.get(node.name)
        tail = f', "ip": "{address}"' if address else ""
        return f'  "{node.name}": {{ "id": {node.nodeid}, "online": {int(node.nodeid in self.online)}{tail}}}'
