"""A cluster in memory whose nodes have guests with configuration files, pools, HA and tasks."""

from __future__ import annotations

import io
import tarfile
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from pvefleet.facts import cluster as cluster_facts
from pvefleet.facts import second_look
from pvefleet.facts.guest_configs import EVERYTHING
from pvefleet.model.facts import ClusterFacts
from pvefleet.model.outcome import Outcome
from pvefleet.model.section import Section
from tests.support.world import World, WorldNode, _Scripted

Place = tuple[str, str, int]
"""Node, ``qemu`` or ``lxc``, number."""

_FOLDERS = {"qemu": "qemu-server", "lxc": "lxc"}


def archive(files: Iterable[tuple[Place, str]]) -> bytes:
    """What tar makes of the configuration files of a node."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for (node, kind, vmid), text in files:
            content = text.encode()
            member = tarfile.TarInfo(f"nodes/{node}/{_FOLDERS[kind]}/{vmid}.conf")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    press = zlib.compressobj(1, wbits=31)
    return press.compress(packed.getvalue()) + press.flush()


@dataclass
class Copy:
    """What one partition's copy of /etc/pve holds of guests."""

    confs: dict[Place, str] = field(default_factory=dict)


class GuestWorld(World):
    """A :class:`World` with guests. All nodes share one copy of /etc/pve until a node is given its own."""

    def __init__(self, count: int = 3, *, links: int = 2, name: str = "lab") -> None:
        super().__init__(count, links=links, name=name)
        self.shared = Copy()
        self.own: dict[str, Copy] = {}
        self.user_cfg = ""
        self.ha_cfg = ""
        self.tasks: dict[str, list[str]] = {}
        self.asked_again: list[str] = []

    def vm(self, vmid: int, node: str, text: str = "", *, status: str = "stopped", name: str | None = None) -> None:
        """Add a virtual machine; its name is in its configuration unless it is empty."""
        name = f"vm{vmid}" if name is None else name
        self.shared.confs[(node, "qemu", vmid)] = (f"name: {name}\n" if name else "") + text
        self.nodes[node].vms[vmid] = status

    def ct(self, vmid: int, node: str, text: str = "", *, status: str = "stopped", name: str | None = None) -> None:
        """Add a container."""
        name = f"ct{vmid}" if name is None else name
        self.shared.confs[(node, "lxc", vmid)] = (f"hostname: {name}\n" if name else "") + text
        self.nodes[node].containers[vmid] = status

    def task(self, node: str, kind: str, vmid: int | str) -> None:
        """A task that runs."""
        self.tasks.setdefault(node, []).append(f"UPID:{node}:00000BAD:00001234:6B000000:{kind}:{vmid}:root@pam:")

    def copy_of(self, name: str) -> Copy:
        """The copy of /etc/pve that a node sees."""
        return self.own.get(name, self.shared)

    def listing(self, *sections: Section, here: str = "", states: bool = True, second: bool = True) -> ClusterFacts:
        """Read guests as the tool does, with the second look where it is needed."""
        wanted = [Section.GUEST_CONFIGS, *([Section.GUESTS] if states else []), *sections]
        look = self.look(*wanted, here=here)
        facts = cluster_facts.assemble(look)

        def ask(name: str, question: cluster_facts.Question) -> Outcome[cluster_facts.NodeReading]:
            self.asked_again.append(name)
            return self._outcome(
                name,
                lambda node: cluster_facts.read_node(node, question, nonce="feedface", clock=lambda: 0.0),  # type: ignore[arg-type]
            )

        whole = second_look.complete(look, facts, ask) if second else look
        return cluster_facts.assemble(whole)

    def speaks(self, name: str) -> bool:
        """Does the node read everything? By the two online members of lowest id, as its own pmxcfs sees them."""
        return name in [node.name for node in sorted(self.members(name), key=lambda one: one.nodeid)[:2]]

    def answer(self, name: str, source: str) -> tuple[int, str | bytes, str]:
        if source == EVERYTHING.name and source not in self.nodes[name].overrides:
            return self._read(name, everything=True)
        return super().answer(name, source)

    def _read(self, name: str, *, everything: bool) -> tuple[int, str | bytes, str]:
        confs = self.copy_of(name).confs
        files = [(place, text) for place, text in sorted(confs.items()) if everything or place[0] == name]
        return 0, (b"everything\n" if everything else b"own\n") + (archive(files) if files else b""), ""

    def _guest_configs(self, node: WorldNode) -> tuple[int, str | bytes, str]:
        return self._read(node.name, everything=self.speaks(node.name))

    def _guest_pools(self, _node: WorldNode) -> tuple[int, str, str]:
        return 0, self.user_cfg, ""

    def _guest_ha(self, _node: WorldNode) -> tuple[int, str, str]:
        return 0, self.ha_cfg, ""

    def _guest_tasks(self, node: WorldNode) -> tuple[int, str, str]:
        return 0, "".join(f"{upid}\n" for upid in self.tasks.get(node.name, [])), ""

    def _vmlist(self, node: WorldNode) -> tuple[int, str, str]:
        rows = [
            f'"{vmid}": {{ "node": "{owner}", "type": "{kind}", "version": 5 }}'
            for owner, kind, vmid in sorted(self.copy_of(node.name).confs, key=lambda place: place[2])
        ]
        return 0, '{\n"version": 24,\n"ids": {\n' + ",\n".join(rows) + "}\n\n}\n", ""


__all__ = ["Copy", "GuestWorld", "Place", "_Scripted", "archive"]
