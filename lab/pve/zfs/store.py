"""The datasets of a node's one pool, on the node's disk: each a directory with what it holds now and per snapshot.

`/var/lib/pvelab/zfs/datasets/rpool%data%vm-100-disk-0/` has `dataset.json`, `live` and an `@NAME` for each snapshot.
A volume holds one file, `disk`, as long as what was written; `/dev/zvol/…` leads to it, as a file system's mount point
leads to its `live`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path

from . import content

POOL = "rpool"
DATA = "rpool/data"
POOL_BYTES = 100 << 30
FILESYSTEM, VOLUME = "filesystem", "volume"


class ZfsError(Exception):
    """What `zfs` says on standard error before it exits with 1."""


@dataclass(slots=True)
class Snapshot:
    """One snapshot; `creation` in epoch seconds, `createtxg` counts the changes of its own pool."""

    name: str
    guid: int
    createtxg: int
    creation: int


@dataclass(slots=True)
class Dataset:
    """A file system or a volume; `properties` are those set on it, `snapshots` stand oldest first."""

    name: str
    kind: str
    guid: int
    createtxg: int
    creation: int
    properties: dict[str, str] = field(default_factory=dict)
    snapshots: list[Snapshot] = field(default_factory=list)

    @property
    def full_names(self) -> list[str]:
        """Its snapshots, as `zfs` calls them."""
        return [f"{self.name}@{snapshot.name}" for snapshot in self.snapshots]

    def snapshot(self, name: str) -> Snapshot | None:
        """The snapshot of that name."""
        return next((one for one in self.snapshots if one.name == name), None)


class Store:
    """The pool below a root directory. Whatever changes it does so under one lock."""

    def __init__(self, root: Path = Path("/")) -> None:
        self._root = root
        self.base = root / "var/lib/pvelab/zfs"
        self._held = 0

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keep others from changing the pool; may be taken again by who has it."""
        self._held += 1
        try:
            if self._held > 1:
                yield
                return
            self.base.mkdir(parents=True, exist_ok=True)
            with (self.base / "lock").open("w") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                if not (self.base / "txg").exists():
                    self._make_pool()
                yield
        finally:
            self._held -= 1

    def _make_pool(self) -> None:
        (self.base / "datasets").mkdir(exist_ok=True)
        self._write(self.base / "txg", "4")
        for name in (POOL, DATA):
            if not self._directory(name).exists():
                self.create(name, FILESYSTEM, {})

    def _directory(self, name: str) -> Path:
        return self.base / "datasets" / name.replace("/", "%")

    @staticmethod
    def _write(path: Path, text: str) -> None:
        temporary = path.with_name(f"{path.name}.new")
        temporary.write_text(text)
        temporary.rename(path)

    def _save(self, dataset: Dataset) -> None:
        self._write(self._directory(dataset.name) / "dataset.json", json.dumps(asdict(dataset)))

    def next_txg(self) -> int:
        """Count a change; the lock must be held."""
        txg = int((self.base / "txg").read_text()) + secrets.randbelow(40) + 1
        self._write(self.base / "txg", str(txg))
        return txg

    def all(self) -> list[Dataset]:
        """Every dataset, by name."""
        with self.lock():
            pass
        found = []
        for path in sorted((self.base / "datasets").glob("*/dataset.json")):
            with contextlib.suppress(FileNotFoundError):
                found.append(self._load(path))
        return sorted(found, key=lambda dataset: dataset.name.split("/"))

    @staticmethod
    def _load(path: Path) -> Dataset:
        data = json.loads(path.read_text())
        data["snapshots"] = [Snapshot(**one) for one in data["snapshots"]]
        return Dataset(**data)

    def find(self, name: str) -> Dataset | None:
        """The dataset of that name."""
        with self.lock():
            pass
        try:
            return self._load(self._directory(name) / "dataset.json")
        except FileNotFoundError:
            return None

    def get(self, name: str) -> Dataset:
        """The dataset of that name.

        Raises:
            ZfsError: there is none.
        """
        dataset = self.find(name)
        if dataset is None:
            raise ZfsError(f"cannot open '{name}': dataset does not exist")
        return dataset

    def get_snapshot(self, full: str) -> tuple[Dataset, Snapshot]:
        """A snapshot by its full name.

        Raises:
            ZfsError: there is none.
        """
        name, _, short = full.partition("@")
        dataset = self.find(name)
        snapshot = dataset.snapshot(short) if dataset else None
        if dataset is None or snapshot is None:
            raise ZfsError(f"cannot open '{full}': dataset does not exist")
        return dataset, snapshot

    def live(self, name: str) -> Path:
        """Where a dataset holds what it holds now."""
        return self._directory(name) / "live"

    def kept(self, name: str, snapshot: str) -> Path:
        """Where it holds what it held at a snapshot."""
        return self._directory(name) / f"@{snapshot}"

    def create(self, name: str, kind: str, properties: dict[str, str]) -> Dataset:
        """Make an empty dataset.

        Raises:
            ZfsError: there is one of that name, or no parent.
        """
        with self.lock():
            if self.find(name) is not None:
                raise ZfsError(f"cannot create '{name}': dataset already exists")
            parent = name.rpartition("/")[0]
            if parent and self.find(parent) is None:
                raise ZfsError(f"cannot create '{name}': parent does not exist")
            directory = self._directory(name)
            shutil.rmtree(directory, ignore_errors=True)
            self.live(name).mkdir(parents=True)
            if kind == VOLUME:
                (self.live(name) / "disk").touch()
            guid, txg = secrets.randbits(63), self.next_txg()
            dataset = Dataset(name, kind, guid, txg, int(time.time()), dict(properties))
            self._save(dataset)
            self.expose(dataset)
            return dataset

    def expose(self, dataset: Dataset) -> None:
        """Make the path by which a volume is opened, or a file system is entered."""
        place = self.place(dataset.name, dataset.kind)
        if place is None:
            return
        target = self.live(dataset.name) / "disk" if dataset.kind == VOLUME else self.live(dataset.name)
        place.parent.mkdir(parents=True, exist_ok=True)
        if not place.is_symlink() and not place.is_dir():
            place.symlink_to(target)

    def place(self, name: str, kind: str) -> Path | None:
        """Where that path is; none for those that have others below."""
        if name in (POOL, DATA):
            return None
        return self._root / "dev/zvol" / name if kind == VOLUME else self._root / name

    def hide(self, dataset: Dataset) -> None:
        """Undo `expose`."""
        place = self.place(dataset.name, dataset.kind)
        if place is not None and place.is_symlink():
            place.unlink()

    def set(self, name: str, key: str, value: str) -> None:
        """Set a property; an empty value takes it away."""
        with self.lock():
            dataset = self.get(name)
            dataset.properties.pop(key, None)
            if value:
                dataset.properties[key] = value
            self._save(dataset)

    def destroy(self, name: str) -> None:
        """Take a dataset away with its snapshots.

        Raises:
            ZfsError: a snapshot of it is being sent.
        """
        with self.lock():
            dataset = self.get(name)
            for snapshot in dataset.snapshots:
                self._refuse_busy(dataset, snapshot)
            self.hide(dataset)
            directory = self._directory(name)
            (directory / "dataset.json").unlink()
            shutil.rmtree(directory)

    def rename(self, name: str, new: str) -> None:
        """Give a dataset another name; it has no other below it."""
        with self.lock():
            dataset = self.get(name)
            if self.find(new) is not None:
                raise ZfsError(f"cannot rename '{name}': dataset already exists")
            if self.find(new.rpartition("/")[0]) is None:
                raise ZfsError(f"cannot open '{new.rpartition('/')[0]}': dataset does not exist")
            self.hide(dataset)
            self._directory(name).rename(self._directory(new))
            dataset.name = new
            self._save(dataset)
            self.expose(dataset)

    def take_snapshot(self, name: str, short: str) -> Snapshot:
        """Keep what a dataset holds now.

        Raises:
            ZfsError: no such dataset, or it has a snapshot of that name.
        """
        with self.lock():
            dataset = self.find(name)
            if dataset is None:
                raise ZfsError(f"cannot open '{name}': dataset does not exist\nusage:\n\tsnapshot [-r] <dataset@snap>")
            if dataset.snapshot(short):
                raise ZfsError(f"cannot create snapshot '{name}@{short}': dataset already exists")
            return self.keep(dataset, short, secrets.randbits(63), int(time.time()), self.live(name))

    def keep(self, dataset: Dataset, short: str, guid: int, creation: int, source: Path) -> Snapshot:
        """Add a snapshot with that content; the lock must be held."""
        target = self.kept(dataset.name, short)
        shutil.rmtree(target, ignore_errors=True)
        content.copy(source, target)
        snapshot = Snapshot(short, guid, self.next_txg(), creation)
        dataset.snapshots.append(snapshot)
        self._save(dataset)
        return snapshot

    def drop_snapshot(self, name: str, short: str) -> None:
        """Take a snapshot away.

        Raises:
            ZfsError: there is none, or it is being sent.
        """
        with self.lock():
            dataset, snapshot = self.get_snapshot(f"{name}@{short}")
            self._refuse_busy(dataset, snapshot)
            dataset.snapshots.remove(snapshot)
            self._save(dataset)
            shutil.rmtree(self.kept(name, short), ignore_errors=True)

    def _refuse_busy(self, dataset: Dataset, snapshot: Snapshot) -> None:
        descriptor = os.open(self.kept(dataset.name, snapshot.name), os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            full = f"{dataset.name}@{snapshot.name}"
            raise ZfsError(f"cannot destroy snapshot {full}: dataset is busy") from None
        finally:
            os.close(descriptor)

    def restore(self, dataset: Dataset, source: Path) -> None:
        """Have a dataset hold what a snapshot held; the lock must be held."""
        live, fresh, old = (self._directory(dataset.name) / name for name in ("live", "live.new", "live.old"))
        for path in (fresh, old):
            shutil.rmtree(path, ignore_errors=True)
        content.copy(source, fresh)
        live.rename(old)
        fresh.rename(live)
        shutil.rmtree(old, ignore_errors=True)

    def rollback(self, name: str, short: str, *, recursive: bool) -> None:
        """Go back to a snapshot.

        Raises:
            ZfsError: there is none, or newer ones are in the way and `recursive` does not say to destroy them.
        """
        with self.lock():
            dataset, snapshot = self.get_snapshot(f"{name}@{short}")
            newer = dataset.snapshots[dataset.snapshots.index(snapshot) + 1 :]
            if newer and not recursive:
                names = "\n".join(f"{name}@{one.name}" for one in newer)
                raise ZfsError(
                    f"cannot rollback to '{name}@{short}': more recent snapshots or bookmarks exist\n"
                    f"use '-r' to force deletion of the following snapshots and bookmarks:\n{names}"
                )
            for one in reversed(newer):
                self.drop_snapshot(name, one.name)
            self.restore(dataset, self.kept(name, short))

    def is_modified(self, dataset: Dataset) -> bool:
        """Whether something was written since its last snapshot."""
        if not dataset.snapshots:
            return content.measure(self.live(dataset.name)) > 0
        return not content.equal(self.live(dataset.name), self.kept(dataset.name, dataset.snapshots[-1].name))
