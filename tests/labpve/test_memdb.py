"""The tree behind /etc/pve obeys pmxcfs's rules."""

from __future__ import annotations

import errno
from collections.abc import Callable

import pytest

from lab.pve.pmxcfs.memdb import MAX_FILE, Entry, Memdb

NODE, OTHER = 1, 2
A, B = "nodes/pve01/qemu-server", "nodes/pve02/qemu-server"


@pytest.fixture
def tree() -> Memdb:
    memdb = Memdb()
    for directory in ("priv", "priv/lock", "nodes", "nodes/pve01", "nodes/pve02", A, B, "nodes/pve02/lxc"):
        assert memdb.mkdir(directory, NODE, 10) == 0
    return memdb


def put(memdb: Memdb, path: str, text: bytes = b"x", node: int = NODE) -> None:
    assert memdb.create(path, node, 20) == 0
    assert memdb.write(path, node, 20, text, 0, truncate=False) == len(text)


def data(memdb: Memdb, path: str) -> bytes:
    entry = memdb.lookup(path)
    assert entry is not None
    return entry.data


def test_every_change_raises_the_version_by_one_and_stamps_what_it_changed(tree: Memdb) -> None:
    before = tree.version
    put(tree, "storage.cfg", b"abc", node=OTHER)
    entry = tree.lookup("storage.cfg")
    assert tree.version == before + 2
    assert entry is not None
    assert (entry.version, entry.writer, entry.mtime) == (tree.version, OTHER, 20)


def test_a_refused_change_leaves_the_version(tree: Memdb) -> None:
    before = tree.version
    assert tree.create("nowhere/x", NODE, 1) == -errno.ENOENT
    assert tree.mkdir("priv", NODE, 1) == -errno.EEXIST
    assert tree.delete("nothing", NODE, 1) == -errno.ENOENT
    assert tree.version == before


def test_there_is_nothing_below_a_file(tree: Memdb) -> None:
    put(tree, "file")
    assert tree.create("file/x", NODE, 1) == -errno.ENOTDIR


@pytest.mark.parametrize(
    ("offset", "text", "truncate", "result"),
    [
        (0, b"XY", False, b"XYcdef"),
        (2, b"XY", False, b"abXYef"),
        (2, b"XY", True, b"abXY"),
        (8, b"!", False, b"abcdef\0\0!"),
        (3, b"", True, b"abc"),
        (8, b"", True, b"abcdef\0\0"),
    ],
)
def test_writes_land_at_their_offset(tree: Memdb, offset: int, text: bytes, truncate: bool, result: bytes) -> None:
    put(tree, "f", b"abcdef")
    tree.write("f", NODE, 30, text, offset, truncate=truncate)
    assert data(tree, "f") == result


def test_a_file_is_at_most_one_mebibyte(tree: Memdb) -> None:
    put(tree, "f", b"x" * MAX_FILE)
    assert tree.write("f", NODE, 1, b"x", MAX_FILE, truncate=False) == -errno.EFBIG
    assert tree.usage()[0] == MAX_FILE


def test_a_directory_cannot_be_written(tree: Memdb) -> None:
    assert tree.write("priv", NODE, 1, b"x", 0, truncate=False) == -errno.EISDIR


@pytest.mark.parametrize("path", [f"{B}/100.conf", "nodes/pve02/lxc/100.conf"])
def test_a_vmid_exists_once_in_the_cluster(tree: Memdb, path: str) -> None:
    put(tree, f"{A}/100.conf")
    assert tree.create(path, NODE, 1) == -errno.EEXIST


def test_only_configuration_files_of_guests_count_as_guests(tree: Memdb) -> None:
    for name in ("100.conf.tmp.1492", "100.conf.bak", "99.conf", "0100.conf"):
        put(tree, f"{A}/{name}")
    assert tree.vmlist.ordered() == []


def test_moving_a_configuration_moves_the_guest(tree: Memdb) -> None:
    put(tree, f"{A}/100.conf", b"name: web")
    assert tree.rename(f"{A}/100.conf", f"{B}/100.conf", OTHER, 30) == 0
    guest = tree.vmlist.get(100)
    assert guest is not None
    assert guest.node == "pve02"
    assert data(tree, f"{B}/100.conf") == b"name: web"
    assert tree.lookup(f"{A}/100.conf") is None


def test_moving_onto_another_guests_file_destroys_it_without_a_word(tree: Memdb) -> None:
    put(tree, f"{A}/101.conf", b"mine")
    put(tree, f"{B}/200.conf", b"yours")
    assert tree.rename(f"{A}/101.conf", f"{B}/200.conf", NODE, 30) == 0
    assert data(tree, f"{B}/200.conf") == b"mine"
    assert tree.vmlist.get(101) is None


