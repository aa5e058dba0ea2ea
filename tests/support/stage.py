"""A cluster in memory that can be changed: facts from a World, the engine's own shell scripts run for real.

Every node has a folder that stands for ``/var/lib/pvefleet``; the cluster file system's locks are one folder for all.
Native commands are shims that only note what was asked; what they do to the world happens as time goes by. Time is the
stage's own. A process can be killed at any moment: from then on it reaches nothing any more.
"""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from pvefleet.model.errors import NodeError, Unreachable, UnreachableReason
from pvefleet.model.evidence import Proof
from pvefleet.model.facts import ClusterFacts
from pvefleet.model.node import CommandResult, Node
from pvefleet.model.outcome import Outcome
from pvefleet.model.run import RunEvent
from pvefleet.model.section import Section
from pvefleet.procedures.engine.site import Site
from tests.support.world import NOW, World, _Scripted

T = TypeVar("T")


_FACTS: dict[str, ClusterFacts] = {}
_KEPT = 200
"""So many worlds are remembered: those of one run recur in the next, but a sweep goes through thousands."""


def facts_of(world: World, sections: frozenset[Section]) -> ClusterFacts:
    """Return the facts of a world; the same world is read once, however often it is looked at."""
    key = repr(
        (sorted(sections), sorted(world.cut), world.expected, world.ring, world.links, world.carried, world.nodes)
    )
    if key not in _FACTS:
        while len(_FACTS) >= _KEPT:
            del _FACTS[next(iter(_FACTS))]
        _FACTS[key] = world.facts(Section.BASE, *sections)
    return _FACTS[key]


class Killed(BaseException):
    """SIGKILL: nothing of the process runs any more, not even ``finally``."""


@dataclass
class Stage:
    """The cluster, its time, and everything that was ever asked of it.

    Attributes:
        root: a folder of its own.
        world: what is true.
        effects: what a native command does: called with the stage, the node and the argv.
        proofs: what is proven of nodes that are away, where that is asked for.
        asked: every native command that was run, as (node, line).
    """

    root: Path
    world: World
    effects: Callable[[Stage, str, list[str]], None]
    now: float = NOW
    proofs: tuple[Proof, ...] = ()
    asked: list[tuple[str, str]] = field(default_factory=list)
    _due: list[tuple[float, Callable[[], None]]] = field(default_factory=list)
    _nonces: int = 0

    def __post_init__(self) -> None:
        shims = self.root / "shims"
        shims.mkdir(parents=True)
        (self.root / "locks").mkdir()
        for name in ("systemctl", "logger", "sync", "ha-manager", "corosync-cfgtool", "corosync-quorumtool"):
            text = "" if name in ("logger", "sync") else 'echo "$(basename "$0") $*" >>"$STAGE_ASKED"\n'
            (shims / name).write_text(f"#!/bin/sh\n{text}")
            (shims / name).chmod(0o755)

    def later(self, seconds: float, what: Callable[[], None]) -> None:
        """Let something happen after so many seconds."""
        self._due.append((self.now + seconds, what))

    def pass_time(self, seconds: float) -> None:
        """Let time go by, and what is due happen."""
        end = self.now + seconds
        while due := [one for one in self._due if one[0] <= end]:
            first = min(due, key=lambda one: one[0])
            self._due.remove(first)
            self.now = max(self.now, first[0])
            first[1]()
        self.now = end

    def process(
        self, name: str, *, kill_at: int | None = None, at_moment: Callable[[int], None] | None = None
    ) -> Process:
        """Return a process of the tool on a machine of its own, with an empty folder."""
        return Process(self, self.root / f"machine-{name}", kill_at=kill_at, at_moment=at_moment)

    def run_script(self, name: str, argv: Sequence[str], text: str) -> CommandResult:
        """Run one of the engine's scripts as if on the node."""
        mine = self.root / "nodes" / name
        mine.mkdir(parents=True, exist_ok=True)
        asked = mine / "asked"
        text = text.replace("/var/lib/pvefleet", str(mine / "pvefleet"))
        text = text.replace("/etc/pve/priv/lock", str(self.root / "locks"))
        text = text.replace("PATH=/usr/local/sbin:", f"PATH={self.root / 'shims'}:/usr/local/sbin:")
        done = subprocess.run(
            [*argv], input=text.encode(), capture_output=True, env={"STAGE_ASKED": str(asked)}, timeout=30, check=False
        )
        self.pass_time(0.05)
        if asked.exists():
            lines = asked.read_text().splitlines()
            asked.unlink()
            for line in lines:
                self.asked.append((name, line))
                self.effects(self, name, shlex.split(line))
        return CommandResult(done.returncode, done.stdout, done.stderr)


