"""Host keys, pinned under the node's name in hosts.toml: what a known_hosts file says, and adding to it.

A name stands for the machine whatever address leads to it, so one line per node is enough and an address that changes
hands is noticed. Understood are all plain forms: ``NAME``, lists, ``[NAME]:PORT``, hashed names, wildcards. What cannot
be understood is reported, never skipped in silence.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import hashlib
import hmac
import os
import re
from dataclasses import dataclass
from pathlib import Path

from pvefleet.model.errors import InventoryError

_TYPE = re.compile(r"[a-z0-9@.-]+\Z")
_PORT = re.compile(r"\[(.*)\]:[0-9]+\Z")


class HostKeysError(InventoryError):
    """A known_hosts file cannot be read or must not be changed."""


@dataclass(frozen=True, slots=True)
class HostKey:
    """One machine's public key.

    Attributes:
        name: the name it is pinned under.
        type: such as ``ssh-ed25519``.
        base64: the key itself.
        line: its line in the file it came from; 0 if it came over the network.
    """

    name: str
    type: str
    base64: str
    line: int = 0

    @property
    def fingerprint(self) -> str:
        """``SHA256:…``, as `ssh-keygen -lf` prints it."""
        digest = hashlib.sha256(base64.b64decode(self.base64)).digest()
        return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    revoked: bool
    hosts: str
    type: str
    base64: str


@dataclass(frozen=True, slots=True)
class KnownHosts:
    """What one file says.

    Attributes:
        path: the file.
        problems: lines that cannot be understood, as ``line 7: why``.
    """

    path: Path
    problems: tuple[str, ...]
    _lines: tuple[_Line, ...]

    def keys(self, name: str) -> tuple[HostKey, ...]:
        """Return the keys pinned under *name*, in the order of the file."""
        return tuple(
            HostKey(name, line.type, line.base64, line.number)
            for line in self._lines
            if not line.revoked and _matches(line.hosts, name)
        )

    def revoked(self, name: str, key: HostKey) -> bool:
        """Tell whether a ``@revoked`` line takes *key* away from *name*."""
        return any(line.revoked and line.base64 == key.base64 and _matches(line.hosts, name) for line in self._lines)


def read(path: Path) -> KnownHosts:
    """Read a known_hosts file; one that does not exist pins nothing.

    Raises:
        HostKeysError: it exists but cannot be read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        data = b""
    except OSError as error:
        raise HostKeysError(f"the host keys in {path} cannot be read: {error.strerror}") from error
    return _parse(path, data)


def known(path: Path, name: str) -> tuple[HostKey, ...]:
    """Return the keys that *path* pins under *name*.

    Raises:
        HostKeysError: the file cannot be read, or nothing is found for *name* and a line of it is not understood.
    """
    hosts = read(path)
    keys = hosts.keys(name)
    if not keys and hosts.problems:
        raise HostKeysError(f"{path}: {hosts.problems[0]}", hint="correct or remove that line")
    return keys


def append(path: Path, key: HostKey) -> bool:
    """Pin *key* under its name at the end of *path*, under a lock; everything that stands there stays as it is.

    Returns:
        False if it was pinned already.

    Raises:
        HostKeysError: the file cannot be written, or it pins another key of the same type under that name.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise HostKeysError(f"the host keys in {path} cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        data = _whole(handle)
        for old in _parse(path, data).keys(key.name):
            if old.base64 == key.base64:
                return False
            if old.type == key.type:
                raise HostKeysError(
                    f"{path} line {old.line} pins another {key.type} key under {key.name}: {old.fingerprint}",
                    hint="if the machine was reinstalled, remove that line first",
                )
        gap = b"\n" if data and not data.endswith(b"\n") else b""
        os.write(handle, gap + f"{key.name} {key.type} {key.base64}\n".encode())
        os.fsync(handle)
    except OSError as error:
        raise HostKeysError(f"the host keys in {path} cannot be written: {error.strerror}") from error
    finally:
        os.close(handle)
    return True


def _whole(handle: int) -> bytes:
    size = os.fstat(handle).st_size
    return os.pread(handle, size, 0)


def _parse(path: Path, data: bytes) -> KnownHosts:
    lines: list[_Line] = []
    problems: list[str] = []
    for number, raw in enumerate(data.splitlines(), 1):
        try:
            line = _line(number, raw.decode("utf-8").strip())
        except ValueError as error:
            problems.append(f"line {number}: {error}")
            continue
        if line is not None:
            lines.append(line)
    return KnownHosts(path, tuple(problems), tuple(lines))


def _line(number: int, text: str) -> _Line | None:
    if not text or text.startswith("#"):
        return None
    words = text.split()
    marker = words.pop(0) if words[0].startswith("@") else ""
    if marker == "@cert-authority":
        raise ValueError("host certificates (@cert-authority) are not supported")
    if marker not in ("", "@revoked"):
        raise ValueError(f"unknown marker {marker}")
    if len(words) < 3:
        raise ValueError("names, key type and key expected")
    hosts, kind, key = words[:3]
    try:
        blob = base64.b64decode(key, validate=True)
    except binascii.Error as error:
        raise ValueError("the key is not base64") from error
    named = blob[4 : 4 + int.from_bytes(blob[:4], "big")].decode("ascii", "replace")
    if not _TYPE.match(kind) or named != kind:
        raise ValueError(f"the key is not of the type {kind}")
    return _Line(number, marker == "@revoked", hosts, kind, key)


def _matches(hosts: str, name: str) -> bool:
    found = False
    for pattern in hosts.split(","):
        if pattern.startswith("|"):
            found = found or _hashed(pattern, name)
            continue
        wanted = pattern.removeprefix("!")
        bracketed = _PORT.match(wanted)
        if _glob(bracketed.group(1) if bracketed else wanted, name):
            if pattern.startswith("!"):
                return False
            found = True
    return found


def _glob(pattern: str, name: str) -> bool:
    parts = (".*" if char == "*" else "." if char == "?" else re.escape(char) for char in pattern)
    return re.fullmatch("".join(parts), name, re.IGNORECASE) is not None


def _hashed(pattern: str, name: str) -> bool:
    fields = pattern.split("|")
    if len(fields) != 4 or fields[1] != "1":
        return False
    try:
        salt, digest = base64.b64decode(fields[2]), base64.b64decode(fields[3])
    except binascii.Error:
        return False
    return hmac.compare_digest(hmac.digest(salt, name.encode(), "sha1"), digest)
