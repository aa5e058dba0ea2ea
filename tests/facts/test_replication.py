"""What a node's script reads of replication: the real shell text, run on a folder that stands for the node's root."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pvefleet.facts import replication
from pvefleet.facts.sources import Source, compose, decode
from pvefleet.model.observation import ProblemKind, Seen
from pvefleet.model.replication_facts import Process, ReplicationFacts

NONCE = "0123456789abcdef"
WELL = Source("probe", "true", 2)
STATE = {"last_sync": 1, "last_try": 1, "last_iteration": 1, "fail_count": 0}


@dataclass
class Machine:
    """A folder that stands for the root of a node."""

    root: Path

    def write(self, path: str, content: str) -> Path:
        place = self.root / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)
        return place

    def log(self, job: str, *lines: str) -> None:
        text = "".join(f"2026-11-21 05:06:{n % 60:02} {job}: {line}\n" for n, line in enumerate(lines))
        self.write(f"var/log/pve/replicate/{job}", text)

    def facts(self) -> ReplicationFacts:
        """Run the sources as they are, in a root of their own as far as paths go."""
        return replication.replication(decode(self._run(), NONCE))

    def _run(self) -> bytes:
        placed = []
        for one in replication.SOURCES:
            shell = one.shell.replace("at=/ nl=", f"at={self.root} nl=")
            for path in ("/etc/pve", "/etc/localtime", "/var/lib/pve-manager", "/var/log/pve"):
                shell = shell.replace(path, f"{self.root}{path}")
            placed.append(Source(one.name, shell, 20))
        done = subprocess.run(
            ["/bin/sh", "-s", "--", NONCE],
            input=compose(placed, WELL).encode(),
            capture_output=True,
            timeout=60,
            check=True,
        )
        assert done.stderr == b""
        return done.stdout


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    for folder in ("etc/pve", "var/lib/pve-manager", "var/log/pve/replicate"):
        (tmp_path / folder).mkdir(parents=True)
    return Machine(tmp_path)


def value(seen: Seen[object]) -> object:
    assert seen.problem is None, seen.problem
    return seen.value


def test_a_node_without_any_of_the_files_has_no_jobs_and_keeps_utc(machine: Machine) -> None:
    facts = machine.facts()

    assert facts.jobs.value
    assert (facts.jobs.value.jobs, facts.jobs.value.changed_at) == ((), None)
    assert [value(seen) for seen in (facts.states, facts.running, facts.logs, facts.storages)] == [(), (), (), ()]
    assert facts.zone.value
    assert facts.zone.value.name == "UTC"


def test_folders_that_no_job_has_made_yet_are_as_empty_as_empty_ones(tmp_path: Path) -> None:
    for folder in ("etc/pve", "var/lib", "var/log"):
        (tmp_path / folder).mkdir(parents=True)

    facts = Machine(tmp_path).facts()

    assert (value(facts.states), value(facts.logs)) == ((), ())


def test_the_jobs_come_with_the_time_of_their_last_change(machine: Machine) -> None:
    path = machine.write("etc/pve/replication.cfg", "local: 100-0\n\ttarget pve02\n\tsource pve01\n\n")
    os.utime(path, (1_790_000_000, 1_790_000_000))

    jobs = machine.facts().jobs.value

    assert jobs
    assert [(job.id, job.target, job.source) for job in jobs.jobs] == [("100-0", "pve02", "pve01")]
    assert (jobs.changed_at, len(jobs.digest)) == (1_790_000_000, 64)


def test_an_empty_file_is_no_job_and_a_broken_one_is_not_understood(machine: Machine) -> None:
    path = machine.write("etc/pve/replication.cfg", "")
    facts = machine.facts()
    assert facts.jobs.value
    assert facts.jobs.value.jobs == ()

    path.write_text("local 100-0\n")
    assert machine.facts().jobs.kind is ProblemKind.NOT_UNDERSTOOD


def test_a_path_that_cannot_be_read_is_no_proof_that_nothing_is_there(machine: Machine) -> None:
    (machine.root / "etc/pve/replication.cfg").mkdir()
    (machine.root / "var/lib/pve-manager/pve-replication-state.json").symlink_to("gone")

    facts = machine.facts()

    assert facts.jobs.kind is ProblemKind.FAILED
    assert facts.states.kind is ProblemKind.FAILED


def test_a_folder_in_the_way_that_is_none_is_no_proof_either(machine: Machine) -> None:
    (machine.root / "var/log/pve/replicate").rmdir()
    (machine.root / "var/log/pve/replicate").write_text("")

    assert machine.facts().logs.kind is ProblemKind.FAILED


def test_a_run_in_progress_is_a_process_of_the_number_and_the_start_time_in_the_state(machine: Machine) -> None:
    own = Path("/proc/self/stat").read_text()
    pid, started = os.getpid(), int(own.rpartition(")")[2].split()[19])
    state = {
        "100": {"local/pve02": STATE | {"pid": pid, "ptime": str(started)}},
        "101": {"local/pve02": STATE | {"pid": 2**22 + 5, "ptime": "1"}},
    }
    machine.write("var/lib/pve-manager/pve-replication-state.json", json.dumps(state, separators=(",", ":")))

    facts = machine.facts()

    assert facts.states.value
    assert [(one.guest, one.target) for one in facts.states.value] == [(100, "pve02"), (101, "pve02")]
    assert value(facts.running) == (Process(pid, started),)


def test_of_each_log_the_last_lines_are_kept_whatever_they_hold(machine: Machine) -> None:
    machine.log("100-0", *(f"line {n}" for n in range(30)))
    machine.log("101-12", "one", "==> 100-0 <==", "100-0\tline 99", "\ttabs\tin it")
    machine.write("var/log/pve/replicate/102-0", "")
    machine.write("var/log/pve/replicate/103-0", "no end of line")
    machine.write("var/log/pve/replicate/104-0", "2026-11-21 05:06:00 104-0: error: a\nb\n")
    machine.write("var/log/pve/replicate/.105-0.swp", "x\n")

    logs = {log.job: log.lines for log in machine.facts().logs.value or ()}

    assert [line.rpartition(" ")[2] for line in logs["100-0"]] == [str(n) for n in range(18, 30)]
    assert len(logs["101-12"]) == 4
    assert logs["101-12"][2].endswith("100-0\tline 99")
    assert logs["103-0"] == ("no end of line",)
    assert logs["104-0"][1] == "b"
    assert sorted(logs) == ["100-0", "101-12", "103-0", "104-0"]


def test_the_zone_is_the_nodes_own_rules_by_link_or_by_copy(machine: Machine) -> None:
    system = Path("/usr/share/zoneinfo/Europe/Berlin")
    if not system.exists():
        pytest.skip("needs the rules of Europe/Berlin")
    local = machine.root / "etc/localtime"
    local.symlink_to(system)
    linked = machine.facts().zone.value
    local.unlink()
    local.write_bytes(system.read_bytes())
    copied = machine.facts().zone.value

    assert linked
    assert copied
    assert (linked.name, copied.name) == ("Europe/Berlin", "")
    for zone in (linked.zone, copied.zone):
        summer = datetime(2026, 7, 1, 12, tzinfo=UTC).astimezone(zone)
        assert summer.strftime("%H:%M") == "14:00"


def test_a_zone_that_is_none_is_not_understood(machine: Machine) -> None:
    machine.write("etc/localtime", "not the rules of a zone")

    assert machine.facts().zone.kind is ProblemKind.NOT_UNDERSTOOD
