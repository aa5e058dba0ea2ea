"""A QDevice of a cluster in memory, and what its tool says on a node."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass
class Device:
    """A QDevice: *votes* of its own, and what is wrong with it on which node."""

    algorithm: str = "ffsplit"
    votes: int = 1
    states: dict[str, str] = field(default_factory=dict)
    """Node to the state its device is in, where that is not ``Connected``; ``stopped``: no daemon."""
    voteless: set[str] = field(default_factory=set)
    """Nodes that are connected and get no vote."""

    def casts_for(self, name: str) -> bool:
        """Does the vote count for this node?"""
        return name not in self.states and name not in self.voteless

    def answer(
        self, cluster: str, name: str, nodeid: int, nodes: Sequence[int], members: Sequence[int]
    ) -> tuple[int, str, str]:
        """What ``corosync-qdevice-tool -s`` gives on a node: exit, stdout, stderr.

        Args:
            cluster: the cluster's name.
            name, nodeid: the node.
            nodes: ids of the nodelist.
            members: ids of the node's partition.
        """
        state = self.states.get(name, "Connected")
        if state == "stopped":
            return 3, "", "Can't connect to QDevice socket (is QDevice running?): No such file or directory"
        listed = "".join(f"    {at}\tNode ID = {one}\n" for at, one in enumerate(nodes))
        kind = "LMS" if self.algorithm == "lms" else "Fifty-Fifty split"
        text = (
            f"Qdevice information\n-------------------\nModel:\t\t\tNet\nNode ID:\t\t{nodeid}\n"
            f"Configuration version:\t3\nConfigured node list:\n{listed}"
            f"Membership node list:\t{', '.join(map(str, members))}\n\n"
            f"Qdevice-net information\n----------------------\nCluster name:\t\t{cluster}\n"
            f"QNetd host:\t\t192.0.2.100:5403\nAlgorithm:\t\t{kind}\nTie-breaker:\t\tNode with lowest node ID\n"
            f"State:\t\t\t{state}\n"
        )
        return 0, text, ""
