"""What the engine is handed: nodes, a way to look at them, time, a folder. The edge that tests replace."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from pvefleet.model.facts import ClusterFacts
from pvefleet.model.node import Node
from pvefleet.model.outcome import Outcome
from pvefleet.model.run import RunEvent
from pvefleet.model.section import Section

T = TypeVar("T")


class OnNodes(Protocol):
    """Work on several nodes side by side."""

    def __call__(self, work: Callable[[Node], T], nodes: Sequence[Node], seconds: float) -> tuple[Outcome[T], ...]:
        """Return one outcome per node, in their order; *seconds* is the limit of the work itself."""


class Clock(Protocol):
    """Time as the engine needs it."""

    def clock(self) -> float:
        """Return seconds since the epoch."""

    def pause(self, seconds: float) -> None:
        """Wait."""

    def timestamp(self) -> str:
        """Return UTC ISO 8601 text."""

    def nonce(self) -> str:
        """Return text that no file holds by chance."""


@dataclass(frozen=True, slots=True)
class Site:
    """The outside of one run.

    Attributes:
        cluster: the cluster's name in hosts.toml.
        nodes: every node of the cluster, by name.
        observe: reads facts of every node.
        on_nodes: works on several nodes.
        time: clock and pauses.
        folder: this machine's own folder for runs.
        owner: who we are, ``user@host``.
        tell: is handed every event.
        parallel: how many lanes run at the same time at most.
    """

    cluster: str
    nodes: Mapping[str, Node]
    observe: Callable[[frozenset[Section]], ClusterFacts]
    on_nodes: OnNodes
    time: Clock
    folder: Path
    owner: str
    tell: Callable[[RunEvent], None]
    parallel: int = 8
