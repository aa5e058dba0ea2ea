"""Changes on real corosync: undisturbed, killed and resumed elsewhere, overtaken, refused; watched by a bystander."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lab.client import Lab
from tests.system.conftest import ROOT, Operator

pytestmark = [pytest.mark.lab, pytest.mark.timeout(300)]

NODES = ("pve01", "pve02", "pve03")


class Changing:
    """A ``fab`` process that changes something and tells what happens, line by line."""

    def __init__(self, operator: Operator, state: Path, *argv: str) -> None:
        environment = os.environ | {"PVEFLEET_HOSTS": str(operator.hosts), "PVEFLEET_STATE": str(state)}
        self.process = subprocess.Popen(
            [Path(sys.executable).with_name("fab"), *argv, "--json"],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def events(self) -> Iterator[dict[str, Any]]:
        """The events as they come, the report last."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            yield json.loads(line)

    def until(self, step: str, phase: str) -> dict[str, Any]:
        """Read on until that happens."""
        for event in self.events():
            if event["kind"] == "RunEvent" and (event["step"], event["phase"]) == (step, phase):
                return event
        raise AssertionError(f"{step} never was {phase}: {self.process.communicate()}")

    def until_waiting(self, step: str) -> None:
        """Read on until the step has acted, and the world is looked at."""
        for event in self.events():
            if event["kind"] == "RunEvent" and (event["step"], event["event"]) == (step, "waiting"):
                return
        raise AssertionError(f"{step} never waited: {self.process.communicate()}")

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.communicate()

    def end(self) -> tuple[int, list[dict[str, Any]], str]:
        """Let it end; exit status, the rest of the lines, standard error."""
        out, err = self.process.communicate(timeout=200)
        return self.process.returncode, [json.loads(line) for line in out.splitlines()], err


@contextmanager
def bystander(lab: Lab) -> Iterator[list[str]]:
    """Ask every node for quorum ten times a second; what is given lists the moments when fewer than two had it."""
    lost: list[str] = []
    over = threading.Event()

    def quorate(name: str) -> bool:
        return b"Quorate:          Yes" in lab.exec(name, ["corosync-quorumtool", "-s"], timeout=5)[1]

    def watch() -> None:
        while not over.wait(0.1):
            having = [name for name in NODES if quorate(name)]
            if len(having) < 2:
                lost.append(f"{time.strftime('%H:%M:%S')}: {having}")

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield lost
    finally:
        over.set()
        thread.join()


def starts(lab: Lab, *names: str) -> dict[str, int]:
    """How often corosync has been started on each node, or on these."""
    counts = {}
    for name in names or NODES:
        log = lab.exec(name, ["journalctl", "-u", "corosync", "-o", "cat", "--no-pager"])[1].decode()
        counts[name] = log.count("starting up")
    return counts


def restarted(lab: Lab, before: dict[str, int]) -> dict[str, int]:
    after = starts(lab)
    return {name: after[name] - before[name] for name in NODES}


def once_each(lab: Lab, before: dict[str, int]) -> bool:
    return restarted(lab, before) == dict.fromkeys(NODES, 1)


def only_run(operator: Operator, state: Path) -> dict[str, Any]:
    """The newest run, as a machine that has never heard of it finds it."""
    ran = operator.fab("run.list", "--json", PVEFLEET_STATE=str(state))
    assert ran.exit == 0, ran.err
    newest: dict[str, Any] = ran.document["runs"][0]
    return newest


def resume(operator: Operator, state: Path, run: str) -> tuple[int, dict[str, Any], str]:
    code, lines, err = Changing(operator, state, "run.resume", run, "--yes").end()
    return code, lines[-1] if lines else {}, err


def test_a_rolling_restart(operator: Operator, lab: Lab, tmp_path: Path) -> None:
    before = starts(lab)

    with bystander(lab) as lost:
        code, lines, err = Changing(operator, tmp_path, "cluster.restart-corosync", "--yes").end()

    assert code == 0, err
    assert lines[-1]["kind"] == "RunReport"
    assert [step["phase"] for step in lines[-1]["steps"]] == ["done"] * 3
    assert once_each(lab, before)
    assert lost == []
    assert operator.until().exit == 0


@pytest.mark.parametrize(
    ("step", "phase"),
    [
        ("restart/pve02", "intent"),
        # The sample that every run of the tests takes is the one above; `make test-all` takes all of them.
        pytest.param("restart/pve01", "intent", marks=pytest.mark.slow),
        pytest.param("restart/pve01", "done", marks=pytest.mark.slow),
        pytest.param("restart/pve02", "done", marks=pytest.mark.slow),
        pytest.param("restart/pve03", "intent", marks=pytest.mark.slow),
        pytest.param("restart/pve03", "done", marks=pytest.mark.slow),
    ],
)
def test_killed_and_resumed_on_another_machine(
    operator: Operator, lab: Lab, tmp_path: Path, step: str, phase: str
) -> None:
    before = starts(lab)

    with bystander(lab) as lost:
        killed = Changing(operator, tmp_path / "one", "cluster.restart-corosync", "--yes")
        killed.until(step, phase)
        killed.kill()
        run = only_run(operator, tmp_path / "two")
        assert run["state"] in ("running", "done")
        if run["state"] == "running":
            code, report, err = resume(operator, tmp_path / "two", run["id"])
            assert code == 0, err
            assert {one["phase"] for one in report["steps"]} <= {"done", "already"}

    assert once_each(lab, before)
    assert lost == []
    assert operator.until().exit == 0


