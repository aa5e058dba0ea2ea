"""A lab of more nodes than start at once: corosync in groups, the rest node by node."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.client import Lab
from lab.launch import free_block
from tests.lab.conftest import FIRST_TEST_BLOCK
from tests.support import labs

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]


@pytest.fixture
def large_lab(tmp_path: Path) -> Iterator[Lab]:
    """Ten nodes; no other lab runs meanwhile."""
    labs.end()
    lab = Lab.up(tmp_path / "state", nodes=10, guests=0, block=free_block(FIRST_TEST_BLOCK), tied=True)
    yield lab
    lab.down()


def test_ten_nodes_come_together_and_one_comes_back(large_lab: Lab) -> None:
    lab = large_lab
    view = ["sh", "-c", "corosync-quorumtool -s; systemctl is-active pve-cluster pvescheduler"]
    for name in lab.names:
        _, out, _ = lab.exec(name, view)
        assert b"Total votes:      10" in out
        assert out.endswith(b"active\nactive\n")

    lab.kill("pve07")
    lab.start("pve07")
    lab.settle()

    assert b"Total votes:      10" in lab.exec("pve07", view)[1]
