"""What `qm` and `pct` have in common: their grammar, and the commands that differ in a word only."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from . import arguments, cfs, guest_config, guests, snapshots, storage, tasks, volumes
from .cfs import CommandError
from .guests import QEMU, Kind
from .ha import requests
from .layout import ETC_PVE, NodeSettings
from .replication import config as replication_config
from .snapshots import Snapshots
from .tasks import Task
from .zfs.store import Store

Options = dict[str, str]
Command = Callable[[list[str], Options], int]

_NAME = re.compile(r"[a-z][a-z0-9_-]+", re.IGNORECASE)
_LONGEST_NAME = 40
_WIDE = 0xFF
_LINK_SECONDS = 300
_PROGRAMS = {"qemu": "qm", "lxc": "pct"}
_TASKS = {"qemu": "qm", "lxc": "vz"}


def program(kind: Kind) -> str:
    """`qm` or `pct`."""
    return _PROGRAMS[kind.name]


def missing(kind: Kind, vmid: int) -> str:
    """What is said of a guest that this node does not have."""
    return f"Configuration file 'nodes/{guests.node()}/{guests.DIRECTORIES[kind.name]}/{vmid}.conf' does not exist"


def load(kind: Kind, vmid: int, code: int = 2) -> Options:
    """The options in force.

    Raises:
        CommandError: with that exit code, when this node has no such guest.
    """
    try:
        return guests.read(kind, vmid)
    except FileNotFoundError:
        raise CommandError(missing(kind, vmid), code) from None


def vmid(words: list[str], usage: str) -> int:
    """The guest's number, the first word."""
    arguments.count(words, usage, least=1)
    return arguments.vmid(words[0], usage)


def task(kind: Kind, action: str, number: int, body: Callable[[Task], None]) -> int:
    """Run a task of that guest."""
    return tasks.run(f"{_TASKS[kind.name]}{action}", str(number), body, tag=program(kind))


def refuse_locked(kind: Kind, options: Options) -> None:
    """Refuse a guest that is locked.

    Raises:
        CommandError: it is.
    """
    if "lock" in options:
        raise CommandError(f"{kind.word} is locked ({options['lock']})")


def allocate(value: str, number: int, options: Options, *, container: bool) -> str:
    """Make the volume that an option wishes for; one that names a volume is returned as it is."""
    storages, store = storage.read(), Store()
    taken = {entry.split(",")[0] for entry in options.values()}
    for index in range(256):
        text = volumes.allocate(value, number, index, container=container)
        if text == value:
            return value
        volume = storage.volume(text.split(",")[0], storages)
        if volume.id not in taken and not (storage.exists(volume, store) and _can_exist(volume)):
            storage.allocate(volume, volumes.size(value), store)
            return text
    raise CommandError("unable to find free volume name")


def _can_exist(volume: storage.Volume) -> bool:
    return volume.storage.is_zfs or volume.storage.type in storage.OF_FILES


def activate(kind: Kind, options: Options) -> None:
    """Have every volume of a guest at hand, as a start does first.

    Raises:
        CommandError: a volume is not there. For a machine's volume on ZFS that takes its time.
    """
    storages, store = storage.read(), Store()
    wanted = dict(guest_config.volumes(kind, options))
    wanted |= {key: value.split(",")[0] for key, value in options.items() if kind is QEMU and "media=cdrom" in value}
    for volid in wanted.values():
        if ":" not in volid:
            continue
        volume = storage.volume(volid, storages)
        if not volume.storage.is_on(guests.node()):
            raise CommandError(f"storage '{volume.storage.name}' is not available on node '{guests.node()}'")
        if storage.exists(volume, store):
            continue
        if volume.name.rpartition("/")[2].startswith("vm-") and "cloudinit" in volume.name:
            storage.allocate(volume, 4 << 20, store)
        elif not volume.storage.is_zfs:
            raise CommandError(f"volume '{volid}' does not exist")
        elif volume.is_file_system:
            raise CommandError(f"zfs error: cannot open '{volume.dataset}': dataset does not exist")
        else:
            _wait_link(volume)


