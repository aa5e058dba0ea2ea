"""How the cluster is built: votes, links, size. Nothing is broken now, but one more fault would be."""

from __future__ import annotations

from pvefleet.model.findings.entry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "ARC-W-0001",
        "two nodes and no QDevice",
        "Quorum needs both nodes: when one is off, the other is read-only and starts no guest.",
        "Set up a QDevice on a machine outside the cluster, or accept it knowingly.",
        acceptable=True,
    ),
    Entry(
        "ARC-W-0002",
        "an even number of votes",
        "A split into two halves leaves neither with quorum, and the extra node does not survive one more failure.",
        "Add a QDevice, or a node.",
        acceptable=True,
    ),
    Entry(
        "ARC-W-0003",
        "a single corosync link",
        "One switch, cable or address between the nodes is all there is: losing it costs quorum.",
        "Add a second link over another network.",
        acceptable=True,
    ),
    Entry(
        "ARC-W-0004",
        "the QDevice's votes do not fit the number of nodes",
        "With ffsplit the device has one vote and the number of nodes is even; with lms it has one vote less "
        "than there are nodes. Anything else makes the device decide too much, or nothing.",
        "Remove the QDevice, and set it up again where the number of nodes is even.",
        acceptable=True,
    ),
    Entry(
        "ARC-I-0005",
        "more nodes than are usual",
        "There is no fixed limit, but beyond some thirty nodes the network has to be very good.",
        "Watch retransmits and latency; split the cluster rather than grow it.",
        acceptable=True,
    ),
    Entry(
        "ARC-W-0006",
        "recovering from the loss of a node may take too long for HA",
        "Token and consensus timeouts together come close to the 60 s after which an armed node resets itself.",
        "Lower token or token_coefficient, and leave consensus unset.",
        acceptable=True,
    ),
)
