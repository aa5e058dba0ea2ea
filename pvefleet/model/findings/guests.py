"""Guests and their snapshots."""

from __future__ import annotations

from pvefleet.model.findings.entry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "GST-E-0001",
        "nodes do not agree who owns a guest",
        "Sides that do not see each other have different copies of the cluster file system. If the guest was moved on "
        "one of them, both may start it. When they meet again, the quorate side's copy wins.",
        "Start guest {subject} nowhere before the split is healed; look which node runs it, and stop the other copy.",
    ),
    Entry(
        "GST-E-0002",
        "a guest runs on several nodes",
        "Two copies of one guest write to its disks and answer at its addresses.",
        "Stop one copy of guest {subject} now, on the node that must not have it; keep both disks until it is clear "
        "which one holds what.",
    ),
    Entry(
        "GST-W-0003",
        "a guest's configuration is not understood",
        "A line of it is of no form that Proxmox VE writes. Proxmox VE passes over such a line, and drops it when it "
        "next writes the file.",
        "Look at the line in the configuration of guest {subject}, and mend it with qm set or pct set.",
    ),
    Entry(
        "GST-W-0004",
        "a lock was left behind",
        "A task locked the guest and is gone: killed, failed, or lost with its node. Until it is unlocked, the guest "
        "cannot be started, migrated or backed up.",
        "Make sure that nothing works on guest {subject}, then on its node: qm unlock {subject} (a container: "
        "pct unlock {subject}).",
        acceptable=True,
    ),
    Entry(
        "GST-I-0005",
        "a lock that may be in use",
        "The node that owns the guest was not read: nobody can say whether the task that took the lock still runs.",
        "Read the owner's tasks before guest {subject} is unlocked.",
        acceptable=True,
    ),
    Entry(
        "GST-W-0006",
        "a guest has no configuration",
        "The guest list names it, but the file is not in its place: removed this moment, or a copy of the cluster "
        "file system that is not whole.",
        "Look again; if it stays, compare /etc/pve/.vmlist and the configuration of guest {subject} on every node.",
        acceptable=True,
    ),
    Entry(
        "GST-W-0007",
        "configurations were not read",
        "No node that was read could give them: these guests are known by number, type and owner only.",
        "Make one more node of the cluster readable.",
        acceptable=True,
    ),
    Entry(
        "GST-W-0008",
        "copies of configurations differ between sides",
        "Sides that do not see each other have different contents for the same files: the side without quorum is "
        "behind. What is shown is the quorate side's copy.",
        "Heal the split; the copies become one by themselves.",
        acceptable=True,
    ),
    Entry(
        "GST-I-0009",
        "guests changed while they were read",
        "Nodes of one side gave different answers within the same moment. Usually a task wrote in between.",
        "Look again; if it stays, the copies of /etc/pve have come apart: compare them, then restart pve-cluster on "
        "the node that differs.",
        acceptable=True,
    ),
    Entry(
        "GST-W-0010",
        "guests belong to a node that is not in the cluster",
        "Their configurations stand in the directory of a node that corosync does not know: left there when the node "
        "was removed.",
        "Move each configuration that is still wanted to the node that has its disks; then remove the directory of "
        "{subject}.",
        acceptable=True,
    ),
    Entry(
        "GST-I-0011",
        "guests were left out for lack of knowledge",
        "A term of the selector asks for what was not seen of these guests: they are not selected, and would have "
        "been taken out by an exclusion.",
        "Make their nodes readable, or select them by number.",
        acceptable=True,
    ),
    Entry(
        "GST-E-0012",
        "a guest runs without its configuration",
        "The node runs it but does not have its configuration: the guest was moved while this node was cut off. The "
        "native list does not show it, the native stop refuses it, and its owner can start it a second time.",
        "Start guest {subject} nowhere. Find out which copy is to live; then, on the node that runs it, shut it down "
        "through its monitor, or: systemctl stop {subject}.scope",
    ),
    Entry(
        "SNP-W-0001",
        "a snapshot is half made",
        "Making or deleting it was broken off. Its disks may have the snapshot, or some of them, or none; the guest "
        "usually keeps the lock.",
        "Make sure that nothing works on the guest of {subject}; then on its node qm unlock and qm delsnapshot (a "
        "container: pct). Only where a disk proves to have no such snapshot: delsnapshot with --force 1.",
        acceptable=True,
    ),
    Entry(
        "SNP-I-0002",
        "a snapshot may be half made",
        "It is not whole, and the node that owns the guest was not read: nobody can say whether a task still works "
        "on it.",
        "Read the owner's tasks before {subject} is touched.",
        acceptable=True,
    ),
    Entry(
        "SNP-W-0003",
        "the tree of snapshots is broken",
        "A snapshot, or the guest itself, stands on one that does not exist, or snapshots stand on one another in a "
        "circle. Native lists hide some of them.",
        "Compare the sections of the configuration of guest {subject} with the snapshots of its disks.",
        acceptable=True,
    ),
    Entry(
        "SNP-W-0004",
        "a backup left its snapshot behind",
        "The container still has the snapshot vzdump, and no backup works on it: the next backup by snapshot fails.",
        "On its node: pct delsnapshot {subject} vzdump",
        acceptable=True,
    ),
    Entry(
        "SNP-I-0005",
        "snapshots are dated in the future",
        "A clock was ahead when they were taken, or the one that reads them is behind: ages and retention mislead.",
        "Compare the clocks of all nodes; the dates in the configurations stay as they are.",
        acceptable=True,
    ),
)
