"""What one run of the measurements is: how thorough, and what it says while it is at it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """How thorough a run is.

    Attributes:
        sizes: of the labs, in nodes.
        rounds: how often each thing is measured.
        budget: seconds after which a comparison begins no further round.
        report: is told each step in a line.
    """

    sizes: tuple[int, ...]
    rounds: int
    budget: float
    report: Callable[[str], None]


def thorough(report: Callable[[str], None]) -> Plan:
    """The run whose results are kept."""
    return Plan((3, 16, 32), 5, 240.0, report)


def quick(report: Callable[[str], None]) -> Plan:
    """A run that shows in minutes whether something has gone wrong."""
    return Plan((3,), 2, 15.0, report)