def test_a_file_cannot_become_a_guest_that_is_elsewhere(tree: Memdb) -> None:
    put(tree, f"{A}/100.conf")
    put(tree, "new")
    assert tree.rename("new", f"{B}/100.conf", NODE, 30) == -errno.EEXIST
    put(tree, f"{A}/101.conf")
    assert tree.rename(f"{A}/101.conf", f"{B}/100.conf", NODE, 30) == -errno.EEXIST


def test_a_temporary_file_becomes_the_guest_of_its_own_node(tree: Memdb) -> None:
    put(tree, f"{A}/100.conf", b"old")
    put(tree, f"{A}/100.conf.tmp.7", b"new")
    assert tree.rename(f"{A}/100.conf.tmp.7", f"{A}/100.conf", NODE, 30) == 0
    assert data(tree, f"{A}/100.conf") == b"new"


def test_moving_to_an_unknown_node_fails(tree: Memdb) -> None:
    put(tree, f"{A}/100.conf")
    assert tree.rename(f"{A}/100.conf", "nodes/pve09/qemu-server/100.conf", NODE, 30) == -errno.ENOENT


def test_full_directories_are_neither_removed_nor_renamed(tree: Memdb) -> None:
    put(tree, f"{A}/100.conf")
    assert tree.delete(A, NODE, 1) == -errno.ENOTEMPTY
    assert tree.rename("nodes/pve01", "nodes/pve03", NODE, 1) == -errno.ENOTEMPTY


def test_a_directory_is_not_moved_into_itself(tree: Memdb) -> None:
    assert tree.rename(A, f"{A}/x", NODE, 1) == -errno.ENOTEMPTY


def test_a_lock_is_taken_once_and_not_renamed(tree: Memdb) -> None:
    assert tree.mkdir("priv/lock/x", NODE, 100) == 0
    assert tree.mkdir("priv/lock/x", OTHER, 101) == -errno.EEXIST
    assert tree.rename("priv/lock/x", "priv/lock/y", NODE, 101) == -errno.EACCES


def test_a_lock_is_refreshed_by_its_holder_alone(tree: Memdb) -> None:
    tree.mkdir("priv/lock/x", NODE, 100)
    assert tree.set_mtime("priv/lock/x", OTHER, 150) == -errno.EACCES
    assert tree.set_mtime("priv/lock/x", NODE, 150) == 0


def test_a_lock_expires_120_seconds_after_it_was_last_touched(tree: Memdb) -> None:
    tree.mkdir("priv/lock/x", NODE, 100)
    assert not tree.lock_expired("priv/lock/x", 220.0)
    assert tree.lock_expired("priv/lock/x", 220.5)
    tree.set_mtime("priv/lock/x", NODE, 221)
    assert not tree.lock_expired("priv/lock/x", 230.0)
    assert tree.lock_expired("priv/lock/x", 350.5)


def test_a_lock_of_before_our_start_gets_its_whole_time(tree: Memdb) -> None:
    tree.mkdir("priv/lock/x", NODE, 100)
    reborn = Memdb(tree.entries())
    assert not reborn.lock_expired("priv/lock/x", 10_000.0)
    assert reborn.lock_expired("priv/lock/x", 10_121.0)


def test_the_change_tells_the_database_what_to_write(tree: Memdb) -> None:
    put(tree, "old")
    put(tree, "new")
    old, new = tree.lookup("old"), tree.lookup("new")
    assert old is not None
    assert new is not None
    tree.rename("new", "old", NODE, 30)
    assert tree.last_change.gone == (old.inode,)
    assert [entry.inode for entry in tree.last_change.put] == [0, new.inode]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda memdb: memdb.write("f", NODE, 1, b"z", 0, truncate=False),
        lambda memdb: memdb.delete("f", NODE, 1),
        lambda memdb: memdb.mkdir("d", NODE, 1),
        lambda memdb: memdb.rename("f", "g", NODE, 1),
    ],
)
def test_the_index_tells_trees_apart(tree: Memdb, spoil: Callable[[Memdb], int]) -> None:
    put(tree, "f")
    twin = Memdb(tree.entries())
    assert twin.index() == tree.index()
    spoil(twin)
    assert twin.index() != tree.index()


def test_taking_over_a_tree_reports_what_changed(tree: Memdb) -> None:
    put(tree, "kept")
    put(tree, "lost")
    lost = tree.lookup("lost")
    leader = Memdb(tree.entries())
    leader.delete("lost", NODE, 1)
    put(leader, f"{A}/100.conf")
    tree.replace_all(leader.entries())
    assert tree.index() == leader.index()
    assert lost is not None
    assert tree.last_change.gone == (lost.inode,)
    assert tree.vmlist.get(100) is not None
    assert [entry.name for entry in tree.last_change.put if isinstance(entry, Entry)] == ["", "100.conf"]
