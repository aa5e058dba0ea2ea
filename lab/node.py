"""Becomes PID 1 of a node: runs in the node's fresh namespaces, mounts what it needs, then starts its init.

Started by ``lab.machine`` as ``unshare … python -m lab.node NAME ID LAST_ID``, in the bubble's folder, with the
node's disk mounted at ``NAME/root``. It writes ``ready`` to its standard output when its namespaces exist, goes
on when its standard input has given a line, which says that its network cables are plugged, and writes ``booting``
before it turns into the node's own init.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from lab import mounts, network

INIT = ("/usr/bin/python3", "/usr/lib/pvelab/main.py", "init")
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "container": "pvelab",
}
CONSOLE = "/var/log/pvelab/console.log"
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty", "fuse")
_DEVICE_LINKS = {
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
    "ptmx": "pts/ptmx",
}


def main() -> None:
    """Set the node up and turn into its init."""
    name, node_id, last_id = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    print("ready", flush=True)
    if not sys.stdin.readline():
        raise SystemExit("the lab is gone")
    socket.sethostname(name)
    root = Path(name, "root").absolute()
    mounts.make_private()
    _mount_all(root)
    mounts.pivot_into(root)
    subprocess.run(["ip", "-batch", "-"], input=network.node_batch(node_id, last_id), text=True, check=True)
    print("booting", flush=True)
    _use_console()
    os.execve(INIT[0], INIT, ENVIRONMENT)


def _mount_all(root: Path) -> None:
    """Mount what every machine has of its own: /proc, /sys, /dev, /run, /tmp."""
    mounts.mount("proc", root / "proc", mounts.MS_NOSUID | mounts.MS_NODEV | mounts.MS_NOEXEC)
    mounts.mount("sysfs", root / "sys", mounts.MS_RDONLY | mounts.MS_NOSUID | mounts.MS_NODEV | mounts.MS_NOEXEC)
    dev = root / "dev"
    mounts.mount("tmpfs", dev, mounts.MS_NOSUID, "mode=755,size=64k")
    for device in _DEVICES:
        if Path("/dev", device).exists():
            (dev / device).touch()
            mounts.bind(f"/dev/{device}", dev / device)
    for link, target in _DEVICE_LINKS.items():
        (dev / link).symlink_to(target)
    for folder in ("pts", "shm"):
        (dev / folder).mkdir()
    mounts.mount("devpts", dev / "pts", mounts.MS_NOSUID | mounts.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620,gid=5")
    # corosync's shared memory files carry pid numbers, which collide between nodes: each has its own.
    mounts.mount("tmpfs", dev / "shm", mounts.MS_NOSUID | mounts.MS_NODEV, "mode=1777")
    mounts.mount("tmpfs", root / "run", mounts.MS_NOSUID | mounts.MS_NODEV, "mode=755")
    (root / "run" / "lock").mkdir(mode=0o1777)
    mounts.mount("tmpfs", root / "tmp", mounts.MS_NOSUID | mounts.MS_NODEV, "mode=1777")


def _use_console() -> None:
    """Point the standard streams at the node's own console log, away from the lab's pipes."""
    Path(CONSOLE).parent.mkdir(parents=True, exist_ok=True)
    nothing = os.open("/dev/null", os.O_RDONLY)
    console = os.open(CONSOLE, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for source, target in ((nothing, 0), (console, 1), (console, 2)):
        os.dup2(source, target)


if __name__ == "__main__":
    main()
