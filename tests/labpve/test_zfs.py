"""The emulated `zfs` and `zpool` on a pool below a temporary root: what is written is really there, kept and lost."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.pve.zfs import content, main, stream, values, zpool
from lab.pve.zfs.store import Store, ZfsError

DISK = "rpool/data/vm-100-disk-0"
Zfs = Callable[..., tuple[int, str, str]]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "node")


@pytest.fixture
def zfs(store: Store, capfd: pytest.CaptureFixture[str]) -> Zfs:
    def run(*argv: str) -> tuple[int, str, str]:
        code = main.run(store, list(argv))
        out, err = capfd.readouterr()
        return code, out, err.rstrip("\n")

    return run


def disk(store: Store, name: str = DISK) -> Path:
    return store.live(name) / "disk"


def send(store: Store, full: str, base: str = "") -> bytes:
    out = io.BytesIO()
    stream.send(store, stream.Sending(full, base, between=True, replicate=True), out)
    return out.getvalue()


def test_a_new_pool_has_what_the_installer_makes(zfs: Zfs) -> None:
    code, out, _ = zfs("list", "-H", "-o", "name,mountpoint")
    assert (code, out) == (0, "rpool\t/rpool\nrpool/data\t/rpool/data\n")


def test_a_volume_is_a_path_that_can_be_written(zfs: Zfs, store: Store, tmp_path: Path) -> None:
    assert zfs("create", "-s", "-V", "8G", DISK)[0] == 0
    (tmp_path / "node/dev/zvol" / DISK).write_bytes(b"a guest's data")
    assert disk(store).read_bytes() == b"a guest's data"
    assert zfs("get", "-Hp", "-o", "value", "volsize", DISK)[1] == f"{8 << 30}\n"


def test_columns_as_people_read_them(zfs: Zfs) -> None:
    zfs("create", "-V", "8G", DISK)
    lines = zfs("list", DISK)[1].splitlines()
    assert lines == [
        "NAME                      USED  AVAIL  REFER  MOUNTPOINT",
        f"{DISK}    8G   100G    56K  -",
    ]


@pytest.mark.parametrize(
    ("number", "shown"),
    [(0, "0B"), (624, "624B"), (98304, "96K"), (1 << 30, "1G"), (12902, "12.6K"), (1304428544, "1.21G")],
)
def test_sizes(number: int, shown: str) -> None:
    assert values.nice(number) == shown


def test_snapshots_have_guid_txg_and_time_and_rise(zfs: Zfs) -> None:
    zfs("create", "-s", "-V", "1G", DISK)
    for name in ("a", "b"):
        zfs("snapshot", f"{DISK}@{name}")
    columns = "name,guid,creation,createtxg,used"
    code, out, _ = zfs("list", "-Hp", "-t", "snapshot", "-o", columns, "-r", DISK)
    rows = [line.split("\t") for line in out.splitlines()]
    assert code == 0
    assert [row[0] for row in rows] == [f"{DISK}@a", f"{DISK}@b"]
    assert rows[0][1] != rows[1][1]
    assert int(rows[0][3]) < int(rows[1][3])


def test_rollback_brings_the_content_back_and_refuses_over_newer_ones(zfs: Zfs, store: Store) -> None:
    zfs("create", "-s", "-V", "1G", DISK)
    for text in (b"one", b"two"):
        disk(store).write_bytes(text)
        zfs("snapshot", f"{DISK}@{text.decode()}")
    disk(store).write_bytes(b"three")
    code, _, err = zfs("rollback", f"{DISK}@one")
    assert (code, err) == (
        1,
        f"cannot rollback to '{DISK}@one': more recent snapshots or bookmarks exist\n"
        f"use '-r' to force deletion of the following snapshots and bookmarks:\n{DISK}@two",
    )
    assert disk(store).read_bytes() == b"three"
    assert zfs("rollback", "-r", f"{DISK}@one")[0] == 0
    assert disk(store).read_bytes() == b"one"
    assert zfs("list", "-H", "-o", "name", "-t", "snapshot")[1] == f"{DISK}@one\n"


def test_written_tells_whether_something_was_written(zfs: Zfs, store: Store) -> None:
    zfs("create", "-s", "-V", "1G", DISK)
    zfs("snapshot", f"{DISK}@a")
    ask = ("get", "-Hp", "-o", "value", "written", DISK)
    assert zfs(*ask)[1] == "0\n"
    disk(store).write_bytes(b"x")
    assert int(zfs(*ask)[1]) > 0


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (("list", "rpool/none"), "cannot open 'rpool/none': dataset does not exist"),
        (("create", "-V", "1G", DISK), f"cannot create '{DISK}': dataset already exists"),
        (("snapshot", f"{DISK}@a"), f"cannot create snapshot '{DISK}@a': dataset already exists"),
        (("destroy", f"{DISK}@none"), "could not find any snapshots to destroy; check snapshot names."),
        (("rollback", f"{DISK}@none"), f"cannot open '{DISK}@none': dataset does not exist"),
        (
            ("destroy", DISK),
            f"cannot destroy '{DISK}': volume has children\nuse '-r' to destroy the following datasets:\n{DISK}@a",
        ),
        (("set", "used=1", DISK), f"cannot set property for '{DISK}': 'used' is readonly"),
    ],
)
def test_refusals_exit_1_with_the_genuine_text(zfs: Zfs, argv: tuple[str, ...], said: str) -> None:
    zfs("create", "-s", "-V", "1G", DISK)
    zfs("snapshot", f"{DISK}@a")
    assert zfs(*argv) == (1, "", said)


@pytest.mark.parametrize(("wanted", "left"), [("a%b", "cd"), ("b%c", "ad"), ("a,d", "bc"), ("%b", "cd"), ("c%", "ab")])
def test_ranges_of_snapshots(zfs: Zfs, wanted: str, left: str) -> None:
    zfs("create", "-s", "-V", "1G", DISK)
    for name in "abcd":
        zfs("snapshot", f"{DISK}@{name}")
    assert zfs("destroy", f"{DISK}@{wanted}")[0] == 0
    names = zfs("list", "-H", "-o", "name", "-t", "snapshot", DISK)[1].split()
    assert "".join(name[-1] for name in names) == left


def test_a_full_stream_makes_the_dataset_with_every_snapshot(zfs: Zfs, store: Store, tmp_path: Path) -> None:
    other = Store(tmp_path / "other")
    zfs("create", "-s", "-V", "1G", DISK)
    disk(store).write_bytes(b"first")
    zfs("snapshot", f"{DISK}@a")
    disk(store).write_bytes(b"second")
    zfs("snapshot", f"{DISK}@b")

    stream.receive(other, DISK, io.BytesIO(send(store, f"{DISK}@b")), force=True)

    mine, theirs = store.get(DISK), other.get(DISK)
    assert [(one.name, one.guid, one.creation) for one in theirs.snapshots] == [
        (one.name, one.guid, one.creation) for one in mine.snapshots
    ]
    assert disk(other).read_bytes() == b"second"
    assert (other.kept(DISK, "a") / "disk").read_bytes() == b"first"


def test_an_incremental_stream_with_force_eats_what_the_target_wrote(zfs: Zfs, store: Store, tmp_path: Path) -> None:
    """After a failover the old source comes back: its last writes, and its newer snapshots, are gone."""
    other = Store(tmp_path / "other")
    zfs("create", "-s", "-V", "1G", DISK)
    zfs("snapshot", f"{DISK}@a")
    stream.receive(other, DISK, io.BytesIO(send(store, f"{DISK}@a")), force=True)
    disk(other).write_bytes(b"written after the last sync")
    other.take_snapshot(DISK, "mine")
    disk(store).write_bytes(b"the survivor's")
    zfs("snapshot", f"{DISK}@b")
    data = send(store, f"{DISK}@b", "a")

    with pytest.raises(ZfsError, match="does not\nmatch incremental source"):
        stream.receive(other, DISK, io.BytesIO(data), force=False)
    assert disk(other).read_bytes() == b"written after the last sync"
    stream.receive(other, DISK, io.BytesIO(data), force=True)

    assert disk(other).read_bytes() == b"the survivor's"
    assert [one.name for one in other.get(DISK).snapshots] == ["a", "b"]


def test_without_a_common_snapshot_nothing_is_touched(zfs: Zfs, store: Store, tmp_path: Path) -> None:
    other = Store(tmp_path / "other")
    zfs("create", "-s", "-V", "1G", DISK)
    for name in "ab":
        zfs("snapshot", f"{DISK}@{name}")
    other.create(DISK, "volume", {})
    disk(other).write_bytes(b"another history")
    with pytest.raises(ZfsError, match="most recent snapshot"):
        stream.receive(other, DISK, io.BytesIO(send(store, f"{DISK}@b", "a")), force=True)
    assert disk(other).read_bytes() == b"another history"


def test_a_stream_cut_anywhere_leaves_whole_snapshots_only(zfs: Zfs, store: Store, tmp_path: Path) -> None:
    zfs("create", "-s", "-V", "1G", DISK)
    for name in "ab":
        disk(store).write_bytes(name.encode() * 300)
        zfs("snapshot", f"{DISK}@{name}")
    whole = send(store, f"{DISK}@b")
    for number, length in enumerate(range(0, len(whole) - 1, 97)):
        other = Store(tmp_path / f"cut{number}")
        with pytest.raises(ZfsError, match="failed to read from stream"):
            stream.receive(other, DISK, io.BytesIO(whole[:length]), force=True)
        found = other.find(DISK)
        kept = [one.name for one in found.snapshots] if found else []
        assert kept in ([], ["a"], ["a", "b"])
        if kept:
            assert disk(other).read_bytes() == kept[-1].encode() * 300
        assert not list(other.base.glob("receiving.*"))


def test_a_snapshot_that_is_being_sent_is_busy(zfs: Zfs, store: Store) -> None:
    zfs("create", "-s", "-V", "1G", DISK)
    zfs("snapshot", f"{DISK}@a")
    held = stream.hold(store, store.get(DISK), store.get(DISK).snapshots[0])
    assert zfs("destroy", f"{DISK}@a") == (1, "", f"cannot destroy snapshot {DISK}@a: dataset is busy")
    os.close(held)
    assert zfs("destroy", f"{DISK}@a")[0] == 0


def test_file_systems_hold_trees(zfs: Zfs, store: Store, tmp_path: Path) -> None:
    name = "rpool/data/subvol-200-disk-0"
    zfs("create", "-o", "refquota=4G", name)
    top = tmp_path / "node" / name
    (top / "etc").mkdir()
    (top / "etc/hostname").write_text("ct\n")
    (top / "bin").symlink_to("usr/bin")
    zfs("snapshot", f"{name}@a")
    (top / "etc/hostname").unlink()
    other = Store(tmp_path / "other")
    stream.receive(other, name, io.BytesIO(send(store, f"{name}@a")), force=True)
    assert (tmp_path / "other" / name / "etc/hostname").read_text() == "ct\n"
    assert (tmp_path / "other" / name / "bin").readlink() == Path("usr/bin")
    zfs("rollback", f"{name}@a")
    assert (top / "etc/hostname").read_text() == "ct\n"


def test_holes_stay_holes(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    with (source / "disk").open("wb") as file:
        file.seek(1 << 32)
        file.write(b"far out")
    content.copy(source, tmp_path / "copy")
    assert (tmp_path / "copy/disk").stat().st_size == (1 << 32) + 7
    assert content.measure(tmp_path / "copy") < 1 << 20


def test_a_renamed_dataset_keeps_its_snapshots_and_content(zfs: Zfs, store: Store) -> None:
    zfs("create", "-s", "-V", "1G", DISK)
    disk(store).write_bytes(b"last minutes")
    zfs("snapshot", f"{DISK}@a")
    assert zfs("rename", DISK, "rpool/data/salvage-100")[0] == 0
    assert disk(store, "rpool/data/salvage-100").read_bytes() == b"last minutes"
    assert zfs("list", DISK)[0] == 1
    assert zfs("list", "-H", "-o", "name", "rpool/data/salvage-100@a")[0] == 0


def test_a_reserved_volume_fills_the_pool(zfs: Zfs, store: Store, capfd: pytest.CaptureFixture[str]) -> None:
    zfs("create", "-V", "90G", "rpool/data/ballast")
    assert zpool.run(store, ["list", "-H", "-o", "name,size,cap,health"]) == 0
    assert capfd.readouterr().out == "rpool\t100G\t90%\tONLINE\n"
    assert zpool.run(store, ["status", "-x"]) == 0
    assert capfd.readouterr().out == "all pools are healthy\n"
    assert zpool.run(store, ["list", "tank"]) == 1
    assert capfd.readouterr().err == "cannot open 'tank': no such pool\n"
