"""What the facts script takes from a node's HA files, and what it makes of answers that are not whole."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from pvefleet.facts import ha
from pvefleet.facts.sources import Answer, Answers
from pvefleet.model.ha_facts import HaFacts, HaFiles
from pvefleet.model.observation import ProblemKind
from pvefleet.model.section import Section
from tests.support.ha_world import HaWorld

LRM = json.dumps({"mode": "active", "results": {}, "state": "active", "timestamp": 1795232764})


@pytest.fixture
def pve(tmp_path: Path) -> Path:
    """A folder laid out like /etc/pve."""
    for name in ("pve01", "pve02"):
        (tmp_path / "nodes" / name / "qemu-server").mkdir(parents=True)
        (tmp_path / "nodes" / name / "lrm_status").write_text(LRM)
    (tmp_path / "ha").mkdir()
    return tmp_path


def run(pve: Path) -> Answers:
    """Run the genuine fragment on *pve* in place of /etc/pve."""
    shell = next(source.shell for source in ha.SOURCES if source.name == "ha-files").replace("/etc/pve", str(pve))
    done = subprocess.run(["/bin/sh", "-c", shell], capture_output=True, timeout=20, check=False)
    return Answers({"ha-files": Answer(done.returncode, done.stdout, done.stderr)}, 0.0, 0.0)


def files(pve: Path) -> HaFiles:
    seen = ha.files(run(pve))
    assert seen.value is not None, seen.problem
    return seen.value


def test_the_files_come_in_one_go_with_the_nodes_own_clock(pve: Path) -> None:
    (pve / "ha/resources.cfg").write_text("vm: 100\n\tcomment Web – Straße\n\tstate started\n\n")
    (pve / "ha/rules.cfg").write_text("node-affinity: prefer\n\tnodes pve01:2,pve02\n\tresources vm:100\n")
    (pve / "ha/manager_status").write_text('{"master_node":"pve01","node_status":{},"service_status":{}}')
    (pve / "ha/crm_commands").write_text("migrate vm:100 pve02\n")
    (pve / "datacenter.cfg").write_text("keyboard: de\nha: shutdown_policy=migrate\ncrs: ha=static\n")

    read = files(pve)

    assert read.clock > 1_700_000_000
    assert read.present == ("crm_commands", "manager_status", "resources.cfg", "rules.cfg")
    assert read.resources.value is not None
    assert [(one.sid, one.comment) for one in read.resources.value] == [("vm:100", "Web – Straße")]
    assert read.rules.value is not None
    assert read.rules.value[0].nodes == (("pve01", 2), ("pve02", None))
    assert read.manager.value is not None
    assert read.manager.value.master_node == "pve01"
    assert read.commands.value is not None
    assert read.commands.value.lines == ("migrate vm:100 pve02",)
    assert read.commands.value.changed_at == pytest.approx(read.clock, abs=60)
    assert [name for name, _ in read.agents] == ["pve01", "pve02"]
    assert (read.options.shutdown_policy, read.options.scheduling) == ("migrate", "static")
    assert [name for name, _ in read.digests] == ["resources.cfg", "rules.cfg"]


@pytest.mark.parametrize("folder", [True, False])
def test_what_is_not_there_is_empty_because_the_listing_proves_it(pve: Path, folder: bool) -> None:
    if not folder:
        (pve / "ha").rmdir()
    for status in pve.glob("nodes/*/lrm_status"):
        status.unlink()

    read = files(pve)

    assert read.present == ()
    assert read.resources.value == read.groups.value == read.rules.value == ()
    assert read.manager.value is not None
    assert read.manager.value.master_node is None
    assert read.agents == ()
    assert (read.options.shutdown_policy, read.options.scheduling) == ("conditional", "basic")


def test_passwords_of_fence_cfg_do_not_leave_the_node(pve: Path) -> None:
    (pve / "ha/fence.cfg").write_text("pve01: ipmi,password=hunter2\n")

    assert b"hunter2" not in run(pve).by_name["ha-files"].stdout
    assert files(pve).present == ("fence.cfg",)


def test_a_folder_that_cannot_be_entered_is_a_failure_and_not_an_empty_configuration(tmp_path: Path) -> None:
    seen = ha.files(run(tmp_path / "nothing"))

    assert seen.value is None
    assert seen.kind is ProblemKind.FAILED


def test_a_file_that_is_not_understood_spoils_itself_alone(pve: Path) -> None:
    (pve / "ha/resources.cfg").write_text("vm: 100\n\tstate started\n")
    (pve / "ha/manager_status").write_text("{")

    read = files(pve)

    assert read.manager.kind is ProblemKind.NOT_UNDERSTOOD
    assert read.resources.value


def test_an_archive_that_broke_off_is_not_an_empty_configuration(pve: Path) -> None:
    (pve / "ha/resources.cfg").write_text("vm: 100\n\tstate started\n")
    whole = run(pve).by_name["ha-files"].stdout
    at = whole.index(b"\n\n") + 2
    for cut in (at, at + 100, at + 600):
        seen = ha.files(Answers({"ha-files": Answer(0, whole[:cut], b"")}, 0.0, 0.0))
        assert seen.kind is ProblemKind.NOT_UNDERSTOOD, cut


def test_a_file_that_shrank_while_it_was_read_ends_where_its_text_does(pve: Path) -> None:
    (pve / "ha/resources.cfg").write_bytes(b"vm: 100\n\tstate started\n" + b"\0" * 200)

    assert files(pve).resources.value


@pytest.mark.parametrize("stdout", [b"", b"file ./ha/resources.cfg\n\n", b"clock soon\n\n"])
def test_an_answer_without_the_nodes_clock_is_not_understood(stdout: bytes) -> None:
    seen = ha.files(Answers({"ha-files": Answer(0, stdout, b"")}, 0.0, 0.0))

    assert seen.kind is ProblemKind.NOT_UNDERSTOOD


def of(world: HaWorld, *sections: Section) -> HaFacts:
    facts = world.facts(Section.HA, *sections).nodes[0].ha
    assert facts is not None
    return facts


def test_the_marker_and_the_driver_of_the_watchdog() -> None:
    world = HaWorld(1)
    world.armed = {"pve01"}
    watchdog = of(world).watchdog.value
    assert watchdog is not None
    assert (watchdog.armed, watchdog.driver) == (True, "Software Watchdog")

    world["pve01"].overrides["ha-watchdog"] = (0, "released\n", "")
    watchdog = of(world).watchdog.value
    assert watchdog is not None
    assert (watchdog.armed, watchdog.driver) == (False, "")

    world["pve01"].overrides["ha-watchdog"] = (0, "", "")
    assert of(world).watchdog.kind is ProblemKind.NOT_UNDERSTOOD


def test_daemons_that_are_down_are_read_although_systemctl_fails() -> None:
    world = HaWorld(1)
    world["pve01"].overrides["ha-units"] = (3, "active\nfailed\ninactive\n", "")
    units = of(world).units.value
    assert units is not None
    assert (units.watchdog_mux, units.crm, units.lrm) == ("active", "failed", "inactive")

    world["pve01"].overrides["ha-units"] = (1, "", "System has not been booted with systemd\n")
    assert of(world).units.value is None


def test_migrations_that_run_are_told_from_those_that_ended() -> None:
    world = HaWorld(1)
    world["pve01"].overrides["ha-tasks"] = (
        0,
        "UPID:pve01:00000D2C:0003C0F2:6B00F980:qmigrate:201:root@pam: 0\n"
        "UPID:pve01:00000D2D:0003C0F2:6B00F980:qmigrate:202:root@pam: 1 6B00F990 OK\n"
        "UPID:pve01:00000D2E:0003C0F2:6B00F980:qmstart:203:root@pam: 0\n",
        "",
    )
    moving = of(world).moving.value
    assert moving is not None
    assert [(one.vmid, one.since) for one in moving] == [(201, 0x6B00F980)]


def test_the_journal_is_asked_only_on_request_and_an_empty_one_is_no_failover() -> None:
    world = HaWorld(1)
    assert of(world).failovers is None

    nothing = of(world, Section.HA_HISTORY).failovers
    assert nothing is not None
    assert nothing.value == ()

    world.journal["pve01"] = (
        "1795232764.500000 pve01 pve-ha-crm[912]: recover service 'vm:104' from fenced node 'pve02' to node 'pve03'\n"
    )
    one = of(world, Section.HA_HISTORY).failovers
    assert one is not None
    assert one.value is not None
    assert [(f.at, f.sid, f.source, f.target) for f in one.value] == [(1795232764.5, "vm:104", "pve02", "pve03")]

    world["pve01"].overrides["ha-journal"] = (1, "", "Failed to open journal: Permission denied\n")
    failed = of(world, Section.HA_HISTORY).failovers
    assert failed is not None
    assert failed.kind is ProblemKind.FAILED


def test_a_section_that_was_not_asked_for_is_none() -> None:
    assert HaWorld(1).facts().nodes[0].ha is None
