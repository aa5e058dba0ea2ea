"""How a lab ends: asked, killed, with its owner; and that nothing of it is left."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab import processes
from lab.client import Lab
from lab.errors import LabError
from lab.launch import free_block

pytestmark = pytest.mark.lab

FIRST_BLOCK = 127
TREE = Path(__file__).parents[2]
STARTER = """
import sys, time
from pathlib import Path
from lab.client import Lab
Lab.up(Path(sys.argv[1]), blank=True, block=int(sys.argv[2]), tied=sys.argv[3] == "tied")
print("up", flush=True)
time.sleep(600)
"""


def eventually(holds: Callable[[], object], *, seconds: float = 20.0) -> None:
    """Watch until ``holds`` is true."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.02)


def start_elsewhere(state_dir: Path, block: int, how: str) -> subprocess.Popen[str]:
    """Another process that starts a lab and then only waits."""
    return subprocess.Popen(
        [sys.executable, "-c", STARTER, str(state_dir), str(block), how], stdout=subprocess.PIPE, text=True, cwd=TREE
    )


def lab_processes(state_dir: Path) -> list[processes.Process]:
    """Every process of the lab in that folder; its name is on the command line of the outermost."""
    outer = [process for process in processes.all_processes() if f'"state": "{state_dir}"' in process.command]
    inner = [found for process in outer for found in processes.descendants(process.pid).values()]
    return [*outer, *inner]


def inside_a_namespace_of(state_dir: Path) -> list[int]:
    """Every process outside of the nodes that has the memory file system of the lab in that folder mounted."""
    found = []
    for process in processes.all_processes():
        with contextlib.suppress(OSError):
            if str(state_dir) in Path(f"/proc/{process.pid}/mountinfo").read_text():
                found.append(process.pid)
    return found


def are_gone(pids: set[int]) -> bool:
    return all(process is None or process.state == "Z" for process in map(processes.read_process, pids))


def test_a_lab_that_is_asked_to_end_has_ended_when_the_call_returns(state_dir: Path) -> None:
    lab = Lab.up(state_dir, blank=True, block=free_block(FIRST_BLOCK))
    pids = {process.pid for process in lab_processes(state_dir)}

    lab.down()

    assert len(pids) > 3 * 3
    assert are_gone(pids)
    assert not Lab.lives_in(state_dir)
    assert not lab.state.control.exists()
    assert free_block(lab.spec.block) == lab.spec.block


def test_a_lab_whose_outer_process_is_killed_leaves_no_process_and_no_namespace(state_dir: Path) -> None:
    lab = Lab.up(state_dir, blank=True, block=free_block(FIRST_BLOCK))
    everything = lab_processes(state_dir)
    assert len(inside_a_namespace_of(state_dir)) >= 2

    os.kill(lab.state.pid(), signal.SIGKILL)

    eventually(lambda: are_gone({process.pid for process in everything}))
    assert inside_a_namespace_of(state_dir) == []
    lab.down()


def test_a_new_lab_starts_over_what_a_killed_one_left(state_dir: Path) -> None:
    block = free_block(FIRST_BLOCK)
    killed = Lab.up(state_dir, blank=True, block=block)
    old_key = killed.identity.read_bytes()
    os.kill(killed.state.pid(), signal.SIGKILL)
    assert killed.state.wait_gone(10)
    assert killed.state.control.exists()
    killed.down()

    lab = Lab.up(state_dir, blank=True, block=block)

    assert lab.identity.read_bytes() != old_key
    assert lab.exec("pve01", ["true"])[0] == 0
    lab.down()


@pytest.mark.parametrize("how", ["tied", "free"])
def test_only_a_tied_lab_ends_with_the_process_that_started_it(state_dir: Path, how: str) -> None:
    with start_elsewhere(state_dir, free_block(FIRST_BLOCK), how) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == "up\n"
        pids = {process.pid for process in lab_processes(state_dir)}

        starter.kill()
        starter.wait()

        if how == "tied":
            eventually(lambda: are_gone(pids))
        else:
            lab = Lab.attach(state_dir)
            assert lab.exec("pve02", ["true"])[0] == 0
            lab.down()
            assert are_gone(pids)


def test_a_start_that_is_killed_halfway_leaves_nothing(state_dir: Path) -> None:
    with start_elsewhere(state_dir, free_block(FIRST_BLOCK), "free") as starter:
        eventually(lambda: len(lab_processes(state_dir)) > 3)
        pids = {process.pid for process in lab_processes(state_dir)}

        starter.kill()
        starter.wait()

        eventually(lambda: are_gone(pids) and not Lab.lives_in(state_dir))


def test_a_second_lab_in_the_same_folder_or_on_the_same_addresses_is_refused(state_dir: Path, tmp_path: Path) -> None:
    lab = Lab.up(state_dir, blank=True, block=free_block(FIRST_BLOCK), tied=True)

    with pytest.raises(LabError, match="a lab is running in"):
        Lab.up(state_dir, blank=True, block=free_block(FIRST_BLOCK))
    with pytest.raises(LabError, match=f"127.{lab.spec.block}.1.1:2222 is taken"):
        Lab.up(tmp_path / "other", blank=True, block=lab.spec.block)

    assert lab.exec("pve01", ["true"])[0] == 0
    lab.down()


def test_two_labs_live_side_by_side(state_dir: Path, tmp_path: Path) -> None:
    one = Lab.up(state_dir, blank=True, block=free_block(FIRST_BLOCK), tied=True)
    other = Lab.up(tmp_path / "other", blank=True, block=free_block(FIRST_BLOCK), prefix="node", tied=True)

    assert one.exec("pve01", ["uname", "-n"])[1] == b"pve01\n"
    assert other.exec("node01", ["uname", "-n"])[1] == b"node01\n"
    one.down()
    assert other.exec("node01", ["true"])[0] == 0
    other.down()


def test_where_no_lab_runs_it_says_how_to_start_one(state_dir: Path) -> None:
    with pytest.raises(LabError, match=r"no lab is running here: start one with `inv lab\.up`"):
        Lab.attach(state_dir)
