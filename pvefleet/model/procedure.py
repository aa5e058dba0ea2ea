"""The words a procedure is written in: verdicts, checks, actions, steps, lanes. All data and pure functions."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeVar

from pvefleet.model.facts import ClusterFacts
from pvefleet.model.finding import Finding
from pvefleet.model.section import Section

P = TypeVar("P")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check says.

    Attributes:
        met: does it hold?
        why: what was seen instead, one clause an operator understands; where it holds, empty or how soon it did.
    """

    met: bool
    why: str = ""


MET = Verdict(True)
"""The verdict of a check that holds."""

Check = Callable[[ClusterFacts], Verdict]
"""A pure question to the facts. What was not seen never meets it."""


def unmet(why: str) -> Verdict:
    """Return the verdict of a check that does not hold, and why."""
    return Verdict(False, why)


def first_unmet(checks: tuple[Check, ...], facts: ClusterFacts) -> Verdict:
    """Return the verdict of the first check that does not hold, or :data:`MET`."""
    for check in checks:
        verdict = check(facts)
        if not verdict.met:
            return verdict
    return MET


@dataclass(frozen=True, slots=True)
class Command:
    """One native command on one node. Its exit status is noted, never believed.

    Attributes:
        node: the node's name in hosts.toml.
        argv: program and arguments.
        timeout: seconds until it is stopped on the node.
        stdin: its standard input. Secrets travel here; it is never shown or journalled.
        note: what an operator is shown in its place, where the argv says little.
    """

    node: str
    argv: tuple[str, ...]
    timeout: float
    stdin: bytes = b""
    note: str = ""

    @property
    def shown(self) -> str:
        """The line a plan prints for it."""
        return self.note or shlex.join(self.argv)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One change, with what must hold before and what proves it.

    Attributes:
        id: stable name, such as ``restart/pve02``: journal and resume match on it.
        title: what it does, for the plan and the progress line.
        reads: what its checks look at, beyond the base facts.
        gate: safe to act now?
        act: what is run, in order.
        done: this step's own lasting effect, true whatever happens elsewhere; it alone decides to skip the step.
        settled: the cluster is well again; polled after acting, never a reason to skip.
        steady: what must not change while they are held, or None.
        within: seconds until ``done`` and ``settled`` must hold.
        hold: seconds they must then stay so.
        undo: the step that takes this one back, or None.
        until: id of the later step that puts back what this one sets for a time; empty for a lasting change.
    """

    id: str
    title: str
    gate: tuple[Check, ...]
    act: tuple[Command, ...]
    done: tuple[Check, ...]
    within: float
    reads: frozenset[Section] = frozenset()
    settled: tuple[Check, ...] = ()
    steady: Callable[[ClusterFacts], Hashable] | None = None
    hold: float = 0.0
    undo: Step | None = None
    until: str = ""


@dataclass(frozen=True, slots=True)
class Lane:
    """Steps in order. Lanes run side by side, as far as what they use allows.

    Attributes:
        steps: the steps.
        uses: what is used up meanwhile: ``node:pve02``, ``storage:tank``. Two lanes never use the same at once.
    """

    steps: tuple[Step, ...]
    uses: tuple[str, ...] = ()


class Procedure(Protocol[P]):
    """An ordered change: a frozen dataclass whose fields are the command's options."""

    name: ClassVar[str]
    """What an operator types: ``cluster.restart-corosync``."""

    reads: ClassVar[frozenset[Section]]
    """What findings and premise look at, beyond the base facts."""

    stops_all: ClassVar[bool]
    """Does one lane's failure stop the others?"""

    premise_type: ClassVar[type[Any]]
    """The dataclass that :meth:`premise` returns."""

    @property
    def confirmation(self) -> str:
        """The text that has to be typed, or empty where a plain yes is enough."""

    def findings(self, facts: ClusterFacts) -> Iterator[Finding]:
        """Yield what speaks against it. Critical ones refuse it, unless they are acceptable and accepted."""

    def premise(self, facts: ClusterFacts) -> P:
        """Return the few facts that the plan rests on. They are journalled, and compared under the lock."""

    def lanes(self, premise: P) -> Iterator[Lane]:
        """Yield the lanes: pure in options and premise, so that resume rebuilds the same steps anywhere."""
