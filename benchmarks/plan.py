"""What one run of the measurements is: how thorough, how long at most, and what it says while it is at it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

_SECONDS, _QUICK_SECONDS = 1080.0, 150.0
"""After so long nothing more is begun that can be left out: the whole then ends within 20 minutes, or within 3."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How thorough a run is.

    Attributes:
        sizes: of the labs, in nodes, in the order of their weight: what there is no time for comes last.
        rounds: how often each thing is measured.
        share: seconds after which a comparison begins no further round.
        end: when time is up, on the monotonic clock.
        report: is told each step in a line.
    """

    sizes: tuple[int, ...]
    rounds: int
    share: float
    end: float
    report: Callable[[str], None]

    @property
    def budget(self) -> float:
        """Seconds that a comparison may take which begins now."""
        return max(0.0, min(self.share, self.end - time.monotonic()))


def thorough(report: Callable[[str], None]) -> Plan:
    """The run whose results are kept."""
    return Plan((3, 32, 16), 5, 240.0, time.monotonic() + _SECONDS, report)


def quick(report: Callable[[str], None]) -> Plan:
    """A run that shows in minutes whether something has gone wrong."""
    return Plan((3,), 2, 15.0, time.monotonic() + _QUICK_SECONDS, report)
