"""Private keys: finding, opening and unlocking them, once, before any connection is made."""

from __future__ import annotations

import base64
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from paramiko import Agent, ECDSAKey, Ed25519Key, PKey, RSAKey
from paramiko.ssh_exception import PasswordRequiredException, SSHException

_MAGIC = b"openssh-key-v1\0"
_CLASSES: tuple[type[PKey], ...] = (Ed25519Key, ECDSAKey, RSAKey)


class KeyFileError(Exception):
    """A private key cannot be used.

    Args:
        message: which file and why.
        hint: what to do about it.
    """

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Identity:
    """What a login is made with: a key, one key of the agent, or whatever the agent has.

    Attributes:
        key: the private key, unlocked.
        agent_blob: the public half of the agent's key that is to be used.
    """

    key: PKey | None = None
    agent_blob: bytes | None = None

    @contextmanager
    def offered(self) -> Iterator[PKey | None]:
        """Yield the key to offer, for the time of one login; None offers every key of the agent.

        An agent's key is asked for anew each time: its connection to the agent serves one login at a time.

        Raises:
            KeyFileError: the agent does not hold the key any more.
        """
        if self.agent_blob is None:
            yield self.key
            return
        with _agent_key(self.agent_blob) as key:
            if key is None:
                raise KeyFileError("the SSH agent does not hold the key any more", "ssh-add it again")
            yield key


class Keyring:
    """Loads each private key file once, and asks for each passphrase once.

    Args:
        passphrase: asks the operator; None means there is none to be had.
    """

    def __init__(self, passphrase: Callable[[Path], str | None]) -> None:
        self._passphrase = passphrase
        self._loaded: dict[Path | None, Identity | KeyFileError] = {None: Identity()}

    def identity(self, path: Path | None) -> Identity | KeyFileError:
        """Return what to log in with for *path* (None: the agent), or why that cannot be."""
        if path not in self._loaded:
            assert path is not None
            try:
                self._loaded[path] = self._load(path)
            except KeyFileError as error:
                self._loaded[path] = error
        return self._loaded[path]

    def _load(self, path: Path) -> Identity:
        data = _read(path)
        kind = _foreign_kind(path, data)
        if kind is not None:
            raise kind
        header = _openssh_header(data)
        try:
            return Identity(key=_open(path, None))
        except PasswordRequiredException:
            if header is not None and _agent_holds(header):
                return Identity(agent_blob=header)
        secret = self._passphrase(path)
        if secret is None:
            raise KeyFileError(
                f"the private key {path} is encrypted and there is no passphrase for it",
                f"ssh-add {path} unlocks it once",
            )
        try:
            return Identity(key=_open(path, secret))
        except KeyFileError as error:
            raise KeyFileError(f"the passphrase does not open the private key {path}") from error


def _read(path: Path) -> bytes:
    hint = "`identity` in hosts.toml, or -i, names the private key"
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise KeyFileError(f"the private key {path} does not exist", hint) from error
    except OSError as error:
        raise KeyFileError(f"the private key {path} cannot be read: {error.strerror}", hint) from error


def _foreign_kind(path: Path, data: bytes) -> KeyFileError | None:
    if data.startswith((b"ssh-", b"ecdsa-", b"sk-")):
        return KeyFileError(f"{path} is a public key", "name the private one, usually the same without .pub")
    if data.startswith(b"PuTTY-User-Key-File"):
        return KeyFileError(f"{path} is a PuTTY key", "puttygen -O private-openssh converts it")
    if b"PRIVATE KEY-----" not in data:
        return KeyFileError(f"{path} is not a private key", "`identity` in hosts.toml, or -i, names the private key")
    return None


def _openssh_header(data: bytes) -> bytes | None:
    """Return the public key that an OpenSSH private key file carries unencrypted; None for any other format."""
    try:
        body = base64.b64decode(b"".join(data.split(b"-----")[2].split()))
        if not body.startswith(_MAGIC):
            return None
        rest = body[len(_MAGIC) :]
        for _ in ("cipher", "kdf", "kdf options"):
            rest = _field(rest)[1]
        return _field(rest[4:])[0]
    except (IndexError, ValueError, struct.error):
        return None


def _field(data: bytes) -> tuple[bytes, bytes]:
    (length,) = struct.unpack(">I", data[:4])
    return data[4 : 4 + length], data[4 + length :]


@contextmanager
def _agent_key(blob: bytes) -> Iterator[PKey | None]:
    try:
        agent = Agent()
    except (SSHException, OSError):
        yield None
        return
    try:
        yield next((key for key in agent.get_keys() if key.asbytes() == blob), None)
    finally:
        agent.close()


def _agent_holds(blob: bytes) -> bool:
    with _agent_key(blob) as key:
        return key is not None


def _open(path: Path, secret: str | None) -> PKey:
    for kind in _CLASSES:
        try:
            key = kind.from_private_key_file(str(path), secret)
        except PasswordRequiredException:
            raise
        except (SSHException, ValueError, TypeError):
            continue
        certificate = path.with_name(path.name + "-cert.pub")
        if certificate.is_file():
            key.load_certificate(str(certificate))
        return key
    raise KeyFileError(f"{path} is no private key that can be used", f"ssh-keygen -p -f {path} converts older formats")
