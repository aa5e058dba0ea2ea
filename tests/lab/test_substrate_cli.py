"""What a person types: `inv lab.*`, run as a program."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lab.client import Lab
from lab.launch import free_block

pytestmark = pytest.mark.lab

TREE = Path(__file__).parents[2]


def inv(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "invoke", *words],
        cwd=TREE,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_a_lab_is_started_shown_and_ended(state_dir: Path) -> None:
    block = free_block(147)

    up = inv("lab.up", "--blank", "--state", str(state_dir), "--block", str(block))
    status = inv("lab.status", "--state", str(state_dir))
    down = inv("lab.down", "--state", str(state_dir))

    assert up.returncode == 0, up.stderr
    assert f"ready: pve01 to pve03, inventory {state_dir}/hosts.toml" in up.stdout
    assert "3 nodes, no cluster, Proxmox VE 9.2 emulated" in status.stdout
    rows = [line.split() for line in status.stdout.splitlines() if line.startswith("pve")]
    assert [[*row[:2], *row[3:]] for row in rows] == [
        [f"pve0{number}", "running", "up", "up", f"127.{block}.1.{number}:2222"] for number in (1, 2, 3)
    ]
    assert (down.returncode, down.stdout) == (0, "the lab is gone\n")


def test_exec_passes_input_output_and_exit_status(lab: Lab) -> None:
    done = inv("lab.exec", "pve02", "--state", str(lab.state.path), "--", "sh", "-c", "cat; exit 7", stdin="given")

    assert (done.returncode, done.stdout) == (7, "given")


def test_every_fault_says_what_it_did_and_status_shows_it(lab: Lab) -> None:
    def said(*words: str) -> str:
        done = inv(words[0], *words[1:], "--state", str(lab.state.path))
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert said("lab.cut", "pve03", "--link", "1") == "link 1 of pve03 is cut\n"
    assert said("lab.cut", "pve02", "--outside") == "every link from this machine to pve02 is cut\n"
    assert said("lab.hang", "pve02") == "/etc/pve of pve02 hangs\n"
    assert said("lab.partition", "pve01,pve02/pve03") == "parted: pve01,pve02 / pve03\n"
    assert said("lab.kill", "pve03") == "pve03 is off\n"
    assert said("lab.bmc", "pve03") == "Chassis Power is off\n"
    assert "made up, its `date` alone says so" in said("lab.skew", "pve01", "--seconds", "-3")
    assert "made up, its `ping` alone says so" in said("lab.latency", "pve01", "--milliseconds", "8")
    status = said("lab.status")
    assert "date -3 s, made up\n" in status
    assert "ping 8 ms, made up\n" in status
    assert [line for line in status.splitlines() if len(line) > 80 and "hosts.toml" not in line] == []
    assert "partition: pve01, pve02 / pve03" in status
    assert [line.split()[3:] for line in status.splitlines() if line.startswith("pve0")][1:] == [
        ["up", "up", "cut", "pmxcfs", "hung"],
        ["up", "cut", f"127.{lab.spec.block}.1.3:2222"],
    ]
    assert said("lab.unhang", "pve02") == "/etc/pve of pve02 answers again\n"
    assert said("lab.start", "pve03") == "pve03 is booting\n"
    assert said("lab.freeze", "pve03") == "pve03 is frozen\n"
    assert said("lab.thaw", "pve03") == "pve03 runs on\n"
    assert said("lab.heal", "pve03", "--link", "1") == "link 1 of pve03 is whole\n"
    assert said("lab.join") == "all nodes hear each other again\n"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["lab.status"], "no lab is running here: start one with `inv lab.up`"),
        (["lab.up", "--nodes", "many"], "--nodes takes a number, not 'many'"),
        (["lab.up", "--nodes", "2"], "a lab has 3 to 32 nodes, not 2"),
        (["lab.exec", "pve01"], "no command: inv lab.exec NODE -- CMD"),
    ],
)
def test_what_cannot_be_done_is_one_line_on_standard_error_and_exit_3(
    tmp_path: Path, words: list[str], reason: str
) -> None:
    done = inv(*words, "--state", str(tmp_path))

    assert (done.returncode, done.stdout, done.stderr) == (3, "", f"lab: {reason}\n")
