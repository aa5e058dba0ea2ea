"""Cutting a node's power: proven by two readings of off some seconds apart, whatever became of the order's answer."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from pvefleet.model.bmc import BmcError, Power, PowerReading
from pvefleet.model.errors import OutcomeUnknown
from pvefleet.model.power import PowerOutcome
from pvefleet.procedures.power_off import WITHIN, let_pass, power_off, proven_off


@dataclass
class Clock:
    """A clock that only pauses move."""

    now: float = 100.0
    paused: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.paused.append(seconds)
        self.now += seconds


@dataclass
class ScriptedBmc:
    """A BMC that reads as it is told, the last word for ever; None is no answer."""

    clock: Clock
    says: list[Power | None]
    order: Exception | None = None
    orders: int = 0
    node: str = "pve02"
    where: str = "scripted"

    def status(self) -> PowerReading:
        power = self.says.pop(0) if len(self.says) > 1 else self.says[0]
        if power is None:
            raise BmcError("pve02", "no answer")
        return PowerReading(self.clock(), power, power.value)

    def off(self) -> None:
        self.orders += 1
        if self.order is not None:
            raise self.order


@pytest.mark.parametrize(
    ("says", "outcome"),
    [
        ([Power.OFF], PowerOutcome.OFF),
        ([Power.ON, Power.ON, Power.OFF], PowerOutcome.OFF),
        ([None, Power.ON, None, Power.OFF], PowerOutcome.OFF),
        ([Power.OFF, Power.ON, Power.OFF], PowerOutcome.OFF),
        ([Power.ON], PowerOutcome.STILL_ON),
        ([Power.OFF, Power.ON], PowerOutcome.STILL_ON),
        ([None], PowerOutcome.NOT_PROVEN),
        ([Power.UNKNOWN], PowerOutcome.NOT_PROVEN),
    ],
)
def test_the_state_decides(says: list[Power | None], outcome: PowerOutcome) -> None:
    clock = Clock()
    bmc = ScriptedBmc(clock, says)
    cut = power_off(bmc, clock=clock, pause=clock.pause)
    assert (cut.outcome, bmc.orders, cut.note) == (outcome, 1, "")
    if outcome is PowerOutcome.OFF:
        assert [one.power for one in cut.readings[-3:]] == [Power.OFF] * 3
    else:
        assert clock.now == pytest.approx(100.0 + WITHIN, abs=1.0)


def test_an_order_whose_answer_was_lost_is_watched_like_any_other() -> None:
    clock = Clock()
    bmc = ScriptedBmc(clock, [Power.ON, Power.OFF], OutcomeUnknown("pve02", "the answer was lost"))
    cut = power_off(bmc, clock=clock, pause=clock.pause)
    assert (cut.outcome, cut.note) == (PowerOutcome.OFF, "the answer was lost")


def test_an_order_that_was_not_given_changes_nothing() -> None:
    clock = Clock()
    with pytest.raises(BmcError):
        power_off(ScriptedBmc(clock, [Power.ON], BmcError("pve02", "refused")), clock=clock, pause=clock.pause)
    assert clock.paused == []


@pytest.mark.parametrize(
    ("readings", "proven"),
    [
        ([], False),
        ([(0, Power.OFF)], False),
        ([(0, Power.OFF), (1.9, Power.OFF)], False),
        ([(0, Power.OFF), (2, Power.OFF)], True),
        ([(0, Power.OFF), (2, Power.UNKNOWN), (3, Power.OFF)], False),
        ([(0, Power.OFF), (3, Power.OFF), (4, Power.ON)], False),
    ],
)
def test_off_twice_in_a_row(readings: list[tuple[float, Power]], proven: bool) -> None:
    assert proven_off([PowerReading(at, power, "") for at, power in readings]) is proven


@pytest.mark.parametrize(("now", "paused"), [(100.0, [2.5]), (101.5, [1.0]), (110.0, []), (90.0, [2.5])])
def test_a_second_reading_waits_until_it_counts(now: float, paused: list[float]) -> None:
    clock = Clock(now)
    let_pass(PowerReading(100.0, Power.OFF, ""), clock=clock, pause=clock.pause)
    assert clock.paused == paused
