"""Commands under measurement: their time, their memory, their end, and when they count as not done."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from benchmarks.commands import BenchError, Command, run
from benchmarks.sampling import in_turns


def shell(text: str, **options: object) -> Command:
    return Command(text, ["/bin/sh", "-c", text], **options)  # type: ignore[arg-type]


def test_a_command_is_timed_from_its_start_to_its_end() -> None:
    ran = run(shell("sleep 0.2; cat; echo said >&2", stdin=b"given"), seconds=10)
    assert (ran.exit, ran.stdout, ran.stderr) == (0, b"given", b"said\n")
    assert ran.seconds >= 0.2


def test_its_memory_is_its_own_and_not_that_of_whoever_measures() -> None:
    ours = bytearray(200 << 20)
    small = run(Command("small", ["true"]), seconds=10)
    large = run(Command("large", [sys.executable, "-c", "b'x' * (60 << 20)"]), seconds=10)
    assert len(ours) == 200 << 20
    assert small.peak_mib < 30
    assert 60 < large.peak_mib < 150


def test_it_is_killed_with_all_it_started_when_its_time_is_up(tmp_path: Path) -> None:
    begun, began = tmp_path / "begun", time.monotonic()
    with pytest.raises(BenchError, match="ended with -9"):
        run(shell(f"sleep 60 & echo $! >{begun}; wait"), seconds=1)
    assert time.monotonic() - began < 30
    # Whoever has adopted it may not have reaped it yet.
    state = Path(f"/proc/{begun.read_text().strip()}/stat")
    assert not state.exists() or ") Z " in state.read_text()


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (shell("echo no >&2; exit 3"), "ended with 3: no"),
        (shell("echo one", expected=(b"one", 2)), "brought 1 of 2 answers"),
        (Command("gone", ["/no/such/program"]), "could not be started"),
    ],
)
def test_what_did_not_do_its_work_is_no_measurement(command: Command, why: str) -> None:
    with pytest.raises(BenchError, match=why):
        run(command, seconds=10)


def test_another_exit_status_can_be_good() -> None:
    assert run(shell("exit 4", good=frozenset({0, 4})), seconds=10).exit == 4


def test_what_steers_the_tool_here_does_not_reach_what_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PVEFLEET_HOSTS", "/elsewhere")
    ran = run(shell("echo ${PVEFLEET_HOSTS-none} $MINE", variables={"MINE": "mine"}), seconds=10)
    assert ran.stdout == b"none mine\n"
    assert os.environ["PVEFLEET_HOSTS"] == "/elsewhere"


def test_commands_take_turns_after_one_run_that_does_not_count(tmp_path: Path) -> None:
    log = tmp_path / "log"
    commands = {name: shell(f"echo {name} >>{log}") for name in ("a", "b")}
    samples = in_turns(commands, rounds=2, budget=60)
    assert log.read_text().split() == ["a", "b"] * 3
    assert [len(sample.values) for sample in samples.values()] == [2, 2]


def test_one_that_fails_is_left_out_and_the_others_go_on() -> None:
    samples = in_turns({"good": shell("true"), "bad": shell("exit 7")}, rounds=2, budget=60)
    assert len(samples["good"].values) == 2
    assert samples["bad"].values == ()
    assert "ended with 7" in samples["bad"].failure


def test_no_round_begins_once_the_budget_is_spent() -> None:
    assert len(in_turns({"one": shell("true")}, rounds=50, budget=0.0)["one"].values) == 1
