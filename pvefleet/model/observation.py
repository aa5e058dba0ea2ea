"""What one look at one source gave: a value, or the reason why there is none. Never a default in place of either."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

T = TypeVar("T")


class ProblemKind(StrEnum):
    """Why a source gave no value."""

    NOT_READ = "not-read"
    """The node was not reached, or its answer broke off before this source."""
    TIMED_OUT = "timed-out"
    """The command or file did not answer within its time: a frozen daemon, a hung mount."""
    ABSENT = "absent"
    """The file or command does not exist there."""
    FAILED = "failed"
    """The command ran and reported an error of its own."""
    NOT_UNDERSTOOD = "not-understood"
    """The output is not what the parser knows; the parser's reason is in the message."""
    SKIPPED = "skipped"
    """It was not tried, because something it rests on did not answer."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why there is no value.

    Attributes:
        kind: the class of reason.
        message: what the node or the parser said, one line.
    """

    kind: ProblemKind
    message: str


@dataclass(frozen=True, slots=True)
class Seen(Generic[T]):
    """A value with its source, or the problem that stands in its place.

    Attributes:
        source: the native command or file that was read.
        value: what it said; None where there is a problem.
        problem: why there is no value; None where there is one.
    """

    source: str
    value: T | None = None
    problem: Problem | None = None

    @property
    def kind(self) -> ProblemKind | None:
        """The kind of problem, or None where a value was read."""
        return self.problem.kind if self.problem else None


def not_read(source: str, message: str) -> Seen[T]:
    """Return the observation of something that was never looked at."""
    return Seen(source, problem=Problem(ProblemKind.NOT_READ, message))
