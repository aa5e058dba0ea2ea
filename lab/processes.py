"""Looks at /proc: who lives in which pid namespace, who is whose child."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class Process:
    """One process as seen from the pid namespace of the reader.

    Attributes:
        pid: its number for the reader.
        parent: its parent's number for the reader, 0 if that is outside.
        state: the letter of ``ps``: R, S, D, T, Z …
        pids: its numbers from the reader's namespace inwards.
        command: its command line, arguments parted by blanks.
    """

    pid: int
    parent: int
    state: str
    pids: tuple[int, ...]
    command: str


def all_processes() -> Iterator[Process]:
    """Every process that can be seen; one that ends meanwhile is left out."""
    for entry in os.scandir(PROC):
        if entry.name.isdigit():
            found = read_process(int(entry.name))
            if found is not None:
                yield found


def read_process(pid: int) -> Process | None:
    """One process, or None if there is none."""
    try:
        status = (PROC / str(pid) / "status").read_text(errors="replace")
        command = (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    return Process(
        pid=pid,
        parent=int(fields["PPid"]),
        state=fields["State"].split()[0],
        pids=tuple(int(number) for number in fields.get("NSpid", str(pid)).split()),
        command=command.replace(b"\0", b" ").decode(errors="replace").strip(),
    )


def namespace(pid: int, kind: str = "pid") -> str | None:
    """The identity of the namespace a process is in, or None if it is gone or not ours to look at."""
    try:
        return str((PROC / str(pid) / "ns" / kind).readlink())
    except OSError:
        return None


def members(init: int) -> tuple[Process, ...]:
    """Every process in the pid namespace of ``init``, itself included."""
    wanted = namespace(init)
    if wanted is None:
        return ()
    return tuple(process for process in all_processes() if namespace(process.pid) == wanted)


def child_of(parent: int) -> int | None:
    """The first child of a process, or None."""
    return next((process.pid for process in all_processes() if process.parent == parent), None)


def descendants(ancestor: int) -> dict[int, Process]:
    """Every process below ``ancestor``, by pid."""
    everyone = {process.pid: process for process in all_processes()}
    below: dict[int, Process] = {}
    frontier = {ancestor}
    while frontier:
        frontier = {pid for pid, process in everyone.items() if process.parent in frontier and pid not in below}
        below.update({pid: everyone[pid] for pid in frontier})
    return below
