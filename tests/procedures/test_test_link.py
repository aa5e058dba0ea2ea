"""cluster.test-link in memory: whatever dies on the way, the link is back, by us or by the timer set before."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pvefleet.model.node import CommandResult
from pvefleet.model.run import RunReport, RunState
from pvefleet.procedures.engine import copies, planning, runs
from pvefleet.procedures.test_link import TestLink as LinkTest
from tests.support.conf_stage import ConfStage
from tests.support.stage import Killed, Process
from tests.support.takeover import take_up
from tests.support.world import World

RUN = "20261121-032104-0001"
NODE, LINK = "pve02", 1

_NFT = """\
#!/bin/sh
table=$(dirname "$STAGE_ASKED")/table
case "$1 ${2:-}" in
"-f -") cat >/dev/null; : >"$table" ;;
"list table") [ -e "$table" ] ;;
"delete table") [ -e "$table" ] && rm "$table" ;;
*) exit 2 ;;
esac
"""
_SYSTEMD_RUN = """\
#!/bin/sh
units=$(dirname "$STAGE_ASKED")/units
mkdir -p "$units"
for word in "$@"; do
  case $word in
  --unit=*) unit=${word#--unit=} ;;
  --on-active=*) seconds=${word#--on-active=} ;;
  esac
done
echo "$seconds" >"$units/$unit.timer"
"""


def nothing(_stage: object, _name: str, _argv: list[str]) -> None:
    """Native commands do nothing here beyond what the files show."""


@dataclass
class LinkStage(ConfStage):
    """Nodes with packet filters and timers. ``cuts``: how often packets began to be dropped."""

    cuts: int = 0
    _timers: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Add what a node filters and times with."""
        ConfStage.__post_init__(self)
        for name, text in (("nft", _NFT), ("systemd-run", _SYSTEMD_RUN)):
            (self.root / "shims" / name).write_text(text)
            (self.root / "shims" / name).chmod(0o755)

    def run_script(self, name: str, argv: Sequence[str], text: str) -> CommandResult:
        """Run a script on a node; packets are dropped while its table is there."""
        result = ConfStage.run_script(self, name, argv, text)
        timer = self._timer(name)
        if timer.exists() and name not in self._timers:
            self._timers.add(name)
            self.later(float(timer.read_text()), lambda: self._fire(name))
        elif not timer.exists():
            self._timers.discard(name)
        self._filter(name)
        return result

    def _timer(self, name: str) -> Path:
        return self.node(name) / "units" / "pvefleet-test-link.timer"

    def _fire(self, name: str) -> None:
        if name in self._timers:
            self._timers.discard(name)
            self._timer(name).unlink()
            (self.node(name) / "table").unlink(missing_ok=True)
            self._filter(name)
            self.mirror((name,))

    def _filter(self, name: str) -> None:
        drops, place = (self.node(name) / "table").exists(), (name, LINK)
        self.cuts += drops and place not in self.world.cut
        self.world.cut.add(place) if drops else self.world.cut.discard(place)


def staged(folder: Path) -> LinkStage:
    return LinkStage(folder, World(3), nothing)


def planned(process: Process) -> planning.Planned:
    procedure = LinkTest(LINK, NODE)
    return planning.plan(procedure, process.site().observe(procedure.reads), ())


def start(process: Process) -> RunReport:
    plan = planned(process)
    assert plan.report.refusals == ()
    return runs.start(plan, process.site(), RUN)


def is_as_before(stage: LinkStage, moment: int) -> None:
    assert stage.world.cut == set(), moment
    assert stage.left_behind() == [], moment
    assert not copies.look(stage.process("witness").site()).leases, moment


def test_another_link_takes_over_and_everything_is_back(tmp_path: Path) -> None:
    stage = staged(tmp_path / "stage")

    report = start(stage.process("one"))

    assert report.state is RunState.DONE, report.steps
    assert stage.cuts == 1
    is_as_before(stage, -1)


def test_a_second_link_that_is_down_refuses_it(tmp_path: Path) -> None:
    stage = staged(tmp_path / "stage")
    stage.world.cut.add(("pve03", 0))

    assert planned(stage.process("one")).report.refusals[0] == f"CHG-E-0007:link{LINK}"


HOWS: dict[str, tuple[Callable[..., RunReport], RunState]] = {
    "resumed": (runs.resume, RunState.DONE),
    "undone": (runs.undo, RunState.UNDONE),
    "cleaned": (runs.clean, RunState.CLEANED),
}


@pytest.mark.parametrize("sweep", HOWS)
def test_killed_at_any_moment_the_link_is_back_in_the_end(tmp_path: Path, sweep: str) -> None:
    how, goal = HOWS[sweep]
    calm = staged(tmp_path / "calm").process("one")
    start(calm)

    for moment in range(1, calm.moments, 3):
        stage = staged(tmp_path / f"killed-{moment}")
        with pytest.raises(Killed):
            start(stage.process("one", kill_at=moment))
        report = take_up(stage.process("two"), LinkTest, how, sweep=sweep)
        if report is not None:
            assert report.state is goal, (moment, report.steps)
            is_as_before(stage, moment)


def test_nobody_comes_back_and_the_timer_lets_the_packets_through(tmp_path: Path) -> None:
    stage = staged(tmp_path / "stage")

    def once_cut(_moment: int) -> None:
        if stage.world.cut:
            raise Killed

    with pytest.raises(Killed):
        start(stage.process("one", at_moment=once_cut))
    assert stage.world.cut == {(NODE, LINK)}
    stage.pass_time(120)

    assert stage.world.cut == set()
    report = take_up(stage.process("two"), LinkTest)
    assert report is not None
    assert report.state is RunState.DONE, report.steps
    assert stage.world.cut == set()


BREAKS: dict[str, Callable[[LinkStage], object]] = {
    "members_whole": lambda stage: stage.world["pve03"].overrides.update({"quorum": (124, "", "")}),
    "links_whole": lambda stage: stage.world.cut.add(("pve03", 0)),
    "ha_settled": lambda stage: [
        node.overrides.update({"ha-files": (3, "", "cannot be read")}) for node in stage.world.nodes.values()
    ],
    "watchdog_lets": lambda stage: stage.world[NODE].overrides.update(
        {"ha-watchdog": (0, "armed\nSoftware Watchdog\n", "")}
    ),
}


@pytest.mark.parametrize("gate", BREAKS)
def test_a_world_that_breaks_between_plan_and_cut_is_left_alone(tmp_path: Path, gate: str) -> None:
    stage = staged(tmp_path / "stage")
    process = stage.process("one")
    plan = planned(process)
    assert gate in {getattr(one, "func", one).__name__ for one in plan.lanes[0].steps[0].gate}

    def once_begun(_moment: int) -> None:
        if list(stage.root.glob("nodes/pve03/pvefleet/runs/*/journal")):
            BREAKS[gate](stage)

    process.at_moment = once_begun
    report = runs.start(plan, process.site(), RUN)

    assert report.state is RunState.REFUSED
    assert stage.cuts == 0
