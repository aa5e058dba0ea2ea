"""Nodes agree on one tree, whatever partitions and heals in between; only quorum decides what may be written."""

from __future__ import annotations

import errno
from collections import deque
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from lab.pve.pmxcfs.dfsm import Dfsm, Hooks, Pending
from lab.pve.pmxcfs.memdb import Memdb
from lab.pve.pmxcfs.messages import CHUNK
from lab.pve.pmxcfs.operations import Operation

NODES = (1, 2, 3)


class Bus:
    """A group as CPG gives it: one order for all of a partition, membership changes in that order."""

    def __init__(self, *, votes: Callable[[int], bool] = lambda members: members * 2 > len(NODES)) -> None:
        self._votes = votes
        self.logs: dict[int, list[str]] = {node: [] for node in NODES}
        self.parts: list[tuple[int, ...]] = []
        self.queues: dict[tuple[int, ...], deque[tuple[int, bytes]]] = {}
        self.saved: dict[int, int] = dict.fromkeys(NODES, 0)
        self.nodes = {node: Dfsm(Memdb(), self._hooks(node)) for node in NODES}
        for node, dfsm in self.nodes.items():
            dfsm.joined((node, 1000 + node))

    def _hooks(self, node: int) -> Hooks:
        def applied(operation: Operation, result: int, pending: Pending | None) -> None:
            self.saved[node] += 1
            if pending is not None:
                pending.settle(result)

        return Hooks(
            send=lambda data: self.queues[self.part(node)].append((node, data)),
            log=self.logs[node].append,
            is_quorate=lambda: self._votes(len(self.part(node))),
            applied=applied,
            synced=lambda changed: None,
            lock_expired=lambda path: self.nodes[node].memdb.lock_expired(path, 10_000.0),
        )

    def part(self, node: int) -> tuple[int, ...]:
        return next(part for part in self.parts if node in part)

    def split(self, *parts: tuple[int, ...], lost_in: tuple[int, ...] = ()) -> None:
        """The membership changes.

        What was on its way still reaches those that stay together, but for parts with a node of `lost_in`; what they
        send meanwhile comes in their new membership.
        """
        for old, queue in self.queues.items():
            under_way, self.queues[old] = list(queue), deque()
            for part in parts:
                for sender, data in () if set(part) & set(lost_in) else under_way:
                    for node in set(part) & set(old):
                        self.nodes[node].deliver((sender, 1000 + sender), data)
        late = [message for queue in self.queues.values() for message in queue]
        self.parts = list(parts)
        self.queues = {part: deque(message for message in late if message[0] in part) for part in parts}
        for part in parts:
            for node in part:
                self.nodes[node].confchg(tuple((member, 1000 + member) for member in part))

    def run(self, steps: int = 10_000) -> None:
        for _ in range(steps):
            part = next((part for part in self.parts if self.queues[part]), None)
            if part is None:
                return
            sender, data = self.queues[part].popleft()
            for node in part:
                self.nodes[node].deliver((sender, 1000 + sender), data)
        assert steps < 10_000, "the nodes never stop talking"

    def write(self, node: int, path: str, text: bytes) -> Pending:
        self.nodes[node].submit(Operation("create", path, 1))
        return self.nodes[node].submit(Operation("write", path, 1, data=text, truncate=True))

    def text(self, node: int, path: str) -> bytes | None:
        entry = self.nodes[node].memdb.lookup(path)
        return entry.data if entry else None


def whole() -> Bus:
    bus = Bus()
    bus.split(NODES)
    bus.run()
    return bus


def test_a_change_is_on_every_node_once_its_writer_is_told() -> None:
    bus = whole()
    pending = bus.write(2, "f", b"text")
    assert not pending.done.is_set()
    bus.run()
    assert pending.done.is_set()
    assert pending.result == 4
    assert [bus.text(node, "f") for node in NODES] == [b"text"] * 3


def test_two_writers_of_one_lock_have_one_winner() -> None:
    bus = whole()
    bus.nodes[1].submit(Operation("mkdir", "priv", 1))
    bus.nodes[1].submit(Operation("mkdir", "priv/lock", 1))
    first, second = (bus.nodes[node].submit(Operation("mkdir", "priv/lock/x", 1)) for node in (3, 1))
    bus.run()
    assert (first.result, second.result) == (0, -errno.EEXIST)


def test_an_isolated_node_keeps_its_view_and_catches_up() -> None:
    bus = whole()
    bus.write(1, "f", b"before")
    bus.run()
    bus.split((1, 2), (3,))
    bus.run()
    bus.write(1, "f", b"after")
    bus.run()
    assert bus.text(3, "f") == b"before"
    bus.split(NODES)
    bus.run()
    assert bus.text(3, "f") == b"after"
    assert "waiting for updates from leader" in bus.logs[3]


