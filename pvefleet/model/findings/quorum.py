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
        "QUO-W-0004",
        "nodes of one side are in different rings",
        "They name the same members, but not the same ring: the membership was changing while they were read, or one "
        "of them is stuck in an old one.",
        "Look again in ten seconds. If it stays: corosync-quorumtool -s on each node; the one with the lower number "
        "after the dot is behind: journalctl -u corosync -n 50 there.",
        acceptable=True,
    ),
    Entry(
        "QDV-W-0001",
        "QDevice is not connected",
        "The QNetd server does not answer, or refuses: its vote is missing, and the next node that fails may cost "
        "quorum.",
        "On the QNetd server: systemctl status corosync-qnetd, TCP port 5403. On the node: journalctl -u "
        "corosync-qdevice -n 50. A removed node that QNetd still knows keeps the state at Connecting: "
        "corosync-qnetd-tool -l names it.",
        acceptable=True,
    ),
    Entry(
        "QDV-W-0002",
        "QDevice daemon does not run",
        "corosync.conf has a QDevice, but this node does not take part in it: without the vote it may lose quorum "
        "where its peers keep it.",
        "On {subject}: systemctl start corosync-qdevice; journalctl -u corosync-qdevice -n 50; where there is no such "
        "unit: apt install corosync-qdevice",
        acceptable=True,
    ),
    Entry(
        "QDV-W-0003",
        "QDevice casts no vote",
        "It is connected, but QNetd does not give its vote to this node's part of the cluster.",
        "On the QNetd server: corosync-qnetd-tool -l -v shows for whom it votes, and why.",
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
