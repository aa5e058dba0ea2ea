"""Which volumes of a guest replication takes, and the snapshots by which it knows what both sides have."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lab.pve import guest_config, storage
from lab.pve.cfs import CommandError
from lab.pve.guest_config import GuestConfig
from lab.pve.guests import QEMU, Kind
from lab.pve.layout import ETC_PVE
from lab.pve.storage import Volume
from lab.pve.zfs.store import Store

Say = Callable[[str], None]
Known = dict[str, dict[str, dict[str, Any]]]


def snapshot_name(job: str, epoch: int) -> str:
    """A job's snapshot of the run that began then."""
    return f"{storage.REPLICATION}{job}_{epoch}__"


def is_of(job: str, snapshot: str) -> bool:
    """Whether a snapshot is one of that job's."""
    return snapshot.startswith(f"{storage.REPLICATION}{job}_") and snapshot.endswith("__")


def replicatable(
    kind: Kind, vmid: int, config: GuestConfig, storage_cfg: Path = ETC_PVE / "storage.cfg"
) -> list[Volume]:
    """Every volume that a run takes.

    Raises:
        CommandError: one cannot be replicated, which stops the whole job.
    """
    found: dict[str, Volume] = {}
    storages = storage.read(storage_cfg)
    for options in (config.options, *config.snapshots.values()):
        wanted = guest_config.volumes(kind, options)
        wanted |= {key: value for key, value in options.items() if re.fullmatch(r"unused\d+|vmstate", key)}
        for key, volid in wanted.items():
            if "replicate=0" in options[key] or volid in found:
                continue
            if volid.startswith("/"):
                raise CommandError(f"unable to replicate local file/device '{volid}'")
            volume = storage.volume(volid, storages)
            if volume.storage.is_shared or volume.owner != vmid:
                continue
            if not volume.storage.is_zfs:
                raise CommandError(f"missing replicate feature on volume '{volid}'")
            found[volid] = volume
        _refuse_binds(kind, options)
    return [found[volid] for volid in sorted(found)]


def _refuse_binds(kind: Kind, options: dict[str, str]) -> None:
    for key, value in options.items():
        is_mount = kind is not QEMU and re.fullmatch(r"mp\d+", key)
        if is_mount and value.startswith("/") and "replicate=0" not in value:
            raise CommandError("unable to replicate mountpoint type 'bind'")


def known(volumes: list[Volume], store: Store) -> Known:
    """The snapshots of each volume that is there: guid and time by name, oldest first."""
    found: Known = {}
    for volume in volumes:
        dataset = store.find(volume.dataset)
        if dataset is not None:
            found[volume.id] = {one.name: {"id": str(one.guid), "timestamp": one.creation} for one in dataset.snapshots}
    return found


def prepare(volumes: list[Volume], job: str, last_sync: int, store: Store, say: Say) -> Known:
    """Delete what a job's failed runs left; where its last good snapshot is missing nothing is touched.

    Args:
        volumes: that are looked at.
        job: the job's id.
        last_sync: the time of its last good run; 1 deletes all its snapshots.
        store: the node's pool.
        say: takes a line for the log.

    Returns:
        what is there then.
    """
    last = snapshot_name(job, last_sync)
    for volume in volumes:
        names = list(known([volume], store).get(volume.id, {}))
        if last not in names and last_sync != 1:
            continue
        for name in names:
            if is_of(job, name) and name != last:
                say(f"delete stale replication snapshot '{name}' on {volume.id}")
                drop(volume, name, store, say)
    return known(volumes, store)


def drop(volume: Volume, name: str, store: Store, say: Say) -> None:
    """Delete a snapshot; that it cannot be is said, and no error."""
    try:
        storage.drop_snapshot(volume, name, store)
    except CommandError as error:
        say(str(error))


def bases(local: Known, remote: Known, job: str, last_sync: int, config: GuestConfig) -> dict[str, str]:
    """The snapshot that each volume's stream starts from; a volume the target does not have gets none.

    Raises:
        CommandError: the target has volumes that share none with ours.
    """
    chosen: dict[str, str] = {}
    problems: list[str] = []
    preferred = [snapshot_name(job, last_sync), config.options.get("parent", "")]
    for volid, mine in local.items():
        theirs = remote.get(volid)
        if theirs is None:
            continue
        common = [name for name, one in mine.items() if theirs.get(name, {}).get("id") == one["id"]]
        usable = [name for name in common if name in config.snapshots or name.startswith(storage.REPLICATION)]
        wanted = next((name for name in preferred if name in common), usable[-1] if usable else None)
        if wanted is None:
            problems.append(volid)
        else:
            chosen[volid] = wanted
    if problems:
        raise CommandError(
            f"No common base snapshot on volume(s) {','.join(problems)}\nPlease remove the problematic volume(s) "
            f"from the replication target or delete and re-create the whole job {job}"
        )
    return chosen


def of_guest_on_storages(vmid: int, names: list[str], store: Store) -> list[Volume]:
    """The volumes that a guest has on ZFS storages of this node."""
    storages = storage.read()
    chosen = [storages[name] for name in names if name in storages and storages[name].is_zfs]
    found = []
    for one in chosen:
        pool = one.options["pool"]
        for dataset in store.all():
            if dataset.name.rpartition("/")[0] == pool:
                volume = Volume(one, dataset.name.rpartition("/")[2])
                found += [volume] if volume.owner == vmid else []
    return found
