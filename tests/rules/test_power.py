"""What speaks against cutting a node's power, and what has to be typed for it."""

from __future__ import annotations

import pytest

from pvefleet.model.bmc import BmcMachine, Power, PowerReading
from pvefleet.model.errors import ExitCode
from pvefleet.model.inventory import Endpoint, NodeEntry
from pvefleet.model.power import PowerOutcome, PowerReport
from pvefleet.rules.power import confirmation, findings, guests_of, quorate_viewers
from tests.support.world import World

ENTRY = NodeEntry("pve02", "pve02", "lab", Endpoint("192.0.2.2", 22))
ON = PowerReading(1.0, Power.ON, "PowerState On", BmcMachine("pve02"))


def test_a_dead_node_asks_for_its_name() -> None:
    world = World(3)
    world.kill("pve02")
    viewers = quorate_viewers(world.facts(), ENTRY)
    assert (viewers, confirmation(ENTRY, viewers), list(findings(ENTRY, ON, viewers))) == ((), "pve02", [])


def test_a_living_member_asks_for_more() -> None:
    viewers = quorate_viewers(World(3).facts(), ENTRY)
    assert viewers == ("pve01", "pve02", "pve03")
    assert confirmation(ENTRY, viewers) == "kill pve02"
    assert [(one.code, one.acceptable) for one in findings(ENTRY, ON, viewers)] == [("EVD-E-0006", True)]


def test_a_node_that_is_alone_has_no_quorum_to_lose() -> None:
    world = World(3)
    world["pve02"].part = 1
    assert quorate_viewers(world.facts(), ENTRY) == ()


@pytest.mark.parametrize("name", ["pve03", "pve03.example.net"])
def test_the_bmc_of_another_machine_is_never_acceptable(name: str) -> None:
    reading = PowerReading(1.0, Power.ON, "PowerState On", BmcMachine(name, serial="X1"))
    (found,) = findings(ENTRY, reading, ())
    assert (found.code, found.acceptable, found.evidence) == ("EVD-E-0005", False, ("serial number X1",))


def test_its_guests_are_named_by_any_nodes_list() -> None:
    world = World(3)
    world["pve02"].vms = {100: "running"}
    world["pve03"].vms = {101: "running"}
    world.kill("pve02")
    assert guests_of(world.facts(), ENTRY) == ("100 (qemu)",)


@pytest.mark.parametrize(
    ("outcome", "power", "exit_code"),
    [
        (PowerOutcome.READ, Power.ON, ExitCode.OK),
        (PowerOutcome.READ, Power.OFF, ExitCode.OK),
        (PowerOutcome.READ, Power.UNKNOWN, ExitCode.NOT_UNDERSTOOD),
        (PowerOutcome.WOULD, Power.ON, ExitCode.OK),
        (PowerOutcome.ALREADY, Power.OFF, ExitCode.OK),
        (PowerOutcome.OFF, Power.OFF, ExitCode.OK),
        (PowerOutcome.STILL_ON, Power.ON, ExitCode.NEEDS_HANDS),
        (PowerOutcome.NOT_PROVEN, Power.UNKNOWN, ExitCode.OUTCOME_UNKNOWN),
    ],
)
def test_exit_codes(outcome: PowerOutcome, power: Power, exit_code: ExitCode) -> None:
    report = PowerReport("lab", "pve02", "pve02", "redfish x", outcome, (PowerReading(1.0, power, ""),))
    assert report.exit_code is exit_code
