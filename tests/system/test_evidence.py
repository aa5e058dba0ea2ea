"""Evidence that a node is down, and its power, on real machines: every kind of death, and of seeming dead."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lab.client import Lab
from tests.system.conftest import Operator, Ran

pytestmark = pytest.mark.lab

FAKE = Path(__file__).resolve().parents[1] / "support/fake_ipmitool.py"
WORD = ("--confirm", "pve02 is off", "--reason", "I pulled both plugs")


def looked_at(operator: Operator, *more: str) -> Ran:
    return operator.fab("node.evidence", "pve02", *more, "--json")


def until(operator: Operator, fits: Callable[[dict[str, Any]], bool], *more: str, seconds: float = 60.0) -> Ran:
    """Ask for the evidence until it fits; return the last answer either way. Corosync takes a while to miss a node."""
    end = time.monotonic() + seconds
    while True:
        ran = looked_at(operator, *more)
        if fits(ran.document["proof"]) or time.monotonic() > end:
            return ran


def signs(ran: Ran) -> set[tuple[str, str, str]]:
    """Vantage point, way and place of every sign of life."""
    return {(one["vantage"], one["way"], one["place"]) for one in ran.document["looks"] if one["sign"] == "alive"}


def held(ran: Ran) -> list[str]:
    return [rung["level"] for rung in ran.document["proof"]["rungs"] if rung["holds"]]


def silent(proof: dict[str, Any]) -> bool:
    return bool(proof["level"] != "E0")


@pytest.fixture
def without_bmc(inventory: Path) -> Operator:
    """An operator whose hosts.toml knows no BMC."""
    text = inventory.read_text()
    inventory.write_text(re.sub(r"\[clusters\.lab\.nodes\.\w+\.bmc\]\n(?:.+\n)+", "", text))
    assert "bmc" not in inventory.read_text()
    return Operator(inventory)


class TestEvidence:
    def test_a_living_node_is_alive(self, operator: Operator) -> None:
        ran = looked_at(operator)
        proof = ran.document["proof"]
        assert (ran.exit, proof["alive"], proof["level"], proof["suffices"], held(ran)) == (5, True, "E0", False, [])
        assert {"workstation", "pve01", "pve03"} == {vantage for vantage, _, _ in signs(ran)}
        assert {way for _, way, _ in signs(ran)} >= {"login", "tcp", "ping", "link", "member", "pmxcfs"}
        assert [one["power"] for one in ran.document["power"]] == ["on", "on"]

    def test_a_killed_node_is_proven_down_by_its_bmc(self, operator: Operator, lab: Lab) -> None:
        lab.kill("pve02")
        ran = until(operator, silent)
        assert (ran.exit, held(ran), ran.document["proof"]["minimum"]) == (0, ["E1", "E4"], "E4")
        assert ran.document["proof"]["findings"] == []

    @pytest.mark.parametrize("fault", ["hang", "deny"])
    def test_without_its_bmc_a_statement_is_less_than_asked_for(self, operator: Operator, lab: Lab, fault: str) -> None:
        lab.kill("pve02")
        lab.bmc_fault("pve02", fault)
        ran = until(operator, silent, *WORD)
        assert (ran.exit, held(ran)) == (4, ["E1", "E3"])
        assert [one["code"] for one in ran.document["proof"]["findings"]] == ["EVD-E-0003"]

    def test_a_password_that_is_not_there_hides_nothing_else(self, inventory: Path, lab: Lab) -> None:
        text = inventory.read_text()
        inventory.write_text(text.replace('{ file = "bmc-password" }', '{ env = "NOT_SET_ANYWHERE" }'))
        lab.kill("pve02")
        ran = until(Operator(inventory), silent)
        assert (ran.exit, held(ran)) == (4, ["E1"])
        assert [one["power"] for one in ran.document["power"]] == ["unknown", "unknown"]
        assert "NOT_SET_ANYWHERE, which is not set" in ran.document["power"][0]["why"]

    def test_where_there_is_no_bmc_a_statement_is_enough_and_silence_is_not(
        self, without_bmc: Operator, lab: Lab
    ) -> None:
        lab.kill("pve02")
        alone = until(without_bmc, silent)
        stated = looked_at(without_bmc, *WORD)
        assert (alone.exit, held(alone), alone.document["proof"]["minimum"]) == (4, ["E1"], "E3")
        assert (stated.exit, held(stated)) == (0, ["E1", "E3"])

    def test_a_frozen_node_is_alive(self, without_bmc: Operator, lab: Lab) -> None:
        lab.freeze("pve02")
        ran = until(without_bmc, lambda _: True)
        assert ran.exit == 5
        assert {("pve01", "ping", "10.77.0.2"), ("pve03", "tcp", "10.78.0.2:22")} <= signs(ran)

    def test_a_node_without_sshd_is_alive(self, without_bmc: Operator, lab: Lab) -> None:
        lab.exec("pve02", ["systemctl", "stop", "ssh"])
        ran = looked_at(without_bmc, *WORD)
        assert (ran.exit, held(ran)) == (5, [])
        assert {("pve01", "tcp", "10.77.0.2:22"), ("pve01", "member", ""), ("pve01", "link", "0")} <= signs(ran)
        assert not any(vantage == "workstation" for vantage, _, _ in signs(ran))

    def test_a_node_that_is_heard_on_one_link_only_is_alive(self, without_bmc: Operator, lab: Lab) -> None:
        lab.exec("pve02", ["systemctl", "stop", "ssh"])
        lab.cut("pve02", link=0)
        ran = until(without_bmc, lambda _: True)
        assert (ran.exit, held(ran)) == (5, [])
        assert {("pve01", "member", ""), ("pve03", "link", "1"), ("pve03", "ping", "10.78.0.2")} <= signs(ran)

    def test_a_node_cut_off_from_its_peers_alone_is_alive(self, without_bmc: Operator, lab: Lab) -> None:
        lab.partition(["pve02"], ["pve01", "pve03"])
        ran = looked_at(without_bmc)
        assert (ran.exit, held(ran)) == (5, [])
        assert ("workstation", "login", "") in signs(ran)

    def test_a_node_cut_off_from_everybody_is_only_silent(
        self, operator: Operator, without_bmc: Operator, lab: Lab
    ) -> None:
        """It lives, and nobody can tell: E1, which never suffices. Its BMC can tell."""
        lab.partition(["pve02"], ["pve01", "pve03"])
        lab.cut("pve02", outside=True)
        ran = until(without_bmc, silent)
        assert (ran.exit, held(ran)) == (4, ["E1"])
        asked = looked_at(operator, *WORD)
        assert (asked.exit, asked.document["proof"]["alive"]) == (5, True)

    def test_a_bmc_that_says_off_does_not_outweigh_a_sign_of_life(self, operator: Operator, lab: Lab) -> None:
        lab.bmc_fault("pve02", "lie")
        ran = looked_at(operator, *WORD)
        codes = [one["code"] for one in ran.document["proof"]["findings"]]
        assert (ran.exit, held(ran), codes) == (5, [], ["EVD-E-0001", "EVD-W-0004"])

    def test_the_table_shows_the_ladder(self, operator: Operator, lab: Lab) -> None:
        lab.kill("pve02")
        until(operator, silent)
        ran = operator.fab("node.evidence", "pve02")
        assert ran.exit == 0
        assert "E4   yes  its BMC read off twice" in ran.out
        assert "pve02 is proven down" in ran.out

    @pytest.mark.parametrize("argv", [("pve02", "--confirm", "pve02 is off"), ("pve2",), ("pve02", "--reason", "x")])
    def test_half_a_statement_or_no_such_node(self, operator: Operator, argv: tuple[str, ...]) -> None:
        assert operator.fab("node.evidence", *argv).exit == 2


class TestPower:
    def test_it_takes_its_node_as_an_argument(self, operator: Operator) -> None:
        ran = operator.fab("-H", "pve01", "node.power", "pve02", "status")
        assert ran.exit == 2
        assert "takes its node as an argument" in ran.err

    def test_status_says_whose_power_it_is(self, operator: Operator) -> None:
        ran = operator.fab("node.power", "pve02", "status")
        assert ran.exit == 0
        assert "pve02, pvelab Bubble, serial LAB-pve02" in ran.out
        assert "Power    on" in ran.out

    @pytest.mark.parametrize("typed", [(), ("--confirm", "pve02"), ("--confirm", "kill pve03")])
    def test_a_member_with_quorum_is_not_cut_without_the_text(
        self, operator: Operator, lab: Lab, typed: tuple[str, ...]
    ) -> None:
        ran = operator.fab("node.power", "pve02", "off", *typed)
        assert ran.exit == 3
        assert "nothing was changed" in ran.err
        assert lab.bmc("pve02") == "on"

    def test_the_plan_says_what_to_type(self, operator: Operator, lab: Lab) -> None:
        document = operator.fab("node.power", "pve02", "off", "--plan", "--json").document
        assert (document["outcome"], document["confirmation"]) == ("would", "kill pve02")
        assert document["member"] == ["pve01", "pve02", "pve03"]
        assert lab.bmc("pve02") == "on"

    def test_power_is_cut_proven_and_written_down(self, operator: Operator, lab: Lab) -> None:
        ran = operator.fab("node.power", "pve02", "off", "--confirm", "kill pve02", "--json")
        assert (ran.exit, ran.document["outcome"]) == (0, "off")
        assert [one["power"] for one in ran.document["readings"][-2:]] == ["off", "off"]
        assert lab.status()["nodes"][1]["state"] == "off"
        _, journal, _ = lab.exec("pve01", ["journalctl", "-t", "pvefleet", "--no-pager", "-q"])
        assert b"cutting the power of pve02: off" in journal
        again = operator.fab("node.power", "pve02", "off", "--json")
        assert (again.exit, again.document["outcome"]) == (0, "already")

    def test_a_frozen_node_that_is_no_member_asks_for_its_name(self, operator: Operator, lab: Lab) -> None:
        lab.freeze("pve02")
        until(operator, lambda proof: not any("member" in line for line in proof["rungs"][0]["lines"]))
        ran = operator.fab("node.power", "pve02", "off", "--confirm", "pve02", "--json")
        assert (ran.exit, ran.document["outcome"], lab.bmc("pve02")) == (0, "off", "off")

    def test_one_that_lies_and_one_that_refuses(self, operator: Operator, lab: Lab) -> None:
        lab.bmc_fault("pve02", "deny")
        ran = operator.fab("node.power", "pve02", "off", "--confirm", "kill pve02")
        assert ran.exit == 11
        assert "refuses our login" in ran.err
        assert lab.bmc("pve02") == "on"

    def test_no_bmc_is_a_matter_of_the_inventory(self, without_bmc: Operator) -> None:
        ran = without_bmc.fab("node.power", "pve02", "status")
        assert ran.exit == 2
        assert "names no BMC for pve02" in ran.err

    def test_the_password_is_nowhere(self, operator: Operator, lab: Lab) -> None:
        password = lab.state.bmc_password.read_text().strip()
        ran = operator.fab("node.power", "pve02", "status", "--json")
        assert password not in ran.out + ran.err + operator.hosts.read_text()

    def test_by_ipmitool(self, operator: Operator, inventory: Path, lab: Lab, tmp_path: Path) -> None:
        text = re.sub(r'type = "redfish"', 'type = "ipmitool"', inventory.read_text())
        inventory.write_text(re.sub(r'(fingerprint|system) = ".*"\n', "", text))
        program = tmp_path / "ipmitool"
        program.write_text(f"#!{sys.executable}\n{FAKE.read_text()}")
        program.chmod(0o755)
        somebody = Operator(inventory)
        path = f"{tmp_path}:/usr/bin:/bin"
        assert somebody.fab("node.power", "pve02", "status", PATH=path).exit == 0
        ran = somebody.fab("node.power", "pve02", "off", "--confirm", "kill pve02", PATH=path)
        assert (ran.exit, lab.bmc("pve02")) == (0, "off")
        argv = [json.loads(line) for line in (tmp_path / "argv.log").read_text().splitlines()]
        assert all(lab.state.bmc_password.read_text().strip() not in " ".join(one) for one in argv)
