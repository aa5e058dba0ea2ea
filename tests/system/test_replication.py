"""Replication on a lab: jobs, states and logs as files on real nodes, read without quorum, daemons or the source."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.client import Lab
from tests.system.conftest import SETTLE_SECONDS, Operator, Ran, mend

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]

CFG = "/etc/pve/replication.cfg"
STATE = "/var/lib/pve-manager/pve-replication-state.json"
LOGS = "/var/log/pve/replicate"
WITHIN = 10.0
AGE = 120
ERROR = "command '/usr/bin/ssh -e none root@10.77.0.3 -- pvesr prepare-local-job' failed: exit code 255"
REASON = "ssh: connect to host 10.77.0.3 port 22: No route to host"


@dataclass(frozen=True)
class Jobs:
    """One job per node: each node's first guest goes to the next node; the second node's fails."""

    owners: dict[str, str]
    schedule: str

    def of(self, node: str) -> str:
        """The job that runs on *node*."""
        return next(job for job, owner in self.owners.items() if owner == node)


def far_off(now: int) -> str:
    """Once a day, half a day from now: the nodes' scheduler is real, and is not to run these jobs."""
    return f"{(time.gmtime(now).tm_hour + 12) % 24:02}:00"


def put(lab: Lab, node: str, path: str, content: str) -> None:
    """Write a file on a node: what is there already may be somebody else's, and is put back afterwards."""
    folder = path.rpartition("/")[0]
    code, _, said = lab.exec(node, ["sh", "-c", f"mkdir -p {folder} && cat >{path}"], stdin=content.encode())
    assert code == 0, said


def kept(lab: Lab, node: str, path: str) -> str | None:
    code, out, _ = lab.exec(node, ["cat", path])
    return out.decode() if code == 0 else None


@pytest.fixture
def jobs(operator: Operator, lab: Lab) -> Iterator[Jobs]:
    """Jobs in replication.cfg, a state on each node, and a log on the second."""
    guests = json.loads(lab.exec("pve01", ["cat", "/etc/pve/.vmlist"])[1])["ids"]
    first = {guest["node"]: int(vmid) for vmid, guest in sorted(guests.items(), reverse=True)}
    names = sorted(first)
    targets = dict(zip(names, [*names[1:], names[0]], strict=True))
    before = {(node, STATE): kept(lab, node, STATE) for node in names} | {("pve01", CFG): kept(lab, "pve01", CFG)}
    now = int(time.time())
    schedule = far_off(now)
    cfg = ""
    for node in names:
        vmid, target = first[node], targets[node]
        cfg += (
            f"local: {vmid}-0\n\tcomment made by a test\n\ttarget {target}\n\tschedule {schedule}\n\tsource {node}\n\n"
        )
        failed = {"fail_count": 3, "error": ERROR, "last_try": now} if node == names[1] else {}
        entry: dict[str, Any] = {
            "last_sync": now - AGE,
            "last_try": now - AGE,
            "last_iteration": now,
            "fail_count": 0,
            "duration": 1.5,
            "last_node": node,
            "storeid_list": ["local-zfs"],
        }
        put(lab, node, STATE, json.dumps({str(vmid): {f"local/{target}": entry | failed}}))
    failing = f"{first[names[1]]}-0"
    lines = (
        "start replication job",
        f"(remote_prepare_local_job) {REASON}",
        f"end replication job with error: {ERROR}",
    )
    put(lab, names[1], f"{LOGS}/{failing}", "".join(f"2026-11-21 05:06:00 {failing}: {line}\n" for line in lines))
    put(lab, "pve01", CFG, cfg)
    yield Jobs({f"{first[node]}-0": node for node in names}, schedule)
    mend(lab)
    for (node, path), content in before.items():
        if content is None:
            lab.exec(node, ["rm", "-f", path])
        else:
            put(lab, node, path, content)


def rows(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["job"]: row for row in document["jobs"]}


def until(operator: Operator, holds: Callable[[dict[str, dict[str, Any]]], bool]) -> Ran:
    """Ask until *holds* is true of the rows: a fault takes its time to be noticed. Return the last answer."""
    end = time.monotonic() + SETTLE_SECONDS
    while True:
        ran = operator.fab("replication.status", "--json")
        if holds(rows(ran.document)) or time.monotonic() > end:
            return ran


def test_every_job_of_the_cluster_is_shown_with_the_age_that_its_own_node_knows(operator: Operator, jobs: Jobs) -> None:
    ran = operator.fab("replication.status", "--json")

    found = rows(ran.document)
    assert {job: row["source"] for job, row in found.items()} == jobs.owners
    assert {row["state"] for row in found.values()} == {"ok", "failing"}
    for row in found.values():
        assert AGE <= row["lag_seconds"] < AGE + 120
        assert row["comment"] == "made by a test"
    assert found[jobs.of("pve02")]["reason"] == REASON
    assert ("REP-E-0001", jobs.of("pve02")) in ran.findings
    assert ran.exit == 5
    assert ran.seconds < WITHIN


