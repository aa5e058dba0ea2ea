"""Large clusters: what all nodes hold alike is parsed once, and a status of 32 nodes stays small."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pvefleet.facts import recording
from pvefleet.model.section import Section
from tests.support.replication_world import ReplicationWorld
from tests.support.world import World, WorldNode

ROOT = Path(__file__).resolve().parents[2]
CMAP = ROOT / "docs/recordings/healthy/pve01/cmap.out"
MOST_MIB = 120
MEASURE = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdout=subprocess.PIPE)
sys.stdout.buffer.write(done.stdout)
print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
"""


class LargeWorld(ReplicationWorld):
    """A cluster whose corosync says as much of itself as a genuine one does."""

    def _cmap(self, node: WorldNode) -> tuple[int, str, str]:
        common = "".join(
            line
            for line in CMAP.read_text().splitlines(keepends=True)
            if not line.startswith(("nodelist.", "runtime.members.", "totem.config_version", "totem.cluster_name"))
        )
        each = "".join(
            f"nodelist.node.{n.nodeid - 1}.name (str) = {n.name}\n"
            f"nodelist.node.{n.nodeid - 1}.nodeid (u32) = {n.nodeid}\n"
            f"nodelist.node.{n.nodeid - 1}.ring0_addr (str) = 10.77.0.{n.nodeid}\n"
            f"nodelist.node.{n.nodeid - 1}.ring1_addr (str) = 10.78.0.{n.nodeid}\n"
            f"runtime.members.{n.nodeid}.config_version (u64) = {n.config_version}\n"
            f"runtime.members.{n.nodeid}.ip (str) = r(0) ip(10.77.0.{n.nodeid}) r(1) ip(10.78.0.{n.nodeid}) \n"
            f"runtime.members.{n.nodeid}.join_count (u32) = 1\nruntime.members.{n.nodeid}.status (str) = joined\n"
            for n in self.nodes.values()
        )
        return 0, super()._cmap(node)[1] + common + each, ""


def large(nodes: int, guests: int) -> LargeWorld:
    world = LargeWorld(nodes)
    names = list(world.nodes)
    for at in range(guests):
        world.vm(100 + at, names[at % nodes], "memory: 64\n")
    return world


def test_copies_of_the_guest_list_are_parsed_once_and_one_that_differs_by_itself() -> None:
    world = large(4, 400)
    world["pve03"].overrides["vmlist"] = (0, '{\n"version": 1,\n"ids": {}\n}\n', "")

    lists = [node.guests_owned.value for node in world.facts().nodes]

    assert lists[0] is lists[1] is lists[3] is not None
    assert len(lists[0].guests) == 400
    assert lists[2] is not None
    assert lists[2].guests == ()


def test_copies_of_corosync_conf_are_parsed_once() -> None:
    facts = World(3).facts()

    files = {id(seen.value) for node in facts.nodes for seen in (node.conf_running_file, node.conf_cluster_file)}

    assert len(files) == 1


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is in KiB on Linux alone")
def test_a_status_of_32_nodes_takes_little_memory(tmp_path: Path) -> None:
    world = large(32, 1280)
    recording.save(world.look(Section.GUESTS, Section.HA, Section.REPLICATION), tmp_path / "rec")
    fab = Path(sys.executable).with_name("fab")

    ran = subprocess.run(
        [sys.executable, "-c", MEASURE, fab, "cluster.status", "--json", "--replay", tmp_path / "rec"],
        cwd=ROOT,
        capture_output=True,
        timeout=60,
        check=True,
    )

    status, kib = map(int, ran.stderr.split()[-2:])
    report = json.loads(ran.stdout)
    assert (status, report["nodes_read"], len(report["guests"])) == (0, 32, 1280)
    assert kib / 1024 < MOST_MIB
