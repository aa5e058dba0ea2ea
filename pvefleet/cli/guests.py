"""``guest.list`` and ``snapshot.list``: what to read for them, and of which nodes."""

from __future__ import annotations

from pvefleet.cli.fleet import Fleet
from pvefleet.model.guest_list import GuestListReport
from pvefleet.model.section import Section
from pvefleet.model.snapshot_list import SnapshotListReport
from pvefleet.rules.guest_list import guest_list
from pvefleet.rules.selector import Kind, parse
from pvefleet.rules.snapshots import snapshot_list


def list_guests(fleet: Fleet, text: str) -> GuestListReport:
    """Return the guests that the selector *text* means; ``-H`` narrows them to its nodes.

    Raises:
        SelectorError: the selector is not well formed, before any node is asked; or a term of it matches nothing.
    """
    selector = parse(text)
    return guest_list(fleet.facts(Section.GUESTS, Section.GUEST_CONFIGS), selector, _nodes(fleet))


def list_snapshots(fleet: Fleet, text: str) -> SnapshotListReport:
    """Return the snapshots of the guests that *text* means; takes and raises what :func:`list_guests` does."""
    selector = parse(text)
    # What runs is not asked where no selector needs it: no snapshot depends on it.
    states = [Section.GUESTS] if selector.asks_for(Kind.RUNNING, Kind.STOPPED) else []
    return snapshot_list(fleet.facts(Section.GUEST_CONFIGS, *states), selector, _nodes(fleet))


def _nodes(fleet: Fleet) -> tuple[str, ...]:
    """Return the nodes that -H names; none where it means the whole cluster."""
    whole = not fleet.named or set(fleet.targets) == set(fleet.entries)
    return () if whole else tuple(entry.name for entry in fleet.targets)
