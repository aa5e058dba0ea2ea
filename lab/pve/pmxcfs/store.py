"""The tree on disk: /var/lib/pve-cluster/config.db, with the columns of the genuine database."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from .memdb import ROOT, Change, Entry

_SCHEMA = """\
CREATE TABLE IF NOT EXISTS tree (
  inode INTEGER PRIMARY KEY NOT NULL,
  parent INTEGER NOT NULL CHECK(typeof(parent)=='integer'),
  version INTEGER NOT NULL CHECK(typeof(version)=='integer'),
  writer INTEGER NOT NULL CHECK(typeof(writer)=='integer'),
  mtime INTEGER NOT NULL CHECK(typeof(mtime)=='integer'),
  type INTEGER NOT NULL CHECK(typeof(type)=='integer'),
  name TEXT NOT NULL,
  data BLOB)
"""
_DIR, _FILE = 4, 8
_ROOT_NAME = "__version__"


class Store:
    """One open database."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        path.chmod(0o600)
        # a lab node dies by the death of its processes, never of its kernel: no need to wait for the disk
        for pragma in ("journal_mode=WAL", "synchronous=OFF"):
            self._db.execute(f"PRAGMA {pragma}").fetchall()
        self._db.execute(_SCHEMA)

    def load(self) -> list[Entry]:
        """Every entry; none when the database is new."""
        columns = "inode, parent, version, writer, mtime, type, name, data"
        return [_entry(*row) for row in self._db.execute(f"SELECT {columns} FROM tree ORDER BY inode")]

    def save(self, change: Change) -> None:
        """Write what an operation changed, all or nothing."""
        self._db.execute("BEGIN")
        self._db.executemany("DELETE FROM tree WHERE inode = ?", [(inode,) for inode in change.gone])
        rows = [
            (
                entry.inode,
                entry.parent,
                entry.version,
                entry.writer,
                entry.mtime,
                _FILE if entry.inode == ROOT or not entry.is_dir else _DIR,
                _ROOT_NAME if entry.inode == ROOT else entry.name,
                entry.data or None,
            )
            for entry in change.put
        ]
        self._db.executemany("INSERT OR REPLACE INTO tree VALUES (?, ?, ?, ?, ?, ?, ?, ?)", rows)
        self._db.execute("COMMIT")

    def close(self) -> None:
        """Close it; the write-ahead log goes into the database."""
        self._db.close()


def _entry(
    inode: int, parent: int, version: int, writer: int, mtime: int, kind: int, name: str, data: bytes | None
) -> Entry:
    root = inode == ROOT
    return Entry(inode, parent, version, writer, mtime, root or kind == _DIR, "" if root else name, data or b"")
