"""guest.list and snapshot.list on a real cluster: complete whatever is dead, and strict about what is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.client import Lab
from tests.system.conftest import Operator, Ran, mend

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]

SNAPSHOTS = """\

[our-first]
#vor dem Update
cores: 1
snaptime: 1795000000

[our-second]
cores: 1
parent: our-first
snaptime: 1795100000
vmstate: local:{vmid}/vm-{vmid}-state-our-second.raw
"""


def guests(ran: Ran) -> dict[int, dict[str, object]]:
    return {row["vmid"]: row for row in ran.document["guests"]}


def owned(ran: Ran, node: str) -> set[int]:
    return {vmid for vmid, row in guests(ran).items() if row["node"] == node}


@pytest.fixture
def vmid(operator: Operator, lab: Lab) -> Iterator[int]:
    """A machine of pve02 with two snapshots more than it had; its configuration is put back afterwards."""
    row = next(row for row in guests(operator.fab("guest.list", "--json")).values() if row["node"] == "pve02")
    path = f"/etc/pve/nodes/pve02/{'qemu-server' if row['type'] == 'qemu' else 'lxc'}/{row['vmid']}.conf"
    code, before, _ = lab.exec("pve01", ["cat", path])
    assert code == 0
    more = SNAPSHOTS.format(vmid=row["vmid"]).encode()
    lab.exec("pve01", ["sh", "-c", 'cat >"$1"', "sh", path], stdin=bytes(before) + more)
    yield int(str(row["vmid"]))
    mend(lab)
    operator.until()
    lab.exec("pve01", ["sh", "-c", 'cat >"$1"', "sh", path], stdin=bytes(before))


def test_every_guest_is_listed_by_its_owners_own_copy(operator: Operator) -> None:
    ran = operator.fab("guest.list", "--json")

    assert (ran.exit, ran.findings) == (0, [])
    rows = guests(ran)
    assert len(rows) == ran.document["guests_total"] >= 6
    assert {row["node"] for row in rows.values()} == {"pve01", "pve02", "pve03"}
    for row in rows.values():
        assert row["config_from"] == row["node"]
        assert row["state"] in ("running", "stopped")
        assert row["name"]
        assert isinstance(row["memory_mib"], int)


def test_selectors_pick_from_the_real_cluster(operator: Operator) -> None:
    everything = guests(operator.fab("guest.list", "--json"))
    running = {vmid for vmid, row in everything.items() if row["state"] == "running"}
    on_two = {vmid for vmid, row in everything.items() if row["node"] == "pve02"}

    assert set(guests(operator.fab("guest.list", "--json", "--guests", "@running"))) == running
    assert (
        set(guests(operator.fab("guest.list", "--json", "--guests", "@all,-@node-pve02"))) == set(everything) - on_two
    )
    assert set(guests(operator.fab("-H", "pve02", "guest.list", "--json"))) == on_two


@pytest.mark.parametrize(
    ("selector", "said"),
    [
        ("", "the selector of guests is empty"),
        ("@runing", "did you mean @running?"),
        ("99", "there is no guest 99"),
        ("@node-pve77", "the cluster has no such node"),
        ("@all,-nobody", "there is no guest called 'nobody'"),
    ],
)
@pytest.mark.parametrize("command", ["guest.list", "snapshot.list"])
def test_a_selector_that_is_wrong_exits_2_and_names_it(
    operator: Operator, command: str, selector: str, said: str
) -> None:
    ran = operator.fab(command, "--guests", selector)

    assert (ran.exit, ran.out) == (2, "")
    assert said in ran.err


def test_a_dead_nodes_guests_and_snapshots_are_all_there(operator: Operator, lab: Lab, vmid: int) -> None:
    before = operator.fab("guest.list", "--json")
    lab.kill("pve02")
    operator.until(("NOD-E-0001", "pve02"))

    ran = operator.fab("guest.list", "--json")

    assert (ran.exit, ran.findings) == (5, [("NOD-E-0001", "pve02")])
    assert set(guests(ran)) == set(guests(before))
    for one in owned(ran, "pve02"):
        row = guests(ran)[one]
        assert row["state"] == "unknown"
        assert row["config_from"] in ("pve01", "pve03")
        assert (row["name"], row["memory_mib"]) == (guests(before)[one]["name"], guests(before)[one]["memory_mib"])
    snapshots = guests(operator.fab("snapshot.list", "--json", "--guests", str(vmid)))[vmid]["snapshots"]
    assert isinstance(snapshots, list)
    ours = {one["name"]: (one["parent"], one["ram"]) for one in snapshots if one["name"].startswith("our-")}
    assert ours == {"our-first": (None, False), "our-second": ("our-first", True)}


def test_without_quorum_the_last_node_tells_of_every_guest(operator: Operator, lab: Lab) -> None:
    before = set(guests(operator.fab("guest.list", "--json")))
    lab.kill("pve01")
    lab.kill("pve02")
    operator.until(("QUO-E-0001", "lab"), ("NOD-E-0001", "pve01"), ("NOD-E-0001", "pve02"))

    ran = operator.fab("guest.list", "--json")

    assert set(guests(ran)) == before
    assert {row["config_from"] for row in guests(ran).values()} == {"pve03"}


def test_nodes_that_live_but_take_no_login_hide_no_guest(operator: Operator, lab: Lab) -> None:
    """Both nodes that read everything are out of reach: the third is asked a second time."""
    before = set(guests(operator.fab("guest.list", "--json")))
    lab.exec("pve01", ["systemctl", "stop", "ssh"])
    lab.exec("pve02", ["systemctl", "stop", "ssh"])

    ran = operator.fab("guest.list", "--json")

    assert set(guests(ran)) == before
    assert {row["config_from"] for row in guests(ran).values()} == {"pve03"}
    assert {code for code, _ in ran.findings} == {"NOD-W-0002"}


def test_a_recording_lists_the_same_again(operator: Operator, vmid: int, tmp_path: Path) -> None:
    ran = operator.fab("snapshot.list", "--json", "--record", str(tmp_path / "rec"))
    again = operator.fab("snapshot.list", "--json", "--replay", str(tmp_path / "rec"))

    assert again.document == ran.document
    assert vmid in guests(again)


def test_the_tree_at_a_terminal(operator: Operator, vmid: int) -> None:
    ran = operator.fab("snapshot.list", "--guests", str(vmid), COLUMNS="80")

    assert "our-first " in ran.out
    assert "vor dem Update" in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80


def test_snapshots_made_by_the_commands_themselves_are_listed(operator: Operator) -> None:
    found = guests(operator.fab("snapshot.list", "--json"))

    trees = {
        vmid: {one["name"]: (one["parent"], one["ram"]) for one in row["snapshots"]}  # type: ignore[attr-defined]
        for vmid, row in found.items()
        if vmid in (100, 102)
    }
    assert trees == {
        100: {"base": (None, False), "pre-upgrade": ("base", True)},
        102: {"before-update": (None, False), "after-update": ("before-update", False)},
    }
