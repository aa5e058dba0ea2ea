"""Guests: every guest of the cluster once, with the state its owner reports."""

from __future__ import annotations

from pvefleet.model.facts import ClusterFacts, LocalGuests
from pvefleet.model.status import GuestRow, GuestState

_STATES = {"running": GuestState.RUNNING, "stopped": GuestState.STOPPED}


def guest_rows(facts: ClusterFacts) -> tuple[GuestRow, ...]:
    """Return the guests by number: those the nodes list themselves, then those known from the guest list only."""
    aliases = {node.pve_name: node.name for node in facts.nodes}
    rows: dict[tuple[int, str], GuestRow] = {}
    answered = set()
    for node in facts.seen:
        here = node.guests_here.value if node.guests_here else None
        if here is not None:
            answered.add(node.name)
            rows.update({(row.vmid, row.node): row for row in _listed(node.name, here)})
    quorate_first = sorted(facts.seen, key=lambda node: not (node.quorum.value and node.quorum.value.quorate))
    owned = next((node.guests_owned.value for node in quorate_first if node.guests_owned.value), None)
    for guest in owned.guests if owned else ():
        owner = aliases.get(guest.node, guest.node)
        # The owner's own list is newer than a copy of the guest list: what it does not show has just gone.
        if owner not in answered:
            key = (guest.vmid, owner)
            rows.setdefault(key, GuestRow(guest.vmid, guest.type, "", owner, GuestState.UNKNOWN, ""))
    return tuple(rows[key] for key in sorted(rows))


def _listed(node: str, guests: LocalGuests) -> list[GuestRow]:
    rows = [
        GuestRow(vm.vmid, "qemu", vm.name, node, _STATES.get(vm.status, GuestState.OTHER), vm.status)
        for vm in guests.vms
    ]
    rows += [
        GuestRow(ct.vmid, "lxc", ct.name, node, _STATES.get(ct.status, GuestState.OTHER), ct.status)
        for ct in guests.containers
    ]
    return rows
