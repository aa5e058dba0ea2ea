"""The trees of ``snapshot.list``."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console
from rich.text import Text

from pvefleet.model.snapshot_list import (
    GuestSnapshots,
    ListedSnapshot,
    SnapshotListReport,
    SnapshotOrigin,
    SnapshotState,
)
from pvefleet.views.findings import print_findings
from pvefleet.views.rows import Cell, Column, print_rows
from pvefleet.views.words import age, count

_COLUMNS = (
    Column("SNAPSHOT", gives=1),
    Column("AGE", right=True),
    Column("NOTES", gives=2),
    Column("DESCRIPTION", gives=3, drops=True),
)
_HALF = {SnapshotState.MAKING: "half made", SnapshotState.DELETING: "half deleted"}
_WORK = {SnapshotState.MAKING: "being made", SnapshotState.DELETING: "being deleted"}
_CURRENT = "current"
_INDENT = "  "


def print_snapshot_list(report: SnapshotListReport, console: Console) -> None:
    """Print every guest that has snapshots with its tree, then what is wrong.

    A snapshot stands below the one it was taken on. The tree branches only where one has several that stand on it, so
    that a long chain stays a column; ``current`` is where the guest stands now.
    """
    guests = [guest for guest in report.guests if guest.snapshots]
    if guests:
        print_rows(_COLUMNS, [row for guest in guests for row in _rows(guest)], console)
        console.print()
    console.print(Text(_summary(report, len(guests)), "title"))
    console.print()
    well = f"Nothing wrong in the view of {report.here}." if report.here else "Nothing wrong was found."
    print_findings(report.findings, console, well=well)


def _summary(report: SnapshotListReport, having: int) -> str:
    ram = f" ({report.ram_total} with RAM)" if report.ram_total else ""
    unread = sum(guest.snapshots is None for guest in report.guests)
    unseen = f", {count(unread, 'configuration')} not read" if unread else ""
    guests = f"{having} of {count(len(report.guests), 'guest')}{unseen}"
    read = f"{report.nodes_read} of {count(report.nodes_total, 'node')} read, {report.taken_at}"
    return f"{count(report.snapshots_total, 'snapshot')}{ram} on {guests}; {read}"


def _rows(guest: GuestSnapshots) -> Iterator[tuple[Cell, ...]]:
    name = "?" if guest.name is None else guest.name
    head = " ".join(filter(None, ("CT" if guest.type == "lxc" else "VM", str(guest.vmid), name, "on", guest.node)))
    yield (head, "title"), "", (f"lock {guest.lock}", "warn") if guest.lock else "", ""
    for lead, one in outline(guest):
        if one is None:
            yield (f"{_INDENT}{lead}{_CURRENT}", "hint"), "", "", ("you are here", "unseen")
        else:
            yield f"{_INDENT}{lead}{one.name}", _age(one), _notes(one), _first_line(one.description)


def outline(guest: GuestSnapshots) -> Iterator[tuple[str, ListedSnapshot | None]]:
    """Yield the lines of a guest's tree: the lead before the name, and the snapshot, or None for ``current``.

    ``|-`` and `` `- `` mark what branches off; a line without one of these stands on the line above it.
    """
    children: dict[str | None, list[ListedSnapshot | None]] = {}
    for snapshot in guest.snapshots or ():
        children.setdefault(snapshot.parent, []).append(snapshot)
    children.setdefault(guest.current_parent, []).append(None)
    todo: list[tuple[str, str, ListedSnapshot | None]] = []

    def push(name: str | None, rest: str) -> None:
        below = children.get(name, [])
        for at in range(len(below) - 1, -1, -1):
            if len(below) == 1:
                todo.append((rest, rest, below[at]))
            elif at == len(below) - 1:
                todo.append((f"{rest}`- ", f"{rest}   ", below[at]))
            else:
                todo.append((f"{rest}|- ", f"{rest}|  ", below[at]))

    push(None, "")
    while todo:
        lead, rest, one = todo.pop()
        yield lead, one
        if one is not None:
            push(one.name, rest)


def _age(one: ListedSnapshot) -> Cell:
    if one.age_seconds is None:
        return ("?", "unseen")
    return age(one.age_seconds) if one.age_seconds >= 0 else (f"-{age(-one.age_seconds)}", "warn")


def _notes(one: ListedSnapshot) -> Cell:
    notes = ["RAM"] if one.ram else []
    if one.origin is not SnapshotOrigin.MANUAL:
        notes.append(one.origin.value)
    if one.snapstate:
        word = (_WORK if one.at_work else _HALF).get(one.state, f"not whole ({one.snapstate})")
        return (", ".join([*notes, word]), "warn" if one.at_work else "bad")
    return ", ".join(notes)


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0]
