"""cluster.expected on real corosync: with the power proven off it works, with anything else it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from lab.client import Lab
from tests.system.conftest import Operator

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]


def test_the_last_of_three_gets_quorum_once_the_others_power_is_proven_off(
    operator: Operator, lab: Lab, tmp_path: Path
) -> None:
    for name in ("pve02", "pve03"):
        lab.kill(name)
    lost = operator.until(("QUO-E-0001", "lab"), ("NOD-E-0001", "pve02"), ("NOD-E-0001", "pve03"))
    assert lost.exit == 5, lost.out
    state = {"PVEFLEET_STATE": str(tmp_path)}

    plan = operator.fab("cluster.expected", "1", "--plan", "--json", **state)
    assert (plan.exit, plan.document["confirmation"]) == (0, "expected 1"), plan.out
    unconfirmed = operator.fab("cluster.expected", "1", "--yes", **state)
    assert unconfirmed.exit == 3
    done = operator.fab("cluster.expected", "1", "--confirm", "expected 1", **state)

    assert done.exit == 0, done.err
    assert "cluster.expected restore" in done.out
    assert lab.exec("pve01", ["touch", "/etc/pve/a-test"])[0] == 0
    assert ("QUO-W-0003", "lab") in operator.status().findings

    early = operator.fab("cluster.expected", "restore", "--yes", **state)
    assert early.exit == 3
    assert "still away" in early.err
    lab.restore()
    assert operator.until().exit == 0
    assert operator.fab("cluster.expected", "restore", "--yes", **state).exit == 0
    assert lab.exec("pve01", ["rm", "/etc/pve/a-test"])[0] == 0


@pytest.mark.parametrize("how", ["partitioned", "frozen", "no ssh, no pmxcfs"])
def test_whoever_may_live_refuses_it(operator: Operator, lab: Lab, tmp_path: Path, how: str) -> None:
    """pve03 is dead. pve02 lives: cut off, standing still, or without anything that would answer a login."""
    lab.kill("pve03")
    if how == "partitioned":
        lab.partition(["pve01"], ["pve02", "pve03"])
    elif how == "frozen":
        lab.freeze("pve02")
    else:
        lab.exec("pve02", ["systemctl", "stop", "corosync", "pve-cluster", "ssh"])
    operator.until(("QUO-E-0001", "lab"), seconds=20)

    ran = operator.fab(
        "cluster.expected",
        "1",
        "--off=pve02=a test says so",
        "--off=pve03=a test says so",
        "--confirm=pve02 is off, pve03 is off",
        PVEFLEET_STATE=str(tmp_path),
    )

    assert ran.exit == 3, ran.err
    assert "EVD-E-0001:pve02" in ran.err or "VOT" in ran.err
    assert b"Expected votes:   3" in lab.exec("pve01", ["corosync-quorumtool", "-s"])[1]
