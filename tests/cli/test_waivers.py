"""The waivers file is complete or refused, with file, entry and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from pvefleet.cli.waivers import load_waivers
from pvefleet.model.check import Waiver
from pvefleet.model.errors import InventoryError

GOOD = """\
[[waiver]]
code = "ARC-W-0001"
subject = "lab"
owner = "ops"
reason = "two nodes are what we have"
expires = 2027-06-30
"""


def test_a_complete_entry(tmp_path: Path) -> None:
    path = tmp_path / "waivers.toml"
    path.write_text(GOOD)

    assert load_waivers(path, required=True) == (
        Waiver("ARC-W-0001", "lab", "ops", "two nodes are what we have", "2027-06-30"),
    )


def test_a_missing_file_is_no_waivers_unless_it_was_named(tmp_path: Path) -> None:
    assert load_waivers(tmp_path / "waivers.toml", required=False) == ()
    with pytest.raises(InventoryError):
        load_waivers(tmp_path / "waivers.toml", required=True)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('owner = "ops"\n', "", "owner"),
        ('reason = "two nodes are what we have"\n', 'reason = ""\n', "reason"),
        ("expires = 2027-06-30\n", "", "expires"),
        ("2027-06-30", '"soon"', "expires"),
        ("2027-06-30", "2027-06-30T10:00:00", "expires"),
        ("ARC-W-0001", "ARC-W-9999", "ARC-W-9999"),
        ("owner", "onwer", "onwer"),
        ('subject = "lab"', "subject = 3", "subject"),
        ("[[waiver]]", "[[waivers]]", "waivers"),
        ("[[waiver]]", "[waiver]", "waiver"),
        ("[[waiver]]", "[[waiver", "waivers.toml"),
    ],
)
def test_what_is_not_complete_is_refused(tmp_path: Path, old: str, new: str, says: str) -> None:
    path = tmp_path / "waivers.toml"
    path.write_text(GOOD.replace(old, new))

    with pytest.raises(InventoryError) as caught:
        load_waivers(path, required=True)
    assert says in caught.value.message
    assert str(path) in caught.value.message
