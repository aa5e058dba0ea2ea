"""Where things stand on a lab node; one place, so that init, the tools and the tests agree."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

LIB = Path("/usr/lib/pvelab")
NODE_JSON = Path("/etc/pvelab/node.json")
CONTROL_SOCKET = Path("/run/pvelab/init.sock")
NOTIFY = Path("/run/systemd/notify")
BOOT_ID = Path("/run/pvelab/boot_id")
LOG_DIR = Path("/var/log/pvelab")
ETC_PVE = Path("/etc/pve")
COROSYNC_CONF = Path("/etc/corosync/corosync.conf")
PMXCFS_DIR = Path("/var/lib/pve-cluster")
PMXCFS_SOCKET = Path("/run/pvelab/pmxcfs.sock")
PMXCFS_PID = Path("/run/pve-cluster.pid")
REBOOT_STATUS = 133
"""PID 1 ends with this where the machine is to start again."""
DOMAIN = "lab.test"
"""What follows a node's name in its full name."""


@dataclass(frozen=True, slots=True)
class NodeSettings:
    """What node.json says about this node.

    Attributes:
        name: node name, equal to `uname -n`.
        links: this node's corosync addresses, link 0 first.
        pve: the Proxmox VE release the node plays, e.g. "9.2".
        scale: factor on the measured pmxcfs lags; 1.0 is a genuine node.
        authorized_key: public key that may log in as root.
        date_skew: seconds added by the emulated `date`; 0.0 means the real `date` is used.
        ping_ms: round trip time the emulated `ping` prints; None means the real `ping` is used.
        ha_scale: factor on the seconds HA takes; 1.0 is a genuine node.
    """

    name: str
    links: tuple[str, ...]
    pve: str = "9.2"
    scale: float = 1.0
    authorized_key: str = ""
    date_skew: float = 0.0
    ping_ms: float | None = None
    ha_scale: float = 1.0

    @classmethod
    def load(cls, path: Path = NODE_JSON) -> NodeSettings:
        """Read node.json; keys it does not know are left to their owners."""
        data = json.loads(path.read_text())
        return cls(
            name=data["name"],
            links=tuple(data["links"]),
            pve=data.get("pve", "9.2"),
            scale=float(data.get("scale", 1.0)),
            authorized_key=data.get("authorized_key", ""),
            date_skew=float(data.get("date_skew", 0.0)),
            ping_ms=data.get("ping_ms"),
            ha_scale=float(data.get("ha_scale", data.get("scale", 1.0))),
        )
