"""The replicated state machine: every node applies the same operations in the same order, and agrees anew on one
tree whenever the membership changes. Pure but for the functions it is given; the transport must deliver in one order
to all (CPG's agreed order), membership changes included.

Agreeing: the lowest member sends `start`; each answers with `state`, the digests of its entries; who has the highest
version (then the latest change) leads, sends what others lack, then `complete`. Operations that arrive meanwhile wait.
"""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from . import messages
from .memdb import ROOT, Entry, Memdb
from .messages import CHUNK, Member
from .operations import Operation


@dataclass(slots=True)
class Pending:
    """An operation on its way; `result` is valid once `done` is set."""

    done: threading.Event = field(default_factory=threading.Event)
    result: int = -errno.EBUSY

    def settle(self, result: int) -> None:
        """Say how it ended."""
        self.result = result
        self.done.set()


@dataclass(frozen=True, slots=True)
class Hooks:
    """What the machine needs of the world.

    Attributes:
        send: multicast to the group, myself included.
        log: one line for the journal.
        is_quorate: asks corosync itself, now.
        applied: called with each operation that changed the tree, whether it is ours, and whom to tell the result.
        synced: called when a tree was agreed upon; whether anything changed here.
        lock_expired: whether a lock's lifetime is over, by this node's clock.
    """

    send: Callable[[bytes], None]
    log: Callable[[str], None]
    is_quorate: Callable[[], bool]
    applied: Callable[[Operation, int, Pending | None], None]
    synced: Callable[[bool], None]
    lock_expired: Callable[[str], bool]


@dataclass(frozen=True, slots=True)
class State:
    """What a member has: its version and time of last change, and a digest of every entry."""

    version: int
    mtime: int
    index: dict[int, str]


