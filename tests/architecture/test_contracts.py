"""The import contracts of pyproject.toml, held against a made-up tree that breaks each of them."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]

PACKAGES = (
    "fabfile",
    "lab",
    "parsers",
    "pvefleet",
    "pvefleet.cli",
    "pvefleet.facts",
    "pvefleet.model",
    "pvefleet.nodes",
    "pvefleet.nodes.ssh",
    "pvefleet.procedures",
    "pvefleet.rules",
    "pvefleet.runbook",
    "pvefleet.views",
)

FORBIDDEN = [
    ("parsers", "pvefleet.model"),
    ("parsers", "lab"),
    ("pvefleet.model", "pvefleet.rules"),
    ("pvefleet.model", "pvefleet.facts"),
    ("pvefleet.model", "pvefleet.views"),
    ("pvefleet.rules", "pvefleet.facts"),
    ("pvefleet.rules", "pvefleet.nodes"),
    ("pvefleet.rules", "pvefleet.procedures"),
    ("pvefleet.facts", "pvefleet.rules"),
    ("pvefleet.facts", "pvefleet.nodes"),
    ("pvefleet.facts", "pvefleet.views"),
    ("pvefleet.nodes", "parsers"),
    ("pvefleet.nodes", "pvefleet.facts"),
    ("pvefleet.nodes", "pvefleet.rules"),
    ("pvefleet.nodes", "pvefleet.nodes.ssh"),
    ("pvefleet.nodes", "pvefleet.views"),
    ("pvefleet.nodes.ssh", "pvefleet.cli"),
    ("pvefleet.procedures", "pvefleet.nodes"),
    ("pvefleet.procedures", "pvefleet.views"),
    ("pvefleet.procedures", "pvefleet.runbook"),
    ("pvefleet.procedures", "pvefleet.cli"),
    ("pvefleet.runbook", "pvefleet.facts"),
    ("pvefleet.runbook", "pvefleet.nodes"),
    ("pvefleet.runbook", "pvefleet.procedures"),
    ("pvefleet.runbook", "lab"),
    ("pvefleet.views", "parsers"),
    ("pvefleet.views", "pvefleet.facts"),
    ("pvefleet.views", "pvefleet.rules"),
    ("pvefleet.views", "pvefleet.cli"),
    ("pvefleet.cli", "lab"),
    ("pvefleet.cli", "fabfile"),
    ("fabfile", "lab"),
    ("fabfile", "parsers"),
    ("fabfile", "pvefleet.nodes.ssh"),
    ("lab", "pvefleet.model"),
    ("lab", "parsers"),
    ("lab", "fabfile"),
]
"""Importing package, imported package: everything the design's table of imports rules out between our own."""

ALLOWED = [
    ("pvefleet.model", "parsers"),
    ("pvefleet.rules", "pvefleet.model"),
    ("pvefleet.rules", "parsers"),
    ("pvefleet.nodes", "pvefleet.model"),
    ("pvefleet.nodes.ssh", "pvefleet.nodes"),
    ("pvefleet.facts", "parsers"),
    ("pvefleet.procedures", "pvefleet.facts"),
    ("pvefleet.procedures", "pvefleet.rules"),
    ("pvefleet.runbook", "pvefleet.rules"),
    ("pvefleet.runbook", "parsers"),
    ("pvefleet.views", "pvefleet.model"),
    ("pvefleet.cli", "pvefleet.procedures"),
    ("pvefleet.cli", "pvefleet.nodes.ssh"),
    ("pvefleet.cli", "pvefleet.runbook"),
    ("pvefleet.cli", "pvefleet.views"),
    ("fabfile", "pvefleet.cli"),
    ("fabfile", "pvefleet.procedures"),
    ("fabfile", "pvefleet.facts"),
    ("fabfile", "pvefleet.rules"),
]


def lint(tree: Path) -> subprocess.CompletedProcess[str]:
    """Hold the contracts of *tree*'s pyproject.toml against it."""
    tool = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [tool, "--no-logo", "--no-cache"],
        cwd=tree,
        env={"COLUMNS": "300", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def grow(tree: Path, lines: list[tuple[str, str]]) -> Path:
    """Lay out every package of the design in *tree*; each of *lines* is one module that imports one other."""
    shutil.copy(ROOT / "pyproject.toml", tree)
    for package in PACKAGES:
        folder = tree / package.replace(".", "/")
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "__init__.py").touch()
        if package != "pvefleet":
            (folder / "target.py").touch()
    for importer, imported in lines:
        name = "imports_" + imported.replace(".", "_")
        (tree / importer.replace(".", "/") / f"{name}.py").write_text(f"import {imported}.target\n")
    return tree


@pytest.fixture(scope="module")
def verdict(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the linter says of a tree with every forbidden import in it."""
    return lint(grow(tmp_path_factory.mktemp("broken"), FORBIDDEN)).stdout


@pytest.mark.parametrize(("importer", "imported"), FORBIDDEN, ids=lambda name: name)
def test_a_forbidden_import_is_named(verdict: str, importer: str, imported: str) -> None:
    name = "imports_" + imported.replace(".", "_")
    assert f"{importer}.{name} -> {imported}.target (l.1)" in verdict


def test_every_contract_can_be_broken(tmp_path: Path) -> None:
    tree = grow(tmp_path, FORBIDDEN)
    (tree / "fabfile/one.py").write_text("import fabfile.target\n")
    verdict = lint(tree).stdout
    for contract in CONTRACTS["contracts"]:
        assert f"{contract['name']} BROKEN" in verdict


def test_a_package_without_a_place_in_the_layers_is_refused(tmp_path: Path) -> None:
    tree = grow(tmp_path, [])
    (tree / "pvefleet/helpers").mkdir()
    (tree / "pvefleet/helpers/__init__.py").touch()
    verdict = lint(tree)
    assert verdict.returncode == 1
    assert "pvefleet.helpers" in verdict.stdout


def test_imports_that_the_design_allows_break_nothing(tmp_path: Path) -> None:
    verdict = lint(grow(tmp_path, ALLOWED))
    assert verdict.returncode == 0, verdict.stdout


def test_all_packages_that_exist_are_under_contract() -> None:
    there = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert there <= {*CONTRACTS["root_packages"]}
