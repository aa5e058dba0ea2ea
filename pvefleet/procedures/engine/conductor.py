"""Plays a run: answers the effects of its lanes with real facts, real commands and real time, and journals them."""

from __future__ import annotations

import threading
from collections.abc import Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import Any

from pvefleet.model.errors import NodeError, OutcomeUnknown, Superseded, TimedOut
from pvefleet.model.node import CommandResult, Node
from pvefleet.model.procedure import Lane, Step, Verdict, first_unmet, unmet
from pvefleet.model.remote_files import script
from pvefleet.model.run import RunEvent
from pvefleet.procedures.engine import copies, guard
from pvefleet.procedures.engine.drive import (
    Act,
    Effect,
    Failed,
    History,
    NotRun,
    Observe,
    Pausing,
    Phase,
    Record,
    Settle,
    Stopped,
    drive,
)
from pvefleet.procedures.engine.guard import Guard
from pvefleet.procedures.engine.journal import Entry
from pvefleet.procedures.engine.lease import WAIT, Lease
from pvefleet.procedures.engine.site import Site

POLL = 0.4
"""Seconds between two looks at a cluster that is coming well again."""
_SECONDS = 10.0

Lively = Generator[Effect, Any, Stopped | None]


@dataclass
class Conductor:
    """One process's attempt at a run.

    Attributes:
        site: the outside.
        lease: held by us.
        holders: the nodes that hold it and keep the journal.
        count: how many steps there are, for the progress.
        entries: what this process has journalled.
        silent: nodes that missed an entry: their copy is behind.
    """

    site: Site
    lease: Lease
    holders: tuple[Node, ...]
    count: int = 0
    entries: list[Entry] = field(default_factory=list)
    silent: set[str] = field(default_factory=set)
    _number: int = 0
    _position: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stop: threading.Event = field(default_factory=threading.Event)

    def play(self, lanes: Sequence[Lane], history: History, *, stops_all: bool) -> tuple[Stopped, ...]:
        """Play all lanes, side by side as far as what they use allows.

        Args:
            lanes: what to do.
            history: what the journal says of earlier attempts.
            stops_all: does one lane's failure stop the others before their next step?

        Returns:
            Where lanes stopped; empty where all reached their end.
        """
        steps = [step for lane in lanes for step in lane.steps]
        self.count = len(steps)
        self._position = {step.id: number for number, step in enumerate(steps, 1)}
        if len(lanes) == 1:
            stopped = self._lane(lanes[0], history)
            return (stopped,) if stopped else ()
        return self._side_by_side(lanes, history, stops_all=stops_all)

    def _side_by_side(self, lanes: Sequence[Lane], history: History, *, stops_all: bool) -> tuple[Stopped, ...]:
        waiting, running = list(lanes), dict[Future[Stopped | None], Lane]()
        stops: list[Stopped] = []
        with ThreadPoolExecutor(max_workers=self.site.parallel) as pool:
            try:
                while waiting or running:
                    busy = {use for lane in running.values() for use in lane.uses}
                    for lane in [one for one in waiting if not self._stop.is_set()]:
                        if len(running) < self.site.parallel and busy.isdisjoint(lane.uses):
                            waiting.remove(lane)
                            busy |= set(lane.uses)
                            running[pool.submit(self._lane, lane, history)] = lane
                    if not running:
                        break
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        del running[future]
                        stopped = future.result()
                        if stopped is not None:
                            stops.append(stopped)
                            if stops_all or stopped.phase is Phase.PAUSED:
                                self._stop.set()
            except BaseException:
                self._stop.set()
                raise
        return tuple(stops)

    def _lane(self, lane: Lane, history: History) -> Stopped | None:
        effects: Lively = drive(lane, history)
        answer: Any = None
        while True:
            try:
                effect = effects.send(answer)
            except StopIteration as end:
                stopped: Stopped | None = end.value
                return stopped
            answer = self._answer(effect)

    def _answer(self, effect: Effect) -> Any:
        match effect:
            case Observe():
                return self.site.observe(effect.reads)
            case Act():
                return self._act(effect.step)
            case Settle():
                return self._settle(effect)
            case Record():
                self.note(effect.step.id, effect.phase, effect.why)
                self._tell("step", effect.step, phase=effect.phase, why=effect.why)
                return None

    def _act(self, step: Step) -> NotRun | Failed | None:
        """Run a step's commands, node after node in the order of the commands.

        Returns:
            Why nothing was run; where anything may have run, what the first command that failed said, or None.
        """
        if self._stop.is_set():
            return Pausing("another lane has stopped")
        self._tell("step", step, phase=Phase.INTENT)
        intent = self._entry(step.id, Phase.INTENT)
        copies.keep(self.site.folder, self.lease.run, [intent])
        ran, failed = False, None
        for node, commands in _by_node(step):
            answer = self._act_on(node, commands, intent)
            if isinstance(answer, NotRun):
                if not ran:
                    return answer
                return failed or Failed(str(answer))
            ran, failed = True, failed or answer
        return failed

    def _act_on(self, name: str, commands: Sequence[Any], intent: Entry) -> NotRun | Failed | None:
        node = self.site.nodes[name]
        result = Entry(intent.epoch, intent.number, self.site.time.timestamp(), intent.step, Phase.RESULT, name)
        text = guard.act(commands, intent=intent.line, result=result.line)
        try:
            done = script(node, text, *self.lease.arguments(), timeout=guard.seconds(commands) + WAIT)
        except (TimedOut, OutcomeUnknown):
            return None
        except NodeError as error:
            return NotRun(error.message)
        if done.exit == Guard.STALE:
            raise _superseded(name, done.text)
        if done.exit == Guard.PAUSED:
            return Pausing(f"{name}: {done.text.strip()}")
        if done.exit in set(Guard) - {Guard.OK}:
            return NotRun(f"{name}: {done.text.strip()}")
        said = guard.failure(done.text)
        return Failed(f"{name} said: {said}") if said else None

    def _settle(self, effect: Settle) -> Verdict:
        """Poll until the checks hold and have held, or time is up. A check that fails while holding starts anew."""
        time, step = self.site.time, effect.step
        start = time.clock()
        end = start + step.within
        held_since: float | None = None
        steady: object = None
        while True:
            began = time.clock()
            facts = self.site.observe(step.reads)
            verdict = first_unmet(effect.checks, facts)
            now = time.clock()
            why = verdict.why
            if verdict.met:
                seen = step.steady(facts) if step.steady else None
                if held_since is None or seen != steady:
                    held_since, steady = began, seen
                if now - held_since >= step.hold:
                    return Verdict(True, f"after {max(0.0, held_since - start):.1f} s")
                why = f"it must stay so for {step.hold - (now - held_since):.0f} s more"
            else:
                held_since = None
            # What is well but does not stay so gets as long again as it has to be held, and no longer.
            if now >= (end if held_since is None else end + 2 * step.hold):
                return verdict if not verdict.met else unmet("it does not stay so")
            self._tell("waiting", step, why=why, left=max(0.0, end - now))
            time.pause(POLL)

    def note(self, step: str, phase: str, why: str = "", *, summary: str = "") -> None:
        """Journal one entry, here and on every node that keeps a copy; a node that misses it is remembered.

        Raises:
            Superseded: another process has taken the run over.
        """
        entry = self._entry(step, phase, why)
        copies.keep(self.site.folder, self.lease.run, [entry])
        text = guard.record([entry.line], summary=summary)

        def write(node: Node) -> CommandResult:
            return script(node, text, *self.lease.arguments(2), timeout=_SECONDS)

        for outcome in self.site.on_nodes(write, self.holders, _SECONDS):
            result = outcome.value
            if result is not None and result.exit == Guard.STALE:
                raise _superseded(outcome.node, result.text)
            if result is not None and result.exit == Guard.OK:
                self.silent.discard(outcome.node)
            else:
                self.silent.add(outcome.node)

    def _entry(self, step: str, phase: str, why: str = "") -> Entry:
        with self._lock:
            self._number += 1
            entry = Entry(self.lease.epoch, self._number, self.site.time.timestamp(), step, phase, why)
            self.entries.append(entry)
            return entry

    def _tell(self, event: str, step: Step, *, phase: str = "", why: str = "", left: float | None = None) -> None:
        self.site.tell(
            RunEvent(
                event=event,
                run=self.lease.run,
                at=self.site.time.timestamp(),
                step=step.id,
                title=step.title,
                phase=str(phase),
                why=why,
                left=left,
                number=self._position.get(step.id, 0),
                count=self.count,
            )
        )


def _superseded(node: str, said: str) -> Superseded:
    return Superseded(
        f"this process may do nothing any more: on {node} {said.strip()}",
        hint="somebody has resumed, undone or cleaned the run: look at it with fab run.list",
    )


def _by_node(step: Step) -> list[tuple[str, list[Any]]]:
    """Return runs of consecutive commands for the same node: each is one script there."""
    groups: list[tuple[str, list[Any]]] = []
    for command in step.act:
        if groups and groups[-1][0] == command.node:
            groups[-1][1].append(command)
        else:
            groups.append((command.node, [command]))
    return groups
