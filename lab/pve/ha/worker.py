"""One order to a guest of HA, carried out by the agent in a process of its own; the exit code is the result."""

from __future__ import annotations

import os
import syslog
import time

from lab.pve import guests
from lab.pve.cfs import CommandError
from lab.pve.guests import LXC, QEMU, Kind
from lab.pve.layout import ETC_PVE, NodeSettings
from lab.pve.process import PATH

from .crm import ERROR, SUCCESS, WRONG_NODE

MIGRATE_SECONDS = 2.0
"""How long a running VM takes to move on a genuine node of the captures; scaled."""


def _start(kind: Kind, vmid: int) -> int:
    try:
        options = guests.read(kind, vmid)
    except FileNotFoundError:
        return WRONG_NODE
    if "lock" in options:
        raise CommandError(f"{kind.word} is locked ({options['lock']})")
    guests.start(kind, vmid, options)
    return SUCCESS


def _stop(kind: Kind, vmid: int) -> int:
    guests.stop(kind, vmid)
    return SUCCESS


def _move(kind: Kind, vmid: int, target: str, *, live: bool) -> int:
    """Move the configuration; a VM that runs is running on the target before it ends here."""
    here = ETC_PVE / guests.path(kind, vmid)
    if not here.exists():
        return WRONG_NODE
    options = guests.read(kind, vmid)
    if "lock" in options:
        raise CommandError(f"{kind.word} is locked ({options['lock']})")
    running = bool(guests.pid(kind, vmid))
    if not live:
        guests.stop(kind, vmid)
    elif running:
        time.sleep(MIGRATE_SECONDS * NodeSettings.load().ha_scale)
    os.rename(here, ETC_PVE / "nodes" / target / guests.DIRECTORIES[kind.name] / here.name)  # noqa: PTH104
    if live and running:
        _start_on(target, vmid)
        guests.stop(kind, vmid)
    return SUCCESS


def _start_on(node: str, vmid: int) -> None:
    """Have the other node start it, as a migration does over ssh; if that fails, HA will start it there."""
    argv = ["ssh", "-o", "BatchMode=yes", "-o", "ConnectTimeout=5", f"root@{node}"]
    argv += ["/usr/bin/python3", "-ISB", "/usr/lib/pvelab/main.py", "ha.worker", f"vm:{vmid}", "started"]
    pid = os.posix_spawnp("ssh", argv, {"PATH": PATH, "HOME": "/root", "LANG": "C.UTF-8"})
    os.waitpid(pid, 0)


def main(argv: list[str]) -> int:
    """Carry out `SID started|stopped|migrate|relocate [TARGET]`."""
    sid, order = argv[0], argv[1]
    kind, vmid = (QEMU if sid.startswith("vm:") else LXC), int(sid.partition(":")[2])
    syslog.openlog("pve-ha-lrm", syslog.LOG_PID, syslog.LOG_DAEMON)
    try:
        if order == "started":
            return _start(kind, vmid)
        if order == "stopped":
            return _stop(kind, vmid)
        return _move(kind, vmid, argv[2], live=order == "migrate" and kind is QEMU)
    except (CommandError, OSError) as error:
        syslog.syslog(syslog.LOG_ERR, str(error))
        return ERROR
