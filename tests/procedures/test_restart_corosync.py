"""cluster.restart-corosync in memory: every kill point, every gate, two processes at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from pvefleet.model.errors import Refused, Superseded, UsageError
from pvefleet.model.procedure import Lane
from pvefleet.model.run import RunReport, RunState
from pvefleet.procedures.engine import copies, planning, runs
from pvefleet.procedures.restart_corosync import Premise, RestartCorosync
from pvefleet.rules.acceptance import Accept
from tests.support import takeover
from tests.support.stage import Killed, Process, Stage, restarts
from tests.support.world import World, WorldNode

RESTART = "systemctl restart corosync"


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path / "stage", World(3), restarts)


def planned(
    process: Process, accepts: tuple[Accept, ...] = (), procedure: RestartCorosync | None = None
) -> planning.Planned:
    procedure = procedure or RestartCorosync()
    return planning.plan(procedure, process.site().observe(procedure.reads), accepts)


def start(process: Process, run: str = "20261121-032104-0001") -> RunReport:
    plan = planned(process)
    assert not plan.report.refusals
    return runs.start(plan, process.site(), run)


def take_up(
    process: Process, how: Callable[..., RunReport] = runs.resume, *, sweep: str = "resumed"
) -> RunReport | None:
    return takeover.take_up(process, RestartCorosync, how, sweep=sweep)


def restarted(stage: Stage) -> list[str]:
    return [name for name, line in stage.asked if line == RESTART]


def test_every_node_is_restarted_once_and_the_lease_is_given_up(stage: Stage) -> None:
    report = start(stage.process("one"))

    assert report.state is RunState.DONE
    assert restarted(stage) == ["pve01", "pve02", "pve03"]
    assert not copies.look(stage.process("two").site()).leases
    assert not list((stage.root / "locks").iterdir())


def test_the_next_node_is_touched_only_when_the_cluster_is_whole_again(stage: Stage) -> None:
    whole_when_asked: list[bool] = []

    def effects(stage: Stage, name: str, argv: list[str]) -> None:
        nodes = stage.world.nodes.values()
        whole_when_asked.append(all(node.corosync == "running" and node.pmxcfs == "running" for node in nodes))
        restarts(stage, name, argv)

    stage.effects = effects
    start(stage.process("one"))

    assert whole_when_asked == [True, True, True]


def test_killed_at_any_moment_and_resumed_elsewhere_it_ends_as_if_undisturbed(tmp_path: Path) -> None:
    calm = Stage(tmp_path / "calm", World(3), restarts)
    undisturbed = calm.process("one")
    start(undisturbed)
    assert undisturbed.moments > 50

    for moment in range(undisturbed.moments):
        stage = Stage(tmp_path / f"killed-{moment}", World(3), restarts)
        with pytest.raises(Killed):
            start(stage.process("one", kill_at=moment))
        report = take_up(stage.process("two"))
        if report is None:
            takeover.give_up_stray_leases(stage.process("three"))
            if restarted(stage) != ["pve01", "pve02", "pve03"]:
                report = start(stage.process("four"), "20261121-040000-0002")
        assert report is None or report.state is RunState.DONE, moment
        assert restarted(stage) == ["pve01", "pve02", "pve03"], moment
        assert not copies.look(stage.process("five").site()).leases, moment


def test_killed_at_any_moment_and_undone_no_other_node_is_touched(tmp_path: Path) -> None:
    """A restart cannot be taken back: undoing ends the run and gives up the lease, and nothing else happens."""
    calm = Stage(tmp_path / "calm", World(3), restarts)
    undisturbed = calm.process("one")
    start(undisturbed)

    for moment in range(0, undisturbed.moments, 3):
        stage = Stage(tmp_path / f"undone-{moment}", World(3), restarts)
        with pytest.raises(Killed):
            start(stage.process("one", kill_at=moment))
        before = restarted(stage)
        report = take_up(stage.process("two"), runs.undo, sweep="undone")
        if report is None:
            takeover.give_up_stray_leases(stage.process("three"))
        assert report is None or report.state is RunState.UNDONE, moment
        assert restarted(stage) == before, moment
        assert not copies.look(stage.process("four").site()).leases, moment


def test_a_process_that_was_overtaken_can_do_nothing_any_more(tmp_path: Path) -> None:
    """At each of its moments the first process stands still, a second one finishes the run, the first one goes on."""
    calm = Stage(tmp_path / "calm", World(3), restarts)
    undisturbed = calm.process("one")
    start(undisturbed)

    for moment in range(0, undisturbed.moments, 5):
        stage = Stage(tmp_path / f"overtaken-{moment}", World(3), restarts)

        def overtake(at: int, stage: Stage = stage, moment: int = moment) -> None:
            if at == moment:
                take_up(stage.process("two"), sweep="overtaken")

        try:
            report = start(stage.process("one", at_moment=overtake))
        except (Superseded, Refused):
            pass
        else:
            assert report.state is RunState.DONE
        assert restarted(stage) == ["pve01", "pve02", "pve03"], moment


def test_a_second_operator_is_refused_and_told_who_holds_the_cluster(stage: Stage) -> None:
    with pytest.raises(Killed):
        start(stage.process("one", kill_at=30))

    with pytest.raises(
        Refused, match="another change holds the cluster: run 20261121-032104-0001 of somebody@somewhere"
    ):
        start(stage.process("two"), "20261121-040000-0002")


def test_a_node_that_does_not_come_back_stops_everything_and_needs_hands(stage: Stage) -> None:
    def effects(stage: Stage, name: str, argv: list[str]) -> None:
        stage.world[name].corosync = "stopped"

    stage.effects = effects
    report = start(stage.process("one"))

    assert report.state is RunState.STUCK
    assert report.exit_code == 21
    assert restarted(stage) == ["pve01"]
    assert [step.phase for step in report.steps] == ["stuck", "waiting", "waiting"]
    assert any("run.resume" in line for line in report.next)


def test_a_stuck_step_is_over_once_the_node_is_back(stage: Stage) -> None:
    stage.effects = lambda stage, name, argv: setattr(stage.world[name], "corosync", "stopped")
    start(stage.process("one"))
    stage.effects = restarts
    stage.world["pve01"].corosync = "running"
    stage.world["pve01"].started += 1

    report = take_up(stage.process("two"))

    assert report is not None
    assert report.state is RunState.DONE
    assert restarted(stage) == ["pve01", "pve02", "pve03"]


def test_nothing_is_done_to_a_cluster_that_changed_between_plan_and_lock(stage: Stage) -> None:
    process = stage.process("one")
    plan = planned(process)
    stage.world["pve03"].started += 1

    with pytest.raises(Refused, match="has changed since the plan"):
        runs.start(plan, process.site(), "20261121-032104-0001")

    assert stage.asked == []
    assert not copies.look(process.site()).leases


def test_a_pause_stops_before_the_next_step_and_the_run_can_go_on(stage: Stage) -> None:
    run = "20261121-032104-0001"

    def pause_after_the_first(stage: Stage, name: str, argv: list[str]) -> None:
        restarts(stage, name, argv)
        if name == "pve01":
            for node in stage.world.nodes:
                (stage.root / "nodes" / node / "pvefleet" / "runs" / run / "pause").touch()

    stage.effects = pause_after_the_first
    report = start(stage.process("one"), run)
    assert report.state is RunState.PAUSED
    assert restarted(stage) == ["pve01"]

    stage.effects = restarts
    resumed = take_up(stage.process("two"))
    assert resumed is not None
    assert resumed.state is RunState.DONE
    assert restarted(stage) == ["pve01", "pve02", "pve03"]


def another_ring(world: World, name: str) -> None:
    """The node sees the same members, in a ring of its own: a membership that is just being formed."""
    exit_, text, said = world._quorum(world[name])
    world[name].overrides["quorum"] = (exit_, text.replace("Ring ID:          1.", "Ring ID:          3."), said)


BREAKS: dict[str, Callable[[World], None]] = {
    "members_whole": lambda world: another_ring(world, "pve03"),
    "links_whole": lambda world: world.cut.add(("pve03", 1)),
    "one_config": lambda world: setattr(world["pve03"], "file_version", 4),
    "conf_accepted": lambda world: world["pve01"].overrides.update({"conf-test": (8, "", "parse error")}),
    "ha_settled": lambda world: (
        [node.overrides.update({"ha-files": (3, "", "cannot be read")}) for node in world.nodes.values()] and None
    ),
    "may_stop": lambda world: setattr(world, "expected", 5),
    "watchdog_lets": lambda world: world["pve01"].overrides.update(
        {"ha-watchdog": (0, "armed\nSoftware Watchdog\n", "")}
    ),
}


def gates(stage: Stage) -> list[str]:
    plan = planned(stage.process("gates"))
    (lane,) = plan.lanes
    return [getattr(check, "func", check).__name__ for check in lane.steps[0].gate]


def test_every_gate_has_a_world_that_breaks_it(stage: Stage) -> None:
    assert set(gates(stage)) == set(BREAKS)


@pytest.mark.parametrize("gate", BREAKS)
def test_without_this_gate_a_node_would_have_been_touched(tmp_path: Path, gate: str) -> None:
    """The world is well while the plan is made and broken before the first step: only the gate stands in between."""
    guarded, careless = (Stage(tmp_path / name, World(3), restarts) for name in ("guarded", "careless"))
    for stage, drop in ((guarded, ""), (careless, gate)):
        process = stage.process("one")
        plan = planned(process, procedure=Without(dropped=drop))
        process.at_moment = lambda _moment, stage=stage: _break_once_begun(stage, BREAKS[gate])
        try:
            report = runs.start(plan, process.site(), "20261121-032104-0001")
        except Refused:
            pass
        else:
            assert report.state is RunState.REFUSED if stage is guarded else report.state
    assert restarted(guarded) == []
    assert restarted(careless)[:1] == ["pve01"]


def _break_once_begun(stage: Stage, how: Callable[[World], None]) -> None:
    if list(stage.root.glob("nodes/pve03/pvefleet/runs/*/journal")):
        how(stage.world)


@dataclass(frozen=True, slots=True)
class Without(RestartCorosync):
    """The procedure with one gate of every step left out."""

    dropped: str = ""

    def lanes(self, premise: Premise) -> Iterator[Lane]:
        for lane in RestartCorosync(self.nodes, self.accepted).lanes(premise):
            yield Lane(
                tuple(replace(step, gate=tuple(one for one in step.gate if self.keeps(one))) for step in lane.steps)
            )

    def keeps(self, check: Callable[..., object]) -> bool:
        return getattr(check, "func", check).__name__ != self.dropped


def armed(node: WorldNode) -> None:
    node.overrides["ha-watchdog"] = (0, "armed\nSoftware Watchdog\n", "")


def test_an_armed_watchdog_refuses_until_the_risk_is_taken_by_name(stage: Stage) -> None:
    armed(stage.world["pve02"])

    refused = planned(stage.process("one")).report
    taken = planned(stage.process("one"), (Accept("RST-W-0001", "pve02", "a test"),)).report

    assert refused.refusals == ("RST-W-0001:pve02",)
    assert refused.exit_code == 3
    assert taken.refusals == ()
    assert [step.within for step in taken.steps if step.id == "restart/pve02"] == [40.0]


def test_an_armed_watchdog_is_not_risked_on_a_single_link(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "stage", World(3, links=1), restarts)
    for node in stage.world.nodes.values():
        armed(node)

    report = planned(stage.process("one"), (Accept("RST-W-0001", "", "a test"),)).report

    assert report.refusals == ("restart/pve01: the watchdog of pve01 is armed and there is only one link",)


def test_two_nodes_need_the_risk_taken_and_no_watchdog_armed(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "stage", World(2), restarts)
    accept = Accept("RST-W-0002", "", "at night")

    assert planned(stage.process("one")).report.refusals[0] == "RST-W-0002:lab"
    assert planned(stage.process("one"), (accept,)).report.refusals == ()

    armed(stage.world["pve02"])
    both = (accept, Accept("RST-W-0001", "pve02", "a test"))
    assert "quorum would be lost while the watchdog of pve02" in planned(stage.process("one"), both).report.refusals[0]


def test_an_accept_that_matches_nothing_is_an_error(stage: Stage) -> None:
    with pytest.raises(UsageError, match="RST-W-0001:pve02 matches nothing"):
        planned(stage.process("one"), (Accept("RST-W-0001", "pve02", "just in case"),))
