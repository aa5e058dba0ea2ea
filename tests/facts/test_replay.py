"""Any report can be made again from a recording, byte for byte: as text and as JSON."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pvefleet.cli.environment import Environment
from pvefleet.cli.guests import list_guests
from pvefleet.cli.on_node import replayed
from pvefleet.cli.replication_log import read_log
from pvefleet.facts import cluster, recording
from pvefleet.model.errors import UnreachableReason
from pvefleet.model.facts import ClusterFacts
from pvefleet.model.section import Section
from pvefleet.rules.check import check_report
from pvefleet.rules.guest_list import guest_list
from pvefleet.rules.ha import ha_groups_report, ha_report, ha_rules_report
from pvefleet.rules.replication import replication_list, replication_log, replication_report
from pvefleet.rules.selector import parse
from pvefleet.rules.snapshots import snapshot_list
from pvefleet.rules.status import links_report, nodes_report, status_report
from pvefleet.views.present import present
from tests.support.ha_world import HaWorld
from tests.support.replication_world import HOUR, ReplicationWorld

EVERYTHING = frozenset(Section)
REPORTS: dict[str, Callable[[ClusterFacts], Any]] = {
    "cluster.status": status_report,
    "cluster.nodes": nodes_report,
    "cluster.links": links_report,
    "cluster.check": check_report,
    "ha.status": ha_report,
    "ha.rules": ha_rules_report,
    "ha.groups": ha_groups_report,
    "replication.status": replication_report,
    "replication.list": replication_list,
    "replication.log": replication_log,
    "guest.list": lambda facts: guest_list(facts, parse("@all")),
    "snapshot.list": lambda facts: snapshot_list(facts, parse("@all")),
}


class Cluster(ReplicationWorld, HaWorld):
    """Guests, jobs and HA in one cluster."""


def troubled() -> Cluster:
    """A cluster with something to say in every report: dead, hung, unreadable and refusing nodes among it."""
    world = Cluster(5)
    world.add("vm:100", "pve01")
    world.vm(100, "pve01", "scsi0: local-zfs:vm-100-disk-0\n\n[s1]\ncores: 1\nsnaptime: 1794990000\n", status="running")
    world.ct(101, "pve02", "lock: backup\nmemory: 64\n")
    world.job("100-0", "pve03", synced=2 * HOUR, tried=60, fails=2, error="no space left on device")
    world.journal["pve01"] = (
        "1794990000.900000 pve01 pve-ha-crm[9]: recover service 'vm:104' from fenced node 'pve02' to node 'pve03'\n"
    )
    world.kill("pve04")
    world["pve03"].pmxcfs = "hung"
    world["pve05"].unreachable = UnreachableReason.HOST_KEY_CHANGED
    world["pve02"].overrides["quorum"] = (0, "Quorum-Informationen\n", "warned\n")
    world.cut.add(("pve01", 1))
    return world


def printed(report: Any) -> tuple[str, str]:
    texts = []
    for as_json in (False, True):
        out = io.StringIO()
        present(report, as_json=as_json, out=out, width=120)
        texts.append(out.getvalue())
    return texts[0], texts[1]


@pytest.mark.parametrize("command", REPORTS)
def test_a_report_of_a_recording_is_the_report_itself(command: str, tmp_path: Path) -> None:
    look = troubled().look(*Section)
    recording.save(look, tmp_path / "rec")

    again = cluster.assemble(recording.load(tmp_path / "rec", EVERYTHING))

    make = REPORTS[command]
    assert printed(make(again)) == printed(make(cluster.assemble(look)))


def fleet_of(folder: Path) -> Any:
    return replayed(Environment({}, interactive=False), folder)


def test_the_nodes_that_were_named_are_those_of_the_replay(tmp_path: Path) -> None:
    look = troubled().look(Section.GUESTS, Section.GUEST_CONFIGS)
    recording.save(look, tmp_path / "rec", named=["pve02"])

    again = list_guests(fleet_of(tmp_path / "rec"), "@all")

    assert [guest.vmid for guest in again.guests] == [101]
    assert again == guest_list(cluster.assemble(look), parse("@all"), ("pve02",))


def test_the_policy_that_held_then_holds_again(tmp_path: Path) -> None:
    world = Cluster(3)
    world.job("100-0", "pve02", schedule="0/4:00", synced=2 * HOUR)
    recording.save(world.look(Section.REPLICATION), tmp_path / "rec", rpo_seconds=HOUR)

    fleet = fleet_of(tmp_path / "rec")
    report = replication_report(fleet.facts(Section.REPLICATION), rpo_seconds=fleet.policy.rpo_seconds)

    assert "REP-W-0012" in {one.code for one in report.findings}


def test_the_whole_log_of_one_job_is_kept_beside_the_look(tmp_path: Path) -> None:
    world = Cluster(3)
    world.job("100-0", "pve02", log="start replication job\nend replication job")
    recording.save(world.look(Section.REPLICATION), tmp_path / "rec")
    whole = "".join(f"2026-11-18 12:00:01 100-0: line {n}\n" for n in range(50)).encode()
    recording.add(tmp_path / "rec", "pve01", "replication-log-100-0", whole)

    log = read_log(fleet_of(tmp_path / "rec"), "100-0").logs[0]

    assert (len(log.lines), log.whole, log.node) == (50, True, "pve01")


def test_a_recording_of_an_older_version_lacks_a_source_and_says_so(tmp_path: Path) -> None:
    look = Cluster(2).look(Section.GUESTS)
    for outcome in look.outcomes:
        assert outcome.value is not None
        outcome.value.answers.by_name.pop("reach")  # type: ignore[attr-defined]
    recording.save(look, tmp_path / "rec")

    report = status_report(cluster.assemble(recording.load(tmp_path / "rec", frozenset())))

    assert ("OUT-W-0002", "pve01") in [(one.code, one.subject) for one in report.findings]
