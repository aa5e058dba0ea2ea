"""Labs for tests. Each ends with the process that runs the tests, however that ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.client import Lab
from lab.launch import free_block
from tests.support.labs import shared

FIRST_TEST_BLOCK = 87


@pytest.fixture(scope="module")
def formed_lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """Three nodes, one cluster, no guests; for all tests of this folder."""

    def start() -> Lab:
        return Lab.up(tmp_path_factory.mktemp("lab"), guests=0, block=free_block(FIRST_TEST_BLOCK), tied=True)

    return shared("lab", start)


@pytest.fixture
def lab(formed_lab: Lab) -> Iterator[Lab]:
    """The shared lab, whole and healthy; whatever the test breaks is mended afterwards."""
    yield formed_lab
    formed_lab.restore()


@pytest.fixture
def state_dir(tmp_path: Path) -> Iterator[Path]:
    """A folder for a lab of the test's own; one that still lives there afterwards is ended."""
    folder = tmp_path / "state"
    yield folder
    if Lab.lives_in(folder):
        Lab.attach(folder).down()
