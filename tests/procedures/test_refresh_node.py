"""cluster.refresh-node in memory: a node that slept through a change gets the cluster's file, and comes back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from parsers import corosync_conf
from pvefleet.model.run import RunReport, RunState
from pvefleet.procedures.engine import copies, planning, runs
from pvefleet.procedures.refresh_node import RefreshNode
from tests.support.conf_stage import ConfStage
from tests.support.stage import Killed, Process, Stage
from tests.support.takeover import take_up
from tests.support.world import World

RUN = "20261121-032104-0001"
SLEEPER = "pve03"
RESTART = ["systemctl", "restart", "corosync"]


def starts(stage: Stage, name: str, argv: list[str]) -> None:
    """``systemctl restart corosync``: with the cluster's file it is a member 2 s later, and pmxcfs writes 2 s after."""
    assert isinstance(stage, ConfStage)
    if argv != RESTART:
        return
    node, version = stage.world[name], corosync_conf.read(stage.own(name).read_text()).config_version
    node.started += 1
    if version != stage.world["pve01"].config_version:
        return

    def member() -> None:
        node.corosync, node.config_version = "running", version
        stage.world.ring += 4
        stage.mirror(())

    stage.later(2.0, member)
    stage.later(4.0, lambda: setattr(node, "pmxcfs", "running"))


def staged(folder: Path, **options: tuple[str, ...]) -> ConfStage:
    """Two nodes run version 4; the third has version 3 in its file, and its corosync has ended."""
    stage = ConfStage(folder, World(3), starts, **options)
    systemctl = stage.root / "shims" / "systemctl"
    note = '#!/bin/sh\n[ "$1" != restart ] || echo "systemctl $*" >>"$STAGE_ASKED"\n'
    systemctl.write_text(note + systemctl.read_text().partition("\n")[2])
    text = stage.record.read_text().replace("config_version: 3", "config_version: 4")
    for path in (stage.record, stage.own("pve01"), stage.own("pve02")):
        path.write_text(text)
    for name in ("pve01", "pve02"):
        stage.world[name].config_version = 4
    stage.world[SLEEPER].corosync, stage.world[SLEEPER].pmxcfs = "stopped", "read-only"
    stage.mirror()
    return stage


def planned(process: Process) -> planning.Planned:
    procedure = RefreshNode(SLEEPER)
    return planning.plan(procedure, process.site().observe(procedure.reads), ())


def start(process: Process) -> RunReport:
    plan = planned(process)
    assert plan.report.refusals == ()
    return runs.start(plan, process.site(), RUN)


def restarted(stage: ConfStage) -> list[str]:
    return [name for name, line in stage.asked if line.split() == RESTART]


def files(stage: ConfStage) -> list[str]:
    """What stands in the nodes' folders for corosync."""
    return sorted(path.name for path in stage.root.glob("nodes/*/corosync/*"))


def test_it_gets_the_file_and_is_a_member_again(tmp_path: Path) -> None:
    stage = staged(tmp_path / "stage")

    report = start(stage.process("one"))

    assert report.state is RunState.DONE, report.steps
    assert stage.own(SLEEPER).read_text() == stage.record.read_text()
    assert restarted(stage) == [SLEEPER]
    assert files(stage) == ["corosync.conf"] * 3


def test_what_its_corosync_refuses_is_not_put_in_place_and_quoted(tmp_path: Path) -> None:
    stage = staged(tmp_path / "stage", broken=(SLEEPER,))

    report = start(stage.process("one"))

    assert report.state is RunState.STUCK
    assert report.steps[0].why.endswith(f"{SLEEPER} said: parse error (exit 1)")
    assert files(stage) == ["corosync.conf"] * 3
    assert restarted(stage) == []


def test_one_that_was_removed_is_refused(tmp_path: Path) -> None:
    stage = staged(tmp_path / "stage")
    text = stage.record.read_text().replace(f"name: {SLEEPER}", "name: pve09")
    for path in (stage.record, stage.own("pve01"), stage.own("pve02")):
        path.write_text(text)
    stage.mirror()

    assert f"CHG-E-0003:{SLEEPER}" in planned(stage.process("one")).report.refusals


def test_killed_at_any_moment_and_resumed_it_ends_as_if_undisturbed(tmp_path: Path) -> None:
    calm = staged(tmp_path / "calm").process("one")
    start(calm)

    for moment in range(calm.moments):
        stage = staged(tmp_path / f"killed-{moment}")
        with pytest.raises(Killed):
            start(stage.process("one", kill_at=moment))
        report = take_up(stage.process("two"), RefreshNode)
        if report is not None:
            assert report.state is RunState.DONE, (moment, report.steps)
            assert restarted(stage) == [SLEEPER], moment
            assert stage.world[SLEEPER].corosync == "running", moment
            assert files(stage) == ["corosync.conf"] * 3, moment
            assert not copies.look(stage.process("three").site()).leases, moment


def test_killed_at_any_moment_and_undone_it_is_left_as_it_then_is(tmp_path: Path) -> None:
    """The old file would only make corosync end again: nothing is put back, and nothing more is done."""
    calm = staged(tmp_path / "calm").process("one")
    start(calm)

    for moment in range(0, calm.moments, 2):
        stage = staged(tmp_path / f"undone-{moment}")
        with pytest.raises(Killed):
            start(stage.process("one", kill_at=moment))
        before = restarted(stage)
        report = take_up(stage.process("two"), RefreshNode, runs.undo, sweep="undone")
        if report is not None:
            assert report.state is RunState.UNDONE, (moment, report.steps)
            assert restarted(stage) == before, moment
            assert not copies.look(stage.process("three").site()).leases, moment


def another_version(stage: ConfStage) -> None:
    """Somebody changes the cluster's configuration meanwhile."""
    text = stage.record.read_text().replace("config_version: 4", "config_version: 5")
    for path in (stage.record, stage.own("pve01"), stage.own("pve02")):
        path.write_text(text)
    stage._reloaded(5)


def no_quorum(stage: ConfStage) -> None:
    stage.world["pve02"].corosync = "stopped"
    stage.mirror()


@pytest.mark.parametrize("how", [another_version, no_quorum])
def test_a_cluster_that_changed_between_plan_and_step_is_left_alone(
    tmp_path: Path, how: Callable[[ConfStage], None]
) -> None:
    stage = staged(tmp_path / "stage")
    process = stage.process("one")
    plan = planned(process)
    old = stage.own(SLEEPER).read_text()
    broken: list[int] = []

    def once_begun(moment: int) -> None:
        if not broken and list(stage.root.glob("nodes/*/pvefleet/runs/*/journal")):
            broken.append(moment)
            how(stage)

    process.at_moment = once_begun
    report = runs.start(plan, process.site(), RUN)

    assert broken
    assert report.state is RunState.REFUSED, report.steps
    assert stage.own(SLEEPER).read_text() == old
    assert restarted(stage) == []
