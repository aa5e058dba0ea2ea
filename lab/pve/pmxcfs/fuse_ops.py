"""/etc/pve as FUSE sees it: the tree, the links to this node's own directories, and the generated files."""

from __future__ import annotations

import errno
import grp
import os
import stat
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from mfusepy import FuseOSError, Operations

from . import paths
from .memdb import MAX_INODES, MAX_TOTAL, Entry
from .operations import Operation

if TYPE_CHECKING:
    from .daemon import Daemon

BLOCK = 4096
VIRTUAL = (".version", ".members", ".vmlist", ".clusterlog", ".rrd")
WRITE_BITS = 0o222
# how a touch without a time arrives: no seconds, and this for nanoseconds
UTIME_NOW = (1 << 30) - 1


class PveFilesystem(Operations):  # type: ignore[misc]
    """The operations pmxcfs has; others, links among them, are not implemented and fail with ENOSYS."""

    use_ns = True

    def __init__(self, daemon: Daemon, ready: Callable[[], None]) -> None:
        self._daemon = daemon
        self._ready = ready
        self._gid = _group("www-data")
        node = f"nodes/{daemon.settings.name}"
        self._links = {"local": node} | {name: f"{node}/{name}" for name in ("lxc", "openvz", "qemu-server")}

    def init(self, _path: str) -> None:
        """The file system is mounted."""
        self._daemon.start()
        self._ready()

    def _entry(self, path: str) -> Entry:
        entry = self._daemon.memdb.lookup(path)
        if entry is None:
            raise FuseOSError(errno.ENOENT)
        return entry

    def _mode(self, mode: int) -> int:
        return mode if self._daemon.members.quorate else mode & ~WRITE_BITS

    def _attributes(self, mode: int, size: int, mtime: int, links: int = 1) -> dict[str, Any]:
        when = mtime * 10**9
        return {
            "st_mode": mode,
            "st_nlink": links,
            "st_uid": 0,
            "st_gid": self._gid,
            "st_size": size,
            "st_blocks": (size + BLOCK - 1) // BLOCK,
            "st_blksize": BLOCK,
            "st_mtime": when,
            "st_atime": when,
            "st_ctime": when,
        }

    def getattr(self, path: str, _fh: int | None = None) -> dict[str, Any]:
        """Modes lose their write bits without quorum, the links' too: PVE's own tools look at `local`."""
        path = paths.normal(path)
        if path in self._links:
            return self._attributes(stat.S_IFLNK | self._mode(0o755), 0, 0)
        text = self._daemon.virtual(path) if path in VIRTUAL else None
        if text is not None:
            return self._attributes(stat.S_IFREG | 0o440, len(text.encode()), int(time.time()))
        with self._daemon.lock:
            entry = self._entry(path)
        private = paths.is_private(path)
        if entry.is_dir:
            mode = stat.S_IFDIR | self._mode(0o700 if private else 0o755)
            return self._attributes(mode, 0, entry.mtime if path else 0, links=2)
        return self._attributes(stat.S_IFREG | self._mode(0o600 if private else 0o640), len(entry.data), entry.mtime)

    def readdir(self, path: str, _fh: int) -> Iterable[str]:
        """What is in a directory."""
        path = paths.normal(path)
        with self._daemon.lock:
            names = self._daemon.memdb.names(path)
        extra = [*self._links, *VIRTUAL] if not path else []
        return [".", "..", *names, *extra]

    def readlink(self, path: str) -> str:
        """Where `local` and its like point to."""
        target = self._links.get(paths.normal(path))
        if target is None:
            raise FuseOSError(errno.EINVAL)
        return target

    def open(self, path: str, flags: int) -> int:
        """Opening asks for no quorum, writing does, and so does cutting off; generated files can only be read."""
        path = paths.normal(path)
        if path in VIRTUAL:
            if flags & (os.O_WRONLY | os.O_RDWR):
                raise FuseOSError(errno.EACCES)
        else:
            with self._daemon.lock:
                self._entry(path)
            if flags & os.O_TRUNC:
                self.truncate(path, 0)
        return 0

    def read(self, path: str, size: int, offset: int, _fh: int) -> bytes:
        """Bytes of a file."""
        path = paths.normal(path)
        text = self._daemon.virtual(path) if path in VIRTUAL else None
        if text is not None:
            return text.encode()[offset : offset + size]
        with self._daemon.lock:
            return self._entry(path).data[offset : offset + size]

    def _submit(self, name: str, path: str, **more: Any) -> int:
        path = paths.normal(path)
        if path in self._links or path in VIRTUAL:
            raise FuseOSError(errno.EACCES)
        result = self._daemon.submit(Operation(name, path, more.pop("mtime", int(time.time())), **more))
        if result < 0:
            raise FuseOSError(-result)
        return result

    def write(self, path: str, data: bytes, offset: int, _fh: int) -> int:
        """Each write is an operation of its own."""
        return self._submit("write", path, data=data, offset=offset)

    def truncate(self, path: str, length: int, _fh: int | None = None) -> int:
        """Cut a file off, or fill it with zeros."""
        self._submit("write", path, offset=length, truncate=True)
        return 0

    def create(self, path: str, _mode: int, _fi: Any = None) -> int:
        """The mode asked for is ignored, as modes follow from the path."""
        self._submit("create", path)
        return 0

    def mkdir(self, path: str, _mode: int) -> int:
        """A directory; in priv/lock a lock."""
        return self._submit("mkdir", path)

    def unlink(self, path: str) -> int:
        """Remove a file."""
        return self._submit("delete", path)

    def rmdir(self, path: str) -> int:
        """Remove an empty directory."""
        return self._submit("delete", path)

    def rename(self, old: str, new: str) -> int:
        """Move within /etc/pve."""
        if paths.normal(new) in self._links or paths.normal(new) in VIRTUAL:
            raise FuseOSError(errno.EACCES)
        self._submit("rename", old, target=paths.normal(new))
        return 0

    def utimens(self, path: str, times: tuple[int, int] | None = None) -> int:
        """Touch; a lock set to time 0 is a question whether it may expire, for the lowest node to answer."""
        mtime = int(time.time()) if times is None or times[1] == UTIME_NOW else times[1] // 10**9
        if mtime == 0 and paths.is_lock(paths.normal(path)):
            self._submit("unlock-request", path)
        else:
            self._submit("mtime", path, mtime=mtime)
        return 0

    def chmod(self, path: str, mode: int) -> int:
        """Only to the mode a path has anyway."""
        wanted = 0o600 if paths.is_private(paths.normal(path)) else 0o640
        if mode & 0o7777 != wanted:
            raise FuseOSError(errno.EPERM)
        return 0

    def chown(self, _path: str, uid: int, gid: int) -> int:
        """Only to the owner it has anyway; -1 leaves it."""
        unchanged = (-1, 0xFFFFFFFF)
        if uid not in (0, *unchanged) or gid not in (self._gid, *unchanged):
            raise FuseOSError(errno.EPERM)
        return 0

    def statfs(self, _path: str) -> dict[str, int]:
        """128 MiB at most, as the tree allows."""
        used, inodes = self._daemon.memdb.usage()
        blocks = MAX_TOTAL // BLOCK
        free = blocks - (used + BLOCK - 1) // BLOCK
        return {
            "f_bsize": BLOCK,
            "f_frsize": BLOCK,
            "f_blocks": blocks,
            "f_bfree": free,
            "f_bavail": free,
            "f_files": MAX_INODES,
            "f_ffree": MAX_INODES - inodes,
            "f_favail": MAX_INODES - inodes,
            "f_namemax": 256,
        }


def _group(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        return 0
