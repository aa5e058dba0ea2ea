"""`qm`: list, status, config, create, start, stop, shutdown, showcmd, unlock, set, destroy."""

from __future__ import annotations

import hashlib
import re
import time
import uuid

from . import arguments, cfs, guests, volumes
from .cfs import CommandError
from .guests import QEMU
from .layout import ETC_PVE

_DISK = re.compile(r"(?:ide|sata|scsi|virtio|efidisk|tpmstate)\d+")
_NET = re.compile(r"net\d+")
_MISSING = "Configuration file 'nodes/{node}/qemu-server/{vmid}.conf' does not exist"


def _load(vmid: int, code: int = 2) -> dict[str, str]:
    try:
        return guests.read(QEMU, vmid)
    except FileNotFoundError:
        raise CommandError(_MISSING.format(node=guests.node(), vmid=vmid), code) from None


def _list(_words: list[str], _options: dict[str, str]) -> int:
    vmids = guests.local(QEMU)
    if vmids:
        print(f"{'VMID':>10} {'NAME':<20} {'STATUS':<10} {'MEM(MB)':<10} {'BOOTDISK(GB)':>12} {'PID':<10}")
    for vmid in vmids:
        options = _load(vmid)
        pid = guests.pid(QEMU, vmid)
        name, status = options.get("name", f"VM {vmid}"), "running" if pid else "stopped"
        memory, disk = options.get("memory", "512"), guests.bootdisk_gib(options)
        print(f"{vmid:>10} {name:<20} {status:<10} {memory:<10} {disk:>12.2f} {pid:<10}")
    return 0


def _status(words: list[str], options: dict[str, str]) -> int:
    vmid = _vmid(words, "qm status <vmid> [OPTIONS]")
    config = _load(vmid)
    pid = guests.pid(QEMU, vmid)
    status = "running" if pid else "stopped"
    if "verbose" in options:
        print(f"name: {config.get('name', f'VM {vmid}')}")
        if pid:
            print(f"pid: {pid}\nqmpstatus: running")
    print(f"status: {status}")
    return 0


def _config(words: list[str], _options: dict[str, str]) -> int:
    print(guests.text(_load(_vmid(words, "qm config <vmid> [OPTIONS]"))), end="")
    return 0


def _create(words: list[str], options: dict[str, str]) -> int:
    vmid = _vmid(words, "qm create <vmid> [OPTIONS]")
    cfs.require_quorum()
    owner = guests.owner(vmid)
    if owner is not None:
        raise CommandError(f"unable to create VM {vmid} - VM {vmid} already exists on node '{owner}'")
    start = options.pop("start", "0") == "1"
    for key in ("storage", "force", "unique", "archive", "pool"):
        options.pop(key, None)
    config = dict(options)
    number = 0
    for key in sorted(key for key in options if _DISK.fullmatch(key)):
        config[key] = volumes.allocate(options[key], vmid, number, container=False)
        if config[key] != options[key]:
            print(f"{key}: successfully created disk '{config[key]}'")
            number += 1
    boot = sorted((key for key in config if _DISK.fullmatch(key)), reverse=True) + sorted(
        filter(_NET.fullmatch, config)
    )
    config.setdefault("boot", f"order={';'.join(boot)}" if boot else " ")
    config |= {
        "meta": f"creation-qemu=10.0.13,ctime={int(time.time())}",
        "smbios1": f"uuid={uuid.uuid4()}",
        "vmgenid": str(uuid.uuid4()),
    }
    for key in filter(_NET.fullmatch, options):
        if "=" not in config[key].split(",")[0]:
            model, _, rest = config[key].partition(",")
            config[key] = f"{model}={_mac(vmid, key)},{rest}".rstrip(",")
    cfs.write(ETC_PVE / guests.path(QEMU, vmid), guests.text({key: value.strip() for key, value in config.items()}))
    if start:
        guests.start(QEMU, vmid, config)
    return 0


def _mac(vmid: int, key: str) -> str:
    digest = hashlib.sha1(f"{vmid}{key}".encode(), usedforsecurity=False).hexdigest().upper()
    return "BC:24:11:" + ":".join(digest[start : start + 2] for start in (0, 2, 4))


