"""Corosync's links."""

from __future__ import annotations

from pvefleet.model.findings.entry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "LNK-W-0001",
        "link is down",
        "Members do not reach each other over this link; the others carry the traffic.",
        "Check cable, switch port, address and firewall (UDP 5405 + link number) of {subject}.",
        acceptable=True,
    ),
    Entry(
        "LNK-W-0002",
        "link flapped within the last hour",
        "It went down and came back: a cable, a port, a busy switch or a busy host.",
        "Look at the port counters and at the load of {subject}; journalctl -u corosync has the times.",
        acceptable=True,
    ),
    Entry(
        "LNK-W-0003",
        "link is slow",
        "The average round trip is over 5 ms: corosync needs a quiet, near network.",
        "Give corosync a network of its own, or move traffic off this one.",
        acceptable=True,
    ),
    Entry(
        "LNK-W-0004",
        "packets on a link are small",
        "The path carries less than its peers', or path MTU discovery has not ended: often an MTU that is not"
        " the same everywhere.",
        "Compare ip link and the switch's MTU along the path of {subject}.",
        acceptable=True,
    ),
    Entry(
        "LNK-W-0005",
        "corosync retransmits",
        "Messages were lost within the last hour.",
        "Look for overload on network and hosts; a backup over corosync's network is the usual cause.",
        acceptable=True,
    ),
)
