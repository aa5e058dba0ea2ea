"""The manager's word for each node: online, maintenance, unknown, fence, gone."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .timing import Timing

ONLINE, MAINTENANCE, UNKNOWN, FENCE, GONE = "online", "maintenance", "unknown", "fence", "gone"


class NodeStates:
    """Follows the nodes from round to round; `states` is the `node_status` of manager_status."""

    def __init__(self, states: dict[str, str], timing: Timing, log: Callable[[str], None]) -> None:
        self.states = states
        self._timing, self._log = timing, log
        self._last_online: dict[str, float] = {}
        self._left: dict[str, float] = {}

    def enter(self, node: str, state: str) -> None:
        """Change a node's state, and say so."""
        old = self.states.get(node, UNKNOWN)
        self.states[node] = state
        if old != state:
            self._log(f"node '{node}': state changed from '{old}' => '{state}'")

    def update(self, members: Mapping[str, bool], modes: Mapping[str, str], now: float) -> None:
        """Take in who is in the partition, and the mode of every node's agent."""
        for node, online in members.items():
            self._left.pop(node, None)
            state = self.states.get(node, UNKNOWN)
            if not online:
                if state in (ONLINE, GONE):
                    self.enter(node, UNKNOWN)
                continue
            self._last_online[node] = now
            if state != FENCE:
                self.enter(node, MAINTENANCE if modes.get(node) == "maintenance" else ONLINE)
        for node in [node for node in self.states if node not in members]:
            if self.states[node] in (ONLINE, UNKNOWN, MAINTENANCE):
                self.enter(node, GONE)
            elif self.states[node] == GONE and now - self._left.setdefault(node, now) > self._timing.gone:
                self._log(f"deleting gone node '{node}', not a cluster member anymore.")
                del self.states[node]

    def is_alive(self, node: str) -> bool:
        """Does it take part, be it in maintenance?"""
        return self.states.get(node) in (ONLINE, MAINTENANCE)

    def is_lost(self, node: str, now: float) -> bool:
        """Has it been away for so long that it is to be fenced?"""
        if self.is_alive(node):
            return False
        return now - self._last_online.setdefault(node, now) > self._timing.fence_delay

    @property
    def online(self) -> frozenset[str]:
        """The nodes that can take guests."""
        return frozenset(node for node, state in self.states.items() if state == ONLINE)
