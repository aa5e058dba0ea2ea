"""snapshot.list: every snapshot once, in its tree, whole or not, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers import guest_conf, guest_listsnapshot
from pvefleet.model.errors import ExitCode, UnreachableReason
from pvefleet.model.snapshot_list import GuestSnapshots, SnapshotListReport, SnapshotOrigin, SnapshotState
from pvefleet.rules.selector import parse
from pvefleet.rules.snapshots import snapshot_list, tree
from tests.support.guest_world import GuestWorld

FIXTURES = Path(__file__).parents[1] / "fixtures" / "pve-9.2"
NOW = 1_795_231_264
"""The time of the world's readings: 2026-11-21T03:21:04Z."""


def listed(world: GuestWorld, selector: str = "@all") -> SnapshotListReport:
    return snapshot_list(world.listing(states=False), parse(selector))


def codes(report: SnapshotListReport) -> list[tuple[str, str]]:
    return [(one.code, one.subject) for one in report.findings]


def names(guest: GuestSnapshots) -> list[tuple[int, str]]:
    return [(one.depth, one.name) for one in guest.snapshots or ()]


def snapshot(name: str, at: int = NOW - 3600, parent: str = "", more: str = "", description: str = "") -> str:
    text = f"\n[{name}]\n" + "".join(f"#{line}\n" for line in description.splitlines())
    return text + f"cores: 1\n{more}" + (f"parent: {parent}\n" if parent else "") + f"snaptime: {at}\n"


def test_a_guests_snapshots_with_every_value() -> None:
    world = GuestWorld(3)
    world.vm(
        100,
        "pve01",
        "parent: after\n"
        + snapshot("after", NOW - 60, "before", "vmstate: local:100/vm-100-state-after.raw\n")
        + snapshot("before", NOW - 86400, description="vor dem Update\nzweite Zeile, %C3%BC"),
    )
    world.vm(101, "pve02")

    report = listed(world)

    assert (report.findings, report.exit_code) == ((), ExitCode.OK)
    assert (report.guests_total, report.snapshots_total, report.ram_total) == (2, 2, 1)
    guest = report.guests[0]
    assert (guest.vmid, guest.name, guest.node, guest.config_from, guest.lock) == (100, "vm100", "pve01", "pve01", "")
    assert guest.current_parent == "after"
    assert guest.snapshots is not None
    before, after = guest.snapshots
    assert (before.name, before.parent, before.depth, before.ram) == ("before", None, 0, False)
    assert (before.taken_at, before.age_seconds) == ("2026-11-20T03:21:04Z", 86400)
    assert before.description == "vor dem Update\nzweite Zeile, ü"
    assert (after.name, after.parent, after.depth, after.ram) == ("after", "before", 1, True)
    assert (after.state, after.snapstate, after.at_work, after.origin) == (
        SnapshotState.COMPLETE,
        "",
        None,
        SnapshotOrigin.MANUAL,
    )
    assert report.guests[1].snapshots == ()


def test_the_tree_is_the_native_lists_tree() -> None:
    """The same guest, by its configuration and by ``qm listsnapshot``, as captured."""
    conf = guest_conf.read((FIXTURES / "guest_conf--snapshots.out").read_text())
    native = guest_listsnapshot.read((FIXTURES / "guest_listsnapshot--qm-tree.out").read_text())

    ours = [(one.name, depth, parent) for one, depth, parent in tree(conf)]

    assert ours == [(one.name, one.depth, one.parent) for one in native.snapshots]
    assert conf.get("parent") == native.current_parent


def test_the_snapshots_of_a_dead_node_are_all_there() -> None:
    world = GuestWorld(3)
    world.vm(100, "pve02", "parent: s1\n" + snapshot("s1"))
    world.kill("pve02")

    report = listed(world)

    assert names(report.guests[0]) == [(0, "s1")]
    assert report.guests[0].config_from == "pve01"
    assert codes(report) == [("NOD-E-0001", "pve02")]