def test_quorum_lost_on_the_way_is_eperm() -> None:
    bus = whole()
    pending = bus.write(3, "f", b"x")
    bus.queues[NODES].clear()
    bus.split((1, 2), (3,))
    late = bus.write(3, "f", b"x")
    bus.run()
    assert late.result == -errno.EPERM
    assert bus.text(3, "f") is None
    assert not pending.done.is_set()


def test_what_waits_while_nodes_agree_is_done_afterwards() -> None:
    bus = Bus()
    bus.split(NODES)
    pending = bus.write(2, "f", b"early")
    bus.run()
    assert pending.result == 5
    assert bus.text(1, "f") == b"early"


def test_what_waits_is_refused_when_the_membership_changes_again() -> None:
    bus = Bus()
    bus.split(NODES)
    bus.run(3)
    pending = bus.write(2, "f", b"early")
    bus.split((1, 2), (3,))
    bus.run()
    assert pending.result in (-errno.EBUSY, 5)
    assert bus.text(1, "f") == bus.text(2, "f")


def test_the_highest_version_wins_whatever_quorum_says() -> None:
    bus = Bus(votes=lambda _members: True)
    bus.split(NODES)
    bus.run()
    bus.split((1, 2), (3,))
    bus.run()
    bus.write(1, "majority", b"x")
    bus.write(3, "minority", b"x")
    bus.run()
    bus.nodes[3].submit(Operation("mtime", "minority", 2))
    bus.run()
    bus.split(NODES)
    bus.run()
    assert [bus.text(node, "majority") for node in NODES] == [None] * 3
    assert [bus.text(node, "minority") for node in NODES] == [b"x"] * 3


def test_of_equal_versions_the_later_change_wins() -> None:
    bus = Bus(votes=lambda _members: True)
    bus.split((1,), (2,), (3,))
    bus.run()
    for node, when in ((1, 10), (2, 30), (3, 20)):
        bus.nodes[node].submit(Operation("create", f"of-{node}", when))
    bus.run()
    bus.split(NODES)
    bus.run()
    assert [bus.nodes[node].memdb.names("") for node in NODES] == [["of-2"]] * 3


def test_large_files_travel_in_parts() -> None:
    bus = whole()
    bus.split((1, 2), (3,))
    bus.run()
    text = bytes(range(256)) * (CHUNK // 128) + b"tail"
    bus.write(1, "big", text)
    bus.run()
    bus.split(NODES)
    bus.run()
    assert bus.text(3, "big") == text


def test_an_expired_lock_goes_on_every_node_when_somebody_asks() -> None:
    bus = whole()
    for path in ("priv", "priv/lock", "priv/lock/x"):
        bus.nodes[2].submit(Operation("mkdir", path, 1))
    bus.run()
    asked = bus.nodes[3].submit(Operation("unlock-request", "priv/lock/x", 1))
    bus.run()
    assert asked.result == 0
    assert [bus.nodes[node].memdb.names("priv/lock") for node in NODES] == [[]] * 3


def test_losing_the_transport_settles_everything() -> None:
    bus = whole()
    pending = bus.write(1, "f", b"x")
    bus.nodes[1].lost()
    assert pending.done.is_set()
    assert pending.result == -errno.EBUSY


SPLITS = st.sampled_from([(NODES,), ((1, 2), (3,)), ((1,), (2, 3)), ((1, 3), (2,)), ((1,), (2,), (3,))])
ACTIONS = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(NODES), st.sampled_from("abc"), st.binary(max_size=4)),
    st.tuples(st.just("delete"), st.sampled_from(NODES), st.sampled_from("abc")),
    st.tuples(st.just("split"), SPLITS, st.sampled_from([(), (1,), (3,)])),
    st.tuples(st.just("run"), st.integers(0, 9)),
)


@given(st.lists(ACTIONS, max_size=30), SPLITS)
def test_whatever_happens_the_nodes_of_a_partition_agree(actions: list[tuple[object, ...]], last: object) -> None:
    bus = whole()
    for action in actions:
        if action[0] == "write":
            bus.write(action[1], action[2], action[3])  # type: ignore[arg-type]
        elif action[0] == "delete":
            bus.nodes[action[1]].submit(Operation("delete", action[2], 1))  # type: ignore[index, arg-type]
        elif action[0] == "split":
            bus.split(*action[1], lost_in=action[2])  # type: ignore[misc, arg-type]
        else:
            bus.run(action[1])  # type: ignore[arg-type]
    bus.split(*last)  # type: ignore[misc]
    bus.run()
    for part in bus.parts:
        trees = [bus.nodes[node].memdb for node in part]
        assert all(tree.index() == trees[0].index() and tree.root == trees[0].root for tree in trees)
        assert all(bus.nodes[node].synced for node in part)