def test_a_dead_source_is_not_seen_and_a_dead_target_is_waited_for(operator: Operator, lab: Lab, jobs: Jobs) -> None:
    lab.kill("pve03")

    ran = until(operator, lambda found: found[jobs.of("pve02")]["target_online"] is False)

    found = rows(ran.document)
    dead = found[jobs.of("pve03")]
    assert (dead["state"], dead["lag_seconds"], dead["next"]) == ("not-seen", None, "unknown")
    waiting = found[jobs.of("pve02")]
    assert (waiting["state"], waiting["next"], waiting["target_online"]) == ("failing", "when-target-returns", False)
    assert found[jobs.of("pve01")]["state"] == "ok"
    assert ran.exit == 5
    assert ran.seconds < WITHIN


def test_without_quorum_every_age_is_still_known(operator: Operator, lab: Lab, jobs: Jobs) -> None:
    lab.partition(["pve01"], ["pve02"], ["pve03"])

    ran = until(operator, lambda found: {row["next"] for row in found.values()} == {"when-quorate"})

    assert {row["next"] for row in ran.document["jobs"]} == {"when-quorate"}
    assert all(row["lag_seconds"] >= AGE for row in ran.document["jobs"])
    assert ran.exit == 5
    assert ran.seconds < WITHIN


def test_with_pmxcfs_stopped_on_the_source_its_state_is_still_read(operator: Operator, lab: Lab, jobs: Jobs) -> None:
    lab.exec("pve01", ["systemctl", "stop", "pve-cluster"])

    ran = operator.fab("replication.status", "--json")

    row = rows(ran.document)[jobs.of("pve01")]
    # Without node.prepare a login needs pmxcfs: then the node was not read, which is said.
    assert row["state"] in ("ok", "not-seen")
    assert (row["state"] == "ok") == (row["lag_seconds"] is not None)


def test_the_log_comes_from_the_node_that_runs_the_job(operator: Operator, jobs: Jobs) -> None:
    job = jobs.of("pve02")

    one = operator.fab("replication.log", "--job", job, "--json")
    every = operator.fab("replication.log")
    none = operator.fab("replication.log", "--job", "999-9")

    log = one.document["logs"][0]
    assert (log["node"], log["end"], log["whole"], len(log["lines"])) == ("pve02", "error", True, 3)
    assert f"{job} on pve02: ended with an error" in every.out
    assert none.exit == 2
    assert "there is no replication job" in none.err


def test_the_list_says_what_schedules_mean(operator: Operator, jobs: Jobs) -> None:
    ran = operator.fab("replication.list", "--json")

    assert {job["job"] for job in ran.document["jobs"]} == set(jobs.owners)
    assert {job["meaning"] for job in ran.document["jobs"]} == {f"at {jobs.schedule} every day"}
    assert ran.exit == 0


@pytest.mark.usefixtures("jobs")
def test_a_recording_gives_the_same_report_again(operator: Operator, tmp_path: Path) -> None:
    recorded = operator.fab("replication.status", "--json", "--record", str(tmp_path / "look"))

    replayed = operator.fab("replication.status", "--json", "--replay", str(tmp_path / "look"))

    assert rows(replayed.document).keys() == rows(recorded.document).keys()
    assert replayed.exit == recorded.exit


def test_the_jobs_that_really_run_are_well(operator: Operator) -> None:
    ran = operator.fab("replication.status", "--json")

    assert rows(ran.document)
    assert {row["state"] for row in ran.document["jobs"]} == {"ok"}
    assert all(row["lag_seconds"] is not None for row in ran.document["jobs"])
    assert ran.exit == 0


def test_a_job_that_really_fails_is_shown_with_what_ssh_said_and_recovers(operator: Operator, lab: Lab) -> None:
    row = operator.fab("replication.status", "--json").document["jobs"][0]
    run = ["pvesr", "run", "--id", row["job"]]
    lab.exec(row["target"], ["systemctl", "stop", "ssh"])
    assert lab.exec(row["source"], run)[0] == 255
    lab.exec(row["target"], ["systemctl", "start", "ssh"])

    ran = operator.fab("replication.status", "--json")

    failed = rows(ran.document)[row["job"]]
    assert failed["state"] == "failing"
    assert failed["reason"].endswith("port 22: Connection refused")
    assert ran.exit in (4, 5)
    code, _, said = lab.exec(row["source"], run)
    assert code == 0, said
    assert rows(operator.fab("replication.status", "--json").document)[row["job"]]["state"] == "ok"