def test_without_quorum_and_on_the_last_node_nothing_is_missing() -> None:
    world = GuestWorld(3)
    for number, node in enumerate(world.nodes):
        world.vm(100 + number, node, snapshot("s1"))
    world.kill("pve01")
    world.kill("pve02")

    assert listed(world).snapshots_total == 3


def test_a_configuration_that_was_not_read_has_unknown_snapshots_and_not_none() -> None:
    world = GuestWorld(3)
    world.vm(100, "pve02", "broken\n" + snapshot("s1"))

    guest = listed(world).guests[0]

    assert (guest.snapshots, guest.lock, guest.config_from) == (None, None, "")


@pytest.mark.parametrize(
    ("kind", "name", "origin"),
    [
        ("qemu", "before-upgrade", SnapshotOrigin.MANUAL),
        ("qemu", "autodaily261101000000", SnapshotOrigin.AUTOMATIC),
        ("lxc", "autohourly_2026_11_01T00_00_01", SnapshotOrigin.AUTOMATIC),
        ("qemu", "automation", SnapshotOrigin.MANUAL),
        ("qemu", "auto2024", SnapshotOrigin.MANUAL),
        ("qemu", "__replicate_100-0_1795233562__", SnapshotOrigin.REPLICATION),
        ("lxc", "__migration__", SnapshotOrigin.MIGRATION),
        ("qemu", "__base__", SnapshotOrigin.TEMPLATE),
        ("lxc", "vzdump", SnapshotOrigin.BACKUP),
        ("qemu", "vzdump", SnapshotOrigin.MANUAL),
    ],
)
def test_who_made_it_is_told_by_the_name(kind: str, name: str, origin: SnapshotOrigin) -> None:
    world = GuestWorld(1)
    (world.vm if kind == "qemu" else world.ct)(100, "pve01", snapshot(name))

    snapshots = listed(world).guests[0].snapshots

    assert snapshots is not None
    assert snapshots[0].origin is origin


@pytest.mark.parametrize(
    ("word", "state"),
    [("prepare", SnapshotState.MAKING), ("delete", SnapshotState.DELETING), ("resume", SnapshotState.OTHER)],
)
def test_a_half_made_snapshot_is_found_unless_a_task_works_on_it(word: str, state: SnapshotState) -> None:
    world = GuestWorld(3)
    world.vm(100, "pve01", "lock: snapshot\n" + snapshot("s1", more=f"snapstate: {word}\n"))

    report = listed(world)
    snapshots = report.guests[0].snapshots
    assert snapshots is not None
    assert (snapshots[0].state, snapshots[0].snapstate, snapshots[0].at_work) == (state, word, False)
    assert codes(report) == [("SNP-W-0001", "100/s1")]

    world.task("pve01", "qmsnapshot", 100)
    report = listed(world)
    snapshots = report.guests[0].snapshots
    assert snapshots is not None
    assert snapshots[0].at_work is True
    assert codes(report) == []


def test_a_half_made_snapshot_on_a_node_that_is_down_stays_half_made() -> None:
    world = GuestWorld(3)
    world.vm(100, "pve02", snapshot("s1", more="snapstate: delete\n"))
    world.kill("pve02")

    report = listed(world)

    assert codes(report)[1:] == [("SNP-W-0001", "100/s1")]
    assert report.findings[1].message == "snapshot 100/s1 is half made, and pve02 is down"


def test_a_half_made_snapshot_nobody_can_judge_is_a_note() -> None:
    world = GuestWorld(3)
    world.vm(100, "pve02", snapshot("s1", more="snapstate: delete\n"))
    world["pve02"].unreachable = UnreachableReason.AUTH_REJECTED

    assert codes(listed(world))[1:] == [("SNP-I-0002", "100/s1")]


