"""The lab's journal: one text file per unit, one line per record, written by PID 1 and read by `journalctl`.

A line is `EPOCH.MICROSECONDS <PRIORITY> IDENT[PID]: MESSAGE`. Records of no unit stand in system.log.
`boots` holds `BOOT_ID EPOCH` per boot, oldest first.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .layout import LOG_DIR

SYSTEM = "system"
MAX_OPEN = 64
_LINE = re.compile(r"(\d+\.\d{6}) <(\d)> (.*?)(?:\[(\d+)\])?: (.*)", re.DOTALL)

_open: dict[Path, int] = {}


@dataclass(frozen=True, slots=True)
class Record:
    """One journal record; `when` in epoch seconds, `unit` without `.service`."""

    when: float
    priority: int
    ident: str
    pid: int | None
    message: str
    unit: str


def log_file(unit: str, directory: Path = LOG_DIR) -> Path:
    """The file of a unit's records."""
    return directory / f"{unit.removesuffix('.service')}.log"


def write(unit: str, message: str, *, ident: str, pid: int | None = None, priority: int = 6) -> None:
    """Append one record, stamped now; a message of several lines becomes several records."""
    prefix = f"{time.time():.6f} <{priority}> {ident}{f'[{pid}]' if pid else ''}: "
    text = "".join(f"{prefix}{line}\n" for line in message.splitlines() or [""])
    os.write(_appending(log_file(unit)), text.encode(errors="replace"))


def _appending(path: Path) -> int:
    """The file, kept open while few are: a service that debugs writes thousands of lines a second."""
    if path not in _open:
        while len(_open) >= MAX_OPEN:
            os.close(_open.pop(next(iter(_open))))
        _open[path] = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
    return _open[path]


def parse(line: str, unit: str) -> Record | None:
    """One line of a log file; None for a line that is no record (a write cut short)."""
    match = _LINE.fullmatch(line.rstrip("\n"))
    if match is None:
        return None
    when, priority, ident, pid, message = match.groups()
    return Record(float(when), int(priority), ident, int(pid) if pid else None, message, unit)


def read(units: tuple[str, ...], directory: Path = LOG_DIR) -> list[Record]:
    """Records of the named units, or of all when none is named, in order of time."""
    names = units or tuple(sorted(path.stem for path in directory.glob("*.log")))
    return sorted((record for name in names for record in _of_unit(name, directory)), key=lambda record: record.when)


def _of_unit(unit: str, directory: Path) -> Iterator[Record]:
    try:
        lines = log_file(unit, directory).read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return
    for line in lines:
        record = parse(line, unit)
        if record is not None:
            yield record


def boots(directory: Path = LOG_DIR) -> list[tuple[str, float]]:
    """(boot id, epoch of its start), oldest first."""
    try:
        lines = (directory / "boots").read_text().split("\n")
    except FileNotFoundError:
        return []
    return [(words[0], float(words[1])) for words in map(str.split, lines) if len(words) == 2]
