"""cluster.expected in memory: never without proof, never a number of no use, always told what it means."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pvefleet.model.catalogue import finding
from pvefleet.model.errors import Refused
from pvefleet.model.evidence import Level, Proof
from pvefleet.model.procedure import Lane
from pvefleet.model.run import RunReport, RunState
from pvefleet.procedures.engine import copies, planning, runs
from pvefleet.procedures.expected import Expected, Premise, RestoreExpected
from tests.support.stage import Killed, Process, Stage
from tests.support.takeover import take_up
from tests.support.world import World

RUN = "20261121-032104-0001"


def proof(node: str, *, suffices: bool = True, alive: bool = False) -> Proof:
    code = "EVD-E-0001" if alive else "EVD-E-0003"
    findings = () if suffices else (finding(code, node, f"{node} is not proven down"),)
    return Proof(node, alive, Level.E3 if suffices else Level.E0, Level.E3, suffices, (), findings)


def votequorum(stage: Stage, name: str, argv: list[str]) -> None:
    """``corosync-quorumtool -e N`` at once; a reload adds up the nodelist; pmxcfs follows."""
    if argv[:2] == ["corosync-quorumtool", "-e"]:
        stage.world.expected = int(argv[2])
    if argv == ["corosync-cfgtool", "-R"]:
        stage.world.expected = None
    stage.world.ring += 4


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    """One of three is left."""
    stage = Stage(tmp_path / "stage", World(3), votequorum)
    for name in ("pve02", "pve03"):
        stage.world.kill(name)
    stage.proofs = (proof("pve02"), proof("pve03"))
    return stage


def planned(process: Process, votes: int = 1) -> planning.Planned:
    procedure = Expected(votes, (("pve02", "its cord is pulled"), ("pve03", "its cord is pulled")))
    return planning.plan(procedure, process.site().observe(procedure.reads), ())


def test_who_is_left_has_quorum_and_the_operator_is_told_what_that_means(stage: Stage) -> None:
    process = stage.process("one")
    plan = planned(process)
    assert plan.report.refusals == ()
    assert plan.report.confirmation == "pve02 is off, pve03 is off"

    report = runs.start(plan, process.site(), "20261121-032104-0001", confirmed=plan.report.confirmation)

    assert report.state is RunState.DONE
    assert stage.asked == [("pve01", "corosync-quorumtool -e 1")]
    assert any("cluster.expected restore" in line for line in report.next)
    assert any("keep pve02, pve03 off" in line for line in report.next)


@pytest.mark.parametrize("alive", [True, False])
def test_a_node_that_is_not_proven_down_refuses_it(stage: Stage, alive: bool) -> None:
    stage.proofs = (proof("pve02"), proof("pve03", suffices=False, alive=alive))

    report = planned(stage.process("one")).report

    assert report.refusals[0] in ("EVD-E-0001:pve03", "EVD-E-0003:pve03")
    assert not any(one.acceptable for one in report.findings)


def test_a_node_that_nobody_looked_for_refuses_it(stage: Stage) -> None:
    stage.proofs = (proof("pve02"),)

    assert planned(stage.process("one")).report.refusals[0] == "EXP-E-0003:pve03"


@pytest.mark.parametrize("votes", [2, 3])
def test_a_number_of_no_use_is_refused_with_the_range(stage: Stage, votes: int) -> None:
    report = planned(stage.process("one"), votes).report

    assert report.refusals[0] == "VOT-E-0006:lab"


def test_with_everybody_present_there_is_nothing_to_make_up_for(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "stage", World(3), votequorum)

    assert "EXP-E-0004:lab" in planned(stage.process("one"), 3).report.refusals


def test_a_sign_of_life_between_plan_and_lock_stops_it(stage: Stage) -> None:
    process = stage.process("one")
    plan = planned(process)
    stage.proofs = (proof("pve02"), proof("pve03", suffices=False, alive=True))

    with pytest.raises(Refused, match="EVD-E-0001:pve03"):
        runs.start(plan, process.site(), "20261121-032104-0001")

    assert stage.asked == []


def test_a_sign_of_life_at_the_last_moment_is_what_the_gate_sees(stage: Stage) -> None:
    process = stage.process("one")
    plan = planned(process)

    def wake_up(_moment: int) -> None:
        if list(stage.root.glob("nodes/pve01/pvefleet/runs/*/journal")):
            stage.proofs = (proof("pve02"), proof("pve03", suffices=False, alive=True))

    process.at_moment = wake_up
    report = runs.start(plan, process.site(), "20261121-032104-0001")

    assert report.state is RunState.REFUSED
    assert stage.asked == []
    assert "pve03 is not proven down" in report.steps[0].why


def fresh(folder: Path) -> Stage:
    stage = Stage(folder, World(3), votequorum)
    for node in ("pve02", "pve03"):
        stage.world.kill(node)
    stage.proofs = (proof("pve02"), proof("pve03"))
    return stage


def all_back(stage: Stage) -> None:
    for name in ("pve02", "pve03"):
        stage.world[name].unreachable, stage.world[name].corosync = None, "running"
    stage.proofs = ()


def moments(stage: Stage) -> int:
    calm = stage.process("one")
    runs.start(planned(calm), calm.site(), RUN)
    return calm.moments


def test_killed_at_any_moment_and_resumed_it_ends_the_same(tmp_path: Path) -> None:
    for moment in range(moments(fresh(tmp_path / "calm"))):
        stage = fresh(tmp_path / f"killed-{moment}")
        process = stage.process("one", kill_at=moment)
        with pytest.raises(Killed):
            runs.start(planned(process), process.site(), RUN)
        report = take_up(stage.process("two"), Expected)
        assert report is None or (report.state, stage.world.expected) == (RunState.DONE, 1), moment
        assert stage.asked in ([], [("pve01", "corosync-quorumtool -e 1")]), moment


def test_killed_at_any_moment_it_is_undone_once_everybody_is_back_and_not_before(tmp_path: Path) -> None:
    for moment in range(moments(fresh(tmp_path / "calm"))):
        stage = fresh(tmp_path / f"undone-{moment}")
        process = stage.process("one", kill_at=moment)
        with pytest.raises(Killed):
            runs.start(planned(process), process.site(), RUN)
        set_before = stage.world.expected

        early = take_up(stage.process("two"), Expected, runs.undo, sweep="undone")
        if early is not None and set_before is not None:
            assert early.state is RunState.STOPPED, moment
            assert "still away" in early.steps[-1].why, moment
            assert stage.world.expected == 1, "without it pve01 would lose the quorum that it was given"
        all_back(stage)
        late = take_up(stage.process("three"), Expected, runs.undo, sweep="undone")

        assert late is None or late.state is RunState.UNDONE, moment
        if early is not None:
            assert stage.world.expected is None, moment
            assert not copies.look(stage.process("four").site()).leases, moment


def test_the_putting_back_killed_at_any_moment_and_resumed_ends_the_same(tmp_path: Path) -> None:
    def well(folder: Path) -> Stage:
        stage = Stage(folder, World(3), votequorum)
        stage.world.expected = 1
        return stage

    def put_back(process: Process) -> RunReport:
        procedure = RestoreExpected()
        plan = planning.plan(procedure, process.site().observe(procedure.reads), ())
        return runs.start(plan, process.site(), RUN)

    calm = well(tmp_path / "calm").process("one")
    put_back(calm)
    for moment in range(calm.moments):
        stage = well(tmp_path / f"killed-{moment}")
        with pytest.raises(Killed):
            put_back(stage.process("one", kill_at=moment))
        report = take_up(stage.process("two"), RestoreExpected)
        assert report is None or (report.state, stage.world.expected) == (RunState.DONE, None), moment
        assert stage.asked in ([], [("pve01", "corosync-cfgtool -R")]), moment


BREAKS: dict[str, Callable[[Stage], None]] = {
    "members_are": lambda stage: setattr(stage.world["pve01"], "corosync", "stopped"),
    "absent_proven": lambda stage: setattr(
        stage, "proofs", (proof("pve02"), proof("pve03", suffices=False, alive=True))
    ),
}


@dataclass(frozen=True, slots=True)
class Without(Expected):
    """The procedure with one gate left out."""

    dropped: str = ""

    def lanes(self, premise: Premise) -> Iterator[Lane]:
        for lane in Expected(self.votes, self.off).lanes(premise):
            (step,) = lane.steps
            yield Lane((replace(step, gate=tuple(one for one in step.gate if name_of(one) != self.dropped)),))


def name_of(check: Callable[..., object]) -> str:
    return str(getattr(check, "func", check).__name__)


def test_every_gate_has_a_world_that_breaks_it(stage: Stage) -> None:
    (step,) = planned(stage.process("one")).lanes[0].steps

    assert {name_of(check) for check in step.gate} == set(BREAKS)


@pytest.mark.parametrize("gate", BREAKS)
def test_without_this_gate_the_votes_would_have_been_lowered(tmp_path: Path, gate: str) -> None:
    """The world is well while the plan is made, and broken before the step: only the gate stands in between."""
    for dropped in ("", gate):
        stage = fresh(tmp_path / f"without-{dropped or 'nothing'}")
        process = stage.process("one")
        procedure = Without(1, (("pve02", "its cord is pulled"), ("pve03", "its cord is pulled")), dropped)
        plan = planning.plan(procedure, process.site().observe(procedure.reads), ())

        def once_begun(_moment: int, stage: Stage = stage) -> None:
            if list(stage.root.glob("nodes/pve01/pvefleet/runs/*/journal")):
                BREAKS[gate](stage)

        process.at_moment = once_begun
        runs.start(plan, process.site(), RUN)

        assert bool(stage.asked) is bool(dropped)


def test_it_is_put_back_only_once_everybody_is_back(stage: Stage) -> None:
    stage.world.expected = 1
    process = stage.process("one")
    procedure = RestoreExpected()

    early = planning.plan(procedure, process.site().observe(procedure.reads), ())
    assert "still away" in early.report.refusals[0]

    for name in ("pve02", "pve03"):
        stage.world[name].unreachable, stage.world[name].corosync = None, "running"
    late = planning.plan(procedure, process.site().observe(procedure.reads), ())
    assert late.report.refusals == ()
    report = runs.start(late, process.site(), "20261121-040000-0002")

    assert report.state is RunState.DONE
    assert stage.asked == [("pve01", "corosync-cfgtool -R")]
    assert stage.world.expected is None
