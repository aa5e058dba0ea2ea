"""The rules of tests/conftest.py, seen from outside: pytest run on a folder of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

SKIPS = """
import pytest

@pytest.mark.lab
def test_of_the_lab():
    pytest.skip("no namespaces here")

def test_of_something_else():
    pytest.skip("no such thing here")
"""

LOOKS = """
import os

def test_environment():
    assert [name for name in os.environ if name.startswith("PVEFLEET_")] == ["PVEFLEET_LAB_CACHE"]
"""


def run_pytest(folder: Path, source: str, **environment: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(ROOT / "tests/conftest.py", folder)
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "test_it.py").write_text(source)
    outside = {name: value for name, value in os.environ.items() if name not in ("CI", "HYPOTHESIS_PROFILE")}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", folder],
        cwd=folder,
        env=outside | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_skipped_lab_test_fails_in_ci(tmp_path: Path) -> None:
    result = run_pytest(tmp_path, SKIPS, CI="true")
    assert result.returncode == 1
    assert "1 failed, 1 skipped" in result.stdout
    assert "no namespaces here" in result.stdout


def test_a_skipped_lab_test_is_only_skipped_elsewhere(tmp_path: Path) -> None:
    result = run_pytest(tmp_path, SKIPS)
    assert result.returncode == 0
    assert "2 skipped" in result.stdout


@pytest.mark.parametrize("profile", ["here", "ci", "thorough"])
def test_the_environment_of_whoever_runs_them_does_not_reach_the_tests(tmp_path: Path, profile: str) -> None:
    result = run_pytest(
        tmp_path, LOOKS, HYPOTHESIS_PROFILE=profile, PVEFLEET_HOSTS="/nowhere", PVEFLEET_LAB_CACHE="/nowhere"
    )
    assert result.returncode == 0, result.stdout


def test_an_unknown_marker_is_an_error(tmp_path: Path) -> None:
    result = run_pytest(tmp_path, "import pytest\n@pytest.mark.lba\ndef test(): pass")
    assert "'lba' not found in `markers`" in result.stdout
