"""docs/coverage.md names only commands and tests that exist; so does README's table of commands."""

from __future__ import annotations

import re
from pathlib import Path

import fabfile

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| (?P<feature>[^|]+) \| (?P<command>[^|]*) \| ?(?P<test>[^|]*)\|$", re.MULTILINE)


def commands() -> set[str]:
    return set(fabfile.ns.task_names)


def rows() -> list[re.Match[str]]:
    text = (ROOT / "docs/coverage.md").read_text()
    return [row for row in ROW.finditer(text) if row["feature"] not in ("feature", "---")]


def test_every_row_is_planned_or_has_a_command_and_a_test() -> None:
    assert len(rows()) > 60
    for row in rows():
        command, test = row["command"].strip(), row["test"].strip()
        if command == "*planned*":
            assert test == "", row[0]
            continue
        assert command.strip("`") in commands(), row[0]
        assert (ROOT / test).is_file(), row[0]


def test_commands_in_the_readme_exist() -> None:
    text = (ROOT / "README.md").read_text()
    named = set(re.findall(r"`(?:fab|inv) (?:-H \S+ )?([a-z]+\.[a-z-]+)", text))
    own = {name for name in named if not name.startswith("lab.")}
    assert own
    assert own <= commands()
