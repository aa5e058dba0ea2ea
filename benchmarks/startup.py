"""How long the list of tasks takes in a new process, and what is loaded for it."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.commands import Command, run, tool
from benchmarks.plan import Plan
from benchmarks.report import Findings, Goal, Row, Table, at_most, ratio
from benchmarks.rivals import short_folder
from benchmarks.sampling import in_turns

_STOCK = "fab --list with an empty fabfile"
_OURS = "fab --list"
_HEAVY = ("fabric", "paramiko", "jc")
_FACTOR = 4
"""Starts are short: they are repeated so many times more often than the rest."""


def measure(plan: Plan) -> Findings:
    """Measure ``--list`` of ``fab`` and ``inv``."""
    plan.report("fab --list, inv --list")
    with short_folder() as name:
        empty = Path(name)
        (empty / "fabfile.py").write_text("")
        commands = {
            # It has no tasks to list, and says so with exit 1.
            _STOCK: Command("cd EMPTY; fab --list", [tool("fab"), "--list"], cwd=empty, good=frozenset({0, 1})),
            _OURS: Command("fab --list", [tool("fab"), "--list"]),
            "inv --list": Command("inv --list", [tool("inv"), "--list"]),
        }
        samples = in_turns(commands, rounds=plan.rounds * _FACTOR, budget=plan.budget)
    rows = [Row(name, samples[name], command.shown) for name, command in commands.items()]
    loaded = _loaded()
    goals = (
        at_most("`fab --list` takes at most 1.3 times stock fab's", ratio(samples[_OURS], samples[_STOCK]), 1.3),
        Goal("`inv --list` loads no fabric, paramiko or jc", ", ".join(loaded) or "none of them", met=not loaded),
    )
    return Findings((Table("Start", rows, base=_STOCK),), goals)


def _loaded() -> list[str]:
    """Return which of the heavy libraries ``inv --list`` imports."""
    listing = Command("inv --list", [sys.executable, "-X", "importtime", tool("inv"), "--list"])
    lines = run(listing, seconds=30).stderr.decode().splitlines()
    tops = {line.rpartition("|")[2].strip().partition(".")[0] for line in lines if line.startswith("import time:")}
    return [name for name in _HEAVY if name in tops]
