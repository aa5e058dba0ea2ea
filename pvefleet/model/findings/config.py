"""corosync.conf, its copies, and hosts.toml against the nodelist."""

from __future__ import annotations

from pvefleet.model.findings.entry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "CFG-E-0001",
        "nodes run different versions of corosync.conf",
        "A node with an older version leaves the cluster at its next restart of corosync.",
        "Compare config_version of /etc/pve/corosync.conf with corosync-cmapctl -g totem.config_version on "
        "each node, then corosync-cfgtool -R on one.",
    ),
    Entry(
        "CFG-W-0002",
        "corosync runs another version than its file holds",
        "The file was changed, but not loaded, or loading it was refused.",
        "On {subject}: corosync -t, then corosync-cfgtool -R; the journal says why a reload is refused.",
        acceptable=True,
    ),
    Entry(
        "CFG-W-0003",
        "the two copies of corosync.conf differ",
        "/etc/corosync/corosync.conf is not what /etc/pve/corosync.conf says.",
        "On {subject}: diff the two; an invalid or older /etc/pve/corosync.conf is not copied, and only the "
        "journal says so.",
        acceptable=True,
    ),
    Entry(
        "CFG-E-0004",
        "another cluster's node",
        "The node's cluster has another name than the one hosts.toml lists it under.",
        "Correct hosts.toml: [clusters.NAME] must equal cluster_name in corosync.conf.",
    ),
    Entry(
        "CFG-W-0005",
        "member is missing from hosts.toml",
        "A node of corosync's nodelist is not listed: it is not looked at, and changes are refused.",
        "Add {subject} to hosts.toml.",
    ),
    Entry(
        "CFG-W-0006",
        "node is not in the cluster's nodelist",
        "hosts.toml lists a node that corosync.conf does not know.",
        "Join {subject}, or remove it from hosts.toml.",
        acceptable=True,
    ),
    Entry(
        "CLU-W-0001",
        "node is in no cluster",
        "Neither /etc/pve/corosync.conf nor /etc/corosync/corosync.conf exists there.",
        "Create a cluster on it or join it to one.",
        acceptable=True,
    ),
    Entry(
        "CFG-E-0007",
        "corosync.conf would not survive a restart",
        "corosync still runs with what it loaded earlier; its file is not accepted by corosync -t.",
        "On {subject}: corosync -t names the line; correct /etc/pve/corosync.conf with a higher config_version.",
    ),
    Entry(
        "CFG-E-0008",
        "authkeys differ",
        "Nodes with different /etc/corosync/authkey cannot hear each other after their next restart of corosync.",
        "Copy /etc/corosync/authkey from a node that is in the cluster, mode 0400, and restart corosync there.",
    ),
)
