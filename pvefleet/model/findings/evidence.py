"""Evidence that a node is down, and the management controllers that give the strongest of it. Nothing is acceptable."""

from __future__ import annotations

from pvefleet.model.findings.entry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "EVD-E-0001",
        "a node that should be down shows a sign of life",
        "Something of the node answered: an address, a link, a peer's view, or its BMC says that it has power. Its "
        "guests may run. Started elsewhere as well they would write to the same disks.",
        "Reach it where it answers, or cut its power (fab node.power {subject} off), then look again.",
    ),
    Entry(
        "EVD-E-0002",
        "silence is not proven",
        "The node was not looked for on every path from two vantage points that can hear: this machine and a peer, or "
        "two peers. What was not looked at counts as not silent.",
        "See what could not be looked at: fab node.evidence {subject}. Mend the way to one more peer, and look again.",
    ),
    Entry(
        "EVD-E-0003",
        "the evidence is weaker than asked for",
        "The node is silent, but a node that is only cut off is silent too. The cluster's policy asks for more.",
        "Cut its power by its BMC (fab node.power {subject} off), or go and look, and state that it is off and how "
        "that is known. The level asked for stands in hosts.toml under policy: evidence.",
    ),
    Entry(
        "EVD-W-0004",
        "BMC says off, the node lives",
        "The BMC reads off while the node shows signs of life: it is another machine's, or it is wrong. Nothing that "
        "it says of this node is worth anything.",
        "Compare address, serial number and UUID of the BMC with those of {subject} (dmidecode -t system).",
    ),
    Entry(
        "EVD-E-0005",
        "BMC of another machine",
        "The BMC that hosts.toml names for this node says that it belongs to a machine of another name. Cutting power "
        "there would kill the wrong one.",
        "Correct the bmc of {subject} in hosts.toml, or the host name that the machine's system gave to its BMC.",
    ),
    Entry(
        "EVD-E-0006",
        "node is a member with quorum",
        "The node whose power is to be cut is alive and a member of the part of the cluster that has quorum. Its "
        "guests die with it.",
        "Shut it down instead: fab -H {subject} cluster.exec -- poweroff. If it must be: type its name.",
        acceptable=True,
    ),
)
