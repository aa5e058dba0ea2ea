"""The cluster file system."""

from __future__ import annotations

from pvefleet.model.findings.entry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "PMX-E-0001",
        "pmxcfs does not run",
        "/etc/pve is not mounted: no guest can be listed, started or changed there, and new logins by key fail.",
        "On {subject}: systemctl start pve-cluster; journalctl -u pve-cluster -n 50",
    ),
    Entry(
        "PMX-E-0002",
        "pmxcfs does not answer",
        "Whatever reads /etc/pve on this node hangs, new logins by key included.",
        "On {subject}: look for a stopped process (ps -o stat,pid,comm -C pmxcfs), then systemctl restart pve-cluster",
    ),
    Entry(
        "PMX-W-0004",
        "pmxcfs is not connected to the others",
        "corosync counts the node as a member, but the other nodes' pmxcfs does not: what is written on one side does "
        "not arrive on the other.",
        "Look again in ten seconds; then on {subject}: journalctl -u pve-cluster -n 50; systemctl restart pve-cluster",
        acceptable=True,
    ),
    Entry(
        "PMX-W-0003",
        "/etc/pve is read-only although the node is quorate",
        "pmxcfs follows corosync some seconds later; if it stays so, it has lost its connection.",
        "Look again in ten seconds; then on {subject}: systemctl restart pve-cluster",
        acceptable=True,
    ),
)
