"""Quorum, membership, and corosync itself."""

from __future__ import annotations

from pvefleet.model.findings.entry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "QUO-E-0001",
        "quorum is lost",
        "No node that was read has quorum: /etc/pve is read-only, no guest can be started, nodes with active "
        "HA reset themselves.",
        "Bring nodes back; the quickest are those that are only cut off. pvecm expected comes last, with "
        "every absent node proven off.",
    ),
    Entry(
        "QUO-E-0002",
        "the cluster is split",
        "The nodes do not see the same members.",
        "Look at the links between the parts. Change nothing on the part without quorum.",
    ),
    Entry(
        "QUO-W-0003",
        "expected votes were set by hand",
        "The expected votes are not the sum of the nodelist's: somebody ran pvecm expected. It lasts until "
        "the next reload.",
        "Once all nodes are back: pvecm expected with the sum, or corosync-cfgtool -R.",
        acceptable=True,
    ),
    Entry(
        "COR-E-0001",
        "corosync does not run",
        "The node is up, but no member of the cluster.",
        "On {subject}: journalctl -u corosync -n 50; corosync -t; systemctl start corosync",
    ),
    Entry(
        "COR-E-0002",
        "corosync does not answer",
        "The process is there, but its tools hang: frozen or starved.",
        "On {subject}: look for a stopped process (ps -o stat,pid,comm -C corosync) and at the load before "
        "anything is restarted.",
    ),
)
