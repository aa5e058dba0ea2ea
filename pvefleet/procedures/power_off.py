"""Cutting a node's power by its BMC, and proving it: the machine has to read off twice, some seconds apart.

For ``node.power`` and for every procedure that has to be sure that a node is down. The caller holds the consent.
"""

from __future__ import annotations

from collections.abc import Callable

from pvefleet.model.bmc import Bmc, BmcError, Power, PowerReading
from pvefleet.model.errors import OutcomeUnknown
from pvefleet.model.power import PowerCut, PowerOutcome
from pvefleet.rules.evidence import BMC_APART

WITHIN = 30.0
"""Seconds that a machine gets to read off; most do in under five."""

_PAUSE = 1.0
_MARGIN = 0.5


def power_off(bmc: Bmc, *, clock: Callable[[], float], pause: Callable[[float], None]) -> PowerCut:
    """Cut the power and watch until it is proven off.

    Args:
        bmc: the node's BMC.
        clock: our own time in seconds.
        pause: waits for so many seconds.

    Returns:
        What came of it. An order whose answer was lost is watched like any other: the state decides.

    Raises:
        BmcError: the order was not given; nothing was changed.
    """
    note = ""
    try:
        bmc.off()
    except OutcomeUnknown as error:
        note = error.message
    readings: list[PowerReading] = []
    end = clock() + WITHIN
    while True:
        readings.append(read(bmc, clock))
        if proven_off(readings):
            return PowerCut(PowerOutcome.OFF, tuple(readings), note)
        if clock() >= end:
            still = readings[-1].power is Power.ON
            return PowerCut(PowerOutcome.STILL_ON if still else PowerOutcome.NOT_PROVEN, tuple(readings), note)
        pause(_PAUSE)


def read(bmc: Bmc, clock: Callable[[], float]) -> PowerReading:
    """Ask a BMC; that it did not answer is a reading, too: power unknown."""
    try:
        return bmc.status()
    except BmcError as error:
        return PowerReading(clock(), Power.UNKNOWN, error.message)


def let_pass(first: PowerReading, *, clock: Callable[[], float], pause: Callable[[float], None]) -> None:
    """Wait until another reading would be far enough from *first* to count beside it."""
    left = first.at + BMC_APART + _MARGIN - clock()
    if left > 0:
        pause(min(left, BMC_APART + _MARGIN))


def proven_off(readings: list[PowerReading]) -> bool:
    """Do the last readings say off, with nothing else said since the first of them, far enough apart?"""
    off: list[float] = []
    for reading in readings:
        off = [*off, reading.at] if reading.power is Power.OFF else []
    return len(off) > 1 and off[-1] - off[0] >= BMC_APART
