"""`qm`: list, status, create, showcmd, set, and what `pct` has too."""

from __future__ import annotations

import hashlib
import re
import time
import uuid

from . import cfs, guest_cli, guest_config, guests
from .cfs import CommandError
from .guests import QEMU
from .layout import ETC_PVE

_DISK = re.compile(r"(?:ide|sata|scsi|virtio|efidisk|tpmstate)\d+")
_NET = re.compile(r"net\d+")


def _list(_words: list[str], _options: dict[str, str]) -> int:
    vmids = guests.local(QEMU)
    if vmids:
        print(f"{'VMID':>10} {'NAME':<20} {'STATUS':<10} {'MEM(MB)':<10} {'BOOTDISK(GB)':>12} {'PID':<10}")
    for vmid in vmids:
        options = guest_cli.load(QEMU, vmid)
        pid = guests.pid(QEMU, vmid)
        name, status = options.get("name", f"VM {vmid}"), "running" if pid else "stopped"
        memory, disk = options.get("memory", "512"), guests.bootdisk_gib(options)
        print(f"{vmid:>10} {name:<20} {status:<10} {memory:<10} {disk:>12.2f} {pid:<10}")
    return 0


def _status(words: list[str], options: dict[str, str]) -> int:
    vmid = guest_cli.vmid(words, "qm status <vmid> [OPTIONS]")
    config = guest_cli.load(QEMU, vmid)
    pid = guests.pid(QEMU, vmid)
    status = "running" if pid else "stopped"
    if "verbose" in options:
        print(f"name: {config.get('name', f'VM {vmid}')}")
        if pid:
            print(f"pid: {pid}\nqmpstatus: running")
    print(f"status: {status}")
    return 0


def _create(words: list[str], options: dict[str, str]) -> int:
    vmid = guest_cli.vmid(words, "qm create <vmid> [OPTIONS]")
    cfs.require_quorum()
    owner = guests.owner(vmid)
    if owner is not None:
        raise CommandError(f"unable to create VM {vmid} - VM {vmid} already exists on node '{owner}'")
    start = options.pop("start", "0") == "1"
    for key in ("storage", "force", "unique", "archive", "pool"):
        options.pop(key, None)
    config = dict(options)
    for key in sorted(key for key in options if _DISK.fullmatch(key)):
        config[key] = guest_cli.allocate(options[key], vmid, config, container=False)
        if config[key] != options[key]:
            print(f"{key}: successfully created disk '{config[key]}'")
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


def _showcmd(words: list[str], _options: dict[str, str]) -> int:
    import shlex

    vmid = guest_cli.vmid(words, "qm showcmd <vmid> [OPTIONS]")
    print(shlex.join(guests.command(QEMU, vmid, guest_cli.load(QEMU, vmid))))
    return 0


def _set(words: list[str], options: dict[str, str]) -> int:
    vmid = guest_cli.vmid(words, "qm set <vmid> [OPTIONS]")
    guest_cli.load(QEMU, vmid)
    removed = re.split(r"[,; ]+", options.pop("delete", "")) if "delete" in options else []
    changes = "".join(f" -{key} {value}" for key, value in options.items())
    print(f"update VM {vmid}:{changes}{''.join(f' -delete {key}' for key in removed)}", flush=True)
    _edit(vmid, options, removed)
    return 0


def _edit(vmid: int, changes: dict[str, str], removed: list[str]) -> None:
    """Change the options in force; a disk that is taken away stays as an unused one."""
    whole = guest_config.load(QEMU, vmid)
    for key, value in changes.items():
        is_disk = _DISK.fullmatch(key)
        whole.options[key] = guest_cli.allocate(value, vmid, whole.options, container=False) if is_disk else value
    for key in removed:
        value = whole.options.pop(key, "")
        volid = guest_config.volumes(QEMU, {key: value}).get(key)
        if volid:
            spare = next(number for number in range(256) if f"unused{number}" not in whole.options)
            whole.options[f"unused{spare}"] = volid
    guest_config.save(QEMU, vmid, whole)


_COMMANDS = guest_cli.common(QEMU) | {
    "list": _list,
    "status": _status,
    "create": _create,
    "showcmd": _showcmd,
    "set": _set,
}


def main(argv: list[str]) -> int:
    """Run one qm command."""
    return guest_cli.run(QEMU, _COMMANDS, argv)