def _wait_link(volume: storage.Volume) -> None:
    end = time.monotonic() + _LINK_SECONDS * NodeSettings.load().scale
    while not volume.path.exists():
        if time.monotonic() > end:
            text = f"timeout: no zvol device link for '{volume.name}' found after {_LINK_SECONDS} sec."
            raise CommandError(text)
        time.sleep(0.1)


def start(kind: Kind) -> Command:
    """`start`."""

    def command(words: list[str], options: Options) -> int:
        number = vmid(words, f"{program(kind)} start <vmid> [OPTIONS]")
        cfs.require_quorum()
        load(kind, number, 255)

        def body(task: Task) -> None:
            config = load(kind, number, 255)
            if "skiplock" not in options:
                refuse_locked(kind, config)
            if guests.pid(kind, number):
                raise CommandError(f"{kind.word} {number} already running")
            activate(kind, config)
            task.work()
            guests.start(kind, number, config)

        return task(kind, "start", number, body)

    return command


def stop(kind: Kind, action: str) -> Command:
    """`stop` and `shutdown`."""

    def command(words: list[str], _options: Options) -> int:
        number = vmid(words, f"{program(kind)} {action} <vmid> [OPTIONS]")
        if number not in guests.local(kind):
            lost = f"unable to find configuration file for VM {number} on node '{guests.node()}'"
            raise CommandError(lost if kind is QEMU else missing(kind, number))
        if kind is not QEMU and not guests.pid(kind, number):
            raise CommandError(f"CT {number} not running")

        def body(task: Task) -> None:
            task.work()
            guests.stop(kind, number)

        return task(kind, action, number, body)

    return command


def destroy(kind: Kind) -> Command:
    """`destroy`."""

    def command(words: list[str], _options: Options) -> int:
        number = vmid(words, f"{program(kind)} destroy <vmid> [OPTIONS]")
        config = load(kind, number, 255)
        refuse_locked(kind, config)
        for job in replication_config.of_guest(number):
            raise CommandError(
                f"There is a replication job '{job.id}' for guest '{number}' - Please remove that first."
            )
        if guests.pid(kind, number):
            raise CommandError(f"{kind.word} {number} is running - destroy failed")
        cfs.require_quorum()

        def body(task: Task) -> None:
            task.work()
            storages, store = storage.read(), Store()
            for volid in guest_config.all_volumes(kind, guest_config.load(kind, number)):
                volume = storage.volume(volid, storages)
                if volume.owner == number and storage.exists(volume, store):
                    storage.free(volume, store)
            (ETC_PVE / guests.path(kind, number)).unlink()

        return task(kind, "destroy", number, body)

    return command


def config(kind: Kind) -> Command:
    """`config`, of what is in force or of a snapshot."""

    def command(words: list[str], options: Options) -> int:
        number = vmid(words, f"{program(kind)} config <vmid> [OPTIONS]")
        shown = load(kind, number)
        if "snapshot" in options:
            found = guest_config.load(kind, number).snapshots.get(options["snapshot"])
            if found is None:
                raise CommandError(f"snapshot '{options['snapshot']}' does not exist")
            shown = dict(found)
            if "description" in found:
                shown["description"] = "%0A".join(map(guest_config.encoded, found["description"].split("\n")))
        print(guests.text(shown), end="")
        return 0

    return command


def unlock(kind: Kind) -> Command:
    """`unlock`; `pct` refuses where nothing is locked."""

    def command(words: list[str], _options: Options) -> int:
        number = vmid(words, f"{program(kind)} unlock <vmid>")
        load(kind, number)
        whole = guest_config.load(kind, number)
        if kind is not QEMU and "lock" not in whole.options:
            raise CommandError("no lock found trying to remove any lock")
        whole.options.pop("lock", None)
        guest_config.save(kind, number, whole)
        return 0

    return command


