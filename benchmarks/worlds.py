"""Large clusters made up in memory, written to a folder as a recording of them would be."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from pvefleet.facts import recording
from pvefleet.model.section import Section
from tests.support.guest_world import GuestWorld
from tests.support.ha_world import HaWorld
from tests.support.replication_world import ReplicationWorld

_FIRST = 1001
_SNAPPED = 1_794_000_000


def options(vmid: int) -> str:
    """Return the configuration of a virtual machine as one with two disks and two cards has it, without its name."""
    return (
        "agent: 1\nballoon: 2048\nboot: order=scsi0;ide2;net0\ncores: 4\ncpu: x86-64-v2-AES\n"
        "ide2: none,media=cdrom\nmemory: 8192\nmeta: creation-qemu=10.0.13,ctime=1795232539\n"
        f"net0: virtio=BC:24:11:00:{vmid >> 8 & 255:02X}:{vmid & 255:02X},bridge=vmbr0,firewall=1,tag=120\n"
        f"net1: virtio=BC:24:12:00:{vmid >> 8 & 255:02X}:{vmid & 255:02X},bridge=vmbr1,mtu=9000\n"
        "numa: 0\nonboot: 1\nostype: l26\n"
        f"scsi0: local-zfs:vm-{vmid}-disk-0,discard=on,iothread=1,size=32G,ssd=1\n"
        f"scsi1: local-zfs:vm-{vmid}-disk-1,backup=0,iothread=1,size=200G\n"
        f"scsihw: virtio-scsi-single\nsmbios1: uuid=2f531ea9-8fae-4490-8b8e-{vmid:012x}\nsockets: 1\n"
        f"tags: prod;web\nvmgenid: 0a6554f8-fba9-4a1e-815c-{vmid:012x}\n"
    )


def config(vmid: int, snapshots: int) -> str:
    """Return :func:`options` with so many snapshots, each the next one's parent."""
    plain = options(vmid)
    names = [f"daily{number}" for number in range(snapshots)]
    parents = {child: parent for parent, child in pairwise(names)}
    text = plain + (f"parent: {names[-1]}\n" if names else "")
    for number, name in enumerate(names):
        parent = f"parent: {parents[name]}\n" if name in parents else ""
        text += (
            f"\n[{name}]\n#before the update of week {number}\n{plain}{parent}snaptime: {_SNAPPED + 86400 * number}\n"
        )
    return text


def replication_jobs(folder: Path, *, nodes: int, jobs: int) -> None:
    """Record a cluster with a guest and a job to the next node for each number up to *jobs*; some jobs fail."""
    world = ReplicationWorld(nodes)
    names = list(world.nodes)
    for number in range(jobs):
        vmid, home = _FIRST + number, names[number % nodes]
        world.vm(vmid, home, options(vmid))
        failing = number % 50 == 0
        world.job(
            f"{vmid}-0",
            names[(number + 1) % nodes],
            on=home,
            synced=120 + number,
            tried=60 if failing else None,
            fails=3 if failing else 0,
            error="command 'zfs recv' failed: out of space" if failing else "",
            log="start replication job\nend replication job\n",
        )
    sections = (Section.REPLICATION, Section.GUEST_CONFIGS, Section.HA)
    recording.save(world.look(*sections), folder)


def ha_services(folder: Path, *, nodes: int, services: int) -> None:
    """Record a cluster with so many services under HA and a rule of each kind for every tenth of them."""
    world = HaWorld(nodes)
    names = list(world.nodes)
    for number in range(services):
        world.add(f"vm:{_FIRST + number}", names[number % nodes], max_restart=2)
    for number in range(0, services - 1, 10):
        near = f"{names[number % nodes]}:2,{names[(number + 1) % nodes]}"
        world.node_affinity(f"near{number}", f"vm:{_FIRST + number}", near)
        world.resource_affinity(f"apart{number}", "negative", f"vm:{_FIRST + number},vm:{_FIRST + number + 1}")
    recording.save(world.look(Section.HA, Section.HA_HISTORY), folder)


def snapshots(folder: Path, *, nodes: int, guests: int, each: int) -> None:
    """Record a cluster with so many guests and *each* snapshots of every one of them."""
    world = GuestWorld(nodes)
    names = list(world.nodes)
    for number in range(guests):
        vmid = _FIRST + number
        world.vm(vmid, names[number % nodes], config(vmid, each), status="running")
    recording.save(world.look(Section.GUEST_CONFIGS), folder)
