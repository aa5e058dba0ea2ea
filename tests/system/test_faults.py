"""Every fault: a complete report of the rest, one finding, the right exit code, in time, never a traceback."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.client import Lab
from tests.system.conftest import Operator

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]

WITHIN = 10.0


def rest_is_complete(ran: object, names: tuple[str, ...]) -> None:
    for name in names:
        row = ran.node(name)  # type: ignore[attr-defined]
        assert row["state"] == "online"
        assert row["quorate"] is True
        assert row["version"]
        assert row["vms"] is not None


def test_a_healthy_cluster(operator: Operator, lab: Lab) -> None:
    # Tests before this one may have switched nodes off, and with them the guests.
    lab.exec("pve01", ["qm", "start", "100"])

    ran = operator.status()

    assert (ran.exit, ran.findings) == (0, [])
    document = ran.document
    assert document["cluster"] == "lab"
    assert document["quorum"]["total"] == 3
    assert {row["state"] for row in document["links"]} == {"connected"}
    assert len(document["links"]) == 12
    assert len(document["guests"]) == 6
    assert {row["state"] for row in document["guests"]} <= {"running", "stopped"}
    assert "running" in {row["state"] for row in document["guests"]}
    assert ran.seconds < WITHIN


def test_a_dead_node(operator: Operator, lab: Lab) -> None:
    lab.kill("pve02")

    ran = operator.until(("NOD-E-0001", "pve02"))

    assert ran.findings == [("NOD-E-0001", "pve02")]
    assert ran.exit == 5
    assert ran.node("pve02")["state"] == "offline"
    rest_is_complete(ran, ("pve01", "pve03"))
    assert ran.seconds < WITHIN
    owners = {row["node"] for row in ran.document["guests"]}
    assert owners == {"pve01", "pve02", "pve03"}, "the dead node's guests are still listed"
    assert {row["state"] for row in ran.document["guests"] if row["node"] == "pve02"} == {"unknown"}


def test_a_frozen_node(operator: Operator, lab: Lab) -> None:
    lab.freeze("pve02")

    ran = operator.until(("NOD-E-0001", "pve02"))

    assert ran.findings == [("NOD-E-0001", "pve02")]
    assert ran.exit == 5
    rest_is_complete(ran, ("pve01", "pve03"))
    assert ran.seconds < WITHIN


def test_a_node_that_freezes_while_it_is_still_a_member(operator: Operator, lab: Lab) -> None:
    lab.freeze("pve02")

    ran = operator.status()

    assert ran.findings[0][1] == "pve02"
    assert ran.exit in (4, 5)
    assert ran.seconds < WITHIN


def test_a_split(operator: Operator, lab: Lab) -> None:
    lab.partition(["pve01", "pve02"], ["pve03"])

    ran = operator.until(("QUO-E-0002", "lab"))

    assert ran.findings == [("QUO-E-0002", "lab")]
    assert ran.exit == 5
    assert ran.node("pve03")["state"] == "apart"
    assert ran.node("pve03")["quorate"] is False
    rest_is_complete(ran, ("pve01", "pve02"))


def test_a_node_that_refuses_the_key(operator: Operator, lab: Lab, inventory: Path) -> None:
    strange = inventory.parent / "strange"
    lab.exec("pve01", ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "/run/strange"])
    strange.write_bytes(lab.exec("pve01", ["cat", "/run/strange"])[1])
    strange.chmod(0o600)
    lab.exec("pve01", ["rm", "/run/strange", "/run/strange.pub"])
    text = inventory.read_text()
    at = text.index("[clusters.lab.nodes.pve02]\n") + len("[clusters.lab.nodes.pve02]\n")
    inventory.write_text(f'{text[:at]}identity = "strange"\n{text[at:]}')

    ran = Operator(inventory).status()

    assert ran.findings == [("NOD-W-0005", "pve02")]
    assert ran.exit == 4
    assert ran.node("pve02")["state"] == "unreached"
    rest_is_complete(ran, ("pve01", "pve03"))


def test_a_host_key_that_has_changed(operator: Operator, inventory: Path) -> None:
    known = inventory.with_name("known_hosts")
    lines = {line.split()[0]: line.split(maxsplit=1)[1] for line in known.read_text().splitlines() if line.strip()}
    lines["pve02"] = lines["pve01"]
    known.write_text("".join(f"{name} {rest}\n" for name, rest in lines.items()))

    ran = Operator(inventory).status()

    assert ran.findings == [("NOD-E-0003", "pve02")]
    assert ran.exit == 5
    rest_is_complete(ran, ("pve01", "pve03"))


def test_a_host_key_that_is_not_known(operator: Operator, inventory: Path) -> None:
    known = inventory.with_name("known_hosts")
    known.write_text("".join(line for line in known.read_text().splitlines(True) if not line.startswith("pve02 ")))

    ran = Operator(inventory).status()

    assert ran.findings == [("NOD-W-0004", "pve02")]
    assert "cluster.trust" in ran.document["findings"][0]["fix"]


def test_lost_quorum(operator: Operator, lab: Lab) -> None:
    lab.kill("pve02")
    lab.kill("pve03")

    ran = operator.until(("QUO-E-0001", "lab"), ("NOD-E-0001", "pve02"), ("NOD-E-0001", "pve03"))

    assert ran.findings == [("QUO-E-0001", "lab"), ("NOD-E-0001", "pve02"), ("NOD-E-0001", "pve03")]
    assert ran.exit == 5
    assert ran.document["quorum"]["quorate"] is False
    assert ran.node("pve01")["writable"] is False
    assert ran.seconds < WITHIN


def test_stopped_corosync(operator: Operator, lab: Lab) -> None:
    lab.exec("pve02", ["systemctl", "stop", "corosync"])

    ran = operator.until(("COR-E-0001", "pve02"))

    assert ran.findings == [("COR-E-0001", "pve02")]
    assert ran.exit == 5
    assert ran.node("pve02")["state"] == "no-corosync"
    rest_is_complete(ran, ("pve01", "pve03"))


def test_frozen_corosync(operator: Operator, lab: Lab) -> None:
    lab.exec("pve02", ["pkill", "-STOP", "-x", "corosync"])
    try:
        ran = operator.until(("COR-E-0002", "pve02"))
        assert ran.findings == [("COR-E-0002", "pve02")]
        assert ran.exit == 5
        assert ran.seconds < WITHIN
    finally:
        lab.exec("pve02", ["pkill", "-CONT", "-x", "corosync"])


def test_a_cut_link(operator: Operator, lab: Lab) -> None:
    lab.cut("pve02", link=1)

    ran = operator.until(("LNK-W-0001", "pve02/link1"))

    assert ran.findings == [("LNK-W-0001", "pve02/link1")]
    assert ran.exit == 4
    rest_is_complete(ran, ("pve01", "pve02", "pve03"))


def test_a_cut_first_address_is_passed_by_the_next(operator: Operator, lab: Lab) -> None:
    lab.cut("pve02", link=0)

    ran = operator.until(("LNK-W-0001", "pve02/link0"))

    assert ran.findings == [("LNK-W-0001", "pve02/link0")]
    assert ran.node("pve02")["state"] == "online"
    assert "127." in ran.node("pve02")["via"]


def test_a_node_that_only_its_peers_can_reach_is_asked_through_one(operator: Operator, lab: Lab) -> None:
    lab.cut("pve02", outside=True)

    ran = operator.status()

    assert (ran.exit, ran.findings) == (0, [])
    assert " via pve0" in ran.node("pve02")["via"]
    assert ran.seconds < WITHIN


def test_stopped_pmxcfs_without_node_prepare_refuses_the_login(operator: Operator, lab: Lab) -> None:
    lab.exec("pve02", ["systemctl", "stop", "pve-cluster"])

    ran = operator.until(("NOD-W-0005", "pve02"))

    assert ran.findings == [("NOD-W-0005", "pve02")]
    assert ran.exit == 4
    rest_is_complete(ran, ("pve01", "pve03"))


def test_hung_pmxcfs_without_node_prepare_lets_no_login_end(operator: Operator, lab: Lab) -> None:
    lab.hang("pve02")

    ran = operator.status()

    assert ran.findings == [("NOD-W-0006", "pve02")]
    assert ran.exit == 4
    assert ran.seconds < WITHIN
    rest_is_complete(ran, ("pve01", "pve03"))


@pytest.fixture
def prepared(operator: Operator, lab: Lab) -> Iterator[Operator]:
    """An operator whose pve02 was prepared for a pmxcfs that fails."""
    ran = operator.fab("-H", "pve02", "node.prepare", "--yes")
    assert ran.exit == 0, ran.err + ran.out
    yield operator
    lab.exec("pve02", ["rm", "-rf", "/etc/ssh/pvefleet", "/etc/ssh/sshd_config.d/00-pvefleet.conf"])
    lab.exec("pve02", ["systemctl", "reload", "ssh"])


def test_stopped_pmxcfs_on_a_prepared_node(prepared: Operator, lab: Lab) -> None:
    lab.exec("pve02", ["systemctl", "stop", "pve-cluster"])

    ran = prepared.until(("PMX-E-0001", "pve02"))

    assert ran.findings == [("PMX-E-0001", "pve02")]
    assert ran.exit == 5
    assert ran.node("pve02")["state"] == "online"
    assert ran.node("pve02")["quorate"] is True, "corosync is well and says so without pmxcfs"


def test_hung_pmxcfs_on_a_prepared_node(prepared: Operator, lab: Lab) -> None:
    lab.hang("pve02")

    ran = prepared.status()

    assert ran.findings == [("PMX-E-0002", "pve02")]
    assert ran.exit == 5
    assert ran.node("pve02")["state"] == "online"
    assert ran.seconds < WITHIN
