"""guest.list and snapshot.list at a terminal: true at every width, quick for thousands, safe from hostile names."""

from __future__ import annotations

import io
import json
import time

import pytest

from pvefleet.rules.guest_list import guest_list
from pvefleet.rules.selector import parse
from pvefleet.rules.snapshots import snapshot_list
from pvefleet.views.console import console
from pvefleet.views.present import present
from pvefleet.views.rows import Column, print_rows
from tests.support.guest_world import GuestWorld

NOW = 1_795_231_264


def text(report: object, monkeypatch: pytest.MonkeyPatch, width: int = 80) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    out = io.StringIO()
    present(report, as_json=False, out=out)
    return out.getvalue()


def snapshot(name: str, age: int, parent: str = "", more: str = "", description: str = "") -> str:
    head = f"\n[{name}]\n" + (f"#{description}\n" if description else "")
    return f"{head}cores: 1\n{more}" + (f"parent: {parent}\n" if parent else "") + f"snaptime: {NOW - age}\n"


def sample() -> GuestWorld:
    world = GuestWorld(3)
    world.vm(
        100,
        "pve01",
        "memory: 2048\ncores: 2\ntags: prod;web\nparent: tuned\n"
        + snapshot("base", 90000, description="before everything")
        + snapshot("patched", 80000, "base")
        + snapshot("tuned", 70000, "patched", "vmstate: local:100/x\n", "d%C3%A9j%C3%A0 vu")
        + snapshot("other", 60000, "base")
        + snapshot("other2", 50000, "other"),
        status="running",
        name="web01",
    )
    world.ct(101, "pve02", "memory: 512\nlock: backup\n" + snapshot("autodaily261101000000", 40), name="dns")
    world.vm(102, "pve03", "template: 1\nmemory: 1536\n", name="")
    world.user_cfg = "pool:prod::100::\n"
    world.ha_cfg = "vm: 100\n\n"
    return world


def test_the_guests_at_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    world = sample()
    world.kill("pve02")

    printed = text(guest_list(world.listing(), parse("@all")), monkeypatch)

    assert printed.startswith(
        """\
VMID  TYPE  NAME   NODE   STATE    MEMORY  CPU  SNAPS  NOTES        TAGS
 100  qemu  web01  pve01  running      2G    2      5  HA           prod web
 101  lxc   dns    pve02  ?          512M  all      1  lock backup  -
 102  qemu  -      pve03  stopped    1.5G    1      -  template     -
3 of 3 guests: 1 running, 1 stopped, 1 unknown; 2 of 3 nodes read,
2026-11-21T03:21:04Z

1 critical finding, 1 warning
CRITICAL  pve02 is down: no answer, and no peer sees it  [NOD-E-0001]
"""
    )
    assert "WARNING   guest 101 is locked (backup), and pve02 is down  [GST-W-0004]\n" in printed


def test_the_snapshots_at_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    world = sample()
    world.task("pve02", "vzdump", 101)

    assert text(snapshot_list(world.listing(), parse("@all")), monkeypatch) == (
        """\
SNAPSHOT                        AGE  NOTES        DESCRIPTION
VM 100 web01 on pve01
  base                        1d 1h               before everything
  |- patched                22h 13m
  |  tuned                  19h 26m  RAM          déjà vu
  |  current                                      you are here
  `- other                  16h 40m
     other2                 13h 53m
CT 101 dns on pve02                  lock backup
  |- autodaily261101000000      40s  automatic
  `- current                                      you are here

6 snapshots (1 with RAM) on 2 of 3 guests; 3 of 3 nodes read,
2026-11-21T03:21:04Z

Nothing wrong was found.
"""
    )


def test_a_half_made_snapshot_is_marked_where_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    world = GuestWorld(1)
    world.vm(100, "pve01", "parent: a\n" + snapshot("a", 60, more="snapstate: delete\n"))
    assert "  a                     1m  half deleted\n" in text(
        snapshot_list(world.listing(), parse("@all")), monkeypatch
    )

    world.task("pve01", "qmdelsnapshot", 100)
    assert "  a                     1m  being deleted\n" in text(
        snapshot_list(world.listing(), parse("@all")), monkeypatch
    )


