"""Changes of corosync.conf: timers, links, drift between files and running values, votes."""

from __future__ import annotations

from pvefleet.model.findings.entry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "TOT-E-0001",
        "consensus is too short for the token",
        "Consensus below 1.2 times the effective token: nodes give up on a new membership before it can be agreed, and "
        "memberships break that need not. corosync accepts it without a word.",
        "Leave consensus unset (--set consensus=): corosync then takes 1.2 times the effective token.",
    ),
    Entry(
        "TOT-E-0002",
        "consensus is too short for one node more",
        "It suffices now, but each further node makes the token longer, and consensus is fixed.",
        "Leave consensus unset (--set consensus=): it then grows with the token.",
        acceptable=True,
    ),
    Entry(
        "TOT-I-0003",
        "consensus is set by hand",
        "It does not follow the token, which changes with every node that joins or leaves.",
        "Leave consensus unset, unless you know why not.",
    ),
    Entry(
        "TOT-E-0004",
        "losing a node takes too long for HA",
        "Token and consensus add up to 30 s or more while guests are under HA: a node that is armed resets itself 60 s "
        "after it lost quorum, and the others need time of their own after they have noticed.",
        "Lower token_coefficient rather than token; or take the guests out of HA first.",
        acceptable=True,
    ),
    Entry(
        "TOT-E-0005",
        "corosync refuses these timers",
        "A reload would be refused, and a restart would not start corosync.",
        "Change the value that the message names.",
    ),
    Entry(
        "TOT-W-0006",
        "the token is very short",
        "Under one second, a busy machine or a busy network is enough to break the membership.",
        "Stay at corosync's own 3000 ms unless you have measured otherwise.",
        acceptable=True,
    ),
    Entry(
        "TOT-W-0007",
        "a link's loss shows too late",
        "The token times out before knet takes the link for down: the second link does not save the membership.",
        "Leave knet_ping_interval and knet_ping_timeout unset: they then follow the token.",
        acceptable=True,
    ),
    Entry(
        "TOT-I-0008",
        "a value waits for a restart of corosync",
        "It is in the file, but corosync reads it at its start only.",
        "fab cluster.restart-corosync, one node at a time.",
    ),
    Entry(
        "TOT-I-0009",
        "link timers follow one reload late",
        "Where knet's ping times are not written, corosync works them out before it reads the new token: the old ones "
        "stay until the next reload.",
        "Nothing; the next change of corosync.conf takes them along.",
    ),
    Entry(
        "TOT-I-0010",
        "nothing would change",
        "Every setting has the value that is asked for already.",
        "Nothing.",
    ),
    Entry(
        "EDT-E-0001",
        "the version would not grow",
        "pmxcfs refuses a lower version, and only its journal says so; an equal one gives one number two contents.",
        "Take a version above all that any node has, in its files or running.",
    ),
    Entry(
        "EDT-E-0002",
        "the change would touch more than it is about",
        "Nodes, ids, names, votes and the quorum section are changed by commands of their own.",
        "This is a fault of the tool, or of the file: report it with the file.",
    ),
    Entry(
        "EDT-E-0003",
        "an address would change in place",
        "corosync refuses the whole reload, and both files then hold a version that no node runs.",
        "fab cluster.change-link takes the link out and adds it with its new addresses.",
    ),
    Entry(
        "EDT-E-0004",
        "not all nodes would have the same links",
        "corosync refuses a configuration in which a node lacks a link that others have.",
        "Give an address for every node.",
    ),
    Entry(
        "EDT-E-0005",
        "corosync.conf is not read as it is meant",
        "corosync and Proxmox VE have a parser each; what only one of them takes breaks at the next start or join.",
        "Write it as pvecm does: one 'key: value' a line, comments on lines of their own.",
    ),
    Entry(
        "EDT-E-0006",
        "no such link",
        "Links have the numbers 0 to 7; what is to be removed or changed exists, what is to be added does not.",
        "fab cluster.links shows the links there are.",
    ),
    Entry(
        "EDT-E-0007",
        "addresses and nodes do not fit",
        "A link needs exactly one address for every node of the cluster.",
        "Give --address NODE=IP for each, or put the addresses into hosts.toml.",
    ),
    Entry(
        "EDT-E-0008",
        "not an address for a link",
        "A link takes IPv4 or IPv6 addresses of the node itself: no names, no loopback, multicast or link-local ones.",
        "Correct the address of {subject}.",
    ),
    Entry(
        "EDT-E-0009",
        "address is used twice",
        "Two nodes or two links with one address: corosync starts and does not work.",
        "Give each node and each link an address of its own.",
    ),
    Entry(
        "EDT-E-0010",
        "address is not on its node",
        "The node has no interface with this address: the link could never connect.",
        "Configure the address on {subject} first, or correct it.",
    ),
    Entry(
        "EDT-E-0011",
        "a link with both address families",
        "All addresses of one link are IPv4, or all are IPv6.",
        "Give addresses of one family.",
    ),
    Entry(
        "EDT-E-0012",
        "address does not answer",
        "A node did not reach another one's address on the new link. If only ping is filtered the link may work; the "
        "change itself harms nobody as long as another link does.",
        "Look at VLAN, switch and firewall between {subject}.",
        acceptable=True,
    ),
    Entry(
        "EDT-E-0013",
        "somebody would be left without a link",
        "Of the links that stay, none connects these nodes right now, by both ends' own view.",
        "Repair another link between them first: fab cluster.links.",
    ),
    Entry(
        "EDT-E-0014",
        "a QDevice needs link 0",
        "corosync-qdevice finds the node's own address by ring0_addr, and fails without.",
        "Keep link 0, or change its addresses with fab cluster.change-link.",
    ),
    Entry(
        "EDT-I-0015",
        "no link 0 any more",
        "corosync works without, but a QDevice cannot be set up then, and older tools look for ring0_addr.",
        "Keep link 0 and remove another one, where you can.",
    ),
    Entry(
        "EDT-E-0016",
        "a reload across versions of corosync",
        "The nodes run different versions of corosync: a reload of all of them is not supported then.",
        "Finish the upgrade, one node at a time.",
        acceptable=True,
    ),
    Entry(
        "DRF-W-0001",
        "running values are not those of the file",
        "The versions agree or not: corosync works with other values than its file holds.",
        "On one node: corosync-cfgtool -R; the journal of corosync says why a reload is refused.",
        acceptable=True,
    ),
    Entry(
        "DRF-W-0002",
        "values wait for a restart of corosync",
        "The file has them, but corosync reads them at its start only.",
        "fab cluster.restart-corosync, one node at a time.",
        acceptable=True,
    ),
    Entry(
        "DRF-E-0003",
        "one version, two contents",
        "Files with the same config_version differ: corosync and pmxcfs take them for the same.",
        "Write the right content once more through /etc/pve with a version above all others.",
    ),
    Entry(
        "DRF-W-0004",
        "the last reload was refused",
        "corosync keeps the values it had; files and running values may go apart from here.",
        "On {subject}: journalctl -u corosync names the reason; then write a corrected file with a higher version.",
        acceptable=True,
    ),
    Entry(
        "DRF-W-0005",
        "an address was changed in place",
        "corosync refuses the reload as a whole: nothing of the new file applies on any node, and one that restarts "
        "alone would not find the others.",
        "Write the old address back with a higher config_version, then fab cluster.change-link.",
    ),
    Entry(
        "VOT-E-0001",
        "quorum would be lost",
        "Without this node's votes, a node that stays would lose quorum: /etc/pve read-only, armed nodes reset.",
        "Bring back what is missing first.",
    ),
    Entry(
        "VOT-E-0002",
        "the votes are not seen",
        "Quorum is reckoned from every node's own view; one that was not read could be the one that loses it.",
        "Make {subject} answer first: fab cluster.status says why it does not.",
    ),
    Entry(
        "VOT-E-0003",
        "the nodes do not see the same members",
        "Votes cannot be reckoned in a cluster that does not agree on who is in it.",
        "Wait until it has settled: fab cluster.status shows who sees whom.",
    ),
    Entry(
        "VOT-E-0004",
        "the node would wait for all others",
        "With wait_for_all, a node that starts has no quorum before it has seen every node at once, and one is away.",
        "Bring back the missing nodes first.",
    ),
    Entry(
        "VOT-E-0005",
        "votes by rules that are not known here",
        "votequorum runs with a feature whose arithmetic this tool does not know: it does not guess.",
        "Do this by hand, with the manual of votequorum.",
    ),
    Entry(
        "VOT-E-0006",
        "expected votes out of range",
        "corosync takes no number below the votes present, and while quorate none whose majority they are not.",
        "Take a number of the range in the message.",
    ),
)
