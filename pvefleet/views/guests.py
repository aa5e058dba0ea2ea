"""The table of ``guest.list``."""

from __future__ import annotations

from rich.console import Console
from rich.text import Text

from pvefleet.model.guest_list import GuestListReport, ListedGuest
from pvefleet.model.status import GuestState
from pvefleet.views.findings import print_findings
from pvefleet.views.rows import Cell, Column, print_rows
from pvefleet.views.words import count

_UNKNOWN: Cell = ("?", "unseen")
_NONE: Cell = ("-", "unseen")
_STYLE = {
    GuestState.RUNNING: "good",
    GuestState.STOPPED: "unseen",
    GuestState.OTHER: "warn",
    GuestState.UNKNOWN: "unseen",
}
_COLUMNS = (
    Column("VMID", right=True),
    Column("TYPE", least=50),
    Column("NAME", gives=2),
    Column("NODE"),
    Column("STATE"),
    Column("MEMORY", right=True, least=60),
    Column("CPU", right=True, least=66),
    Column("SNAPS", right=True, least=72),
    Column("NOTES", gives=1),
    Column("TAGS", gives=4, drops=True),
    Column("POOL", gives=3, drops=True, least=100),
    Column("CONFIG FROM", least=140),
)


def print_guest_list(report: GuestListReport, console: Console) -> None:
    """Print one line per guest, then what is wrong."""
    if report.guests:
        print_rows(_COLUMNS, [_row(guest) for guest in report.guests], console)
    console.print(Text(_summary(report), "title"))
    console.print()
    well = f"Nothing wrong in the view of {report.here}." if report.here else "Nothing wrong was found."
    print_findings(report.findings, console, well=well)


def _summary(report: GuestListReport) -> str:
    states = [guest.state for guest in report.guests]
    parts = [f"{states.count(state)} {state.value}" for state in GuestState if state in states]
    shown = f"{len(report.guests)} of {count(report.guests_total, 'guest')}"
    read = f"{report.nodes_read} of {count(report.nodes_total, 'node')} read, {report.taken_at}"
    return f"{shown}{': ' + ', '.join(parts) if parts else ''}; {read}"


def _row(guest: ListedGuest) -> tuple[Cell, ...]:
    return (
        str(guest.vmid),
        guest.type,
        _UNKNOWN if guest.name is None else guest.name or _NONE,
        guest.node,
        _state(guest),
        _UNKNOWN if guest.memory_mib is None else _memory(guest.memory_mib),
        _cores(guest),
        _UNKNOWN if guest.snapshots is None else str(guest.snapshots) if guest.snapshots else _NONE,
        _notes(guest),
        _UNKNOWN if guest.tags is None else " ".join(guest.tags) or _NONE,
        _UNKNOWN if guest.pool is None else guest.pool or _NONE,
        guest.config_from or _UNKNOWN,
    )


def _state(guest: ListedGuest) -> Cell:
    if guest.state is GuestState.UNKNOWN:
        return _UNKNOWN
    return (guest.detail or guest.state.value, _STYLE[guest.state])


def _cores(guest: ListedGuest) -> Cell:
    if guest.cores is not None:
        return str(guest.cores)
    return "all" if guest.type == "lxc" and guest.config_from else _UNKNOWN


def _notes(guest: ListedGuest) -> Cell:
    if not guest.config_from and guest.ha_managed is None:
        return _UNKNOWN
    notes = [f"lock {guest.lock}"] if guest.lock else []
    notes += ["template"] if guest.template else []
    notes += ["HA"] if guest.ha_managed else []
    text = ", ".join(notes)
    if not text:
        return _NONE
    return (text, "warn") if guest.lock else text


def _memory(mib: int) -> str:
    if mib < 1024:
        return f"{mib}M"
    return f"{mib // 1024}G" if mib % 1024 == 0 else f"{mib / 1024:.1f}G"
