"""Writing corosync.conf in memory: fallback first, one rename, proof, cancel; killed, refused, changed, taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from parsers import corosync_conf
from pvefleet.model.errors import Refused
from pvefleet.model.procedure import Lane
from pvefleet.model.run import RunReport, RunState
from pvefleet.procedures.engine import planning, runs
from pvefleet.procedures.set_totem import SetTotem
from pvefleet.procedures.write_corosync_conf import Premise
from tests.support import takeover
from tests.support.conf_stage import ConfStage
from tests.support.stage import Killed, Process
from tests.support.world import World

RUN = "20261121-032104-0001"
SET = SetTotem(("token=5000",))


def nothing(_stage: object, _name: str, _argv: list[str]) -> None:
    """Native commands do nothing here beyond what the files show."""


def staged(folder: Path, **options: object) -> ConfStage:
    return ConfStage(folder, World(3), nothing, **options)  # type: ignore[arg-type]


def planned(process: Process, procedure: SetTotem = SET) -> planning.Planned:
    return planning.plan(procedure, process.site().observe(procedure.reads), ())


def start(process: Process, run: str = RUN) -> RunReport:
    return runs.start(planned(process), process.site(), run)


def take_up(
    process: Process, how: Callable[..., RunReport] = runs.resume, *, sweep: str = "resumed"
) -> RunReport | None:
    return takeover.take_up(process, SetTotem, how, sweep=sweep)


def token(stage: ConfStage) -> str | None:
    return corosync_conf.read(stage.record.read_text()).section("totem").get("token")


def versions(stage: ConfStage) -> set[int]:
    files = [stage.record, *(stage.own(name) for name in stage.world.nodes)]
    held = {corosync_conf.read(path.read_text()).config_version for path in files}
    return held | {node.config_version for node in stage.world.nodes.values()}


def test_it_is_written_everywhere_and_nothing_is_left_behind(tmp_path: Path) -> None:
    stage = staged(tmp_path / "stage")

    report = start(stage.process("one"))

    assert report.state is RunState.DONE
    assert token(stage) == "5000"
    assert versions(stage) == {4}
    assert stage.left_behind() == []


def test_the_plan_shows_what_changes_in_the_file(tmp_path: Path) -> None:
    report = planned(staged(tmp_path / "stage").process("one")).report

    assert "+  token: 5000" in report.diff
    assert "-  config_version: 3" in report.diff
    assert report.refusals == ()


def test_a_setting_that_waits_for_a_restart_offers_it(tmp_path: Path) -> None:
    process = staged(tmp_path / "stage").process("one")

    report = runs.start(planned(process, SetTotem(("netmtu=1400",))), process.site(), RUN)

    assert report.next == ("netmtu=1400 waits for a restart, node by node: fab cluster.restart-corosync",)


def sweep(folder: Path, every: int, check: Callable[[ConfStage, int], None]) -> None:
    """Kill the change at every so manieth moment of an undisturbed one, and let *check* go on from there."""
    calm = staged(folder / "calm").process("one")
    start(calm)
    assert calm.moments > 50
    for moment in range(min(3, every - 1), calm.moments, every):
        stage = staged(folder / f"killed-{moment}")
        with pytest.raises(Killed):
            start(stage.process("one", kill_at=moment))
        check(stage, moment)


def resumed(stage: ConfStage, moment: int) -> None:
    begun = take_up(stage.process("two"))
    if begun is None:
        assert (token(stage) == "5000") == (versions(stage) == {4}), moment
        return
    assert begun.state is RunState.DONE, (moment, begun.steps)
    assert token(stage) == "5000", moment
    assert versions(stage) == {4}, moment
    assert stage.left_behind() == [], moment


def undone(stage: ConfStage, moment: int) -> None:
    begun = take_up(stage.process("two"), runs.undo, sweep="undone")
    if begun is not None:
        assert begun.state is RunState.UNDONE, (moment, begun.steps)
        assert token(stage) is None, moment
        assert len(versions(stage)) == 1, moment
        assert stage.left_behind() == [], moment


def test_killed_now_and_then_and_resumed_elsewhere_it_ends_as_if_undisturbed(tmp_path: Path) -> None:
    sweep(tmp_path, 11, resumed)


def test_killed_now_and_then_and_undone_elsewhere_it_is_as_it_was(tmp_path: Path) -> None:
    sweep(tmp_path, 19, undone)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_at_any_moment_and_resumed_elsewhere_it_ends_as_if_undisturbed(tmp_path: Path) -> None:
    sweep(tmp_path, 1, resumed)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_at_any_moment_and_undone_elsewhere_it_is_as_it_was(tmp_path: Path) -> None:
    sweep(tmp_path, 1, undone)


def test_undone_after_the_edit_the_old_values_are_back_under_a_higher_version(tmp_path: Path) -> None:
    stage = staged(tmp_path / "stage")
    written_at: list[int] = []

    def note_the_edit(moment: int) -> None:
        if token(stage) == "5000" and not written_at:
            written_at.append(moment)
            raise Killed

    with pytest.raises(Killed):
        start(stage.process("one", at_moment=note_the_edit))

    report = take_up(stage.process("two"), runs.undo, sweep="undone")

    assert report is not None
    assert report.state is RunState.UNDONE, report.steps
    assert token(stage) is None
    assert versions(stage) == {5}
    assert stage.left_behind() == []


def test_cleaned_before_the_edit_nothing_but_the_old_configuration_is_left(tmp_path: Path) -> None:
    stage = staged(tmp_path / "stage")

    def once_armed(_moment: int) -> None:
        if len(list(stage.root.glob("nodes/*/pvefleet/fallback/deadline"))) == 3:
            raise Killed

    with pytest.raises(Killed):
        start(stage.process("one", at_moment=once_armed))
    report = take_up(stage.process("two"), runs.clean, sweep="cleaned")

    assert report is not None
    assert report.state is RunState.CLEANED, report.steps
    assert versions(stage) == {3}
    assert stage.left_behind() == []


def test_what_one_corosync_would_refuse_is_never_written(tmp_path: Path) -> None:
    stage = staged(tmp_path / "stage", broken=("pve02",))

    report = start(stage.process("one"))

    assert report.state is RunState.STOPPED
    assert versions(stage) == {3}
    assert "corosync on pve02 would refuse the new configuration: parse error" in report.steps[1].why


def test_nothing_is_written_where_somebody_else_was_faster(tmp_path: Path) -> None:
    stage = staged(tmp_path / "stage")
    process = stage.process("one")
    plan = planned(process)
    for path in (stage.record, *(stage.own(name) for name in stage.world.nodes)):
        path.write_text(path.read_text().replace("config_version: 3", "config_version: 7"))
    stage._reloaded(7)

    with pytest.raises(Refused, match="has changed since the plan"):
        runs.start(plan, process.site(), RUN)

    assert versions(stage) == {7}
    assert stage.left_behind() == []


def test_a_fallback_of_another_change_refuses(tmp_path: Path) -> None:
    stage = staged(tmp_path / "stage")
    folder = stage.node("pve03") / "pvefleet" / "fallback"
    folder.mkdir()
    (folder / "plan").write_text("version 9\n")
    (folder / "deadline").write_text("9999999999\n")
    (stage.node("pve03") / "units" / "pvefleet-fallback.timer").touch()
    stage.mirror()

    assert planned(stage.process("one")).report.refusals == ("CHG-E-0002:pve03",)


@dataclass(frozen=True, slots=True)
class Without(SetTotem):
    """The procedure with one gate of its writing step left out."""

    dropped: str = ""

    def lanes(self, premise: Premise) -> Iterator[Lane]:
        for lane in SetTotem(self.settings, self.accepted).lanes(premise):
            yield Lane(
                tuple(
                    replace(step, gate=tuple(one for one in step.gate if name_of(one) != self.dropped))
                    if step.id.startswith("write/")
                    else step
                    for step in lane.steps
                )
            )


def name_of(check: Callable[..., object]) -> str:
    return str(getattr(check, "func", check).__name__)


def another_ring(world: World) -> None:
    node = world["pve03"]
    exit_, text, said = world._quorum(node)
    node.overrides["quorum"] = (exit_, text.replace("Ring ID:          1.", "Ring ID:          3."), said)


BREAKS: dict[str, Callable[[World], object]] = {
    "members_whole": another_ring,
    "links_up": lambda world: world.cut.add(("pve03", 1)),
    "one_config": lambda world: setattr(world["pve03"], "config_version", 2),
    "everyone_writes": lambda world: setattr(world["pve03"], "pmxcfs", "read-only"),
    "ha_settled": lambda world: [
        node.overrides.update({"ha-files": (3, "", "cannot be read")}) for node in world.nodes.values()
    ],
}
TWICE_GUARDED = {"written", "armed"}
"""The script that writes looks at these once more, with the lock held."""


def test_every_gate_of_the_writing_step_has_a_world_that_breaks_it(tmp_path: Path) -> None:
    plan = planned(staged(tmp_path / "stage").process("one"))
    (write,) = [step for step in plan.lanes[0].steps if step.id.startswith("write/")]

    assert {name_of(check) for check in write.gate} == set(BREAKS) | TWICE_GUARDED


@pytest.mark.parametrize("gate", BREAKS)
def test_without_this_gate_the_file_would_have_been_written(tmp_path: Path, gate: str) -> None:
    """The world is well until every fallback is set, and broken before the edit: only the gate stands in between."""
    for dropped in ("", gate):
        stage = staged(tmp_path / f"without-{dropped or 'nothing'}")
        process = stage.process("one")
        plan = planned(process, Without(SET.settings, dropped=dropped))

        def once_armed(_moment: int, stage: ConfStage = stage) -> None:
            journals = [path.read_text() for path in stage.root.glob("nodes/pve03/pvefleet/runs/*/journal")]
            if any('"arm/4","phase":"done"' in text for text in journals):
                BREAKS[gate](stage.world)
                stage.mirror()

        process.at_moment = once_armed
        report = runs.start(plan, process.site(), RUN)

        assert report.state is not RunState.DONE
        assert (token(stage) == "5000") is bool(dropped), (dropped, report.steps)
