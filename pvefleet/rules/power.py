"""What speaks against cutting a node's power, and the text that has to be typed for it."""

from __future__ import annotations

from collections.abc import Iterator

from pvefleet.model.bmc import PowerReading
from pvefleet.model.catalogue import finding
from pvefleet.model.facts import ClusterFacts
from pvefleet.model.finding import Finding
from pvefleet.model.inventory import NodeEntry
from pvefleet.rules.evidence import is_foreign
from pvefleet.rules.membership import membership


def quorate_viewers(facts: ClusterFacts, entry: NodeEntry) -> tuple[str, ...]:
    """Return the nodes with quorum, itself included, that count *entry* as a member."""
    known = membership(facts)
    peer = known.by_name(entry.name)
    return tuple(
        viewer
        for part in known.partitions
        if part.quorate and peer is not None and peer.nodeid in part.members
        for viewer in part.viewers
    )


def guests_of(facts: ClusterFacts, entry: NodeEntry) -> tuple[str, ...]:
    """Return the guests that the cluster's list has on *entry*."""
    for node in facts.seen:
        owned = node.guests_owned.value
        if owned is not None:
            return tuple(f"{guest.vmid} ({guest.type})" for guest in owned.guests if guest.node == entry.pve_name)
    return ()


def confirmation(entry: NodeEntry, viewers: tuple[str, ...]) -> str:
    """Return the text to type: the node's name, and more than that where it lives and has quorum.

    A script that cuts the power of dead nodes then fails on a living one.
    """
    return f"kill {entry.name}" if viewers else entry.name


def findings(entry: NodeEntry, reading: PowerReading, viewers: tuple[str, ...]) -> Iterator[Finding]:
    """Yield what speaks against cutting the power of *entry*."""
    if is_foreign(reading, entry.pve_name) and reading.machine is not None:
        name = reading.machine.host_name
        message = f"the BMC of {entry.name} says that it belongs to {name}"
        yield finding("EVD-E-0005", entry.name, message, [f"serial number {reading.machine.serial or 'not told'}"])
    if viewers:
        message = f"{entry.name} is alive, and a member of a cluster with quorum"
        yield finding("EVD-E-0006", entry.name, message, [f"a member for {', '.join(viewers)}"])
