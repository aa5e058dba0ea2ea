"""What a new database holds."""

from __future__ import annotations

import time
from pathlib import Path

from lab.pve.layout import NodeSettings

from . import paths
from .memdb import Memdb

# the files whose version `.version` tells
VERSIONED = (
    "corosync.conf",
    "corosync.conf.new",
    "storage.cfg",
    "user.cfg",
    "domains.cfg",
    "replication.cfg",
    "datacenter.cfg",
    "vzdump.cron",
    "ha/resources.cfg",
    "ha/groups.cfg",
    "ha/rules.cfg",
    "ha/fence.cfg",
    "ha/crm_commands",
    "ha/manager_status",
    "jobs.cfg",
)
STORAGE_CFG = """\
dir: local
\tpath /var/lib/vz
\tcontent iso,vztmpl,backup,import

zfspool: local-zfs
\tpool rpool/data
\tsparse
\tcontent images,rootdir

"""
NODE_DIRECTORIES = ("lxc", "openvz", "priv", "qemu-server")


def fill(memdb: Memdb, settings: NodeSettings, corosync_conf: Path, home: Path = Path("/root")) -> None:
    """Make the directories and files a PVE node starts with.

    Args:
        memdb: an empty tree.
        settings: of this node.
        corosync_conf: the local file, imported when it is there.
        home: where this node's own ssh key is.
    """
    now = int(time.time())
    node = f"nodes/{settings.name}"
    for directory in ("priv", "nodes", "virtual-guest", "ha", "firewall", "sdn", "mapping", paths.LOCK_DIR, node):
        memdb.mkdir(directory, 0, now)
    for name in NODE_DIRECTORIES:
        memdb.mkdir(f"{node}/{name}", 0, now)
    key = home / ".ssh/id_rsa.pub"
    keys = [settings.authorized_key.strip(), key.read_text().strip() if key.exists() else ""]
    files = {
        "storage.cfg": STORAGE_CFG,
        "datacenter.cfg": "keyboard: en-us\n",
        "user.cfg": "user:root@pam:1:0:::root@lab.test:::\n",
        "priv/authorized_keys": "".join(f"{line}\n" for line in keys if line),
    }
    if corosync_conf.exists():
        files[paths.COROSYNC_CONF] = corosync_conf.read_text()
    for path, text in files.items():
        memdb.create(path, 0, now)
        memdb.write(path, 0, now, text.encode(), 0, truncate=True)
