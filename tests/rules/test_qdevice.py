"""The QDevice in cluster.status: who is connected, whether it votes, and what is wrong where it does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from pvefleet.model.qdevice import QdeviceNode, QdeviceRow
from pvefleet.model.status import StatusReport
from pvefleet.rules.status import status_report
from tests.support.device import Device
from tests.support.world import World

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"


def world(count: int = 2, device: Device | None = None) -> World:
    made = World(count)
    made.device = device or Device()
    return made


def codes(report: StatusReport) -> list[tuple[str, str]]:
    return [(one.code, one.subject) for one in report.findings]


def test_a_connected_device_has_its_row_and_no_finding() -> None:
    report = status_report(world().facts())

    assert codes(report) == []
    assert report.qdevice == QdeviceRow("192.0.2.100:5403", "ffsplit", 1, 1, ("pve01", "pve02"), ())
    assert (report.quorum.total, report.quorum.expected, report.quorum.qdevice_votes) == (3, 3, 1)


def test_a_cluster_without_a_device_has_no_row() -> None:
    assert status_report(World(3).facts()).qdevice is None


def test_the_last_man_standing_has_one_vote_less_than_there_are_nodes() -> None:
    report = status_report(world(3, Device("lms", 2)).facts())

    assert codes(report) == []
    assert report.qdevice is not None
    assert (report.qdevice.votes, report.qdevice.votes_cast) == (2, 2)


@pytest.mark.parametrize("state", ["Connecting", "Connect failed"])
def test_a_node_that_is_not_connected_is_its_own_finding(state: str) -> None:
    report = status_report(world(2, Device(states={"pve02": state})).facts())

    assert codes(report) == [("QDV-W-0001", "pve02")]
    assert report.findings[0].evidence == (f"state: {state}",)
    assert report.qdevice is not None
    assert report.qdevice.connected == ("pve01",)
    assert report.qdevice.others == (QdeviceNode("pve02", state),)


def test_a_server_that_nobody_reaches_is_one_finding() -> None:
    report = status_report(world(2, Device(states={"pve01": "Connect failed", "pve02": "Connect failed"})).facts())

    assert codes(report) == [("QDV-W-0001", "lab")]
    assert report.findings[0].message == "no node is connected to the QNetd server 192.0.2.100:5403"
    assert report.qdevice is not None
    assert report.qdevice.votes_cast == 0


def test_a_daemon_that_does_not_run_is_told_apart() -> None:
    report = status_report(world(2, Device(states={"pve02": "stopped"})).facts())

    assert codes(report) == [("QDV-W-0002", "pve02")]
    assert "Can't connect to QDevice socket" in report.findings[0].evidence[0]


def test_a_device_that_is_not_installed_is_the_same_finding() -> None:
    broken = world()
    broken["pve02"].overrides["qdevice"] = (127, "", "/bin/sh: 1: corosync-qdevice-tool: not found")

    assert codes(status_report(broken.facts())) == [("QDV-W-0002", "pve02")]


def test_connected_without_a_vote_is_found() -> None:
    report = status_report(world(2, Device(voteless={"pve01", "pve02"})).facts())

    assert codes(report) == [("QDV-W-0003", "pve01"), ("QDV-W-0003", "pve02")]


def test_stopped_corosync_is_the_finding_and_not_its_device() -> None:
    broken = world(3, Device("lms", 2))
    broken["pve02"].corosync = "stopped"
    broken["pve02"].overrides["qdevice"] = (3, "", "Can't connect to QDevice socket")

    assert codes(status_report(broken.facts())) == [("COR-E-0001", "pve02")]


def test_a_device_that_does_not_answer_or_is_not_understood_is_named() -> None:
    for answer, code in (((124, "", ""), "OUT-W-0002"), ((0, "QDevice-Informationen\n", ""), "OUT-E-0001")):
        broken = world()
        broken["pve01"].overrides["qdevice"] = answer
        assert codes(status_report(broken.facts())) == [(code, "pve01")]


def genuine(case: str) -> str:
    return next(FIXTURES.rglob(f"{case}.out")).read_text()


def of_captures(quorum: str, qdevice: str, count: int, device: Device, *, exit_: int = 0) -> StatusReport:
    """Return the status of a cluster whose first node answers as the genuine one did."""
    made = world(count, device)
    for name in list(made.nodes)[1:]:
        made.kill(name)
    made["pve01"].overrides["quorum"] = (exit_, genuine(quorum), "")
    made["pve01"].overrides["qdevice"] = (0, genuine(qdevice), "")
    return status_report(made.facts(here="pve01"))


def test_the_genuine_device_of_three_nodes() -> None:
    report = of_captures("corosync_quorumtool--s-qdevice", "corosync_qdevice_tool--lms", 3, Device("lms", 2))

    assert [code for code, _ in codes(report) if code[:3] in ("QDV", "QUO", "OUT")] == []
    assert report.qdevice == QdeviceRow("10.77.0.20:5403", "lms", 2, 2, ("pve01",), ())
    assert (report.quorum.total, report.quorum.expected) == (5, 5)


def test_the_genuine_device_whose_server_is_gone() -> None:
    report = of_captures(
        "corosync_quorumtool--s-p-hex-qnetd-gone", "corosync_qdevice_tool--verbose-qnetd-gone", 2, Device()
    )

    assert "QDV-W-0001" in [code for code, _ in codes(report)]
    assert report.qdevice is not None
    assert (report.qdevice.connected, report.qdevice.votes_cast) == ((), 0)
