"""What the tree itself promises: where files stand, how long they are, what no file may mention."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[2]
PRODUCT = ("fabfile", "parsers", "pvefleet", "lab", "tasks.py")

LONGEST = 400
LONGER: dict[str, int] = {}
"""Modules that may be longer, and how long: each needs a reason beside it."""

TASK_MODULES = frozenset({"cluster", "ha", "replication", "snapshot", "guest", "node", "run", "runbook"})
FILLED_INITS = frozenset({"fabfile/__init__.py", "parsers/__init__.py"})


def tracked() -> list[Path]:
    """The files of the project: those git knows, or all of them where the tree came without git."""
    listing = subprocess.run(
        ["git", "-c", f"safe.directory={ROOT}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    if listing.returncode == 0:
        names = [name for name in listing.stdout.split("\0") if name]
        return [path for path in map(ROOT.joinpath, sorted(set(names))) if path.is_file()]
    return [path for path in ROOT.rglob("*") if path.is_file() and not any(p.startswith(".venv") for p in path.parts)]


FILES = tracked()


def product_modules() -> Iterator[Path]:
    return (path for path in FILES if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in PRODUCT)


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_modules_stay_short() -> None:
    lengths = {relative(path): len(path.read_text().splitlines()) for path in product_modules()}
    assert {name: lines for name, lines in lengths.items() if lines > LONGER.get(name, LONGEST)} == {}


def test_a_module_that_may_be_longer_is_longer() -> None:
    assert [name for name in LONGER if len((ROOT / name).read_text().splitlines()) <= LONGEST] == []


def test_init_files_are_empty_but_for_the_two_indexes() -> None:
    filled = {relative(path) for path in product_modules() if path.name == "__init__.py" and path.read_text()}
    assert filled <= FILLED_INITS


def test_every_folder_of_the_product_is_a_package() -> None:
    folders = {path.parent for path in product_modules() if path.parent != ROOT}
    assert [relative(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_tests_are_no_package() -> None:
    assert [relative(path) for path in FILES if path.name == "__init__.py" and "tests" in path.parts] == []


def test_fabfile_holds_the_task_modules_and_nothing_else() -> None:
    inside = {path.relative_to(ROOT / "fabfile").as_posix() for path in FILES if (ROOT / "fabfile") in path.parents}
    assert inside <= {f"{name}.py" for name in TASK_MODULES | {"__init__"}}


def machine_traces(text: str) -> list[str]:
    """Absolute paths of whoever wrote *text*: a home directory, this checkout, this interpreter."""
    places = [str(ROOT), *(p for p in (sys.base_prefix, sys.prefix) if len(Path(p).parts) > 2)]
    return [place for place in places if place in text] + re.findall(r"(?<![\w.~])/(?:home|Users)/\w+", text)


def test_no_file_mentions_the_machine_it_was_written_on() -> None:
    traces = {relative(path): machine_traces(path.read_bytes().decode("utf-8", "replace")) for path in FILES}
    assert {name: found for name, found in traces.items() if found} == {}


@pytest.mark.parametrize("text", [f'see "{ROOT}/x"', "cd /home" + "/anna/src", f"{sys.prefix}/bin/python"])
def test_a_machine_path_is_found(text: str) -> None:
    assert machine_traces(text)


def test_no_secret_key_is_in_the_tree() -> None:
    marker = "-----BEGIN " + "OPENSSH PRIVATE KEY-----"
    assert [relative(path) for path in FILES if marker.encode() in path.read_bytes()] == []


SUPPRESSION = re.compile(r"#\s*(noqa|type:\s*ignore)(.*)")


def test_every_suppression_names_what_it_suppresses() -> None:
    blanket = [
        f"{relative(path)}:{number}"
        for path in product_modules()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if (found := SUPPRESSION.search(line)) and not re.match(r"(:\s*[A-Z]+\d+|\[[a-z-]+)", found[2])
    ]
    assert blanket == []


def test_the_bans_on_print_clock_and_environment_are_nowhere_suppressed() -> None:
    lifted = [
        f"{relative(path)}:{number}"
        for path in product_modules()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if re.search(r"#\s*noqa:.*\b(T20|TID25)", line)
    ]
    assert lifted == []


PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def wanted(*groups: str) -> list[Requirement]:
    """What pyproject.toml asks for at run time and in *groups*."""

    def expand(name: str) -> Iterator[Requirement]:
        for entry in PYPROJECT["dependency-groups"][name]:
            if isinstance(entry, dict):
                yield from expand(entry["include-group"])
            else:
                yield Requirement(entry)

    return [*map(Requirement, PYPROJECT["project"]["dependencies"]), *(r for group in groups for r in expand(group))]


def locked(name: str) -> dict[str, Version]:
    """Package to version in a lock file."""
    lines = re.findall(r"^([a-z0-9.-]+)==([^ ;\\]+)", (ROOT / name).read_text(), re.MULTILINE)
    return {package: Version(version) for package, version in lines}


def test_the_lock_answers_everything_that_pyproject_asks_for() -> None:
    lock = locked("requirements.lock")
    assert [str(r) for r in wanted("dev") if r.name not in lock or lock[r.name] not in r.specifier] == []


def test_the_lowest_lock_holds_the_lower_bounds() -> None:
    lock = locked("requirements-lowest.lock")
    floors = {
        r.name: next(Version(s.version) for s in r.specifier if s.operator == ">=") for r in wanted("test", "lab")
    }
    # A bound such as >=3,<4 is met by 3.0.1 where 3.0.0 was never published.
    assert {name for name, floor in floors.items() if lock[name].release[:2] != (*floor.release, 0)[:2]} == set()


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-lowest.lock"])
def test_a_lock_file_trusts_hashes_and_no_place(name: str) -> None:
    text = (ROOT / name).read_text()
    assert not re.search(r"://|--(extra-)?index|--find-links|--trusted-host| @ ", text)
    blocks = re.split(r"\n(?=[a-z])", text[text.index("\n", text.index("make lock")) + 1 :])
    assert [block for block in blocks if "--hash=sha256:" not in block] == []
