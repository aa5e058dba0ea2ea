"""What holds for every test: hypothesis, a clean environment, interrupts, and no lab test left out in CI."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Generator

import pytest
from hypothesis import HealthCheck, settings

IN_CI = bool(os.environ.get("CI"))

# A deadline per example only measures how busy the machine is. CI looks at the same examples every time; elsewhere new
# ones are tried and failures kept, and HYPOTHESIS_PROFILE=thorough is for a quiet night.
settings.register_profile("here", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("thorough", deadline=None, max_examples=5000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if IN_CI else "here"))

# Whoever runs the tests may steer the tool by its environment; the tests must not notice. The lab's cache may stay.
for name in [name for name in os.environ if name.startswith("PVEFLEET_") and name != "PVEFLEET_LAB_CACHE"]:
    del os.environ[name]

# A job in the background of a shell is started with interrupts ignored; here they count as at a terminal.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_sessionfinish() -> None:
    """End the lab that the last tests have shared, where any did."""
    labs = sys.modules.get("tests.support.labs")
    if labs is not None:
        labs.end()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a lab test that was skipped has failed: a machine without a lab would pass by looking at nothing."""
    report = yield
    if IN_CI and report.skipped and not hasattr(report, "wasxfail") and item.get_closest_marker("lab"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} needs the lab and was skipped: {report.longrepr}"
    return report
