"""The report of ``snapshot.list``: what trees and JSON render."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pvefleet.model.errors import ExitCode
from pvefleet.model.finding import Finding


class SnapshotState(StrEnum):
    """Is a snapshot whole?"""

    COMPLETE = "complete"
    MAKING = "making"
    """Begun and not finished (``snapstate: prepare``)."""
    DELETING = "deleting"
    """Its deletion has begun and is not finished (``snapstate: delete``)."""
    OTHER = "other"
    """Another word of the configuration; it is in ``snapstate``."""


class SnapshotOrigin(StrEnum):
    """Who made a snapshot, as far as its name tells."""

    MANUAL = "manual"
    """Nothing speaks for a tool."""
    AUTOMATIC = "automatic"
    """Named by a schedule: ``auto…`` with a time."""
    REPLICATION = "replication"
    MIGRATION = "migration"
    BACKUP = "backup"
    """``vzdump`` of a container: there only while a backup runs, or left behind by one."""
    TEMPLATE = "template"
    """``__base__``, which linked clones stand on."""


@dataclass(frozen=True, slots=True)
class ListedSnapshot:
    """One snapshot.

    Attributes:
        name: its name.
        parent: the snapshot it was taken on; null without one, or where that does not exist.
        depth: how many snapshots it stands on.
        taken_at: when, UTC ISO 8601; null where the configuration does not say.
        age_seconds: from then to the reading; below 0 where the clocks disagree.
        ram: does it hold the guest's memory?
        state: is it whole?
        snapstate: the configuration's own word; empty for a whole one.
        at_work: for one that is not whole: does a task work on the guest? null where nobody could say.
        origin: see :class:`SnapshotOrigin`.
        description: what its maker wrote.
    """

    name: str
    parent: str | None
    depth: int
    taken_at: str | None
    age_seconds: int | None
    ram: bool
    state: SnapshotState
    snapstate: str
    at_work: bool | None
    origin: SnapshotOrigin
    description: str


@dataclass(frozen=True, slots=True)
class GuestSnapshots:
    """A guest with its snapshots.

    Attributes:
        vmid: its number.
        type: ``qemu`` or ``lxc``.
        name: its name; empty where it has none, null where nobody could say.
        node: the node that owns its configuration.
        config_from: the node whose copy of the configuration this is; empty where none was read.
        lock: its lock; empty without one, null where no configuration was read.
        current_parent: the snapshot that the guest stands on now (``current`` of the native lists); null without one.
        snapshots: its snapshots, each after the one it stands on, siblings by age; null where no configuration was
            read.
    """

    vmid: int
    type: str
    name: str | None
    node: str
    config_from: str
    lock: str | None
    current_parent: str | None
    snapshots: tuple[ListedSnapshot, ...] | None


@dataclass(frozen=True, slots=True)
class SnapshotListReport:
    """The whole of ``snapshot.list``.

    Attributes:
        cluster: the cluster's name.
        taken_at: when the nodes were read, UTC ISO 8601.
        here: the node that looked at itself alone; empty for a look at all nodes.
        nodes_total, nodes_read: how many there are, how many answered.
        selector: what was asked for.
        guests_total: how many guests the cluster has, as far as is known.
        snapshots_total: snapshots of the selected guests.
        ram_total: those of them that hold memory.
        guests: the selected guests, by number, also those without snapshots.
        findings: the worst first.
        exit_code: what the command ends with.
    """

    cluster: str
    taken_at: str
    here: str
    nodes_total: int
    nodes_read: int
    selector: str
    guests_total: int
    snapshots_total: int
    ram_total: int
    guests: tuple[GuestSnapshots, ...]
    findings: tuple[Finding, ...]
    exit_code: ExitCode
