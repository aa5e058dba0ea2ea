"""Which guest is where, as `.vmlist` tells it, with glib's order of a hash table of VMIDs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

# glib's primes: the largest below each power of two from 2**3 on
_PRIMES = {3: 7, 4: 13, 5: 31, 6: 61, 7: 127, 8: 251, 9: 509, 10: 1021, 11: 2039, 12: 4093, 13: 8191, 14: 16381}


@dataclass(frozen=True, slots=True)
class Guest:
    """A guest's place; `version` counts registrations over all guests."""

    vmid: int
    node: str
    kind: str
    version: int


class VmList:
    """The guests and the counters pmxcfs shows: one of every change of the list, one of registrations."""

    def __init__(self) -> None:
        self.version = 0
        self._registered = 0
        self._guests: dict[int, Guest] = {}

    def get(self, vmid: int) -> Guest | None:
        """Where a guest is."""
        return self._guests.get(vmid)

    def elsewhere(self, node: str, kind: str, vmid: int) -> bool:
        """Whether the VMID is taken by a guest of another node or of another kind."""
        known = self._guests.get(vmid)
        return known is not None and (known.node, known.kind) != (node, kind)

    def register(self, node: str, kind: str, vmid: int) -> None:
        """A configuration file has appeared."""
        self.version += 1
        self._registered += 1
        self._guests[vmid] = Guest(vmid, node, kind, self._registered)

    def delete(self, vmid: int) -> None:
        """A configuration file has gone."""
        if self._guests.pop(vmid, None) is not None:
            self.version += 1

    def rebuild(self, found: Iterable[tuple[str, str, int]]) -> None:
        """Take over what another node's database says; guests that stay as they are keep their version."""
        old, self._guests = self._guests, {}
        for node, kind, vmid in found:
            known = old.get(vmid)
            if known is not None and (known.node, known.kind) == (node, kind):
                self._guests[vmid] = known
            else:
                self._registered += 1
                self._guests[vmid] = Guest(vmid, node, kind, self._registered)
        if old != self._guests:
            self.version += 1

    def ordered(self) -> list[Guest]:
        """The guests in the order glib's hash table would give them."""
        return [self._guests[vmid] for vmid in glib_order(self._guests)]

    def __str__(self) -> str:
        rows = ",\n".join(
            f'"{guest.vmid}": {{ "node": "{guest.node}", "type": "{guest.kind}", "version": {guest.version} }}'
            for guest in self.ordered()
        )
        return f'{{\n"version": {self.version},\n"ids": {{\n{rows}}}\n\n}}\n'


def glib_order(keys: Iterable[int]) -> list[int]:
    """Integer keys in the order a GHashTable they were put into, one after the other, iterates over them."""
    shift = 3
    slots: dict[int, int] = {}
    for key in keys:
        _insert(slots, key, shift)
        if 1 << shift <= len(slots) + len(slots) // 16:
            shift = max(3, int(len(slots) * 1.333).bit_length())
            old, slots = [slots[index] for index in sorted(slots)], {}
            for each in old:
                _insert(slots, each, shift)
    return [slots[index] for index in sorted(slots)]


def _insert(slots: dict[int, int], key: int, shift: int) -> None:
    index, step = ((key * 11) & 0xFFFFFFFF) % _PRIMES[shift], 0
    while index in slots:
        step += 1
        index = (index + step) & ((1 << shift) - 1)
    slots[index] = key