def _snapname(kind: Kind, action: str, words: list[str]) -> tuple[int, str]:
    usage = f"{program(kind)} {action} <vmid> <snapname> [OPTIONS]"
    arguments.count(words, usage, least=2)
    number, name = arguments.vmid(words[0], usage), words[1]
    if not _NAME.fullmatch(name):
        problem = f"snapname: invalid format - invalid configuration ID '{name}'\n"
        raise CommandError(f"400 Parameter verification failed.\n{problem}\n{usage}", 2)
    if len(name) > _LONGEST_NAME:
        problem = f"snapname: value may only be {_LONGEST_NAME} characters long"
        raise CommandError(f"400 Parameter verification failed.\n{problem}\n{usage}", 2)
    load(kind, number)
    return number, name


def snapshot(kind: Kind) -> Command:
    """`snapshot`."""

    def command(words: list[str], options: Options) -> int:
        number, name = _snapname(kind, "snapshot", words)
        reserved = name == "current" or (name.lower() == "pending" if kind is QEMU else name == "vzdump")
        if reserved:
            raise CommandError(f"unable to use snapshot name '{name}' (reserved name)", 2)
        ram, text = options.get("vmstate", "0") in ("1", "on", "yes", "true"), options.get("description", "")
        return task(kind, "snapshot", number, lambda task: Snapshots(kind, number, task).take(name, text, ram=ram))

    return command


def delsnapshot(kind: Kind) -> Command:
    """`delsnapshot`."""

    def command(words: list[str], options: Options) -> int:
        number, name = _snapname(kind, "delsnapshot", words)
        force = options.get("force", "0") in ("1", "on", "yes", "true")
        return task(kind, "delsnapshot", number, lambda task: Snapshots(kind, number, task).delete(name, force=force))

    return command


def rollback(kind: Kind) -> Command:
    """`rollback`."""

    def command(words: list[str], options: Options) -> int:
        number, name = _snapname(kind, "rollback", words)
        then = options.get("start", "0") in ("1", "on", "yes", "true")
        return task(kind, "rollback", number, lambda task: Snapshots(kind, number, task).rollback(name, start=then))

    return command


def listsnapshot(kind: Kind) -> Command:
    """`listsnapshot`."""

    def command(words: list[str], _options: Options) -> int:
        number = vmid(words, f"{program(kind)} listsnapshot <vmid>")
        load(kind, number)
        lines = snapshots.tree(guest_config.load(kind, number))
        if any(ord(letter) > _WIDE for line in lines for letter in line):
            where = Path("/usr/share/perl5/PVE/GuestHelpers.pm")
            print(f"Wide character in printf at {where} line 175.", file=sys.stderr)
        print("\n".join(lines))
        return 0

    return command


def common(kind: Kind) -> dict[str, Command]:
    """The commands that both have."""
    return {
        "config": config(kind),
        "start": start(kind),
        "stop": stop(kind, "stop"),
        "shutdown": stop(kind, "shutdown"),
        "unlock": unlock(kind),
        "destroy": destroy(kind),
        "snapshot": snapshot(kind),
        "delsnapshot": delsnapshot(kind),
        "rollback": rollback(kind),
        "listsnapshot": listsnapshot(kind),
    }


def run(kind: Kind, commands: Mapping[str, Command], argv: list[str]) -> int:
    """Run one command."""
    command = commands.get(argv[0]) if argv else None
    name = program(kind)

    def body() -> int:
        asked = requests.request(kind, argv)
        if asked is not None:
            return asked
        if command is None:
            wrong = f"ERROR: unknown command '{name} {argv[0]}'\n" if argv else "ERROR: no command specified\n"
            raise CommandError(f"{wrong}USAGE: {name} <COMMAND> [ARGS] [OPTIONS]")
        return command(*arguments.split(argv[1:]))

    return cfs.run(body)
