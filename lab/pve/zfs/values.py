"""What `zfs list` and `zfs get` tell of a dataset or a snapshot, exact or as people read it."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from . import content
from .store import FILESYSTEM, POOL, POOL_BYTES, VOLUME, Dataset, Snapshot, Store, ZfsError

EMPTY = {FILESYSTEM: 98304, VOLUME: 57344}
_BLOCK = 4096
_SIZES = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}
SIZED = frozenset(
    {
        "used", "available", "referenced", "volsize", "quota", "refquota", "reservation", "refreservation", "written",
        "usedbysnapshots", "usedbydataset", "usedbychildren", "usedbyrefreservation", "logicalused",
        "logicalreferenced", "volblocksize", "recordsize",
    }
)  # fmt: skip
ALIASES = {"avail": "available", "refer": "referenced", "mountpt": "mountpoint"}
SETTABLE = frozenset(
    {
        "quota", "refquota", "reservation", "refreservation", "volsize", "compression", "mountpoint", "readonly",
        "recordsize", "sync", "atime", "xattr", "acltype", "canmount", "snapdir", "volblocksize",
    }
)  # fmt: skip
_COMMON = ("type", "creation", "used", "available", "referenced", "compressratio")
ORDER = {
    FILESYSTEM: (
        *_COMMON, "mounted", "quota", "reservation", "recordsize", "mountpoint", "compression", "readonly",
        "createtxg", "refquota", "refreservation", "guid", "usedbysnapshots", "usedbydataset", "written",
    ),
    VOLUME: (
        *_COMMON, "reservation", "volsize", "volblocksize", "compression", "readonly", "createtxg",
        "refreservation", "guid", "usedbysnapshots", "usedbydataset", "written",
    ),
    "snapshot": ("type", "creation", "used", "referenced", "compressratio", "createtxg", "guid", "written"),
}  # fmt: skip
_DEFAULTS = {
    "compressratio": "1.00", "compression": "on", "readonly": "off", "recordsize": "131072", "volblocksize": "16384",
    "quota": "0", "refquota": "0", "reservation": "0", "refreservation": "0", "sync": "standard", "atime": "on",
    "xattr": "sa", "acltype": "off", "canmount": "on", "snapdir": "hidden", "encryption": "off", "origin": "-",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """A dataset, or one of its snapshots."""

    dataset: Dataset
    snapshot: Snapshot | None = None

    @property
    def name(self) -> str:
        """Its full name."""
        return f"{self.dataset.name}@{self.snapshot.name}" if self.snapshot else self.dataset.name

    @property
    def kind(self) -> str:
        """`filesystem`, `volume` or `snapshot`."""
        return "snapshot" if self.snapshot else self.dataset.kind


def size(text: str) -> int:
    """Bytes of a size such as `32G`, `1048576` or `none`.

    Raises:
        ZfsError: it is none.
    """
    if text == "none":
        return 0
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([KMGT]?)i?B?", text, re.IGNORECASE)
    if match is None:
        raise ZfsError(f"bad numeric value '{text}'")
    return int(float(match[1]) * _SIZES[match[2].upper()])


def nice(number: int) -> str:
    """A size as people read it: `96K`, `1.21G`."""
    if number < 1024:
        return f"{number}B"
    unit, value = 0, number
    while value >= 1024 and unit < 5:
        unit, value = unit + 1, value >> 10
    letter, divisor = "BKMGTP"[unit], 1 << (10 * unit)
    if number % divisor == 0:
        return f"{number // divisor}{letter}"
    shown = next(text for places in (2, 1, 0) if len(text := f"{number / divisor:.{places}f}") <= 4)
    return f"{shown}{letter}"


class Values:
    """The values of everything in a pool, at one instant."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._datasets = store.all()

    def rows(self, *, snapshots: bool = True) -> list[Row]:
        """Everything there is, each dataset before its snapshots."""
        found: list[Row] = []
        for dataset in self._datasets:
            found.append(Row(dataset))
            found += [Row(dataset, one) for one in dataset.snapshots] if snapshots else []
        return found

    def referenced(self, row: Row) -> int:
        """Bytes a dataset or snapshot leads to."""
        name = row.dataset.name
        top = self._store.kept(name, row.snapshot.name) if row.snapshot else self._store.live(name)
        return EMPTY[row.dataset.kind] + -(-content.measure(top) // _BLOCK) * _BLOCK

    def _of_snapshots(self, dataset: Dataset) -> int:
        return sum(self._own(Row(dataset, one)) for one in dataset.snapshots)

    def _own(self, row: Row) -> int:
        """Bytes that only this snapshot holds: all its data, where what came next is not the same."""
        assert row.snapshot is not None
        snapshots, name = row.dataset.snapshots, row.dataset.name
        at = snapshots.index(row.snapshot)
        following = self._store.kept(name, snapshots[at + 1].name) if at + 1 < len(snapshots) else None
        same = content.equal(self._store.kept(name, row.snapshot.name), following or self._store.live(name))
        return 0 if same else self.referenced(row) - EMPTY[row.dataset.kind]

    def written(self, row: Row) -> int:
        """Bytes that differ from the snapshot before; all there are without one."""
        snapshots, name = row.dataset.snapshots, row.dataset.name
        before = snapshots[: snapshots.index(row.snapshot)] if row.snapshot else snapshots
        if not before:
            return self.referenced(row)
        here = self._store.kept(name, row.snapshot.name) if row.snapshot else self._store.live(name)
        if content.equal(here, self._store.kept(name, before[-1].name)):
            return 0
        return max(self.referenced(row) - EMPTY[row.dataset.kind], _BLOCK)

    def used(self, row: Row) -> int:
        """Bytes it takes, with what is below it."""
        if row.snapshot:
            return self._own(row)
        properties = row.dataset.properties
        own = max(self.referenced(row), int(properties.get("refreservation", 0)))
        below = (self.used(Row(one)) for one in self._datasets if one.name.rpartition("/")[0] == row.dataset.name)
        return max(own + self._of_snapshots(row.dataset) + sum(below), int(properties.get("reservation", 0)))

    def pool_used(self) -> int:
        """Bytes the whole pool has given out."""
        return next(self.used(Row(one)) for one in self._datasets if one.name == POOL)

    def raw(self, row: Row, key: str) -> str:
        """An exact value, `-` where there is none."""
        data = row.snapshot or row.dataset
        computed = {"used": self.used, "referenced": self.referenced, "written": self.written}
        if key in computed:
            return str(computed[key](row))
        if key in ("name", "type", "guid", "createtxg", "creation"):
            return str({"name": row.name, "type": row.kind}.get(key) or getattr(data, key))
        if row.snapshot:
            known = {"volsize": row.dataset.properties.get("volsize", "-"), "compressratio": "1.00"}
            return known.get(key, "-")
        return self._of_dataset(row, key)

    def _of_dataset(self, row: Row, key: str) -> str:
        dataset = row.dataset
        is_volume = dataset.kind == VOLUME
        if key == "available":
            free = POOL_BYTES - self.pool_used()
            quota = int(dataset.properties.get("refquota", 0))
            left = min(free, quota - self.referenced(row)) if quota else free
            return str(max(left, 0) + (int(dataset.properties.get("refreservation", 0)) if is_volume else 0))
        if key == "usedbysnapshots":
            return str(self._of_snapshots(dataset))
        if key in ("usedbydataset", "logicalused", "logicalreferenced"):
            return str(self.referenced(row))
        if key == "mountpoint":
            return "-" if is_volume else dataset.properties.get(key, f"/{dataset.name}")
        if key == "mounted":
            return "-" if is_volume else "yes"
        if is_volume and key in ("quota", "refquota", "recordsize"):
            return "-"
        if not is_volume and key == "volblocksize":
            return "-"
        return dataset.properties.get(key, _DEFAULTS.get(key, "-"))

    def shown(self, row: Row, key: str, *, exact: bool) -> str:
        """A value as `zfs` prints it."""
        value = self.raw(row, key)
        if exact or value == "-":
            return value
        if key in SIZED:
            unset = value == "0" and key in ("quota", "refquota", "reservation", "refreservation")
            return "none" if unset else nice(int(value))
        if key == "creation":
            return time.strftime("%a %b %e %H:%M %Y", time.localtime(int(value)))
        return f"{value}x" if key == "compressratio" else value
