"""Snapshots: the tree of each guest, whole or half made, and by whom; the report of ``snapshot.list``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from parsers.guest_conf import GuestConf, GuestSnapshot
from pvefleet.model.catalogue import finding
from pvefleet.model.facts import ClusterFacts
from pvefleet.model.finding import Finding
from pvefleet.model.snapshot_list import (
    GuestSnapshots,
    ListedSnapshot,
    SnapshotListReport,
    SnapshotOrigin,
    SnapshotState,
)
from pvefleet.model.status import exit_of
from pvefleet.rules.guest_inventory import Guest
from pvefleet.rules.guest_list import choose, cluster_name, nodes_total, worst_first
from pvefleet.rules.selector import Selector

_STATES = {"": SnapshotState.COMPLETE, "prepare": SnapshotState.MAKING, "delete": SnapshotState.DELETING}
_INTERNAL = (
    ("__replicate_", SnapshotOrigin.REPLICATION),
    ("__migration__", SnapshotOrigin.MIGRATION),
    ("__base__", SnapshotOrigin.TEMPLATE),
)
_AUTOMATIC = re.compile(r"auto(?:[^0-9]*[0-9]){8}", re.IGNORECASE)
"""``autodaily240101000000``, ``autohourly_2024_01_01T00_00_00``: a schedule's name and a date at least."""
_CLOCK_SECONDS = 60
"""A snapshot may be this far in the future before it is a finding: clocks are never quite the same."""
_LAST_SECOND = 253_402_300_799
"""The end of the year 9999: what a date can say at most."""


def snapshot_list(facts: ClusterFacts, selector: Selector, on: Sequence[str] = ()) -> SnapshotListReport:
    """Return the report of ``snapshot.list``; takes and raises what :func:`pvefleet.rules.guest_list.choose` does."""
    chosen = choose(facts, selector, on)
    now = int(datetime.fromisoformat(facts.taken_at).timestamp())
    guests = tuple(guest_snapshots(guest, now) for guest in chosen.guests)
    every = [one for guest in guests for one in guest.snapshots or ()]
    found = [*chosen.findings]
    for guest, listed in zip(chosen.guests, guests, strict=True):
        found += snapshot_findings(guest, listed)
    found += _future(facts.cluster or "cluster", guests)
    findings = worst_first(found)
    return SnapshotListReport(
        cluster=cluster_name(facts),
        taken_at=facts.taken_at,
        here=facts.here,
        nodes_total=nodes_total(facts),
        nodes_read=len(facts.seen),
        selector=selector.text,
        guests_total=len(chosen.inventory.guests),
        snapshots_total=len(every),
        ram_total=sum(one.ram for one in every),
        guests=guests,
        findings=findings,
        exit_code=exit_of(findings, read=len(facts.seen), not_understood=chosen.unclear),
    )


def guest_snapshots(guest: Guest, now: int) -> GuestSnapshots:
    """Return a guest's snapshots as a tree.

    Args:
        guest: the guest.
        now: seconds since the epoch, for the ages.
    """
    conf = guest.conf
    return GuestSnapshots(
        vmid=guest.vmid,
        type=guest.type,
        name=guest.name,
        node=guest.node,
        config_from=guest.config_from if conf else "",
        lock=guest.lock,
        current_parent=_current_parent(conf) if conf else None,
        snapshots=tuple(_listed(guest, one, depth, parent, now) for one, depth, parent in tree(conf)) if conf else None,
    )


