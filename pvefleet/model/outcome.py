"""What became of one piece of work on one node: a value or an error, never both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from pvefleet.model.errors import NodeError

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """The result of one node's share of a fan-out.

    Attributes:
        node: the node's name.
        value: what the work returned; None where it failed.
        error: why it failed; None where it did not.
        seconds: how long it took.
        via: how the node was reached; empty where it was not.
    """

    node: str
    value: T | None
    error: NodeError | None
    seconds: float
    via: str = ""
