"""A change of the tree as a message, and a message applied to a tree."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import Any

from . import messages
from .memdb import Memdb


@dataclass(frozen=True, slots=True)
class Operation:
    """One change: `name` is create, mkdir, write, delete, rename, mtime, unlock-request or unlock.

    Attributes:
        mtime: epoch seconds by the clock of the node that asks for it.
        target: where a rename goes; the digest of the lock for the unlock operations.
    """

    name: str
    path: str
    mtime: int
    target: str = ""
    data: bytes = b""
    offset: int = 0
    truncate: bool = False

    def encode(self, number: int) -> bytes:
        """The message; `number` lets its sender know it again."""
        return messages.encode(
            "op",
            self.data,
            id=number,
            name=self.name,
            path=self.path,
            mtime=self.mtime,
            target=self.target,
            offset=self.offset,
            truncate=self.truncate,
        )

    @classmethod
    def decode(cls, fields: dict[str, Any], payload: bytes) -> Operation:
        """From a message's parts."""
        names = ("name", "path", "mtime", "target", "offset", "truncate")
        return cls(**{name: fields[name] for name in names}, data=payload)

    def apply(self, memdb: Memdb, writer: int) -> int:
        """Carry it out; 0 or bytes written, or a negative errno."""
        match self.name:
            case "create":
                return memdb.create(self.path, writer, self.mtime)
            case "mkdir":
                return memdb.mkdir(self.path, writer, self.mtime)
            case "write":
                return memdb.write(self.path, writer, self.mtime, self.data, self.offset, truncate=self.truncate)
            case "delete":
                return memdb.delete(self.path, writer, self.mtime)
            case "rename":
                return memdb.rename(self.path, self.target, writer, self.mtime)
            case "mtime":
                return memdb.set_mtime(self.path, writer, self.mtime)
            case "unlock":
                entry = memdb.lookup(self.path)
                if entry is None or entry.digest != self.target:
                    return -errno.ENOENT
                return memdb.delete(self.path, writer, self.mtime)
        return -errno.EINVAL

    @property
    def touched(self) -> str:
        """The path at which there is new content afterwards."""
        return self.target if self.name == "rename" else self.path
