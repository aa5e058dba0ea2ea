"""Guests' configuration files: what is in force, what waits, what snapshots hold, and how fast it is read."""

from __future__ import annotations

import time

from parsers import guest_conf
from tests.parsers.cases import understood

FILE = next(case.text for case in understood("guest_conf") if "pve-9.2/guest_conf--snapshots" in str(case))


def test_a_snapshots_options_are_not_the_guests() -> None:
    conf = guest_conf.read("memory: 64\n[old]\nmemory: 32\nballoon: 0\n")
    assert (conf.get("memory"), conf.get("balloon")) == ("64", None)
    assert conf.snapshots[0].get("memory") == "32"


def test_pending_changes_are_not_in_force() -> None:
    conf = guest_conf.read("memory: 64\n[PENDING]\nmemory: 128\ndelete: balloon\n")
    assert conf.get("memory") == "64"
    assert conf.pending == (("memory", "128"), ("delete", "balloon"))


def test_a_container_may_have_a_snapshot_called_pending() -> None:
    conf = guest_conf.read("memory: 64\n[pending]\nsnaptime: 1\n")
    assert [snapshot.name for snapshot in conf.snapshots] == ["pending"]
    assert conf.pending == ()


def test_the_last_of_two_equal_keys_is_in_force_and_both_are_kept() -> None:
    conf = guest_conf.read("lxc.mount.entry: a\nlxc.mount.entry: b\n")
    assert conf.get("lxc.mount.entry") == "b"
    assert len(conf.options) == 2


def test_the_tree_of_snapshots_hangs_together() -> None:
    conf = guest_conf.read(FILE)
    parents = {snapshot.name: snapshot.parent for snapshot in conf.snapshots}
    assert parents == {
        "base": None,
        "branch2": "base",
        "branch2-b": "branch2",
        "branch2_b": "branch2-b",
        "post_upgrade": "pre_upgrade",
        "pre_upgrade": "base",
        "third": "pre_upgrade",
    }
    assert conf.get("parent") == "third"


def test_descriptions_are_decoded() -> None:
    conf = guest_conf.read(FILE)
    described = {snapshot.name: snapshot.description for snapshot in conf.snapshots if snapshot.description}
    assert described == {
        "base": "first one",
        "pre_upgrade": "before the upgrade\nsecond line",
        "third": "ünïcode ✓ text",
    }


def test_more_than_ten_megabytes_are_read_in_a_second() -> None:
    texts = [FILE] * 100
    size = sum(len(text.encode()) for text in texts)
    fastest = min(_seconds(texts) for _ in range(5))
    assert size / fastest > 10_000_000


def _seconds(texts: list[str]) -> float:
    # Processor time, not the clock on the wall: the machine may be busy with something else.
    before = time.process_time()
    for text in texts:
        guest_conf.read(text)
    return time.process_time() - before
