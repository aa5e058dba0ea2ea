"""Runs what is compared in turns, so that a busy moment of the machine hits all of them alike."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from dataclasses import dataclass

from benchmarks.commands import BenchError, Command, Ran, run

_WAIT = 90.0
"""Seconds after which one run of one command is given up on."""
_LONG = 5.0
"""Seconds from which on a run needs no other to warm up for it, and three of them are enough."""
_ENOUGH = 3


@dataclass(frozen=True, slots=True)
class Sample:
    """What some runs of the same thing gave.

    Attributes:
        values: one per run, in the order they were made; none where it could not be run.
        failure: why it could not.
        peak_mib: the most memory that any run held.
    """

    values: tuple[float, ...]
    failure: str = ""
    peak_mib: float = 0.0

    @property
    def median(self) -> float:
        """The value in the middle."""
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        """The least value."""
        return min(self.values)

    @property
    def high(self) -> float:
        """The greatest value."""
        return max(self.values)


def in_turns(commands: Mapping[str, Command], *, rounds: int, budget: float) -> dict[str, Sample]:
    """Run every command once to warm up, then *rounds* times in turns; what takes long, three times at most in all.

    Args:
        commands: what to run, by a name for it.
        rounds: how often.
        budget: seconds after which no further round is begun, once one has been made.

    Returns:
        The wall-clock seconds of each. What fails the first time is left out of the rounds.
    """
    runs: dict[str, list[Ran]] = {}
    failures: dict[str, str] = {}
    end = time.monotonic() + budget
    for number in range(rounds + 1):
        if number > 1 and time.monotonic() > end:
            break
        for name, command in commands.items():
            before = runs.get(name, [])
            if name in failures or (len(before) >= _ENOUGH and before[0].seconds > _LONG):
                continue
            try:
                ran = run(command, seconds=_WAIT)
            except BenchError as error:
                failures[name] = str(error)
                continue
            if number or ran.seconds > _LONG:
                runs.setdefault(name, []).append(ran)
    return {name: _sample(runs.get(name, []), failures.get(name, "")) for name in commands}


def _sample(runs: list[Ran], failure: str) -> Sample:
    if failure:
        return Sample((), failure)
    return Sample(tuple(ran.seconds for ran in runs), peak_mib=max(ran.peak_mib for ran in runs))
