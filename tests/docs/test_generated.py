"""What is generated under docs/ is what the code says today, and what the commands print fits its schema."""

from __future__ import annotations

import importlib.util
import io
import json
import sys
from pathlib import Path
from types import ModuleType

import jsonschema
import pytest

from pvefleet.model.catalogue import CATALOGUE
from pvefleet.rules.status import links_report, nodes_report, status_report
from pvefleet.views.present import present
from tests.support.world import World

DOCS = Path(__file__).resolve().parents[2] / "docs"


def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", DOCS / "generate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_every_generated_file_is_up_to_date() -> None:
    stale = [str(path) for path, text in generate().files().items() if not path.exists() or path.read_text() != text]
    assert not stale, "run: .venv/bin/inv docs"


def test_codes_are_unique_and_well_formed() -> None:
    codes = [entry.code for entry in CATALOGUE]
    assert len(set(codes)) == len(codes)
    for code in codes:
        area, letter, number = code.split("-")
        assert (len(area), letter in "EWI", len(number)) == (3, True, 4)
    numbers = [code.replace("-E-", "-").replace("-W-", "-").replace("-I-", "-") for code in codes]
    assert len(set(numbers)) == len(numbers), "a code that changes its severity would look like another one"


@pytest.mark.parametrize(
    ("command", "build"),
    [("cluster.status", status_report), ("cluster.nodes", nodes_report), ("cluster.links", links_report)],
)
@pytest.mark.parametrize("dead", [(), ("pve02",), ("pve01", "pve02", "pve03")])
def test_documents_fit_their_schema(command: str, build: object, dead: tuple[str, ...]) -> None:
    world = World(3)
    world["pve01"].vms = {100: "running"}
    for name in dead:
        world.kill(name)
    out = io.StringIO()
    present(build(world.facts()), as_json=True, out=out)  # type: ignore[operator]

    schema = json.loads((DOCS / "schemas" / f"{command}.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(json.loads(out.getvalue()))
