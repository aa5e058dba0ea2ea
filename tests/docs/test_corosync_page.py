"""docs/corosync.md lists the settings that can be set, each with what it takes and when it takes effect."""

from __future__ import annotations

from pathlib import Path

from pvefleet.model.corosync_report import Waits
from pvefleet.model.totem import Applies
from pvefleet.rules.totem_keys import INTERFACE_KEYS, KEYS

PAGE = (Path(__file__).resolve().parents[2] / "docs/corosync.md").read_text(encoding="utf-8")
EFFECT = {Applies.LIVE: "live", Applies.RESTART: "after a restart"}


def test_every_setting_is_in_the_table_as_it_is() -> None:
    named = {**KEYS, **{f"interface.N.{name}": key for name, key in INTERFACE_KEYS.items()}}
    wanted = [f"| `{name}` | {key.takes}: {key.meaning} | {EFFECT[key.applies]} |" for name, key in named.items()]
    table = PAGE.partition("## Settings that can be set")[2].partition("\n## ")[0]
    assert [line for line in table.splitlines() if line.startswith("| `")] == wanted


def test_everything_a_difference_may_wait_for_is_explained() -> None:
    table = PAGE.partition("## What a difference waits for")[2].partition("\n## ")[0]
    assert table.count("\n| ") == len(Waits) + 1
