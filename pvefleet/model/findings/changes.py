"""Changes of corosync.conf: what stands in their way, and risks that an operator may take by name."""

from pvefleet.model.findings.entry import Entry

ENTRIES = (
    Entry(
        "CHG-W-0001",
        "links would change under an armed watchdog",
        "If the new links carried nothing, quorum would be gone until the nodes' own fallback puts the old ones back, "
        "and a node whose watchdog is armed resets itself after a minute without.",
        "Disarm HA first (ha-manager crm-command disarm-ha freeze), or accept the risk for {subject}.",
        acceptable=True,
    ),
    Entry(
        "CHG-E-0002",
        "a fallback of another change is set",
        "A node has a fallback that may put an old corosync.conf back at its time; two changes at once are one too "
        "many.",
        "fab run.list shows the run it belongs to: fab run.resume or run.clean ends it. Else wait until it has gone.",
    ),
    Entry(
        "CHG-E-0003",
        "the node is not in the cluster any more",
        "The others' corosync.conf does not list it: it was removed. Bringing it back with a newer file would not make "
        "it a member, and it may hold guests that live elsewhere by now.",
        "Reset it as a node that was removed, and let it join anew.",
    ),
    Entry(
        "CHG-E-0004",
        "no node to take the configuration from",
        "No other node is quorate, with one corosync.conf in its files and running.",
        "Mend the rest of the cluster first: fab cluster.status, fab cluster.corosync.",
    ),
    Entry(
        "CHG-E-0005",
        "the node does not hold the cluster's authkey",
        "corosync takes no packet of a node with another key, and the key is not copied around here.",
        "Compare sha256sum /etc/corosync/authkey; copy /etc/pve/priv/authkey.key of a member to {subject}.",
    ),
    Entry(
        "CHG-I-0006",
        "the node is up to date",
        "It is a member, and its file and its corosync have the cluster's version.",
        "Nothing.",
    ),
    Entry(
        "CHG-E-0007",
        "no other link would carry the traffic",
        "A link is tested only where every other one is connected between all pairs of nodes.",
        "Repair the other links first (fab cluster.links), or add one: fab cluster.add-link.",
    ),
    Entry(
        "CHG-W-0008",
        "a link would be cut under an armed watchdog",
        "If no other link took over, the node would lose quorum until the packets are let through again; after a "
        "minute without, its watchdog resets it.",
        "Disarm HA first (ha-manager crm-command disarm-ha freeze), or accept the risk for {subject}.",
        acceptable=True,
    ),
)
"""Every kind of finding about changes of corosync's configuration."""
