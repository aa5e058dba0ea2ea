"""The fixtures: ``tests/fixtures/SOURCE/PARSER--CASE.out`` with ``.json`` and ``.cmd``, and ``.bad`` with ``.why``.

SOURCE is ``pve-9.2`` for outputs of the genuine commands, ``corosync-3.1.9`` for those of genuine daemons in the lab,
``made`` for what was written after descriptions of other versions.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import parsers

FIXTURES = Path(__file__).parents[1] / "fixtures"


@dataclass(frozen=True)
class Case:
    """One fixture file."""

    path: Path

    @property
    def parser(self) -> str:
        return self.path.name.split("--")[0]

    @property
    def module(self) -> ModuleType:
        return parsers.get(self.parser)

    @property
    def text(self) -> str:
        return self.path.read_bytes().decode()

    def beside(self, suffix: str) -> Path:
        return self.path.with_name(self.path.name.removesuffix(self.path.suffix) + suffix)

    def __str__(self) -> str:
        return f"{self.path.parent.name}/{self.path.name}"


def understood(parser: str | None = None) -> list[Case]:
    """Return the fixtures that a parser understands, of one parser or of all."""
    return [case for case in map(Case, sorted(FIXTURES.glob("*/*.out"))) if parser in (None, case.parser)]


def refused() -> list[Case]:
    """Return the fixtures that a parser refuses."""
    return [Case(path) for path in sorted(FIXTURES.glob("*/*.bad"))]
