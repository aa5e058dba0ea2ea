"""`pct`: list, status, create, and what `qm` has too."""

from __future__ import annotations

import re

from . import arguments, cfs, guest_cli, guests
from .cfs import CommandError
from .guests import LXC
from .layout import ETC_PVE

_VOLUME = re.compile(r"rootfs|mp\d+")


def _list(_words: list[str], _options: dict[str, str]) -> int:
    vmids = guests.local(LXC)
    if vmids:
        print(f"{'VMID':<10} {'Status':<10} {'Lock':<12} {'Name':<20}")
    for vmid in vmids:
        config = guest_cli.load(LXC, vmid)
        status = "running" if guests.pid(LXC, vmid) else "stopped"
        print(f"{vmid:<10} {status:<10} {config.get('lock', ''):<12} {config.get('hostname', f'CT{vmid}'):<20}")
    return 0


def _status(words: list[str], _options: dict[str, str]) -> int:
    vmid = guest_cli.vmid(words, "pct status <vmid> [OPTIONS]")
    guest_cli.load(LXC, vmid)
    print(f"status: {'running' if guests.pid(LXC, vmid) else 'stopped'}")
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
    for key in sorted(filter(_VOLUME.fullmatch, config), key=lambda key: (key != "rootfs", key)):
        config[key] = guest_cli.allocate(config[key], vmid, config, container=True)
    template = words[1].rpartition("/")[2]
    print(f"extracting archive '/var/lib/vz/template/cache/{template}'\nTotal bytes read: 51200 (50KiB, 76MiB/s)")
    cfs.write(ETC_PVE / guests.path(LXC, vmid), guests.text(config))
    if start:
        guests.start(LXC, vmid, config)
    return 0


_COMMANDS = guest_cli.common(LXC) | {"list": _list, "status": _status, "create": _create}


def main(argv: list[str]) -> int:
    """Run one pct command."""
    return guest_cli.run(LXC, _COMMANDS, argv)
