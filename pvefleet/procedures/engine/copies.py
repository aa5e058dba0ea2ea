"""The copies of journals: on every node that holds a run's lease, and on this machine. Any one is enough to go on."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pvefleet.model.errors import OutcomeUnknown
from pvefleet.model.node import Node
from pvefleet.model.remote_files import script
from pvefleet.procedures.engine import guard
from pvefleet.procedures.engine.codec import BadJournal
from pvefleet.procedures.engine.journal import CLOSED, Entry, Header, merge, read_entries, read_header, state
from pvefleet.procedures.engine.site import Site

_SECONDS = 15.0


@dataclass(frozen=True, slots=True)
class HeldLease:
    """The lease as one node has it.

    Attributes:
        node: where.
        run: who may act there.
        epoch: its attempt.
        owner: ``user@host``.
    """

    node: str
    run: str
    epoch: int
    owner: str


@dataclass(frozen=True, slots=True)
class KnownRun:
    """One run, as all the copies that were read know it together.

    Attributes:
        header: what it is.
        entries: what happened.
    """

    header: Header
    entries: tuple[Entry, ...]

    @property
    def closed(self) -> bool:
        """Is it over?"""
        return state(self.entries) in CLOSED


@dataclass(frozen=True, slots=True)
class Known:
    """Everything that is known of runs.

    Attributes:
        runs: newest first.
        leases: every node's lease.
        unread: nodes that were not asked, with the reason.
        damaged: copies that could not be read, ``where: why``.
    """

    runs: tuple[KnownRun, ...]
    leases: tuple[HeldLease, ...]
    unread: tuple[tuple[str, str], ...]
    damaged: tuple[str, ...]


def look(site: Site, run: str = "") -> Known:
    """Read the copies on all nodes and on this machine.

    Args:
        site: where.
        run: only this one; empty for all.
    """
    nonce = site.time.nonce()

    def read(node: Node) -> str:
        result = script(node, guard.runs(), nonce, run, timeout=_SECONDS)
        if f"@{nonce} end" not in result.text:
            raise OutcomeUnknown(node.name, f"{node.name}: its answer broke off")
        return result.text

    headers: dict[str, Header] = {}
    copies: dict[str, list[tuple[Entry, ...]]] = {}
    leases: list[HeldLease] = []
    unread, damaged = [], []
    texts = list(_here(site.folder, run))
    for outcome in site.on_nodes(read, list(site.nodes.values()), _SECONDS):
        if outcome.value is None:
            unread.append((outcome.node, outcome.error.message if outcome.error else "it did not answer in time"))
            continue
        for kind, name, text in _parts(outcome.value, nonce):
            if kind == "lease":
                held, epoch, owner = [*text.rstrip("\n").split("\t"), "", "", ""][:3]
                leases.append(HeldLease(outcome.node, held, int(epoch) if epoch.isdigit() else 0, owner))
            else:
                texts.append((outcome.node, kind, name, text))
    for where, kind, name, text in texts:
        try:
            if kind == "run":
                headers.setdefault(name, read_header(text))
            else:
                copies.setdefault(name, []).append(read_entries(text))
        except BadJournal as error:
            damaged.append(f"{where}: run {name}: {error}")
    known = [KnownRun(header, merge(copies.get(name, ()))) for name, header in headers.items()]
    ours = [one for one in known if one.header.cluster == site.cluster]
    newest_first = sorted(ours, key=lambda one: one.header.id, reverse=True)
    return Known(tuple(newest_first), tuple(leases), tuple(unread), tuple(damaged))


def _parts(text: str, nonce: str) -> list[tuple[str, str, str]]:
    """Return kind (``lease``, ``run``, ``journal``), run and text of what a node printed."""
    pieces = re.split(rf"^@{re.escape(nonce)} (\w+) ?(\S*)\n", text, flags=re.MULTILINE)
    return [
        (kind, name, body)
        for kind, name, body in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True)
        if kind != "end"
    ]


def _here(folder: Path, run: str) -> list[tuple[str, str, str, str]]:
    found = []
    for header in sorted(folder.glob(f"{run or '*'}/header")):
        name = header.parent.name
        found.append(("this machine", "run", name, header.read_text(encoding="utf-8")))
        journal = header.with_name("journal")
        if journal.exists():
            found.append(("this machine", "journal", name, journal.read_text(encoding="utf-8")))
    return found


def keep_header(folder: Path, header: Header) -> None:
    """Write a run's header into this machine's folder."""
    place = folder / header.id
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    _append(place / "header", f"{header.line}\n")


def keep(folder: Path, run: str, entries: Sequence[Entry]) -> None:
    """Append entries to this machine's copy of a run's journal; they are on disk when this returns.

    Raises:
        OSError: the disk is full, or the folder cannot be written.
    """
    place = folder / run
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    _append(place / "journal", "".join(f"{entry.line}\n" for entry in entries))


def _append(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(descriptor, f"\n{text}".encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
