"""The storages of a node: where a volume is, whether it is there, and making, removing and snapshotting it.

Volumes of `zfspool` storages are datasets of the node's pool; those of storages of files are files below their path,
whose internal snapshots (qcow2) are copies beside them. Others have names and no content.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

from .cfs import CommandError
from .layout import ETC_PVE
from .zfs.store import FILESYSTEM, VOLUME, Store, ZfsError

P = ParamSpec("P")
R = TypeVar("R")

OF_FILES = ("dir", "nfs", "cifs", "cephfs", "btrfs")
SHARED = ("nfs", "cifs", "cephfs", "rbd", "iscsi", "pbs")
REPLICATION = "__replicate_"
_SECTION = re.compile(r"^(\w+):\s*(\S+)\s*$")
_OWNER = re.compile(r"(?:vm|base|subvol|basevol)-(\d+)-")


@dataclass(frozen=True, slots=True)
class Storage:
    """One section of storage.cfg."""

    name: str
    type: str
    options: dict[str, str]

    @property
    def is_zfs(self) -> bool:
        """Whether its volumes are datasets."""
        return self.type == "zfspool"

    @property
    def is_shared(self) -> bool:
        """Whether every node sees the same volumes."""
        return self.type in SHARED or self.options.get("shared") == "1"

    def is_on(self, node: str) -> bool:
        """Whether it is used on a node."""
        nodes = self.options.get("nodes", "")
        return "disable" not in self.options and (not nodes or node in nodes.split(","))


def read(file: Path = ETC_PVE / "storage.cfg") -> dict[str, Storage]:
    """Every storage by its name."""
    found: dict[str, Storage] = {}
    options: dict[str, str] = {}
    for line in file.read_text().splitlines():
        head = _SECTION.match(line)
        if head:
            options = {}
            found[head[2]] = Storage(head[2], head[1], options)
        elif line.strip():
            key, _, value = line.strip().partition(" ")
            options[key] = value.strip() or "1"
    return found


@dataclass(frozen=True, slots=True)
class Volume:
    """A volume by its id, `local-zfs:vm-100-disk-0`."""

    storage: Storage
    name: str

    @property
    def id(self) -> str:
        """Its full id."""
        return f"{self.storage.name}:{self.name}"

    @property
    def is_file_system(self) -> bool:
        """Whether it holds a tree of files."""
        return self.name.rpartition("/")[2].startswith(("subvol-", "basevol-"))

    @property
    def owner(self) -> int:
        """The guest it belongs to, 0 for none."""
        match = _OWNER.match(self.name.rpartition("/")[2])
        return int(match[1]) if match else 0

    @property
    def dataset(self) -> str:
        """Its dataset, on a ZFS storage."""
        return f"{self.storage.options['pool']}/{self.name}"

    @property
    def path(self) -> Path:
        """Where it is opened."""
        if self.storage.is_zfs:
            return Path("/", self.dataset) if self.is_file_system else Path("/dev/zvol", self.dataset)
        top = Path(self.storage.options.get("path", f"/mnt/pve/{self.storage.name}"))
        kind, _, rest = self.name.partition("/")
        folders = {"iso": "template/iso", "vztmpl": "template/cache", "backup": "dump", "snippets": "snippets"}
        return top / folders[kind] / rest if kind in folders else top / "images" / self.name

    @property
    def can_snapshot(self) -> bool:
        """Whether its storage and format have snapshots."""
        return self.storage.is_zfs or (self.storage.type in OF_FILES and self.name.endswith(".qcow2"))


def volume(volid: str, storages: dict[str, Storage] | None = None) -> Volume:
    """A volume by its id.

    Raises:
        CommandError: it is no id, or there is no such storage.
    """
    name, separator, rest = volid.partition(":")
    if not separator or not rest:
        raise CommandError(f"unable to parse volume ID '{volid}'\n")
    known = read() if storages is None else storages
    if name not in known:
        raise CommandError(f"storage '{name}' does not exist")
    return Volume(known[name], rest)


def exists(one: Volume, store: Store) -> bool:
    """Whether a volume is there."""
    if one.storage.is_zfs:
        return store.find(one.dataset) is not None
    return one.storage.type not in OF_FILES or one.path.exists()


def allocate(one: Volume, size: int, store: Store) -> None:
    """Make an empty volume.

    Args:
        one: the volume; it is not there yet.
        size: in bytes.
        store: the node's pool.
    """
    if one.storage.is_zfs:
        thin = one.storage.options.get("sparse") == "1"
        if one.is_file_system:
            properties = {"refquota": str(size)} if size else {}
            _zfs(store.create, one.dataset, FILESYSTEM, properties)
        else:
            reserved = {} if thin else {"refreservation": str(size)}
            _zfs(store.create, one.dataset, VOLUME, {"volsize": str(size)} | reserved)
    elif one.storage.type in OF_FILES:
        one.path.parent.mkdir(parents=True, exist_ok=True)
        one.path.mkdir(exist_ok=True) if one.name.endswith(".subvol") else one.path.touch()


def free(one: Volume, store: Store) -> None:
    """Remove a volume with its snapshots; one that is not there is no error on a storage of files."""
    if one.storage.is_zfs:
        _zfs(store.destroy, one.dataset)
    elif one.storage.type in OF_FILES:
        for path in [one.path, *one.path.parent.glob(f".{one.path.name}@*")]:
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def _kept(one: Volume, snapshot: str) -> Path:
    return one.path.with_name(f".{one.path.name}@{snapshot}")


def take_snapshot(one: Volume, snapshot: str, store: Store) -> None:
    """Snapshot a volume."""
    if one.storage.is_zfs:
        _zfs(store.take_snapshot, one.dataset, snapshot)
    else:
        shutil.copyfile(one.path, _kept(one, snapshot))


def drop_snapshot(one: Volume, snapshot: str, store: Store) -> None:
    """Delete a snapshot of a volume; a snapshot that is not there is an error on ZFS."""
    if one.storage.is_zfs:
        dataset = _zfs(store.get, one.dataset)
        if dataset.snapshot(snapshot) is None:
            raise CommandError("zfs error: could not find any snapshots to destroy; check snapshot names.")
        _zfs(store.drop_snapshot, one.dataset, snapshot)
    else:
        _kept(one, snapshot).unlink(missing_ok=True)


def newer_snapshots(one: Volume, snapshot: str, store: Store) -> list[str]:
    """What stands in the way of a rollback: on ZFS the snapshots taken later.

    Raises:
        CommandError: the volume does not have that snapshot.
    """
    missing = CommandError(f"can't rollback, snapshot '{snapshot}' does not exist on '{one.id}'")
    if not one.storage.is_zfs:
        if not _kept(one, snapshot).exists():
            raise missing
        return []
    names = [found.name for found in _zfs(store.get, one.dataset).snapshots]
    if snapshot not in names:
        raise missing
    return names[names.index(snapshot) + 1 :]


def rollback(one: Volume, snapshot: str, store: Store) -> None:
    """Have a volume hold what it held at a snapshot."""
    if one.storage.is_zfs:
        _zfs(store.rollback, one.dataset, snapshot, recursive=False)
    else:
        shutil.copyfile(_kept(one, snapshot), one.path)


def replication_snapshots(one: Volume, store: Store) -> list[str]:
    """The snapshots that replication made of a volume."""
    dataset = store.find(one.dataset)
    return [found.name for found in dataset.snapshots if found.name.startswith(REPLICATION)] if dataset else []


def _zfs(action: Callable[P, R], *arguments: P.args, **named: P.kwargs) -> R:
    """Do something to the pool; its error becomes the storage layer's."""
    try:
        return action(*arguments, **named)
    except ZfsError as error:
        raise CommandError(f"zfs error: {error}") from None
