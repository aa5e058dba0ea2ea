"""The storage layer of a lab node: where volumes are, and what their snapshots can do."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.pve import storage
from lab.pve.cfs import CommandError
from lab.pve.storage import Storage, Volume
from lab.pve.zfs.store import Store

CFG = """\
dir: local
\tpath {top}
\tcontent iso,vztmpl

zfspool: local-zfs
\tpool rpool/data
\tsparse
\tnodes pve01,pve02

nfs: nas
\tpath /mnt/pve/nas
\tdisable
"""


@pytest.fixture
def storages(tmp_path: Path) -> dict[str, Storage]:
    (tmp_path / "storage.cfg").write_text(CFG.format(top=tmp_path / "vz"))
    return storage.read(tmp_path / "storage.cfg")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "node")


@pytest.mark.parametrize(
    ("volid", "path", "owner"),
    [
        ("local-zfs:vm-100-disk-0", "/dev/zvol/rpool/data/vm-100-disk-0", 100),
        ("local-zfs:subvol-200-disk-0", "/rpool/data/subvol-200-disk-0", 200),
        ("nas:100/vm-100-disk-0.qcow2", "/mnt/pve/nas/images/100/vm-100-disk-0.qcow2", 100),
        ("nas:iso/debian.iso", "/mnt/pve/nas/template/iso/debian.iso", 0),
    ],
)
def test_where_volumes_are(storages: dict[str, Storage], volid: str, path: str, owner: int) -> None:
    found = storage.volume(volid, storages)
    assert (str(found.path), found.owner) == (path, owner)


def test_which_storages_a_node_uses(storages: dict[str, Storage]) -> None:
    assert [name for name, one in storages.items() if one.is_on("pve03")] == ["local"]
    assert [name for name, one in storages.items() if one.is_shared] == ["nas"]


@pytest.mark.parametrize(("volid", "said"), [("none:x", "storage 'none' does not exist"), ("x", "unable to parse")])
def test_what_is_no_volume(storages: dict[str, Storage], volid: str, said: str) -> None:
    with pytest.raises(CommandError, match=said):
        storage.volume(volid, storages)


def test_zfs_goes_back_to_the_newest_snapshot_only(storages: dict[str, Storage], store: Store) -> None:
    disk = storage.volume("local-zfs:vm-100-disk-0", storages)
    storage.allocate(disk, 1 << 30, store)
    for name in ("one", "two"):
        storage.take_snapshot(disk, name, store)
    assert storage.newer_snapshots(disk, "one", store) == ["two"]
    assert storage.newer_snapshots(disk, "two", store) == []
    with pytest.raises(CommandError, match="snapshot 'none' does not exist on 'local-zfs:vm-100-disk-0'"):
        storage.newer_snapshots(disk, "none", store)
    with pytest.raises(CommandError, match="zfs error: could not find any snapshots to destroy"):
        storage.drop_snapshot(disk, "none", store)


def test_qcow2_goes_back_to_any(storages: dict[str, Storage], store: Store) -> None:
    disk = storage.volume("local:100/vm-100-disk-0.qcow2", storages)
    storage.allocate(disk, 1 << 30, store)
    for text in ("one", "two"):
        disk.path.write_text(text)
        storage.take_snapshot(disk, text, store)
    assert storage.newer_snapshots(disk, "one", store) == []
    storage.rollback(disk, "one", store)
    assert disk.path.read_text() == "one"
    storage.free(disk, store)
    assert list(disk.path.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("volid", "can"),
    [
        ("local:100/vm-100-disk-0.raw", False),
        ("local:100/vm-100-disk-0.qcow2", True),
        ("local-zfs:vm-100-disk-0", True),
    ],
)
def test_what_can_be_snapshotted(storages: dict[str, Storage], volid: str, can: bool) -> None:
    assert storage.volume(volid, storages).can_snapshot is can


def test_a_volume_of_a_sparse_pool_reserves_nothing(storages: dict[str, Storage], store: Store) -> None:
    thick = Volume(Storage("thick", "zfspool", {"pool": "rpool/data"}), "vm-100-disk-1")
    thin = storage.volume("local-zfs:vm-100-disk-0", storages)
    for disk in (thick, thin):
        storage.allocate(disk, 1 << 30, store)
    assert "refreservation" in store.get(thick.dataset).properties
    assert "refreservation" not in store.get(thin.dataset).properties
