"""Snapshots of guests: taking, deleting and going back, in PVE's order, with the locks it leaves when it fails."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Callable
from functools import partial

from . import guest_config, guests, locking, storage
from .cfs import CommandError
from .guest_config import OWN_KEYS, GuestConfig, Options
from .guests import QEMU, Kind
from .replication import config as replication_config
from .storage import Volume
from .tasks import Task
from .zfs.store import Store

_VMSTATE_MIB = 500
_STOP_SECONDS = 5.0


def _volumes(kind: Kind, options: Options) -> dict[str, Volume]:
    storages = storage.read()
    return {key: storage.volume(volid, storages) for key, volid in guest_config.volumes(kind, options).items()}


def check_lock(kind: Kind, config: GuestConfig) -> None:
    """Refuse a guest that is locked.

    Raises:
        CommandError: it is.
    """
    if "lock" in config.options:
        raise CommandError(f"{kind.word} is locked ({config.options['lock']})")


class Snapshots:
    """The snapshots of one guest of this node, as one task sees them."""

    def __init__(self, kind: Kind, vmid: int, task: Task, store: Store | None = None) -> None:
        self._kind, self._vmid, self._task = kind, vmid, task
        self._store = store or Store()

    def _load(self) -> GuestConfig:
        return guest_config.load(self._kind, self._vmid)

    def _save(self, config: GuestConfig) -> None:
        guest_config.save(self._kind, self._vmid, config)

    def take(self, name: str, description: str, *, ram: bool) -> None:
        """Take one: prepare in the configuration, then memory, then disk after disk, then commit."""
        config = self._load()
        check_lock(self._kind, config)
        if config.options.get("template") == "1":
            raise CommandError("you can't take a snapshot if it's a template")
        if name in config.snapshots:
            raise CommandError(f"snapshot name '{name}' already used")
        disks = _volumes(self._kind, config.options)
        if not all(disk.can_snapshot for disk in disks.values()):
            raise CommandError("snapshot feature is not available")
        ram = ram and self._kind is QEMU and guests.pid(QEMU, self._vmid) > 0
        section = {key: value for key, value in config.options.items() if key not in OWN_KEYS}
        section |= {"snaptime": str(int(time.time())), "snapstate": "prepare"}
        section |= {"description": description} if description else {}
        section |= {"parent": config.options["parent"]} if "parent" in config.options else {}
        config.snapshots[name] = section
        config.options["lock"] = "snapshot"
        self._save(config)
        done: list[Volume] = []
        try:
            if ram:
                self._save_memory(config, name)
            self._task.work()
            for key, disk in disks.items():
                if self._kind is QEMU:
                    print(f"snapshotting 'drive-{key}' ({disk.id})", flush=True)
                storage.take_snapshot(disk, name, self._store)
                done.append(disk)
            self._commit(name)
        except CommandError as error:
            # a reader that went away ends the task at its next line: then nothing of this happens either
            print(f"snapshot create failed: starting cleanup\n{error}", flush=True)
            self._undo(name, done)
            raise

    def _save_memory(self, config: GuestConfig, name: str) -> None:
        target = vmstate_storage(config.options)
        where = storage.volume(f"{target}:x").storage
        short = f"vm-{self._vmid}-state-{name}"
        file = f"{self._vmid}/{short}.raw" if where.type in storage.OF_FILES else short
        volume = Volume(where, file)
        print(f"saving VM state and RAM using storage '{target}'", flush=True)
        size = (2 * int(config.options.get("memory", "512")) + _VMSTATE_MIB) << 20
        storage.allocate(volume, size, self._store)
        top = self._store.live(volume.dataset) / "disk" if where.is_zfs else volume.path
        top.write_bytes(f"memory of guest {self._vmid}, process {guests.pid(QEMU, self._vmid)}\n".encode())
        section = config.snapshots[name]
        section |= {"vmstate": volume.id, "runningmachine": "pc-i440fx-10.0+pve0", "runningcpu": "kvm64,enforce"}
        self._save(config)
        print("completed saving the VM state in 1s, saved 64.00 MiB", flush=True)

    def _commit(self, name: str) -> None:
        config = self._load()
        if config.snapshots.get(name, {}).pop("snapstate", "") != "prepare":
            raise CommandError("wrong snapshot state")
        config.options.pop("lock", None)
        config.options["parent"] = name
        self._save(config)

    def _undo(self, name: str, done: list[Volume]) -> None:
        for disk in done:
            storage.drop_snapshot(disk, name, self._store)
        config = self._load()
        section = config.snapshots.pop(name, {})
        if "vmstate" in section:
            storage.free(storage.volume(section["vmstate"]), self._store)
        config.options.pop("lock", None)
        self._save(config)

    def delete(self, name: str, *, force: bool) -> None:
        """Delete one; its children hang on its parent then. A failure leaves its lock and state behind."""
        if force:
            self._delete(name, force=True)
            return
        with locking.guest(self._vmid, 10, "Failed to obtain guest migration lock - replication running?"):
            self._refuse_needed(name)
            self._delete(name, force=False)

    def _refuse_needed(self, name: str) -> None:
        config = self._load()
        if name not in config.snapshots:
            return
        for job in replication_config.of_guest(self._vmid):
            prefix = f"{storage.REPLICATION}{job.id}_"
            for volume in replicated(self._kind, config):
                made = storage.replication_snapshots(volume, self._store)
                if not any(snapshot.startswith(prefix) for snapshot in made):
                    raise CommandError(
                        f"snapshot '{name}' needed by replication job '{job.id}' - run replication first"
                    )

    def _delete(self, name: str, *, force: bool) -> None:
        config = self._load()
        check_lock(self._kind, config)
        if name not in config.snapshots:
            raise CommandError(f"snapshot '{name}' does not exist")
        section = config.snapshots[name]
        config.options["lock"] = "snapshot-delete"
        section["snapstate"] = "delete"
        self._save(config)
        self._task.work()
        if "vmstate" in section:
            memory = storage.volume(section["vmstate"])
            self._try(force, partial(storage.free, memory, self._store))
        for key, disk in _volumes(self._kind, section).items():
            self._try(force, partial(storage.drop_snapshot, disk, name, self._store))
            del section[key]
            self._save(config)
        config = self._load()
        gone = config.snapshots.pop(name)
        for options in (config.options, *config.snapshots.values()):
            if options.get("parent") == name:
                options.pop("parent")
                if "parent" in gone:
                    options["parent"] = gone["parent"]
        del config.options["lock"]
        self._save(config)

    def _try(self, force: bool, action: Callable[[], None]) -> None:
        try:
            action()
        except CommandError as error:
            if not force:
                raise
            print(error, flush=True)

    def rollback(self, name: str, *, start: bool) -> None:
        """Go back: what is in the way is looked for first, then the guest is stopped, whatever comes of it."""
        with locking.guest(self._vmid):
            config = self._load()
            if name not in config.snapshots:
                raise CommandError(f"snapshot '{name}' does not exist")
            section = config.snapshots[name]
            disks = _volumes(self._kind, section)
            self._clear_replication(name, disks)
            for disk in disks.values():
                if storage.newer_snapshots(disk, name, self._store):
                    text = f"can't rollback, '{name}' is not most recent snapshot on '{disk.id}'"
                    raise CommandError(text)
            if "snapstate" in section:
                raise CommandError(f"unable to rollback to incomplete snapshot (snapstate = {section['snapstate']})")
            check_lock(self._kind, config)
            guests.stop(self._kind, self._vmid, _STOP_SECONDS)
            config.options["lock"] = "rollback"
            self._save(config)
            self._task.work()
            for disk in disks.values():
                storage.rollback(disk, name, self._store)
            self._restore(config, name)
        if start or "vmstate" in section:
            guests.start(self._kind, self._vmid, guests.read(self._kind, self._vmid))

    def _clear_replication(self, name: str, disks: dict[str, Volume]) -> None:
        removed = False
        for disk in disks.values():
            newer = storage.newer_snapshots(disk, name, self._store)
            if all(one.startswith(storage.REPLICATION) for one in newer):
                for one in newer:
                    self._task.warn(f"removing replication snapshot '{disk.id}@{one}'")
                    storage.drop_snapshot(disk, one, self._store)
                    removed = True
        if removed:
            self._task.warn(f"you shouldn't remove '{name}' before running the next replication!")

    def _restore(self, config: GuestConfig, name: str) -> None:
        now, then = config.options, config.snapshots[name]
        options = {key: value for key, value in then.items() if key not in OWN_KEYS} | {"parent": name}
        options |= {key: now[key] for key in now if key == "description" or re.fullmatch(r"unused\d+", key)}
        used = guest_config.all_volumes(self._kind, GuestConfig(options))
        spare = (number for number in range(256) if f"unused{number}" not in options)
        for volid in guest_config.volumes(self._kind, now).values():
            if volid not in used:
                options[f"unused{next(spare)}"] = volid
        if "vmgenid" in options:
            options["vmgenid"] = str(uuid.uuid4())
        self._save(GuestConfig(options, config.snapshots, {}))


def vmstate_storage(options: Options) -> str:
    """Where a machine's memory is saved: the storage that is set, a shared one in use, a local one, of files first."""
    if "vmstatestorage" in options:
        return options["vmstatestorage"]
    used = [volume.storage for volume in _volumes(QEMU, options).values()]
    used.sort(key=lambda one: (not one.is_shared, one.type not in storage.OF_FILES))
    return used[0].name if used else "local"


