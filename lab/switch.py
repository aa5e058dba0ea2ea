"""The switch at work: runs the texts of ``lab.network`` with the tools of the root file system."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from lab import host, network
from lab.errors import LabError
from lab.spec import LINKS, NodeSpec


class Switch:
    """Two bridges in the bubble's own network namespace, and which ports are down.

    Cuts belong to the switch: they outlast a restart of the node.
    """

    def __init__(self, rootfs: Path) -> None:
        self._rootfs = rootfs
        self._cut: dict[int, set[int]] = {}
        self._plugged: set[int] = set()

    def build(self, nodes: Sequence[NodeSpec]) -> None:
        """Make both bridges."""
        self._ip(network.switch_batch(nodes))

    def plug(self, node: NodeSpec, netns_pid: int) -> None:
        """Connect a booting node, whose network namespace ``netns_pid`` is in."""
        self._ip(network.plug_batch(node, netns_pid, self.cut_links(node)))
        self._plugged.add(node.id)

    def silence(self, node: NodeSpec) -> None:
        """Take every port of a node down, without calling its links cut."""
        self._ip(network.port_batch(node, LINKS, "down"))

    def unplug(self, node: NodeSpec) -> None:
        """Take the cables of a dead node away."""
        self._plugged.discard(node.id)
        self._ip(network.unplug_batch(node), tolerate_missing=True)

    def cut_links(self, node: NodeSpec) -> tuple[int, ...]:
        """Which links of a node are cut."""
        return tuple(sorted(self._cut.get(node.id, ())))

    def cut(self, node: NodeSpec, links: Iterable[int]) -> None:
        """Take ports down until they are healed."""
        self._set(node, set(self.cut_links(node)) | set(links))

    def heal(self, node: NodeSpec, links: Iterable[int]) -> None:
        """Bring ports up again."""
        self._set(node, set(self.cut_links(node)) - set(links))

    def part(self, groups: Sequence[Sequence[NodeSpec]]) -> None:
        """Let nothing pass between groups of nodes; no groups: let everything pass."""
        self._run(["nft", "-f", "-"], network.partition_ruleset(groups))

    def _set(self, node: NodeSpec, cut: set[int]) -> None:
        if node.id in self._plugged:
            down, up = sorted(cut), sorted(set(LINKS) - cut)
            self._ip(network.port_batch(node, down, "down") + network.port_batch(node, up, "up"))
        self._cut[node.id] = cut

    def _ip(self, batch: str, *, tolerate_missing: bool = False) -> None:
        force = ["-force"] if tolerate_missing else []
        self._run(["ip", *force, "-batch", "-"], batch, check=not tolerate_missing)

    def _run(self, argv: list[str], text: str, *, check: bool = True) -> None:
        chroot = [host.tool("chroot", "coreutils"), str(self._rootfs)]
        done = subprocess.run(
            [*chroot, *argv],
            input=text,
            capture_output=True,
            text=True,
            timeout=30,
            env={"PATH": host.SEARCH_PATH},
            check=False,
        )
        if check and done.returncode != 0:
            raise LabError(f"{argv[0]} failed in the lab's switch: {done.stderr.strip()}")
