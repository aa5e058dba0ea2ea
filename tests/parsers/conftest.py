"""Options of the parser tests: ``pytest tests/parsers --mutations 1000000`` and ``--write-golden``."""

from __future__ import annotations

import pytest

MUTATIONS_BY_DEFAULT = 6000


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("parsers")
    group.addoption("--mutations", type=int, help="how many mutated inputs to feed, over all parsers together")
    group.addoption("--write-golden", action="store_true", help="write .json for fixtures that have none; review them")


@pytest.fixture(scope="session")
def mutations(request: pytest.FixtureRequest) -> int:
    """How many mutated inputs to feed, over all parsers together."""
    # The option is not known when the whole suite runs: this conftest is then read after the command line.
    return request.config.getoption("--mutations", None) or MUTATIONS_BY_DEFAULT


@pytest.fixture(scope="session")
def write_golden(request: pytest.FixtureRequest) -> bool:
    """May missing golden files be written?"""
    return bool(request.config.getoption("--write-golden", False))