@pytest.mark.parametrize("width", [20, 40, 60, 80, 120, 200])
@pytest.mark.parametrize("build", [guest_list, snapshot_list])
def test_no_line_is_wider_than_the_terminal(build: object, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    world = sample()
    world.vm(103, "pve03", "tags: " + ";".join(f"tag{n}" for n in range(40)) + snapshot("x" * 40, 1), name="n" * 63)
    world.ct(104, "pve03", snapshot("s", 1, description="長い説明" * 30), name="c")
    lines = text(build(world.listing(), parse("@all")), monkeypatch, width).splitlines()  # type: ignore[operator]

    assert max(len(line) + sum(ord(sign) > 0x2E80 for sign in line) for line in lines) <= width
    assert not [line for line in lines if line != line.rstrip()]


def test_names_and_locks_outlast_tags_where_there_is_little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    world = GuestWorld(1)
    world.vm(100, "pve01", "tags: some;long;tags;of;this;guest\nlock: snapshot-delete\n", name="mail-relay")

    first = text(guest_list(world.listing(), parse("@all")), monkeypatch).splitlines()[1]

    assert "mail-relay" in first
    assert "lock snapshot-delete" in first
    assert "some" not in first
    first = text(guest_list(world.listing(), parse("@all")), monkeypatch, 90).splitlines()[1]
    assert first.endswith("lock snapshot-delete  some lo…")


def test_what_a_guests_owner_writes_moves_no_cursor(monkeypatch: pytest.MonkeyPatch) -> None:
    world = GuestWorld(1)
    world.vm(100, "pve01", "tags: a\x1b[2Jb\n" + snapshot("s", 60, description="x%1B[31m\x07%0D%0Ay"), name="n\x9bm")
    for build in (guest_list, snapshot_list):
        printed = text(build(world.listing(), parse("@all")), monkeypatch)
        assert printed.replace("\n", "").isprintable()


def test_one_nodes_view_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    world = sample()
    del world.shared.confs[("pve02", "lxc", 101)]

    printed = text(guest_list(world.listing(here="pve01"), parse("@all")), monkeypatch)

    assert "1 of 3 nodes read" in printed
    assert "Nothing wrong in the view of pve01." in printed


def test_json_has_null_for_what_was_not_seen() -> None:
    world = sample()
    world.vm(103, "pve03", "broken\n")
    for build, key in ((guest_list, "memory_mib"), (snapshot_list, "snapshots")):
        out = io.StringIO()
        present(build(world.listing(), parse("103")), as_json=True, out=out)  # type: ignore[operator]
        assert json.loads(out.getvalue())["guests"][0][key] is None


@pytest.mark.usefixtures("own_heap")
def test_ten_thousand_snapshots_of_five_thousand_guests_are_printed_in_two_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = GuestWorld(3)
    for number in range(5000):
        world.vm(100 + number, "pve01", "parent: b\n" + snapshot("a", 99, description="one") + snapshot("b", 9, "a"))
    facts = world.listing()
    began = time.process_time()

    printed = text(snapshot_list(facts, parse("@all")), monkeypatch)

    assert time.process_time() - began < 2
    assert printed.count("\n  a ") == 5000
    began = time.process_time()
    assert len(text(guest_list(facts, parse("@all")), monkeypatch).splitlines()) > 5000
    assert time.process_time() - began < 2


def rows(width: int, *lines: tuple[str, ...]) -> str:
    out = io.StringIO()
    target = console(out)
    target.width = width
    print_rows(
        [Column("A", gives=1), Column("BB", right=True), Column("C", gives=2, drops=True, least=30)], lines, target
    )
    return out.getvalue()


def test_rows_stand_in_columns_and_give_way_in_order() -> None:
    assert rows(30, ("a", "1", "c"), ("aa", "22", "")) == "A   BB  C\na    1  c\naa  22\n"
    assert rows(29, ("a", "1", "c")) == "A  BB\na   1\n"
    assert rows(30, ("a" * 12, "1", "c" * 40)) == f"A             BB  C\n{'a' * 12}   1  {'c' * 11}…\n"
    assert rows(30, ("a" * 24, "1", "c" * 40)) == f"A                         BB\n{'a' * 24}   1\n"
    assert rows(14, ("a" * 40, "1", "")) == f"A           BB\n{'a' * 9}…   1\n"