def replicated(kind: Kind, config: GuestConfig) -> list[Volume]:
    """The volumes in force that replication takes along."""
    storages = storage.read()
    return [
        storage.volume(volid, storages)
        for key, volid in guest_config.volumes(kind, config.options).items()
        if "replicate=0" not in config.options[key] and storage.volume(volid, storages).storage.is_zfs
    ]


def tree(config: GuestConfig) -> list[str]:
    """The lines of `listsnapshot`."""
    children: dict[str, list[str]] = {}
    for name, options in config.snapshots.items():
        parent = options.get("parent", "")
        children.setdefault(parent if parent in config.snapshots else "", []).append(name)
    current = config.options.get("parent", "")
    children.setdefault(current if current in config.snapshots else "", []).append("")
    lines: list[str] = []

    def age(name: str) -> tuple[bool, int, str]:
        return (not name, int(config.snapshots[name].get("snaptime", "0")) if name else 0, name)

    def show(name: str, depth: int) -> None:
        prefix = f"{' ' * depth}`->"
        width = max(30 - len(prefix), 0)
        if not name:
            lines.append(f"{prefix} {'current':<{width}} {'':<23} You are here!")
            return
        options = config.snapshots[name]
        at = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(int(options.get("snaptime", "0"))))
        text = options.get("description", "").split("\n")[0] if "description" in options else "no-description"
        lines.append(f"{prefix} {name:<{width}} {at:<23} {text}")
        for child in sorted(children.get(name, []), key=age):
            show(child, depth + 1)

    for root in sorted(children.get("", []), key=age):
        show(root, 0)
    return lines
