"""What a dataset holds: a tree of small files, copied sparsely, compared, and put into a stream and out of it again."""

from __future__ import annotations

import errno
import json
import os
import shutil
import stat
from pathlib import Path
from typing import IO, Any

CHUNK = 1 << 20
_HEADER_LIMIT = 1 << 24


def extents(descriptor: int) -> list[tuple[int, int]]:
    """Where a file has data, as offset and length; holes are left out."""
    found: list[tuple[int, int]] = []
    end = os.fstat(descriptor).st_size
    at = 0
    while at < end:
        try:
            start = os.lseek(descriptor, at, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:
                break
            raise
        at = os.lseek(descriptor, start, os.SEEK_HOLE)
        found.append((start, at - start))
    return found


def tree(top: Path) -> list[Path]:
    """Every path below, parents first."""
    return sorted(top.rglob("*"))


def copy(source: Path, target: Path) -> None:
    """Copy a tree; the target must not exist."""
    target.mkdir()
    for path in tree(source):
        place = target / path.relative_to(source)
        if path.is_symlink():
            place.symlink_to(path.readlink())
        elif path.is_dir():
            place.mkdir()
        elif path.is_file():
            _copy_file(path, place)
    for path in [source, *tree(source)]:
        if not path.is_symlink():
            shutil.copystat(path, target / path.relative_to(source))


def _copy_file(source: Path, target: Path) -> None:
    with source.open("rb") as reader, target.open("wb") as writer:
        for start, length in extents(reader.fileno()):
            reader.seek(start)
            writer.seek(start)
            _pipe(reader, writer, length)
        writer.truncate(os.fstat(reader.fileno()).st_size)


def _pipe(reader: IO[bytes], writer: IO[bytes], length: int) -> None:
    """Move so many bytes.

    Raises:
        EOFError: there are fewer.
    """
    while length:
        data = reader.read(min(length, CHUNK))
        if not data:
            raise EOFError
        writer.write(data)
        length -= len(data)


def equal(one: Path, other: Path) -> bool:
    """Whether two trees hold the same."""
    mine, theirs = tree(one), tree(other)
    if [path.relative_to(one) for path in mine] != [path.relative_to(other) for path in theirs]:
        return False
    return all(_same(left, right) for left, right in zip(mine, theirs, strict=True))


def _same(one: Path, other: Path) -> bool:
    left, right = one.lstat(), other.lstat()
    if left.st_mode != right.st_mode:
        return False
    if stat.S_ISLNK(left.st_mode):
        return one.readlink() == other.readlink()
    if not stat.S_ISREG(left.st_mode):
        return True
    return left.st_size == right.st_size and one.read_bytes() == other.read_bytes()


def measure(top: Path) -> int:
    """Bytes of data in a tree, holes left out."""
    total = 0
    for path in tree(top):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                total += sum(length for _, length in extents(file.fileno()))
    return total


def pack(top: Path, out: IO[bytes]) -> None:
    """Write a tree: one line that tells what follows, then the data of its files."""
    entries: list[dict[str, Any]] = []
    for path in tree(top):
        found = path.lstat()
        entry: dict[str, Any] = {"path": str(path.relative_to(top)), "mode": found.st_mode, "mtime": found.st_mtime_ns}
        if path.is_symlink():
            entry["link"] = str(path.readlink())
        elif path.is_file():
            with path.open("rb") as file:
                entry |= {"size": found.st_size, "extents": extents(file.fileno())}
        elif not path.is_dir():
            continue
        entries.append(entry)
    out.write(json.dumps(entries).encode() + b"\n")
    for entry in entries:
        if "extents" in entry:
            with (top / entry["path"]).open("rb") as file:
                for start, length in entry["extents"]:
                    file.seek(start)
                    _pipe(file, out, length)


def unpack(stream: IO[bytes], top: Path) -> None:
    """Make the tree that `pack` wrote; the target must not exist.

    Raises:
        EOFError: the stream ends before.
    """
    entries = read_line(stream)
    top.mkdir()
    for entry in entries:
        place = top / entry["path"]
        if "link" in entry:
            place.symlink_to(entry["link"])
            continue
        if "extents" in entry:
            with place.open("wb") as file:
                for start, length in entry["extents"]:
                    file.seek(start)
                    _pipe(stream, file, length)
                file.truncate(entry["size"])
        else:
            place.mkdir()
        place.chmod(stat.S_IMODE(entry["mode"]))
        os.utime(place, ns=(entry["mtime"], entry["mtime"]))


def read_line(stream: IO[bytes]) -> Any:
    """One line of JSON.

    Raises:
        EOFError: there is none, or not all of it.
    """
    line = stream.readline(_HEADER_LIMIT)
    if not line.endswith(b"\n"):
        raise EOFError
    return json.loads(line)