class Dfsm:
    """One node's half of the machine. Everything but `submit` is called by the one thread that dispatches messages."""

    def __init__(self, memdb: Memdb, hooks: Hooks) -> None:
        self.memdb = memdb
        self.lock = threading.RLock()
        self.synced = False
        self.members: tuple[Member, ...] = ()
        self.me: Member = (0, 0)
        self._hooks = hooks
        self._epoch: list[int] = []
        self._counter = 0
        self._states: dict[Member, State] = {}
        self._updates: dict[int, Entry] = {}
        self._queue: list[tuple[Member, dict[str, Any], bytes]] = []
        self._pending: dict[int, Pending] = {}
        self._number = 0

    def submit(self, operation: Operation) -> Pending:
        """Send an operation; it has happened when, and as, the group delivers it."""
        pending = Pending()
        with self.lock:
            self._number += 1
            number = self._number
            self._pending[number] = pending
        try:
            self._hooks.send(operation.encode(number))
        except OSError as error:
            self._settle(number, -(error.errno or errno.EBUSY))
        return pending

    def joined(self, me: Member) -> None:
        """The transport is there, under this name; the membership follows."""
        self.me, self.synced, self.members = me, False, ()

    def lost(self) -> None:
        """The transport is gone: nothing that is under way will be heard of again."""
        self.synced, self.members, self._epoch = False, (), []
        self._drop_queue()
        for number in list(self._pending):
            self._settle(number, -errno.EBUSY)

    def confchg(self, members: tuple[Member, ...]) -> None:
        """The membership is now this: agree anew."""
        self.members, self.synced = members, False
        self._epoch, self._states, self._updates = [], {}, {}
        self._drop_queue()
        self._hooks.log(f"members: {', '.join(f'{node}/{pid}' for node, pid in members)}")
        self._hooks.log("starting data syncronisation")
        if self.me == min(members, default=None):
            self._counter += 1
            self._send("start", epoch=[*self.me, self._counter])

    def _drop_queue(self) -> None:
        """Those who share this membership drop the same operations; their senders are told to try again."""
        for sender, fields, _ in self._queue:
            if sender == self.me:
                self._settle(fields["id"], -errno.EBUSY)
        self._queue = []

    def _send(self, kind: str, payload: bytes = b"", **fields: Any) -> None:
        self._hooks.send(messages.encode(kind, payload, **fields))

    def _settle(self, number: int, result: int) -> None:
        with self.lock:
            pending = self._pending.pop(number, None)
        if pending is not None:
            pending.settle(result)

    def deliver(self, sender: Member, data: bytes) -> None:
        """A message of the group, perhaps our own."""
        fields, payload = messages.decode(data)
        if fields["kind"] == "op":
            if self.synced:
                self._apply(sender, fields, payload)
            else:
                self._queue.append((sender, fields, payload))
            return
        if fields["kind"] == "start":
            if sender == min(self.members, default=None):
                self._begin(fields["epoch"])
            return
        if fields["epoch"] != self._epoch:
            return
        if fields["kind"] == "state":
            index = {int(inode): digest for inode, digest in fields["index"].items()}
            self._states[sender] = State(fields["version"], fields["mtime"], index)
            if set(self._states) >= set(self.members):
                self._hooks.log("received all states")
                self._all_states()
        elif fields["kind"] == "update":
            self._update(fields, payload)
        elif fields["kind"] == "complete":
            self._complete(fields)

    def _begin(self, epoch: list[int]) -> None:
        self._epoch, self._states, self._updates = epoch, {}, {}
        self._hooks.log(f"received sync request (epoch {epoch[0]}/{epoch[1]}/{epoch[2]:08X})")
        root = self.memdb.root
        self._send("state", epoch=epoch, version=root.version, mtime=root.mtime, index=self.memdb.index())

    @property
    def _leader(self) -> Member:
        """Highest version, then latest change, then lowest node id; quorum has no say in it, as in the genuine one."""
        return max(self._states, key=lambda who: (self._states[who].version, self._states[who].mtime, -who[0]))

    def _all_states(self) -> None:
        leader, lead = self._leader, self._states[self._leader]
        self._hooks.log(f"leader is {leader[0]}/{leader[1]}")
        behind = [state for state in self._states.values() if state != lead]
        same = [who for who, state in sorted(self._states.items()) if state == lead]
        self._hooks.log(f"synced members: {', '.join(f'{node}/{pid}' for node, pid in same)}")
        if not behind:
            self._become_synced(changed=False)
            return
        if leader == self.me:
            self._hooks.log("start sending inode updates")
            missing = [
                inode for inode, digest in lead.index.items() if any(s.index.get(inode) != digest for s in behind)
            ]
            for inode in missing:
                self._send_entry(inode)
            self._hooks.log(f"sent all ({len(missing)}) updates")
            root = self.memdb.root
            self._send("complete", epoch=self._epoch, version=root.version, mtime=root.mtime, writer=root.writer)
        elif self._states[self.me] != lead:
            self._hooks.log("waiting for updates from leader")

    def _send_entry(self, inode: int) -> None:
        entry = self.memdb.entry(inode)
        assert entry is not None, "the index was made from the same tree"
        head = {
            "inode": entry.inode,
            "parent": entry.parent,
            "version": entry.version,
            "writer": entry.writer,
            "mtime": entry.mtime,
            "is_dir": entry.is_dir,
            "name": entry.name,
        }
        for offset in range(0, max(len(entry.data), 1), CHUNK):
            self._send("update", entry.data[offset : offset + CHUNK], epoch=self._epoch, entry=head)

    def _update(self, fields: dict[str, Any], payload: bytes) -> None:
        """A part of an entry; parts come in order, so each goes behind what is there."""
        inode = fields["entry"]["inode"]
        known = self._updates.get(inode)
        self._updates[inode] = Entry(**fields["entry"], data=(known.data if known else b"") + payload)

    def _complete(self, fields: dict[str, Any]) -> None:
        lead, mine = self._states[self._leader], self._states[self.me]
        if mine == lead:
            self._become_synced(changed=False)
            return
        entries = [Entry(ROOT, ROOT, fields["version"], fields["writer"], fields["mtime"], True, "")]
        for inode in lead.index:
            entry = self._updates.get(inode) or self.memdb.entry(inode)
            if entry is None:
                self._hooks.log(f"inode {inode} is missing in the updates")
                return
            entries.append(entry)
        with self.lock:
            self.memdb.replace_all(entries)
        self._hooks.log(f"update complete - trying to commit (got {len(self._updates)} inode updates)")
        self._become_synced(changed=True)

    def _become_synced(self, *, changed: bool) -> None:
        self.synced = True
        self._epoch, self._states, self._updates = [], {}, {}
        self._hooks.log("all data is up to date")
        self._hooks.synced(changed)
        queue, self._queue = self._queue, []
        if queue:
            self._hooks.log(f"dfsm_deliver_queue: queue length {len(queue)}")
        for sender, fields, payload in queue:
            self._apply(sender, fields, payload)

    def _apply(self, sender: Member, fields: dict[str, Any], payload: bytes) -> None:
        operation = Operation.decode(fields, payload)
        own = sender == self.me
        if not self._hooks.is_quorate():
            # quorum was lost while it was on its way; measured: the writer gets EPERM, not EACCES
            if own:
                self._settle(fields["id"], -errno.EPERM)
            return
        if operation.name == "unlock-request":
            if own:
                self._settle(fields["id"], 0)
            if self.me == min(self.members):
                self._expire(operation)
            return
        with self.lock:
            result = operation.apply(self.memdb, sender[0])
            pending = self._pending.pop(fields["id"], None) if own else None
        if result < 0:
            if pending is not None:
                pending.settle(result)
            return
        if pending is not None:
            pending.result = result
        self._hooks.applied(operation, result, pending)

    def _expire(self, operation: Operation) -> None:
        entry = self.memdb.lookup(operation.path)
        if entry is not None and self._hooks.lock_expired(operation.path):
            self.submit(Operation("unlock", operation.path, operation.mtime, target=entry.digest))
