"""The tree behind /etc/pve in memory, with pmxcfs's rules. Pure: the same operations give the same tree on every node.

Every operation returns 0 or a negative errno, as the messages between nodes carry it.
"""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from . import paths
from .vmlist import VmList

MAX_FILE = 1024 * 1024
MAX_TOTAL = 128 * 1024 * 1024
MAX_INODES = 256 * 1024
LOCK_SECONDS = 120.0
ROOT = 0


@dataclass(frozen=True, slots=True)
class Entry:
    """A file or directory: `version` is the tree's version when it was last changed, `writer` the node id that did."""

    inode: int
    parent: int
    version: int
    writer: int
    mtime: int
    is_dir: bool
    name: str
    data: bytes = b""

    @property
    def digest(self) -> str:
        """Changes with anything of the entry."""
        head = f"{self.inode}:{self.parent}:{self.version}:{self.writer}:{self.mtime}:{self.is_dir}:{self.name}:"
        return hashlib.sha1(head.encode() + self.data, usedforsecurity=False).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Change:
    """What an operation did: entries put in, inodes taken out; for the database on disk."""

    put: tuple[Entry, ...] = ()
    gone: tuple[int, ...] = ()


class Memdb:
    """The tree. `root` carries the version of the whole and the time and writer of the last change."""

    def __init__(self, entries: Iterable[Entry] = ()) -> None:
        self.vmlist = VmList()
        self.last_change = Change()
        self.locks: dict[str, tuple[float, str]] = {}
        self._entries: dict[int, Entry] = {}
        self._children: dict[int, dict[str, int]] = {}
        self._total = 0
        self.load(entries)

    def load(self, entries: Iterable[Entry]) -> None:
        """Replace the whole tree."""
        self._entries = {entry.inode: entry for entry in entries}
        self._entries.setdefault(ROOT, Entry(ROOT, ROOT, 0, 0, 0, True, ""))
        self._children = {entry.inode: {} for entry in self._entries.values() if entry.is_dir}
        for entry in self._entries.values():
            if entry.inode != ROOT:
                self._children[entry.parent][entry.name] = entry.inode
        self._total = sum(len(entry.data) for entry in self._entries.values())
        self.vmlist.rebuild(found for path, _ in self.walk() if (found := paths.guest(path)) is not None)
        self.locks = {path: lock for path, lock in self.locks.items() if self.lookup(path) is not None}

    @property
    def root(self) -> Entry:
        """The root directory, whose version is the tree's."""
        return self._entries[ROOT]

    @property
    def version(self) -> int:
        """Counts the changes of the tree."""
        return self.root.version

    def entries(self) -> list[Entry]:
        """Every entry, the root first, parents before what is in them."""
        return [self.root, *(entry for _, entry in self.walk())]

    def index(self) -> dict[int, str]:
        """inode -> digest of every entry but the root, whose version and time are compared apart."""
        return {inode: entry.digest for inode, entry in self._entries.items() if inode != ROOT}

    def entry(self, inode: int) -> Entry | None:
        """The entry of an inode."""
        return self._entries.get(inode)

    def walk(self, top: int = ROOT, prefix: str = "") -> Iterator[tuple[str, Entry]]:
        """(path, entry) of everything below a directory."""
        for name, inode in self._children[top].items():
            entry = self._entries[inode]
            yield prefix + name, entry
            if entry.is_dir:
                yield from self.walk(inode, f"{prefix}{name}/")

    def lookup(self, path: str) -> Entry | None:
        """The entry at a path; "" is the root."""
        inode = ROOT
        for name in path.split("/") if path else ():
            found = self._children.get(inode, {}).get(name)
            if found is None:
                return None
            inode = found
        return self._entries[inode]

    def names(self, path: str) -> list[str]:
        """What is in a directory."""
        entry = self.lookup(path)
        return list(self._children[entry.inode]) if entry is not None and entry.is_dir else []

    def usage(self) -> tuple[int, int]:
        """(bytes, inodes) in use."""
        return self._total, len(self._entries)

    def create(self, path: str, writer: int, now: int) -> int:
        """An empty file, unless its VMID exists already anywhere in the cluster."""
        found = paths.guest(path)
        if found is not None and self.vmlist.get(found[2]) is not None:
            return -errno.EEXIST
        result = self._add(path, writer, now, is_dir=False)
        if result == 0 and found is not None:
            self.vmlist.register(*found)
        return result

    def mkdir(self, path: str, writer: int, now: int) -> int:
        """A directory; one right in priv/lock is a lock, held from now."""
        result = self._add(path, writer, now, is_dir=True)
        entry = self.lookup(path)
        if result == 0 and entry is not None and paths.is_lock(path):
            self.locks[path] = (float(now), entry.digest)
        return result

    def _add(self, path: str, writer: int, now: int, *, is_dir: bool) -> int:
        directory, name = paths.split(path)
        parent = self.lookup(directory)
        if parent is None:
            return -errno.ENOENT
        if not parent.is_dir:
            return -errno.ENOTDIR
        if name in self._children[parent.inode]:
            return -errno.EEXIST
        if len(self._entries) >= MAX_INODES:
            return -errno.ENOSPC
        version = self.version + 1
        self._commit(writer, now, put=(Entry(version, parent.inode, version, writer, now, is_dir, name),))
        return 0

    def write(self, path: str, writer: int, now: int, data: bytes, offset: int, *, truncate: bool) -> int:
        """Put bytes at an offset; with `truncate` the file ends behind them, whatever its length was before."""
        entry = self.lookup(path)
        if entry is None:
            return -errno.ENOENT
        if entry.is_dir:
            return -errno.EISDIR
        end = offset + len(data)
        length = end if truncate else max(end, len(entry.data))
        if length > MAX_FILE:
            return -errno.EFBIG
        if self._total - len(entry.data) + length > MAX_TOTAL:
            return -errno.ENOSPC
        body = entry.data[:offset].ljust(offset, b"\0") + data + (b"" if truncate else entry.data[end:])
        changed = replace(entry, data=body, version=self.version + 1, writer=writer, mtime=now)
        self._commit(writer, now, put=(changed,))
        return len(data)

    def set_mtime(self, path: str, writer: int, now: int) -> int:
        """Touch; of a lock only by the node that holds it."""
        entry = self.lookup(path)
        if entry is None:
            return -errno.ENOENT
        if paths.is_lock(path) and entry.is_dir and entry.writer != writer:
            return -errno.EACCES
        touched = replace(entry, version=self.version + 1, writer=writer, mtime=now)
        self._commit(writer, now, put=(touched,))
        if paths.is_lock(path) and entry.is_dir:
            self.locks[path] = (float(now), touched.digest)
        return 0

    def delete(self, path: str, writer: int, now: int) -> int:
        """Remove a file or an empty directory."""
        entry = self.lookup(path)
        if entry is None or entry.inode == ROOT:
            return -errno.ENOENT
        if entry.is_dir and self._children[entry.inode]:
            return -errno.ENOTEMPTY
        self._commit(writer, now, gone=(entry.inode,))
        self.locks.pop(path, None)
        found = paths.guest(path)
        if found is not None:
            self.vmlist.delete(found[2])
        return 0

    def rename(self, source: str, target: str, writer: int, now: int) -> int:
        """Move; this is how a guest changes its node. A file at the target is lost without a word."""
        entry = self.lookup(source)
        parent = self.lookup(paths.split(target)[0])
        if entry is None or parent is None:
            return -errno.ENOENT
        if not parent.is_dir:
            return -errno.ENOTDIR
        if entry.is_dir and (self._children[entry.inode] or target.startswith(f"{source}/")):
            return -errno.ENOTEMPTY
        if paths.is_lock(source):
            return -errno.EACCES
        old, new = paths.guest(source), paths.guest(target)
        if new is not None and (old is None or old[2] != new[2]) and self.vmlist.elsewhere(*new):
            return -errno.EEXIST
        replaced = self.lookup(target)
        if replaced is not None and replaced.inode == entry.inode:
            return 0
        if replaced is not None and replaced.is_dir and self._children[replaced.inode]:
            return -errno.ENOTEMPTY
        name = paths.split(target)[1]
        moved = replace(entry, parent=parent.inode, name=name, version=self.version + 1, writer=writer, mtime=now)
        self._commit(writer, now, put=(moved,), gone=(replaced.inode,) if replaced is not None else ())
        if old is not None:
            self.vmlist.delete(old[2])
        if new is not None:
            self.vmlist.register(*new)
        return 0

    def lock_expired(self, path: str, now: float, seconds: float = LOCK_SECONDS) -> bool:
        """Whether a lock has not been touched for its lifetime; the clock starts anew whenever it was touched."""
        entry = self.lookup(path)
        if entry is None:
            return False
        since, digest = self.locks.get(path, (now, ""))
        if digest != entry.digest:
            self.locks[path] = (now, entry.digest)
            return False
        return now - since > seconds

    def replace_all(self, entries: Iterable[Entry]) -> None:
        """Take over a leader's tree, telling the database what that changes."""
        old = dict(self._entries)
        self.load(entries)
        put = tuple(entry for inode, entry in self._entries.items() if old.get(inode) != entry)
        self.last_change = Change(put, tuple(inode for inode in old if inode not in self._entries))

    def _commit(self, writer: int, now: int, *, put: tuple[Entry, ...] = (), gone: tuple[int, ...] = ()) -> None:
        for inode in gone:
            entry = self._entries.pop(inode)
            self._total -= len(entry.data)
            del self._children[entry.parent][entry.name]
            self._children.pop(inode, None)
        for entry in put:
            known = self._entries.get(entry.inode)
            if known is not None:
                self._total -= len(known.data)
                if (known.parent, known.name) != (entry.parent, entry.name):
                    del self._children[known.parent][known.name]
            self._entries[entry.inode] = entry
            self._children[entry.parent][entry.name] = entry.inode
            self._total += len(entry.data)
            if entry.is_dir:
                self._children.setdefault(entry.inode, {})
        root = replace(self.root, version=self.version + 1, writer=writer, mtime=now)
        self._entries[ROOT] = root
        self.last_change = Change((root, *put), gone)
