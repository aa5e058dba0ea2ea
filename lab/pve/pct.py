"""`pct`: list, status, config, create, start, stop, shutdown, unlock, destroy."""

from __future__ import annotations

import re

from . import arguments, cfs, guests, volumes
from .cfs import CommandError
from .guests import LXC
from .layout import ETC_PVE

_VOLUME = re.compile(r"rootfs|mp\d+")


def _load(vmid: int, code: int = 2) -> dict[str, str]:
    try:
        return guests.read(LXC, vmid)
    except FileNotFoundError:
        message = f"Configuration file 'nodes/{guests.node()}/lxc/{vmid}.conf' does not exist"
        raise CommandError(message, code) from None


def _list(_words: list[str], _options: dict[str, str]) -> int:
    vmids = guests.local(LXC)
    if vmids:
        print(f"{'VMID':<10} {'Status':<10} {'Lock':<12} {'Name':<20}")
    for vmid in vmids:
        config = _load(vmid)
        status = "running" if guests.pid(LXC, vmid) else "stopped"
        print(f"{vmid:<10} {status:<10} {config.get('lock', ''):<12} {config.get('hostname', f'CT{vmid}'):<20}")
    return 0


def _status(words: list[str], _options: dict[str, str]) -> int:
    vmid = _vmid(words, "pct status <vmid> [OPTIONS]")
    _load(vmid)
    print(f"status: {'running' if guests.pid(LXC, vmid) else 'stopped'}")
    return 0


def _config(words: list[str], _options: dict[str, str]) -> int:
    print(guests.text(_load(_vmid(words, "pct config <vmid> [OPTIONS]"))), end="")
    return 0


def _create(words: list[str], options: dict[str, str]) -> int:
    usage = "pct create <vmid> <ostemplate> [OPTIONS]"
    arguments.count(words, usage, least=2)
    vmid = arguments.vmid(words[0], usage)
    cfs.require_quorum()
    owner = guests.owner(vmid)
    if owner is not None:
        raise CommandError(f"unable to create CT {vmid} - VM {vmid} already exists on node '{owner}'")
    start = options.pop("start", "0") == "1"
    for key in ("storage", "force", "unique", "restore", "pool", "password"):
        options.pop(key, None)
    config = {"arch": "amd64", "memory": "512", "swap": "512", "rootfs": "local:4", "ostype": "debian"} | options
    if config.get("unprivileged") == "0":
        del config["unprivileged"]
    config.setdefault("hostname", f"CT{vmid}")
    for number, key in enumerate(sorted(filter(_VOLUME.fullmatch, config), key=lambda key: (key != "rootfs", key))):
        config[key] = volumes.allocate(config[key], vmid, number, container=True)
    template = words[1].rpartition("/")[2]
    print(f"extracting archive '/var/lib/vz/template/cache/{template}'\nTotal bytes read: 51200 (50KiB, 76MiB/s)")
    cfs.write(ETC_PVE / guests.path(LXC, vmid), guests.text(config))
    if start:
        guests.start(LXC, vmid, config)
    return 0


def _start(words: list[str], _options: dict[str, str]) -> int:
    vmid = _vmid(words, "pct start <vmid> [OPTIONS]")
    cfs.require_quorum()
    config = _load(vmid, 255)
    if "lock" in config:
        raise CommandError(f"CT is locked ({config['lock']})")
    if guests.pid(LXC, vmid):
        raise CommandError(f"CT {vmid} already running")
    guests.start(LXC, vmid, config)
    cfs.log(f"starting CT {vmid}", tag="pct")
    return 0


def _stop(words: list[str], _options: dict[str, str]) -> int:
    vmid = _vmid(words, "pct stop <vmid> [OPTIONS]")
    _load(vmid, 255)
    if not guests.pid(LXC, vmid):
        raise CommandError(f"CT {vmid} not running")
    guests.stop(LXC, vmid)
    return 0


def _unlock(words: list[str], _options: dict[str, str]) -> int:
    vmid = _vmid(words, "pct unlock <vmid>")
    if "lock" not in _load(vmid):
        raise CommandError("no lock found trying to remove any lock")
    file = ETC_PVE / guests.path(LXC, vmid)
    main, separator, snapshots = file.read_text().partition("\n[")
    kept = "".join(f"{line}\n" for line in main.splitlines() if not line.startswith("lock:"))
    cfs.write(file, kept + (f"\n[{snapshots}" if separator else ""))
    return 0


def _destroy(words: list[str], _options: dict[str, str]) -> int:
    vmid = _vmid(words, "pct destroy <vmid> [OPTIONS]")
    config = _load(vmid, 255)
    if "lock" in config:
        raise CommandError(f"CT is locked ({config['lock']})")
    if guests.pid(LXC, vmid):
        raise CommandError(f"CT {vmid} is running - destroy failed")
    cfs.require_quorum()
    (ETC_PVE / guests.path(LXC, vmid)).unlink()
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
    "unlock": _unlock,
    "destroy": _destroy,
}


def main(argv: list[str]) -> int:
    """Run one pct command."""
    command = _COMMANDS.get(argv[0]) if argv else None

    def body() -> int:
        if command is None:
            wrong = f"ERROR: unknown command 'pct {argv[0]}'\n" if argv else "ERROR: no command specified\n"
            raise CommandError(f"{wrong}USAGE: pct <COMMAND> [ARGS] [OPTIONS]")
        return command(*arguments.split(argv[1:]))

    return cfs.run(body)
