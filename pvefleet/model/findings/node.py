"""Nodes that cannot be read, or are not who they should be."""

from __future__ import annotations

from pvefleet.model.findings.entry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "NOD-E-0001",
        "node is down",
        "The node answers on none of its addresses, and no node that was read counts it as a member. Its "
        "guests are not running anywhere unless HA has recovered them.",
        "Look at the machine itself: console, BMC, power. Start nothing of its guests elsewhere before it is "
        "proven off.",
    ),
    Entry(
        "NOD-W-0002",
        "node cannot be asked, but its peers see it",
        "The node is a member of the cluster for at least one peer, but SSH does not get through to it from here.",
        "Check the path from here: address and gateway in hosts.toml, firewall, sshd on {subject}.",
        acceptable=True,
    ),
    Entry(
        "NOD-E-0003",
        "host key has changed",
        "Another key than the one that was trusted is presented under this node's name: a reinstalled "
        "machine, another machine on its address, or somebody in between. Nothing was sent to it.",
        "Compare the fingerprint on its console (ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub); if it is "
        "right, remove the old line from known_hosts and run: fab -H {subject} cluster.trust",
    ),
    Entry(
        "NOD-W-0004",
        "host key is not trusted yet",
        "No key is known for this node's name, so nothing was sent to it.",
        "fab -H {subject} cluster.trust",
    ),
    Entry(
        "NOD-W-0005",
        "login refused",
        "The node does not accept our key. With pmxcfs stopped it cannot: root's authorized_keys is a link "
        "into /etc/pve.",
        "If the key is right, pmxcfs may be stopped: on its console, systemctl status pve-cluster. Once it is"
        " well again: fab -H {subject} node.prepare",
    ),
    Entry(
        "NOD-W-0006",
        "login does not end",
        "sshd greets and then hangs before it has judged our key. A hung pmxcfs does that: root's "
        "authorized_keys is a link into /etc/pve, and reading it blocks.",
        "On its console: kill -CONT or restart pmxcfs (systemctl restart pve-cluster). Once it is well again:"
        " fab -H {subject} node.prepare keeps logins working then.",
    ),
    Entry(
        "NOD-W-0007",
        "private key cannot be used",
        "The key file on this side is missing, unreadable, not a key, or its passphrase is not known.",
        "Correct identity in hosts.toml, or load the key into the SSH agent and leave identity out.",
    ),
    Entry(
        "NOD-W-0008",
        "gateway failed",
        "The jump host in front of the node could not be used.",
        "Try it by hand: ssh to the gateway that hosts.toml names for {subject}.",
    ),
    Entry(
        "NOD-W-0009",
        "answer broke off",
        "The node was reached, but its answer did not arrive whole.",
        "Run the command again; if it stays so, look at the load and the disk of {subject}.",
        acceptable=True,
    ),
    Entry(
        "NOD-W-0010",
        "node cannot be asked, and nobody else can tell",
        "The node answers on none of its addresses, and no node was read that could say whether it is a member.",
        "Look at the network between here and the cluster first: everything may be well behind it.",
    ),
    Entry(
        "NOD-E-0011",
        "not the machine that hosts.toml means",
        "The machine behind the node's address calls itself by another name.",
        "Correct address or pve_name of {subject} in hosts.toml.",
    ),
)