def test_killed_inside_a_step_on_the_node_itself(operator: Operator, lab: Lab, tmp_path: Path) -> None:
    """The script on the node dies between journalling its intent and the end of its command."""
    before = starts(lab)
    killed = Changing(operator, tmp_path / "one", "-H", "pve02,pve03", "cluster.restart-corosync", "--yes")
    event = killed.until("restart/pve02", "intent")
    kill_script = (
        "for i in $(seq 200); do pid=$(pgrep -f 'sh -s -- [0-9]*-[0-9]*-[0-9a-f]* 1 20' | head -n 1);"
        ' if [ -n "$pid" ]; then kill -9 "$pid"; exit 0; fi; sleep 0.01; done; exit 1'
    )
    lab.exec("pve02", ["sh", "-c", kill_script], timeout=20)
    killed.kill()

    code, report, err = resume(operator, tmp_path / "two", event["run"])

    assert code == 0, err
    assert {one["phase"] for one in report["steps"]} <= {"done", "already"}
    after = restarted(lab, before)
    assert after["pve01"] == 0
    assert after["pve02"] in (1, 2), "killed before its command: it is run again"
    assert after["pve03"] == 1
    assert operator.until().exit == 0


def test_an_overtaken_process_can_do_nothing(operator: Operator, lab: Lab, tmp_path: Path) -> None:
    before = starts(lab)
    first = Changing(operator, tmp_path / "one", "-H", "pve01,pve02", "cluster.restart-corosync", "--yes")
    event = first.until("restart/pve01", "done")
    first.process.send_signal(signal.SIGSTOP)

    code, _, err = resume(operator, tmp_path / "two", event["run"])
    assert code == 0, err
    first.process.send_signal(signal.SIGCONT)
    code, _, err = first.end()

    assert code in (3, 20), err
    assert "this process may do nothing any more" in err
    assert restarted(lab, before) == {"pve01": 1, "pve02": 1, "pve03": 0}


def test_a_second_operator_is_refused(operator: Operator, lab: Lab, tmp_path: Path) -> None:
    before = starts(lab)
    first = Changing(operator, tmp_path / "one", "-H", "pve01,pve02", "cluster.restart-corosync", "--yes")
    event = first.until("restart/pve01", "done")
    first.process.send_signal(signal.SIGSTOP)

    second = operator.fab("cluster.restart-corosync", "--yes", PVEFLEET_STATE=str(tmp_path / "two"))
    first.process.send_signal(signal.SIGCONT)
    code, _, err = first.end()

    assert second.exit == 3
    assert event["run"] in second.err
    assert code == 0, err
    assert restarted(lab, before) == {"pve01": 1, "pve02": 1, "pve03": 0}


def test_a_second_operator_is_refused_while_a_node_restarts(operator: Operator, lab: Lab, tmp_path: Path) -> None:
    """What is in the way then is the lease, or the node that is away: which one is a matter of tenths of a second."""
    before = starts(lab)
    first = Changing(operator, tmp_path / "one", "-H", "pve01", "cluster.restart-corosync", "--yes")
    first.until("restart/pve01", "intent")

    second = operator.fab("cluster.restart-corosync", "--yes", PVEFLEET_STATE=str(tmp_path / "two"))
    code, _, err = first.end()

    assert second.exit == 3
    assert code == 0, err
    assert restarted(lab, before) == {"pve01": 1, "pve02": 0, "pve03": 0}


def test_a_node_that_dies_in_its_restart_stops_everything(operator: Operator, lab: Lab, tmp_path: Path) -> None:
    before = starts(lab)
    running = Changing(operator, tmp_path / "one", "-H", "pve02,pve03", "cluster.restart-corosync", "--yes")
    running.until_waiting("restart/pve02")
    lab.kill("pve02")

    code, lines, _ = running.end()

    assert code == 21
    report = lines[-1]
    assert report["state"] == "stuck"
    assert {one["id"]: one["phase"] for one in report["steps"]} == {
        "restart/pve02": "stuck",
        "restart/pve03": "waiting",
    }
    assert starts(lab, "pve03")["pve03"] == before["pve03"], "no second node was touched"

    lab.restore()
    assert operator.until().exit == 0
    code, report, err = resume(operator, tmp_path / "two", report["id"])
    assert code == 0, err


def test_without_quorum_nothing_is_touched(operator: Operator, lab: Lab, tmp_path: Path) -> None:
    lab.kill("pve02")
    operator.until(("NOD-E-0001", "pve02"))
    before = starts(lab, "pve01")

    ran = operator.fab("cluster.restart-corosync", "--yes", PVEFLEET_STATE=str(tmp_path))

    assert ran.exit == 3
    assert "pve02 was not read" in ran.err
    assert starts(lab, "pve01") == before
