"""What a path inside /etc/pve means. Paths here have no leading slash: `nodes/pve01/qemu-server/100.conf`."""

from __future__ import annotations

import re

LOCK_DIR = "priv/lock"
COROSYNC_CONF = "corosync.conf"
_GUEST = re.compile(r"nodes/([^/]+)/(qemu-server|lxc)/([1-9][0-9]{2,8})\.conf")
_PRIVATE = re.compile(r"priv(?:/.*)?|nodes/[^/]+/priv(?:/.*)?")
_KINDS = {"qemu-server": "qemu", "lxc": "lxc"}


def normal(path: str) -> str:
    """A path as the kernel gives it, without slashes at the ends."""
    return path.strip("/")


def split(path: str) -> tuple[str, str]:
    """(directory, name)."""
    directory, _, name = path.rpartition("/")
    return directory, name


def guest(path: str) -> tuple[str, str, int] | None:
    """(node, "qemu" or "lxc", VMID) of a guest's configuration file, else None."""
    match = _GUEST.fullmatch(path)
    return (match[1], _KINDS[match[2]], int(match[3])) if match else None


def is_private(path: str) -> bool:
    """Whether only root may read it: /etc/pve/priv and each node's own priv."""
    return _PRIVATE.fullmatch(path) is not None


def is_lock(path: str) -> bool:
    """Whether it is a cluster-wide lock, that is a directory right in priv/lock."""
    return path.startswith(f"{LOCK_DIR}/") and path.count("/") == 2
