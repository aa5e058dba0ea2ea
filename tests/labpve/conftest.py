"""The captures the emulation is held against, and a lab to hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from lab.client import Lab
from lab.launch import free_block
from tests.labpve.holding import Capture, Shell
from tests.support.labs import shared

FIRST_BLOCK = 107


@pytest.fixture
def capture() -> Callable[[str], Capture]:
    return Capture.read


@pytest.fixture(scope="module")
def formed_lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    def start() -> Lab:
        return Lab.up(tmp_path_factory.mktemp("labpve"), guests=0, block=free_block(FIRST_BLOCK), tied=True)

    return shared("labpve", start)


@pytest.fixture
def lab(formed_lab: Lab) -> Iterator[Lab]:
    """Three nodes, one cluster; whatever a test breaks is mended afterwards."""
    yield formed_lab
    for row in formed_lab.status()["nodes"]:
        if row["state"] == "running" and not row["hung"]:
            formed_lab.exec(row["name"], ["systemctl", "start", "pve-cluster", "corosync", "ssh"])
    formed_lab.restore()


@pytest.fixture
def shell(lab: Lab) -> Shell:
    return Shell(lab)
