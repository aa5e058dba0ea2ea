"""The state of the machines: clocks, versions."""

from __future__ import annotations

from pvefleet.model.findings.entry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "CLK-W-0001",
        "clock is off",
        "The node's clock differs from ours by more than the policy allows: logs, replica ages and "
        "certificates mislead.",
        "On {subject}: chronyc tracking",
        acceptable=True,
    ),
    Entry(
        "VER-W-0001",
        "nodes run different versions of Proxmox VE",
        "Fine during an upgrade, not for long: migrations work from old to new only.",
        "Finish the upgrade, one node at a time.",
        acceptable=True,
    ),
)
