"""What guest.list and snapshot.list print with --json fits the committed schema, whatever is wrong."""

from __future__ import annotations

import io
import json
from pathlib import Path

import jsonschema
import pytest

from pvefleet.rules.guest_list import guest_list
from pvefleet.rules.selector import parse
from pvefleet.rules.snapshots import snapshot_list
from pvefleet.views.present import present
from tests.support.guest_world import GuestWorld

DOCS = Path(__file__).resolve().parents[2] / "docs"


@pytest.mark.parametrize(("command", "build"), [("guest.list", guest_list), ("snapshot.list", snapshot_list)])
@pytest.mark.parametrize("dead", [(), ("pve02",), ("pve01", "pve02", "pve03")])
def test_documents_fit_their_schema(command: str, build: object, dead: tuple[str, ...]) -> None:
    world = GuestWorld(3)
    world.vm(100, "pve01", "tags: a\nparent: s1\n\n[s1]\n#why\nsnaptime: 5\n\n[s2]\nparent: s1\nsnapstate: prepare\n")
    world.ct(101, "pve02", "lock: backup\n")
    world.vm(102, "pve03", "broken\n")
    for name in dead:
        world.kill(name)
    out = io.StringIO()
    present(build(world.listing(), parse("@all")), as_json=True, out=out)  # type: ignore[operator]

    schema = json.loads((DOCS / "schemas" / f"{command}.json").read_text())
    document = json.loads(out.getvalue())
    jsonschema.Draft202012Validator(schema).validate(document)
    assert len(document["guests"]) == (0 if len(dead) == 3 else 3)


def test_every_selector_that_the_page_shows_is_well_formed() -> None:
    page = (DOCS / "guests.md").read_text()
    shown = [line.partition("--guests ")[2] for line in page.splitlines() if line.startswith("    fab ")]

    assert len(shown) == 3
    for selector in shown:
        assert parse(selector).text == selector
