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
            state, status = _running(facts, owner, guest.vmid, guest.type)
            rows.setdefault(key, GuestRow(guest.vmid, guest.type, "", owner, state, status))
    return tuple(rows[key] for key in sorted(rows))


def _running(facts: ClusterFacts, owner: str, vmid: int, kind: str) -> tuple[GuestState, str]:
    """What the processes of a node say of a guest where its /etc/pve does not answer."""
    node = next((node for node in facts.seen if node.name == owner), None)
    running = node.guest_processes.value if node and node.guest_processes else None
    if running is None:
        return GuestState.UNKNOWN, ""
    return (GuestState.RUNNING, "running") if vmid in running.of(kind) else (GuestState.STOPPED, "stopped")


def _listed(node: str, guests: LocalGuests) -> list[GuestRow]:
    rows = [
        GuestRow(vm.vmid, "qemu", vm.name or f"VM {vm.vmid}", node, _STATES[vm.status], vm.status) for vm in guests.vms
    ]
    rows += [
        GuestRow(ct.vmid, "lxc", ct.name or f"CT{ct.vmid}", node, _STATES[ct.status], ct.status)
        for ct in guests.containers
    ]
    return rows