@dataclass
class Process:
    """One process of the tool: counts its moments, and dies at one of them.

    A moment is before and after each script on a node, and before the first of several looks at the cluster.
    """

    stage: Stage
    folder: Path
    kill_at: int | None = None
    at_moment: Callable[[int], None] | None = None
    moments: int = 0
    events: list[RunEvent] = field(default_factory=list)
    _dead: bool = False
    _looking: bool = False

    def moment(self) -> None:
        """Pass one moment, or die."""
        if self._dead or self.moments == self.kill_at:
            self._dead = True
            raise Killed
        if self.at_moment is not None:
            self.at_moment(self.moments)
        self.moments += 1

    def site(self) -> Site:
        """Return what the engine is handed."""
        return Site(
            cluster=self.stage.world.name,
            nodes={name: StageNode(self, name) for name in self.stage.world.nodes},
            observe=self._observe,
            on_nodes=self._on_nodes,
            time=self,
            folder=self.folder,
            owner="somebody@somewhere",
            tell=self.events.append,
        )

    def _observe(self, sections: frozenset[Section]) -> ClusterFacts:
        if not self._looking:
            self.moment()
        self._looking = True
        facts = facts_of(self.stage.world, sections)
        return replace(facts, proofs=self.stage.proofs) if Section.EVIDENCE in sections else facts

    def _on_nodes(self, work: Callable[[Node], T], nodes: Sequence[Node], seconds: float) -> tuple[Outcome[T], ...]:
        return tuple(self._outcome(work, node) for node in nodes)

    def _outcome(self, work: Callable[[Node], T], node: Node) -> Outcome[T]:
        try:
            return Outcome(node.name, work(node), None, 0.1)
        except NodeError as error:
            return Outcome(node.name, None, error, 0.1)

    def script(self, name: str, argv: Sequence[str], text: str) -> CommandResult:
        """Run a script on a node, with a moment before and after it."""
        self._looking = False
        self.moment()
        result = self.stage.run_script(name, argv, text)
        self.moment()
        return result

    def clock(self) -> float:
        """The stage's time."""
        return self.stage.now

    def pause(self, seconds: float) -> None:
        """Let the stage's time go by, a little faster than asked: there is nobody here to wait."""
        if self._dead:
            raise Killed
        self.stage.pass_time(2 * seconds)

    def timestamp(self) -> str:
        """A time as text; only for reading."""
        return f"2026-11-21T03:{int(self.stage.now - NOW) // 60 % 60:02d}:{int(self.stage.now - NOW) % 60:02d}Z"

    def nonce(self) -> str:
        """A new text each time."""
        self.stage._nonces += 1
        return f"{self.stage._nonces:032x}"


@dataclass
class StageNode:
    """A node as one process reaches it."""

    reached_by: Process
    name: str
    via: str = "stage"

    def run(self, argv: tuple[str, ...], *, timeout: float, stdin: bytes = b"") -> CommandResult:
        """Answer the facts script from the world, run everything else."""
        stage = self.reached_by.stage
        if stage.world[self.name].unreachable is not None:
            raise Unreachable(self.name, f"{self.name}: no answer", reason=UnreachableReason.TIMEOUT)
        if b"\nnames='" in stdin:
            return _Scripted(stage.world, self.name).run(argv, timeout=timeout, stdin=stdin)
        return self.reached_by.script(self.name, argv, stdin.decode())

    def close(self) -> None:
        """Nothing is open."""


def restarts(stage: Stage, name: str, argv: list[str]) -> None:
    """What ``systemctl restart corosync`` does: gone at once, a member 2 s later, pmxcfs writable 4 s after that."""
    if argv != ["systemctl", "restart", "corosync"]:
        return
    node = stage.world[name]
    node.corosync, node.pmxcfs = "stopped", "read-only"
    node.started += 1
    stage.world.ring += 4

    def back() -> None:
        node.corosync = "running"
        stage.world.ring += 4

    stage.later(2.0, back)
    stage.later(6.0, lambda: setattr(node, "pmxcfs", "running"))