def tree(conf: GuestConf) -> Iterator[tuple[GuestSnapshot, int, str | None]]:
    """Yield each snapshot once, after the one it stands on, siblings by age: the snapshot, its depth, its parent.

    One whose parent does not exist stands alone, and so does the first of a circle.
    """
    if not conf.snapshots:
        return
    ordered = sorted(conf.snapshots, key=lambda one: (one.snaptime or 0, one.name))
    names = {one.name for one in ordered}
    children: dict[str | None, list[GuestSnapshot]] = {}
    for one in ordered:
        children.setdefault(one.parent if one.parent in names else None, []).append(one)
    seen: set[str] = set()
    # What is left after the roots stands in a circle: its eldest is taken for a root, until nothing is left.
    for root in (*children.get(None, ()), *ordered):
        todo: list[tuple[GuestSnapshot, int, str | None]] = [(root, 0, None)]
        while todo:
            one, depth, parent = todo.pop()
            if one.name not in seen:
                seen.add(one.name)
                yield one, depth, parent
                todo += [(child, depth + 1, one.name) for child in reversed(children.get(one.name, ()))]


def origin(kind: str, snapshot: GuestSnapshot) -> SnapshotOrigin:
    """Return who made a snapshot of a guest of this *kind*, as far as its name tells."""
    for prefix, known in _INTERNAL:
        if snapshot.name.startswith(prefix):
            return known
    if kind == "lxc" and snapshot.name == "vzdump":
        return SnapshotOrigin.BACKUP
    return SnapshotOrigin.AUTOMATIC if _AUTOMATIC.match(snapshot.name) else SnapshotOrigin.MANUAL


def snapshot_findings(guest: Guest, listed: GuestSnapshots) -> Iterator[Finding]:
    """Yield what is wrong with the tree of one guest's snapshots, and what a backup left there."""
    for one in listed.snapshots or ():
        if one.origin is SnapshotOrigin.BACKUP and not one.snapstate and guest.at_work is False:
            message = f"a backup left the snapshot {one.name} on container {guest.vmid}"
            yield finding("SNP-W-0004", str(guest.vmid), message)
    broken = list(_broken(guest.conf, listed)) if guest.conf else []
    if broken:
        yield finding("SNP-W-0003", str(guest.vmid), f"the tree of snapshots of guest {guest.vmid} is broken", broken)


def _future(cluster: str, guests: Sequence[GuestSnapshots]) -> Iterator[Finding]:
    ahead = [
        f"{guest.vmid}/{one.name}: {one.taken_at}"
        for guest in guests
        for one in guest.snapshots or ()
        if one.age_seconds is not None and one.age_seconds < -_CLOCK_SECONDS
    ]
    if ahead:
        number = "1 snapshot is" if len(ahead) == 1 else f"{len(ahead)} snapshots are"
        yield finding("SNP-I-0005", cluster, f"{number} dated in the future", ahead)


def _broken(conf: GuestConf, listed: GuestSnapshots) -> Iterator[str]:
    names = {one.name for one in conf.snapshots}
    placed = {one.name: one.parent for one in listed.snapshots or ()}
    for one in conf.snapshots:
        if one.parent is not None and placed[one.name] is None:
            why = "which stands on it in turn" if one.parent in names else "which does not exist"
            yield f"{one.name} stands on {one.parent}, {why}"
    parent = conf.get("parent")
    if parent is not None and parent not in names:
        yield f"the guest stands on {parent}, which does not exist"


def _current_parent(conf: GuestConf) -> str | None:
    parent = conf.get("parent")
    return parent if any(one.name == parent for one in conf.snapshots) else None


def _listed(guest: Guest, one: GuestSnapshot, depth: int, parent: str | None, now: int) -> ListedSnapshot:
    taken = one.snaptime if one.snaptime is not None and one.snaptime <= _LAST_SECOND else None
    snapstate = one.get("snapstate") or ""
    return ListedSnapshot(
        name=one.name,
        parent=parent,
        depth=depth,
        taken_at=None if taken is None else datetime.fromtimestamp(taken, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        age_seconds=None if taken is None else now - taken,
        ram=one.vmstate,
        state=_STATES.get(snapstate, SnapshotState.OTHER),
        snapstate=snapstate,
        at_work=guest.at_work if snapstate else None,
        origin=origin(guest.type, one),
        description=one.description,
    )