def test_what_a_backup_left_is_found_and_what_it_needs_is_not() -> None:
    world = GuestWorld(3)
    world.ct(100, "pve01", snapshot("vzdump"))
    assert codes(listed(world)) == [("SNP-W-0004", "100")]

    world.ct(100, "pve01", "lock: backup\n" + snapshot("vzdump"))
    world.task("pve01", "vzdump", "")
    assert codes(listed(world)) == []


def test_a_snapshot_from_the_future_is_a_note_and_its_age_is_not_rounded_away() -> None:
    world = GuestWorld(3)
    world.vm(100, "pve01", snapshot("s1", NOW + 3600) + snapshot("s2", NOW + 20))

    report = listed(world)

    assert codes(report) == [("SNP-I-0005", "lab")]
    assert report.findings[0].evidence == ("100/s1: 2026-11-21T04:21:04Z",)
    ages = [one.age_seconds for one in report.guests[0].snapshots or ()]
    assert ages == [-20, -3600]
    assert report.exit_code is ExitCode.OK


@pytest.mark.parametrize("text", ["\n[s1]\ncores: 1\n", "\n[s1]\nsnaptime: 99999999999999\n"])
def test_a_snapshot_without_a_time_that_can_be_has_no_age(text: str) -> None:
    world = GuestWorld(3)
    world.vm(100, "pve01", text)

    snapshots = listed(world).guests[0].snapshots

    assert snapshots is not None
    assert (snapshots[0].taken_at, snapshots[0].age_seconds) == (None, None)


def test_broken_trees_are_found_and_every_snapshot_is_shown_once() -> None:
    world = GuestWorld(3)
    world.vm(
        100,
        "pve01",
        "parent: lost\n"
        + snapshot("a", 5, "b")
        + snapshot("b", 6, "c")
        + snapshot("c", 7, "a")
        + snapshot("orphan", 8, "gone")
        + snapshot("child", 9, "orphan")
        + snapshot("self", 10, "self"),
    )

    report = listed(world)

    assert names(report.guests[0]) == [(0, "orphan"), (1, "child"), (0, "a"), (1, "c"), (2, "b"), (0, "self")]
    assert report.guests[0].current_parent is None
    assert codes(report) == [("SNP-W-0003", "100")]
    assert report.findings[0].evidence == (
        "a stands on b, which stands on it in turn",
        "orphan stands on gone, which does not exist",
        "self stands on self, which stands on it in turn",
        "the guest stands on lost, which does not exist",
    )


def test_findings_are_about_the_selected_guests() -> None:
    world = GuestWorld(3)
    world.vm(100, "pve01", "parent: lost\n")
    world.vm(101, "pve01")

    assert codes(listed(world, "101")) == []
    assert codes(listed(world, "100")) == [("SNP-W-0003", "100")]


chains = st.lists(
    st.tuples(st.integers(0, 7), st.one_of(st.none(), st.integers(0, 9)), st.integers(0, 5)),
    max_size=8,
    unique_by=lambda row: row[0],
)


@given(chains)
def test_any_parentage_makes_a_tree_of_each_snapshot_once_after_its_parent(
    rows: list[tuple[int, int | None, int]],
) -> None:
    text = "".join(snapshot(f"s{name}", at, "" if parent is None else f"s{parent}") for name, parent, at in rows)
    conf = guest_conf.read("cores: 1\n" + text)

    placed = list(tree(conf))

    assert sorted(one.name for one, _, _ in placed) == sorted(one.name for one in conf.snapshots)
    depths: dict[str, int] = {}
    for one, depth, parent in placed:
        assert depth == (0 if parent is None else depths[parent] + 1), "its parent came before"
        assert parent in (None, one.parent)
        depths[one.name] = depth


def test_a_chain_of_thousands_is_no_matter() -> None:
    text = "cores: 1\n" + "".join(snapshot(f"s{n}", n, f"s{n - 1}" if n else "") for n in range(5000))

    assert [depth for _, depth, _ in tree(guest_conf.read(text))] == list(range(5000))
