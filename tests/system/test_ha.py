"""ha.status, ha.rules and ha.groups on a lab with guests under HA: from the files its HA writes to a report."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator

import pytest

from lab.client import Lab
from lab.launch import free_block
from tests.support.labs import shared
from tests.system.conftest import FIRST_BLOCK, Operator, Ran

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

RESOURCES = "/etc/pve/ha/resources.cfg"
RULES = "/etc/pve/ha/rules.cfg"
SETTLE_SECONDS = 90.0


def read(lab: Lab, path: str) -> str:
    rc, out, _ = lab.exec("pve01", ["cat", path])
    return out.decode() if rc == 0 else ""


@pytest.fixture(scope="module")
def lab_cluster(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A cluster with guests under HA: its nodes are reset when they lose quorum."""

    def start() -> Lab:
        return Lab.up(tmp_path_factory.mktemp("ha"), nodes=3, block=free_block(FIRST_BLOCK), tied=True)

    return shared("system-ha", start)


class Ha:
    """HA on the lab.

    Attributes:
        sids, rules: what the cluster's files name.
    """

    def __init__(self, lab: Lab, operator: Operator) -> None:
        self.lab, self._operator = lab, operator
        self.sids = {f"{kind}:{vmid}" for kind, vmid in re.findall(r"^(vm|ct): (\d+)", read(lab, RESOURCES), re.M)}
        self.rules = set(re.findall(r"^[a-z]+-affinity: (\S+)", read(lab, RULES), re.M))

    def until(self, true: Callable[[Ran], bool], *, seconds: float = SETTLE_SECONDS) -> Ran:
        """Ask for the status until something is true of it."""
        end = time.monotonic() + seconds
        while True:
            ran = self._operator.fab("ha.status", "--json")
            if true(ran):
                return ran
            assert time.monotonic() < end, ran.out

    def boots(self) -> dict[str, int]:
        return {row["name"]: row["boots"] for row in self.lab.status()["nodes"]}


def is_well(ran: Ran) -> bool:
    """Every guest is started, and every node's agent says so."""
    if ran.exit not in (0, 4):
        return False
    return all(row["state"] == "started" for row in ran.document["services"]) and all(
        row["agent"] in ("active", "idle") for row in ran.document["nodes"]
    )


def is_disarmed(ran: Ran) -> bool:
    """The manager says so, and no node's watchdog is held: which nodes are read an instant apart."""
    held = {row["watchdog_armed"] for row in ran.document["nodes"]}
    return ran.document["summary"]["state"] == "disarmed" and held == {False}


@pytest.fixture
def ha(operator: Operator, lab: Lab) -> Iterator[Ha]:
    made = Ha(lab, operator)
    made.until(is_well)
    try:
        yield made
    finally:
        lab.restore()
        for order in ("arm-ha", "node-maintenance disable pve03"):
            lab.exec("pve01", ["ha-manager", "crm-command", *order.split()])


def codes(ran: Ran) -> set[str]:
    return {code for code, _ in ran.findings}


def test_a_healthy_lab_has_an_active_manager_started_guests_and_nothing_to_find(ha: Ha) -> None:
    ran = ha.until(is_well)

    assert (ran.exit, ran.findings) == (0, [])
    document = ran.document
    assert document["summary"]["state"] == "armed"
    assert document["manager"]["state"] == "active"
    assert {row["sid"] for row in document["services"]} == ha.sids
    assert {row["node"] for row in document["services"]} <= set(ha.lab.names)
    assert {row["name"] for row in document["rules"]} == ha.rules
    assert {row["verdict"] for row in document["rules"]} == {"satisfied"}
    guests = {row["node"] for row in document["services"]}
    assert guests <= {row["name"] for row in document["nodes"] if row["watchdog_armed"]}
    assert all(-2 < row["agent_age_seconds"] < 30 for row in document["nodes"])


