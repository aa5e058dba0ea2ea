"""Would the copies serve? Guests without one, volumes left out, volumes in the way, and nodes HA may choose in vain.

Rests on guests' configurations, storage.cfg and the HA files, where they were read: a guest whose configuration was
not seen is passed over.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from parsers.guest_conf import GuestConf
from parsers.replication_cfg import ReplicationJob
from parsers.storage_cfg import Storage
from pvefleet.model.catalogue import finding
from pvefleet.model.finding import Finding
from pvefleet.rules.ha_view import HaView
from pvefleet.rules.replication_view import ReplicationView
from pvefleet.rules.words import count

_VOLUME_KEY = re.compile(r"(?:(?:ide|sata|scsi|virtio|mp|unused)[0-9]+|efidisk0|tpmstate0|rootfs)")
_CLOUD_INIT = re.compile(r"vm-[0-9]+-cloudinit(?:\.[a-z0-9]+)?$")
_NETWORK = frozenset(
    {"nfs", "cifs", "cephfs", "rbd", "iscsi", "iscsidirect", "glusterfs", "pbs", "zfs", "drbd", "esxi"}
)
"""Types of storage that every node reaches; others do so only where the file says ``shared``."""
_REPLICABLE = "zfspool"
_OFF = frozenset({"0", "no", "off", "false"})


@dataclass(frozen=True, slots=True)
class Volume:
    """One local volume of a guest.

    Attributes:
        key: where the configuration names it: ``scsi0``, or ``vmstate of SNAPSHOT``.
        name: as the configuration writes it: ``local-zfs:vm-100-disk-0``; a path for a device or directory.
        replicable: is it on ZFS?
        left_out: does its line say ``replicate=0``?
    """

    key: str
    name: str
    replicable: bool
    left_out: bool


def local_volumes(conf: GuestConf, storages: Mapping[str, Storage]) -> tuple[Volume, ...]:
    """Return the guest's volumes that exist on its own node alone; media and cloud-init images are none.

    A volume of a storage that storage.cfg does not know is passed over: nothing is known of it.
    """
    found = []
    for key, value in conf.options:
        if _VOLUME_KEY.fullmatch(key) and (volume := _volume(key, value, storages)) is not None:
            found.append(volume)
    for snapshot in conf.snapshots:
        state = snapshot.get("vmstate")
        if state and (volume := _volume(f"vmstate of {snapshot.name}", state, storages)) is not None:
            found.append(volume)
    return tuple(found)


def _volume(key: str, value: str, storages: Mapping[str, Storage]) -> Volume | None:
    first, *rest = value.split(",")
    options = dict(part.partition("=")[::2] for part in rest)
    name = first.removeprefix("volume=").removeprefix("file=")
    if name == "none" or options.get("media") == "cdrom" or _CLOUD_INIT.search(name):
        return None
    left_out = options.get("replicate", "1").lower() in _OFF
    if name.startswith("/"):
        shared = options.get("shared", "0").lower() not in _OFF
        return None if shared else Volume(key, name, False, left_out)
    storage = storages.get(name.partition(":")[0])
    if storage is None or storage.shared or storage.type in _NETWORK:
        return None
    return Volume(key, name, storage.type == _REPLICABLE, left_out)


def cover_findings(view: ReplicationView, ha: HaView | None, subject: str) -> Iterator[Finding]:
    """Yield what keeps copies from serving.

    Args:
        view: replication.
        ha: HA, where it was read.
        subject: the cluster's name, for what is about several guests.
    """
    if view.storages is None or view.file is None:
        return
    jobs: dict[int, list[ReplicationJob]] = defaultdict(list)
    for job in view.jobs:
        if job.remove_job is None:
            jobs[job.guest].append(job)
    volumes = {vmid: local_volumes(conf, view.storages) for vmid, conf in view.configs.items()}
    for vmid in jobs:
        yield from _volumes(vmid, jobs[vmid], volumes.get(vmid, ()))
    if jobs:
        yield from _without(view, frozenset(jobs), volumes, subject)
    if ha is not None:
        yield from _ha(view, ha, jobs, volumes)


def _volumes(vmid: int, jobs: list[ReplicationJob], volumes: tuple[Volume, ...]) -> Iterator[Finding]:
    names = ", ".join(job.id for job in jobs)
    blocking = [volume for volume in volumes if not volume.replicable and not volume.left_out]
    if blocking:
        evidence = [f"{volume.key}: {volume.name}" for volume in blocking]
        yield finding(
            "REP-E-0024", str(vmid), f"guest {vmid} ({names}) has local volumes that are not on ZFS", evidence
        )
    left_out = [volume for volume in volumes if volume.left_out]
    if left_out:
        evidence = [f"{volume.key}: {volume.name}, replicate=0" for volume in left_out]
        yield finding("REP-W-0018", str(vmid), f"the copies of guest {vmid} ({names}) lack volumes", evidence)


def _without(
    view: ReplicationView, replicated: frozenset[int], volumes: Mapping[int, tuple[Volume, ...]], subject: str
) -> Iterator[Finding]:
    """Where replication is used at all, name the guests that could be copied and are not."""
    bare = []
    for vmid in sorted(volumes):
        template = (view.configs[vmid].get("template") or "0") not in _OFF
        copied = any(volume.replicable and not volume.left_out for volume in volumes[vmid])
        if copied and vmid not in replicated and not template and (view.guests is None or vmid in view.guests):
            owner = f" on {view.guests[vmid][0]}" if view.guests else ""
            bare.append(f"{vmid} {view.names.get(vmid, '')}".rstrip() + owner)
    if bare:
        yield finding(
            "REP-I-0019", subject, f"on local ZFS without a replication job: {count(len(bare), 'guest')}", bare
        )


def _ha(
    view: ReplicationView,
    ha: HaView,
    jobs: Mapping[int, list[ReplicationJob]],
    volumes: Mapping[int, tuple[Volume, ...]],
) -> Iterator[Finding]:
    for sid, resource in (ha.resources or {}).items():
        vmid = resource.vmid
        owner = view.guests.get(vmid) if view.guests is not None else None
        if resource.state in ("ignored", "disabled") or owner is None or vmid not in jobs or not volumes.get(vmid):
            continue
        allowed = _allowed(ha, sid, resource.group, view.nodes)
        if allowed is None:
            continue
        copies = {job.target for job in jobs[vmid]}
        empty = sorted(allowed - copies - {owner[0]})
        if empty:
            evidence = [
                f"its copies are on {', '.join(sorted(copies))}",
                f"HA may start it on {', '.join(sorted(allowed))}",
            ]
            yield finding(
                "REP-W-0020", sid, f"HA may move {sid} to {', '.join(empty)}, where no copy of it is", evidence
            )


def _allowed(ha: HaView, sid: str, group: str | None, nodes: frozenset[str] | None) -> frozenset[str] | None:
    """Return the nodes on which HA may start a guest; None where that is not known."""
    if group and ha.groups is not None and not ha.reads_rules:
        held = ha.groups.get(group)
        if held is not None and held.restricted:
            return frozenset(node for node, _ in held.nodes)
        return nodes
    for rule in ha.rules or ():
        if rule.type == "node-affinity" and rule.strict and not rule.disabled and sid in rule.resources:
            return frozenset(node for node, _ in rule.nodes)
    return nodes
