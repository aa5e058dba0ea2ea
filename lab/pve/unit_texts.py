"""Unit files of the PVE services: pmxcfs and HA for real, the others as names that can be started and stopped."""

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
    "pve-firewall.service": "Proxmox VE firewall",
}

UNITS = {
    name: _STUB.format(
        description=description,
        # as on a genuine node: the proxy's start is what puts missing files and ssh keys of this node into /etc/pve
        more="ExecStartPre=-/usr/bin/pvecm updatecerts --silent\n" if name == "pveproxy.service" else "",
    )
    for name, description in _STUBS.items()
}
_HA = """\
[Unit]
Description={description}
After=pve-cluster.service watchdog-mux.service corosync.service ssh.service{after}
Wants={wants}

[Service]
Type=simple
ExecStart=/usr/sbin/{name}
KillMode=process
Restart=no
TimeoutStopSec={stop}

[Install]
WantedBy=multi-user.target
"""

_WATCHDOG_MUX = """\
[Unit]
Description=Proxmox VE watchdog multiplexer

[Service]
Type=simple
ExecStart=/usr/sbin/watchdog-mux
Restart=no

[Install]
WantedBy=multi-user.target
"""

HA_UNITS = {
    "watchdog-mux.service": _WATCHDOG_MUX,
    "pve-ha-crm.service": _HA.format(
        description="PVE Cluster HA Resource Manager Daemon",
        name="pve-ha-crm",
        after="",
        wants="watchdog-mux.service",
        stop="65",
    ),
    # told to stop, it waits until its guests are frozen: as long as that takes
    "pve-ha-lrm.service": _HA.format(
        description="PVE Local HA Resource Manager Daemon",
        name="pve-ha-lrm",
        after=" pve-ha-crm.service",
        wants="watchdog-mux.service pve-ha-crm.service",
        stop="infinity",
    ),
}
UNITS |= HA_UNITS
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

UNITS["pvescheduler.service"] = """\
[Unit]
Description=Proxmox VE scheduler
After=pve-cluster.service
Wants=pve-cluster.service

[Service]
Type=simple
ExecStart=/usr/bin/pvescheduler start
ExecReload=/bin/true
KillMode=process

[Install]
WantedBy=multi-user.target
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

ENABLED = (
    "zfs-mount.service",
    "ssh.service",
    "pve-cluster.service",
    "corosync.service",
    *HA_UNITS,
    "pvescheduler.service",
    *_STUBS,
)
DISABLED = ("corosync-qnetd.service", "corosync-qdevice.service")
