"""The JSON documents about HA fit their schemas, whatever was seen of the cluster."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pvefleet.rules.ha import ha_groups_report, ha_report, ha_rules_report
from pvefleet.views.present import present
from tests.support.ha_world import HaWorld

DOCS = Path(__file__).resolve().parents[2] / "docs"


def used() -> HaWorld:
    world = HaWorld(3)
    world.add("vm:100", "pve01", group="g")
    world.add("vm:101", "pve02", state="migrate", service={"target": "pve03"})
    world.group("g", "pve01:2,pve02")
    world.node_affinity("rule", "vm:101", "pve03:1")
    world.journal["pve01"] = (
        "1794990000.5 pve01 pve-ha-crm[9]: recover service 'vm:100' from fenced node 'pve02' to node 'pve01'\n"
    )
    return world


def unread() -> HaWorld:
    world = used()
    for name in world.nodes:
        world.kill(name)
    return world


@pytest.mark.parametrize(
    ("command", "build"), [("ha.status", ha_report), ("ha.rules", ha_rules_report), ("ha.groups", ha_groups_report)]
)
@pytest.mark.parametrize("world", [used, unread, HaWorld], ids=["used", "unread", "never-used"])
def test_documents_fit_their_schema(command: str, build: Callable[[Any], Any], world: Callable[[], HaWorld]) -> None:
    out = io.StringIO()
    present(build(world().ha_facts()), as_json=True, out=out)

    schema = json.loads((DOCS / "schemas" / f"{command}.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(json.loads(out.getvalue()))
