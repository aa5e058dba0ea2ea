"""Prints what the sweeps over kill points went through."""

from __future__ import annotations

import pytest

from tests.support.takeover import SWEPT


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if SWEPT:
        terminalreporter.section("procedures, killed in memory and taken up by another process")
        for name, count in sorted(SWEPT.items()):
            terminalreporter.line(f"{count:5d}  {name}")
