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
)
