"""Links added, removed and given other addresses in memory: killed, resumed, taken back, and cut on the way."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from parsers import corosync_conf
from pvefleet.model.run import RunReport, RunState
from pvefleet.procedures.change_links import AddLink, ChangeLink, RemoveLink
from pvefleet.procedures.engine import planning, runs
from pvefleet.rules.link_edit import link_addresses, link_numbers
from pvefleet.rules.link_world import Asked
from tests.support.conf_stage import ConfStage
from tests.support.stage import Killed, Process
from tests.support.takeover import take_up
from tests.support.world import World

RUN = "20261121-032104-0001"
NAMES = ("pve01", "pve02", "pve03")
NEW = {name: f"10.79.0.{number}" for number, name in enumerate(NAMES, 1)}


def nothing(_stage: object, _name: str, _argv: list[str]) -> None:
    """Native commands do nothing here beyond what the files show."""


def asked() -> Asked:
    """What nodes say that have every address a test may want, and reach each other on all of them."""
    configured = {name: tuple(f"10.{net}.0.{number}" for net in (77, 78, 79)) for number, name in enumerate(NAMES, 1)}
    answered = tuple((name, address) for name in NAMES for one in NAMES if one != name for address in configured[one])
    return Asked(configured, answered, dict.fromkeys(NAMES, "3.1.9"))


@dataclass(frozen=True)
class Change:
    """A change, the cluster it is made to, and what is there afterwards.

    Attributes:
        procedure: what is done.
        links: how many there are before.
        after: link to the third number of its addresses, where it is through.
        version: the configuration's then; between two reloads one number is left for taking back the first.
    """

    procedure: Any
    links: int
    after: dict[int, str]
    version: int

    @property
    def before(self) -> dict[int, str]:
        return {link: f"10.{77 + link}.0" for link in range(self.links)}


CHANGES = {
    "add": Change(AddLink(link=1, asked=asked(), addresses=NEW), 1, {0: "10.77.0", 1: "10.79.0"}, 4),
    "remove": Change(RemoveLink(link=1, asked=asked()), 2, {0: "10.77.0"}, 4),
    "change": Change(ChangeLink(link=1, asked=asked(), addresses=NEW), 2, {0: "10.77.0", 1: "10.79.0"}, 6),
}


@pytest.fixture(params=CHANGES)
def change(request: pytest.FixtureRequest) -> Change:
    return CHANGES[request.param]


def staged(folder: Path, change: Change) -> ConfStage:
    return ConfStage(folder, World(3, links=change.links), nothing)


def planned(process: Process, change: Change) -> planning.Planned:
    return planning.plan(change.procedure, process.site().observe(change.procedure.reads), ())


def start(process: Process, change: Change) -> RunReport:
    plan = planned(process, change)
    assert plan.report.refusals == ()
    return runs.start(plan, process.site(), RUN)


def nets(stage: ConfStage) -> dict[int, str]:
    """Link to the net of its addresses, as the file has it and as corosync runs it: both are the same."""
    conf = corosync_conf.read(stage.record.read_text())
    found = {link: link_addresses(conf, link) for link in link_numbers(conf)}
    assert stage.world.running_links() == found
    return {link: addresses["pve01"].rpartition(".")[0] for link, addresses in found.items()}


def one_version(stage: ConfStage) -> int:
    files = [stage.record, *(stage.own(name) for name in stage.world.nodes)]
    held = {corosync_conf.read(path.read_text()).config_version for path in files}
    (version,) = held | {node.config_version for node in stage.world.nodes.values()}
    return version


def test_it_is_made_everywhere_and_nothing_is_left_behind(change: Change, tmp_path: Path) -> None:
    stage = staged(tmp_path / "stage", change)

    report = start(stage.process("one"), change)

    assert report.state is RunState.DONE, report.steps
    assert nets(stage) == change.after
    assert one_version(stage) == change.version
    assert stage.left_behind() == []


def test_nobody_is_without_a_link_at_any_time(change: Change, tmp_path: Path) -> None:
    stage = staged(tmp_path / "stage", change)
    fewest: list[int] = []

    def count(_moment: int) -> None:
        fewest.append(len(stage.world.running_links()))

    start(stage.process("one", at_moment=count), change)

    assert min(fewest) >= 1


def sweep(change: Change, folder: Path, every: int, check: Callable[[ConfStage, int], None]) -> None:
    """Kill the change at every so manieth moment of an undisturbed one, and let *check* go on from there."""
    calm = staged(folder / "calm", change).process("one")
    start(calm, change)
    for moment in range(every // 2, calm.moments, every):
        stage = staged(folder / f"killed-{moment}", change)
        with pytest.raises(Killed):
            start(stage.process("one", kill_at=moment), change)
        check(stage, moment)


def resumed(change: Change) -> Callable[[ConfStage, int], None]:
    def check(stage: ConfStage, moment: int) -> None:
        report = take_up(stage.process("two"), type(change.procedure))
        if report is not None:
            assert report.state is RunState.DONE, (moment, report.steps)
            assert nets(stage) == change.after, moment
            assert one_version(stage) == change.version, moment
            assert stage.left_behind() == [], moment

    return check


def undone(change: Change) -> Callable[[ConfStage, int], None]:
    def check(stage: ConfStage, moment: int) -> None:
        report = take_up(stage.process("two"), type(change.procedure), runs.undo, sweep="undone")
        if report is not None:
            assert report.state is RunState.UNDONE, (moment, report.steps)
            assert nets(stage) == change.before, moment
            one_version(stage)
            assert stage.left_behind() == [], moment

    return check


def test_killed_now_and_then_and_resumed_elsewhere_it_ends_as_if_undisturbed(change: Change, tmp_path: Path) -> None:
    sweep(change, tmp_path, 23, resumed(change))


def test_killed_now_and_then_and_undone_elsewhere_it_is_as_it_was(change: Change, tmp_path: Path) -> None:
    sweep(change, tmp_path, 23, undone(change))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_at_any_moment_and_resumed_elsewhere_it_ends_as_if_undisturbed(change: Change, tmp_path: Path) -> None:
    sweep(change, tmp_path, 1, resumed(change))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_at_any_moment_and_undone_elsewhere_it_is_as_it_was(change: Change, tmp_path: Path) -> None:
    sweep(change, tmp_path, 1, undone(change))


def test_a_link_that_does_not_connect_is_seen_and_everything_stops(tmp_path: Path) -> None:
    """The addresses are there, but nothing goes through: the run says so, and the fallback stays set."""
    change = CHANGES["add"]
    stage = staged(tmp_path / "stage", change)
    stage.world.cut.add(("pve03", 1))

    report = start(stage.process("one"), change)

    assert report.state is RunState.STUCK
    assert report.exit_code == 21
    (write,) = [step for step in report.steps if step.id.startswith("write/")]
    assert "link 1" in write.why
    assert stage.left_behind() != []
