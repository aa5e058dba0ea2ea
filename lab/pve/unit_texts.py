"""Unit files of the PVE services: pmxcfs for real, the others as names that can be started, stopped and asked about."""

from __future__ import annotations

_STUB = """\
[Unit]
Description={description}
After=pve-cluster.service
Wants=pve-cluster.service

[Service]
Type=oneshot
RemainAfterExit=yes
{more}ExecStart=/bin/true
ExecReload=/bin/true

[Install]
WantedBy=multi-user.target
"""

_STUBS = {
    "pvedaemon.service": "PVE API Daemon",
    "pveproxy.service": "PVE API Proxy Server",
    "pvestatd.service": "PVE Status Daemon",
    "pvescheduler.service": "Proxmox VE scheduler",
    "pve-firewall.service": "Proxmox VE firewall",
    "pve-ha-crm.service": "PVE Cluster HA Resource Manager Daemon",
    "pve-ha-lrm.service": "PVE Local HA Resource Manager Daemon",
    "watchdog-mux.service": "Proxmox VE watchdog multiplexer",
}

UNITS = {
    name: _STUB.format(
        description=description,
        # as on a genuine node: the proxy's start is what puts missing files and ssh keys of this node into /etc/pve
        more="ExecStartPre=-/usr/bin/pvecm updatecerts --silent\n" if name == "pveproxy.service" else "",
    )
    for name, description in _STUBS.items()
}
UNITS["pve-cluster.service"] = """\
[Unit]
Description=The Proxmox VE cluster filesystem
Before=corosync.service
Wants=corosync.service

[Service]
Type=forking
PIDFile=/run/pve-cluster.pid
ExecStart=/usr/bin/pmxcfs
Restart=on-failure
TimeoutStopSec=10
KillMode=mixed

[Install]
WantedBy=multi-user.target
"""
UNITS["corosync.service.d/pve.conf"] = """\
[Unit]
ConditionPathExists=/etc/corosync/corosync.conf
"""

UNITS["zfs-mount.service"] = """\
[Unit]
Description=Mount ZFS filesystems

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/zfs mount -a

[Install]
WantedBy=multi-user.target
"""

ENABLED = ("zfs-mount.service", "ssh.service", "pve-cluster.service", "corosync.service", *_STUBS)
DISABLED = ("corosync-qnetd.service", "corosync-qdevice.service")
