"""Expected votes set by hand."""

from pvefleet.model.findings.entry import Entry

ENTRIES = (
    Entry(
        "EXP-E-0001",
        "nobody says who is a member",
        "Without one node's view of the membership it cannot be said who is away, nor how many votes are present.",
        "Make a node reachable whose corosync runs.",
    ),
    Entry(
        "EXP-E-0002",
        "the nodes see different members",
        "The cluster is split, and both sides live. Votes given to one of them by hand make two clusters of one.",
        "Mend the network. Whoever is to be given up has to be off, and proven off.",
    ),
    Entry(
        "EXP-E-0003",
        "a node is away and was not looked for",
        "hosts.toml does not list it, so it cannot be proven down.",
        "Add {subject} to hosts.toml.",
    ),
    Entry(
        "EXP-E-0004",
        "no node is away",
        "Expected votes make up for nodes that are down. With all of them there is nothing to make up for.",
        "Look at fab cluster.status.",
    ),
)
"""Every kind of finding about expected votes."""
