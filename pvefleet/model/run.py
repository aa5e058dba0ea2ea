"""Plans and runs as an operator sees them: what would be done, what is happening, what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pvefleet.model.errors import ExitCode
from pvefleet.model.finding import Finding


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """One step of a plan.

    Attributes:
        id: its stable name.
        title: what it does.
        commands: ``NODE: command line``, in order.
        within: seconds it may take to prove itself.
        lane: number of the lane it belongs to, from 0.
    """

    id: str
    title: str
    commands: tuple[str, ...]
    within: float
    lane: int


@dataclass(frozen=True, slots=True)
class TakenRisk:
    """A finding that an operator accepted by name.

    Attributes:
        code: of the finding.
        subject: of the finding.
        reason: the operator's own words.
    """

    code: str
    subject: str
    reason: str


@dataclass(frozen=True, slots=True)
class PlanReport:
    """What a change would do.

    Attributes:
        cluster: the cluster's name: line 1 of every plan.
        procedure: what an operator types.
        steps: in order; empty where there is nothing to do or the plan could not be made.
        findings: everything that was found before, accepted or not.
        accepted: the risks that were taken.
        refusals: the findings that stand in the way, by ``CODE:SUBJECT``.
        confirmation: text that has to be typed, or empty.
        diff: what would change in a file, line by line as ``diff -u`` has it; empty where no file is changed.
    """

    cluster: str
    procedure: str
    steps: tuple[PlannedStep, ...]
    findings: tuple[Finding, ...]
    accepted: tuple[TakenRisk, ...]
    refusals: tuple[str, ...]
    confirmation: str
    diff: tuple[str, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """0 it would run, 3 it would be refused."""
        return ExitCode.REFUSED if self.refusals else ExitCode.OK


class RunState(StrEnum):
    """What a run is, by its journal."""

    RUNNING = "running"
    """Not over; whether its process still lives, the journal cannot tell."""
    DONE = "done"
    REFUSED = "refused"
    """A gate did not hold before anything was changed."""
    STOPPED = "stopped"
    """Stopped midway; it can be resumed."""
    STUCK = "stuck"
    """A step acted, and the cluster did not come well again: it needs hands."""
    PAUSED = "paused"
    UNDONE = "undone"
    CLEANED = "cleaned"


_EXITS = {
    RunState.DONE: ExitCode.OK,
    RunState.UNDONE: ExitCode.OK,
    RunState.CLEANED: ExitCode.OK,
    RunState.REFUSED: ExitCode.REFUSED,
    RunState.STUCK: ExitCode.NEEDS_HANDS,
    RunState.STOPPED: ExitCode.STOPPED_MIDWAY,
    RunState.PAUSED: ExitCode.STOPPED_MIDWAY,
    RunState.RUNNING: ExitCode.STOPPED_MIDWAY,
}


@dataclass(frozen=True, slots=True)
class RunStep:
    """What became of one step.

    Attributes:
        id: its stable name.
        title: what it does.
        phase: the journal's last word on it; ``waiting`` where there is none.
        why: what was seen.
        at: when, UTC ISO 8601 text; empty where nothing happened.
    """

    id: str
    title: str
    phase: str
    why: str
    at: str


@dataclass(frozen=True, slots=True)
class RunReport:
    """A run and what became of it.

    Attributes:
        id: its name.
        cluster: the cluster's name.
        procedure: what an operator typed.
        state: what it is now.
        owner: who started it.
        started: when, UTC ISO 8601 text.
        steps: in order.
        accepted: the risks that were taken.
        left: what it has set and not put back yet, one line each.
        next: what to do now, command lines or sentences.
        notes: what else has to be said: nodes that keep no copy, outcomes nobody could see.
    """

    id: str
    cluster: str
    procedure: str
    state: RunState
    owner: str
    started: str
    steps: tuple[RunStep, ...]
    accepted: tuple[TakenRisk, ...] = ()
    left: tuple[str, ...] = ()
    next: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def exit_code(self) -> ExitCode:
        """0 done, 3 refused with nothing changed, 20 stopped midway, 21 needs hands."""
        return _EXITS[self.state]


@dataclass(frozen=True, slots=True)
class ShownRun(RunReport):
    """A run that is only looked at: whatever became of it, showing it has worked."""

    @property
    def exit_code(self) -> ExitCode:
        """0."""
        return ExitCode.OK


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run in a list.

    Attributes:
        id: its name.
        procedure: what an operator typed.
        state: what it is now.
        owner: who started it.
        started: when, UTC ISO 8601 text.
        steps: how many steps have an end, and how many there are; the latter None where this version cannot tell.
        left: how many things it has set and not put back yet.
    """

    id: str
    procedure: str
    state: RunState
    owner: str
    started: str
    steps: tuple[int, int | None]
    left: int


@dataclass(frozen=True, slots=True)
class RunListReport:
    """The runs that nodes and this workstation know, newest first.

    Attributes:
        cluster: the cluster's name.
        runs: the runs.
        unread: nodes that were not asked, with the reason.
        notes: what else has to be said: leases without a journal, copies that are damaged.
        all_unread: was no node asked? Then only this machine's copies are shown.
    """

    cluster: str
    runs: tuple[RunRow, ...]
    unread: tuple[str, ...]
    notes: tuple[str, ...]
    all_unread: bool

    @property
    def exit_code(self) -> ExitCode:
        """0; 11 where no node was read."""
        return ExitCode.NO_NODE_READ if self.all_unread else ExitCode.OK


@dataclass(frozen=True, slots=True)
class RunNoteReport:
    """What a small request about a run has reached: a pause, a lease given up.

    Attributes:
        run: the run's name.
        what: what was asked for, one clause.
        reached: the nodes that have it.
        missed: the nodes that could not be told.
    """

    run: str
    what: str
    reached: tuple[str, ...]
    missed: tuple[str, ...]

    @property
    def exit_code(self) -> ExitCode:
        """0; 11 where no node was reached, 20 where some were not."""
        if not self.missed:
            return ExitCode.OK
        return ExitCode.STOPPED_MIDWAY if self.reached else ExitCode.NO_NODE_READ


@dataclass(frozen=True, slots=True)
class RunEvent:
    """One line of a running change. ``--json`` prints it as it comes.

    Attributes:
        event: ``begun``, ``step``, ``waiting``, ``ended``.
        run: the run's name.
        at: UTC ISO 8601 text.
        step: the step's id, or empty.
        title: what the step does.
        phase: a phase of the journal, or empty.
        why: what is waited for, or what was seen.
        left: seconds until the step gives up, or None.
        number: which step this is, from 1.
        count: how many there are.
    """

    event: str
    run: str
    at: str
    step: str = ""
    title: str = ""
    phase: str = ""
    why: str = ""
    left: float | None = None
    number: int = 0
    count: int = 0