def test_the_text_names_every_guest_and_rule(operator: Operator, ha: Ha) -> None:
    ran = operator.fab("ha.status", COLUMNS="80")

    assert all(re.search(rf"^{sid} ", ran.out, re.M) for sid in ha.sids)
    assert all(re.search(rf"^{name} ", ran.out, re.M) for name in ha.rules)
    assert max(len(line) for line in ran.out.splitlines()) <= 80


def test_rules_and_groups(operator: Operator, ha: Ha) -> None:
    rules = operator.fab("ha.rules", "--json")
    groups = operator.fab("ha.groups", "--json")

    assert {row["name"] for row in rules.document["rules"]} == ha.rules
    assert groups.document["groups"] == []
    assert groups.document["migrated"] is True
    assert {rules.exit, groups.exit} == {0}


def test_maintenance_shows_until_the_node_is_drained_and_back(ha: Ha) -> None:
    ha.lab.exec("pve01", ["ha-manager", "crm-command", "node-maintenance", "enable", "pve03"])
    drained = ha.until(lambda ran: ran.exit in (0, 4) and ran.node("pve03")["maintenance"] == "drained")
    assert ("HAV-W-0009", "pve03") in drained.findings
    assert "pve03" not in {row["node"] for row in drained.document["services"]}

    ha.lab.exec("pve01", ["ha-manager", "crm-command", "node-maintenance", "disable", "pve03"])
    ha.until(is_well)


def test_disarmed_ha_is_told_of_until_it_is_armed_again(ha: Ha) -> None:
    ha.lab.exec("pve01", ["ha-manager", "crm-command", "disarm-ha", "freeze"])
    disarmed = ha.until(lambda ran: ran.exit in (0, 4) and is_disarmed(ran))
    assert "HAV-W-0008" in codes(disarmed)
    assert {row["state"] for row in disarmed.document["services"]} == {"freeze"}

    ha.lab.exec("pve01", ["ha-manager", "crm-command", "arm-ha"])
    ha.until(is_well)


def test_without_quorum_the_files_still_speak_and_a_running_watchdog_is_critical(
    operator: Operator, lab: Lab, ha: Ha
) -> None:
    before = ha.boots()
    lab.partition(["pve01"], ["pve02"], ["pve03"])

    ran = ha.until(lambda ran: "QUO-E-0001" in codes(ran), seconds=30)

    assert ran.exit == 5
    assert {row["sid"] for row in ran.document["services"]} == ha.sids
    assert "HAV-E-0001" not in codes(ran)
    armed = {row["name"] for row in ran.document["nodes"] if row["watchdog_armed"]}
    assert {subject for code, subject in ran.findings if code == "HAV-E-0006"} == armed
    end = time.monotonic() + 60
    while any(ha.boots()[name] == before[name] for name in ("pve01", "pve03")) and time.monotonic() < end:
        time.sleep(0.5)
    assert {name for name, count in ha.boots().items() if count > before[name]} == {"pve01", "pve03"}


def test_a_hung_cluster_file_system_costs_that_nodes_copy_alone(operator: Operator, lab: Lab, ha: Ha) -> None:
    lab.hang("pve01")

    ran = operator.fab("ha.status", "--json")

    assert ran.document["manager"]["seen_by"] != "pve01"
    assert {row["sid"] for row in ran.document["services"]} == ha.sids


@pytest.mark.slow
def test_a_dead_nodes_guests_are_told_of_until_they_run_elsewhere(lab: Lab, ha: Ha) -> None:
    lab.kill("pve03")

    dead = ha.until(lambda ran: ("NOD-E-0001", "pve03") in ran.findings)
    assert dead.exit == 5
    assert {row["sid"] for row in dead.document["services"]} == ha.sids
    assert dead.node("pve03")["watchdog_armed"] is None

    recovered = ha.until(lambda ran: "pve03" not in {row["node"] for row in ran.document["services"]})
    assert {row["sid"] for row in recovered.document["services"]} == ha.sids
    assert recovered.document["last_failover"]["source"] == "pve03"