def _start(words: list[str], _options: dict[str, str]) -> int:
    vmid = _vmid(words, "qm start <vmid> [OPTIONS]")
    cfs.require_quorum()
    config = _load(vmid, 255)
    if "lock" in config:
        raise CommandError(f"VM is locked ({config['lock']})")
    if guests.pid(QEMU, vmid):
        raise CommandError(f"VM {vmid} already running")
    guests.start(QEMU, vmid, config)
    cfs.log(f"start VM {vmid}", tag="qm")
    return 0


def _stop(words: list[str], _options: dict[str, str]) -> int:
    vmid = _vmid(words, "qm stop <vmid> [OPTIONS]")
    if vmid not in guests.local(QEMU):
        raise CommandError(f"unable to find configuration file for VM {vmid} on node '{guests.node()}'")
    guests.stop(QEMU, vmid)
    return 0


def _showcmd(words: list[str], _options: dict[str, str]) -> int:
    import shlex

    vmid = _vmid(words, "qm showcmd <vmid> [OPTIONS]")
    print(shlex.join(guests.command(QEMU, vmid, _load(vmid))))
    return 0


def _unlock(words: list[str], _options: dict[str, str]) -> int:
    vmid = _vmid(words, "qm unlock <vmid>")
    _load(vmid)
    _edit(vmid, {}, ["lock"])
    return 0


def _set(words: list[str], options: dict[str, str]) -> int:
    vmid = _vmid(words, "qm set <vmid> [OPTIONS]")
    _load(vmid)
    removed = re.split(r"[,; ]+", options.pop("delete", "")) if "delete" in options else []
    changes = "".join(f" -{key} {value}" for key, value in options.items())
    print(f"update VM {vmid}:{changes}{''.join(f' -delete {key}' for key in removed)}", flush=True)
    _edit(vmid, options, removed)
    return 0


def _edit(vmid: int, changes: dict[str, str], removed: list[str]) -> None:
    """Change the main part of the configuration, leaving snapshots as they are."""
    file = ETC_PVE / guests.path(QEMU, vmid)
    main, separator, snapshots = file.read_text().partition("\n[")
    comments = "".join(f"{line}\n" for line in main.splitlines() if line.startswith("#"))
    options = {key: value for key, value in guests.read(QEMU, vmid).items() if key != "description"} | changes
    kept = {key: value for key, value in options.items() if key not in removed}
    cfs.write(file, comments + guests.text(kept) + (f"\n[{snapshots}" if separator else ""))


def _destroy(words: list[str], _options: dict[str, str]) -> int:
    vmid = _vmid(words, "qm destroy <vmid> [OPTIONS]")
    config = _load(vmid, 255)
    if "lock" in config:
        raise CommandError(f"VM is locked ({config['lock']})")
    if guests.pid(QEMU, vmid):
        raise CommandError(f"VM {vmid} is running - destroy failed")
    cfs.require_quorum()
    (ETC_PVE / guests.path(QEMU, vmid)).unlink()
    return 0


def _vmid(words: list[str], usage: str) -> int:
    arguments.count(words, usage, least=1)
    return arguments.vmid(words[0], usage)


_COMMANDS = {
    "list": _list,
    "status": _status,
    "config": _config,
    "create": _create,
    "start": _start,
    "stop": _stop,
    "shutdown": _stop,
    "showcmd": _showcmd,
    "unlock": _unlock,
    "set": _set,
    "destroy": _destroy,
}


def main(argv: list[str]) -> int:
    """Run one qm command."""
    command = _COMMANDS.get(argv[0]) if argv else None

    def body() -> int:
        if command is None:
            wrong = f"ERROR: unknown command 'qm {argv[0]}'\n" if argv else "ERROR: no command specified\n"
            raise CommandError(f"{wrong}USAGE: qm <COMMAND> [ARGS] [OPTIONS]")
        return command(*arguments.split(argv[1:]))

    return cfs.run(body)
