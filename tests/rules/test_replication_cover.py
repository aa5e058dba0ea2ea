"""Would the copies serve? What is left out, what is in the way, who has none, and where HA would look in vain."""

from __future__ import annotations

import pytest

from parsers import guest_conf, storage_cfg
from pvefleet.model.section import Section
from pvefleet.rules.replication import replication_report
from pvefleet.rules.replication_cover import local_volumes
from tests.support.ha_world import HaWorld
from tests.support.replication_world import STORAGES, ReplicationWorld

STORAGE = {one.id: one for one in storage_cfg.read(STORAGES)}


class CoverWorld(ReplicationWorld, HaWorld):
    """Guests, jobs and HA in one cluster."""


def codes(world: ReplicationWorld, *sections: Section) -> list[tuple[str, str]]:
    return [(one.code, one.subject) for one in replication_report(world.replication(*sections)).findings]


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("scsi0: local-zfs:vm-100-disk-0,size=4G", (True, False)),
        ("efidisk0: local-zfs:vm-100-disk-1,efitype=4m,size=1M", (True, False)),
        ("tpmstate0: local-zfs:vm-100-disk-2,size=4M", (True, False)),
        ("unused0: local-zfs:vm-100-disk-3", (True, False)),
        ("scsi1: local-zfs:base-9-disk-0/vm-100-disk-4,replicate=0,size=4G", (True, True)),
        ("virtio3: file=local-lvm:vm-100-disk-0,size=4G", (False, False)),
        ("scsi2: local-lvm:vm-100-disk-0,replicate=no", (False, True)),
        ("sata0: /dev/disk/by-id/ata-x", (False, False)),
        ("rootfs: local-zfs:subvol-200-disk-0,size=8G", (True, False)),
        ("mp0: volume=local-zfs:subvol-200-disk-1,mp=/srv,backup=1", (True, False)),
        ("mp1: /mnt/bind,mp=/srv", (False, False)),
        ("mp2: /mnt/bind,mp=/srv,replicate=0", (False, True)),
        ("mp3: /mnt/bind,mp=/srv,shared=1", None),
        ("ide2: local:iso/debian.iso,media=cdrom", None),
        ("ide2: none,media=cdrom", None),
        ("ide0: local-zfs:vm-100-cloudinit", None),
        ("scsi4: nas:100/vm-100-disk-0.qcow2,size=4G", None),
        ("scsi5: unheard-of:vm-100-disk-0", None),
        ("net0: virtio=AA:BB,bridge=vmbr0", None),
        ("scsihw: virtio-scsi-single", None),
    ],
)
def test_which_volumes_are_local_to_their_node(line: str, found: tuple[bool, bool] | None) -> None:
    volumes = local_volumes(guest_conf.read(line + "\n"), STORAGE)

    assert [(one.replicable, one.left_out) for one in volumes] == ([found] if found else [])


def test_the_memory_of_a_snapshot_is_a_volume_too() -> None:
    conf = guest_conf.read("name: x\n\n[before]\nvmstate: local-lvm:vm-100-state-before\nsnaptime: 1\n")

    assert [(one.key, one.replicable) for one in local_volumes(conf, STORAGE)] == [("vmstate of before", False)]


def test_a_volume_that_cannot_be_replicated_is_in_the_way_of_every_run() -> None:
    world = ReplicationWorld(3)
    world.vm(100, "pve01", "scsi0: local-zfs:vm-100-disk-0\nscsi1: local-lvm:vm-100-disk-0\n")
    world.job("100-0", "pve02")

    report = replication_report(world.replication())

    assert [(one.code, one.subject, one.evidence) for one in report.findings] == [
        ("REP-E-0024", "100", ("scsi1: local-lvm:vm-100-disk-0",))
    ]


def test_a_volume_that_is_left_out_is_missing_in_the_copy() -> None:
    world = ReplicationWorld(3)
    world.vm(100, "pve01", "scsi0: local-zfs:vm-100-disk-0\nscsi1: local-zfs:vm-100-disk-1,replicate=0\n")
    world.job("100-0", "pve02")

    assert codes(world) == [("REP-W-0018", "100")]


def test_guests_that_could_be_copied_and_are_not_are_one_note() -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02")
    world.vm(101, "pve02", "scsi0: local-zfs:vm-101-disk-0\n", name="db")
    world.ct(102, "pve03", "rootfs: local-zfs:subvol-102-disk-0\n")
    world.vm(103, "pve01", "scsi0: nas:103/vm-103-disk-0.qcow2\n")
    world.vm(104, "pve01", "scsi0: local-zfs:base-104-disk-0\ntemplate: 1\n")

    report = replication_report(world.replication())

    assert [(one.code, one.evidence) for one in report.findings] == [
        ("REP-I-0019", ("101 db on pve02", "102 ct102 on pve03"))
    ]


def test_where_nothing_is_replicated_nobody_is_missed() -> None:
    world = ReplicationWorld(3)
    world.vm(101, "pve02", "scsi0: local-zfs:vm-101-disk-0\n")

    assert codes(world) == []


def test_without_the_guests_configurations_nothing_is_concluded() -> None:
    world = ReplicationWorld(3)
    world.vm(100, "pve01", "scsi0: local-lvm:vm-100-disk-0\n")
    world.job("100-0", "pve02")

    assert replication_report(world.facts(Section.REPLICATION)).findings == ()


def ha_world() -> CoverWorld:
    world = CoverWorld(3)
    world.job("100-0", "pve02")
    world.add("vm:100", "pve01")
    return world


def test_ha_without_a_rule_may_pick_a_node_without_a_copy() -> None:
    world = ha_world()

    report = replication_report(world.replication(Section.HA))

    assert [(one.code, one.subject) for one in report.findings] == [("REP-W-0020", "vm:100")]
    assert report.findings[0].message == "HA may move vm:100 to pve03, where no copy of it is"


def test_a_strict_rule_over_source_and_target_keeps_ha_to_where_copies_are() -> None:
    world = ha_world()
    world.node_affinity("near", "vm:100", "pve01,pve02", strict=True)

    assert codes(world, Section.HA) == []


def test_a_rule_that_only_prefers_does_not() -> None:
    world = ha_world()
    world.node_affinity("near", "vm:100", "pve01,pve02")

    assert codes(world, Section.HA) == [("REP-W-0020", "vm:100")]


def test_a_strict_rule_that_allows_a_node_without_a_copy_does_not_either() -> None:
    world = ha_world()
    world.node_affinity("wrong", "vm:100", "pve01,pve03", strict=True)

    assert codes(world, Section.HA) == [("REP-W-0020", "vm:100")]


def test_copies_everywhere_satisfy_any_choice() -> None:
    world = ha_world()
    world.job("100-1", "pve03")

    assert codes(world, Section.HA) == []


def test_a_guest_of_ha_without_a_job_is_not_this_ones_business() -> None:
    world = CoverWorld(3)
    world.vm(100, "pve01", "scsi0: nas:100/vm-100-disk-0.qcow2\n")
    world.add("vm:100", "pve01")
    world.job("101-0", "pve02")

    assert codes(world, Section.HA) == []


def test_groups_of_older_clusters_count_where_rules_are_not_read() -> None:
    world = ha_world()
    for node in world.nodes.values():
        node.version = "8.4.1"
    world.ha.resources = "vm: 100\n\tgroup near\n\tstate started\n\n"
    world.group("near", "pve01,pve02", more="\trestricted 1\n")
    assert codes(world, Section.HA) == []

    world.ha.groups = None
    world.group("near", "pve01,pve02")
    assert codes(world, Section.HA) == [("REP-W-0020", "vm:100")]
