"""`journalctl` over the lab's log files: -u -t -p -S/--since -U/--until -n -o -b -g -r -f -q and `--no-pager`."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from dataclasses import dataclass, field

from . import journal, unitfiles
from .instants import parse_instant
from .journal import Record

FOLLOW_SECONDS = 600.0
PRIORITIES = ("emerg", "alert", "crit", "err", "warning", "notice", "info", "debug")
_ALIASES = {
    "-u": "unit", "--unit": "unit", "-t": "identifier", "--identifier": "identifier",
    "-p": "priority", "--priority": "priority",
    "-S": "since", "--since": "since", "-U": "until", "--until": "until", "-n": "lines", "--lines": "lines",
    "-o": "output", "--output": "output", "-g": "grep", "--grep": "grep", "-b": "boot", "--boot": "boot",
}  # fmt: skip
_FLAGS = {
    "-r": "reverse", "--reverse": "reverse", "-f": "follow", "--follow": "follow", "-q": "quiet", "--quiet": "quiet",
    "-e": "end", "--pager-end": "end", "--utc": "utc", "-k": "dmesg", "--dmesg": "dmesg", "--list-boots": "list-boots",
}  # fmt: skip
_OPTIONAL = {"boot": r"-?\d+|[0-9a-f]{32}", "lines": r"\d+|all"}


@dataclass(slots=True)
class Query:
    """What is asked for; times in epoch seconds."""

    units: list[str] = field(default_factory=list)
    identifiers: list[str] = field(default_factory=list)
    priority: int = 7
    since: float = 0.0
    until: float = float("inf")
    lines: int | None = None
    output: str = "short"
    grep: re.Pattern[str] | None = None
    flags: set[str] = field(default_factory=set)

    def matches(self, record: Record) -> bool:
        """Whether a record is to be shown."""
        return (
            self.since <= record.when <= self.until
            and record.priority <= self.priority
            and (not self.identifiers or record.ident in self.identifiers)
            and (self.grep is None or self.grep.search(record.message) is not None)
        )


def _options(argv: list[str]) -> tuple[dict[str, list[str]], set[str]]:
    values: dict[str, list[str]] = {}
    flags: set[str] = set()
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        name, separator, value = word.partition("=")
        if separator and name in _ALIASES:
            values.setdefault(_ALIASES[name], []).append(value)
        elif word in _ALIASES:
            key = _ALIASES[word]
            if key in _OPTIONAL and not (rest and re.fullmatch(_OPTIONAL[key], rest[0])):
                value = "0" if key == "boot" else "10"
            elif not rest:
                raise ValueError(f"option requires an argument -- '{word.lstrip('-')}'")
            else:
                value = rest.pop(0)
            values.setdefault(key, []).append(value)
        elif word in _FLAGS:
            flags.add(_FLAGS[word])
        elif word[:2] in _ALIASES and not word.startswith("--"):
            values.setdefault(_ALIASES[word[:2]], []).append(word[2:])
        elif re.fullmatch(r"-[a-z]{2,}", word):
            rest[:0] = [f"-{letter}" for letter in word[1:]]
    return values, flags


def query(argv: list[str], now: float) -> Query:
    """Understand a command line.

    Raises:
        ValueError: a value that cannot be understood.
    """
    values, flags = _options(argv)
    found = Query(flags=flags, identifiers=values.get("identifier", []), output=values.get("output", ["short"])[-1])
    found.units = [unitfiles.canonical(name) for name in values.get("unit", [])]
    if "priority" in values:
        level = values["priority"][-1].split("..")[-1]
        found.priority = int(level) if level.isdigit() else PRIORITIES.index(level)
    for key in ("since", "until"):
        if key in values:
            setattr(found, key, parse_instant(values[key][-1], now))
    if "lines" in values:
        found.lines = None if values["lines"][-1] == "all" else int(values["lines"][-1].lstrip("+"))
    elif "follow" in flags:
        found.lines = 10
    elif "end" in flags:
        found.lines = 1000
    if "grep" in values:
        pattern = values["grep"][-1]
        found.grep = re.compile(pattern, re.IGNORECASE if pattern.islower() else 0)
    if "boot" in values:
        _limit_to_boot(found, values["boot"][-1])
    return found


def _limit_to_boot(found: Query, which: str) -> None:
    boots = journal.boots()
    ids = [boot_id for boot_id, _ in boots]
    index = ids.index(which) if which in ids else len(boots) - 1 + (int(which) if which.lstrip("-").isdigit() else 0)
    if not 0 <= index < len(boots):
        raise ValueError(f"Data from the specified boot ({which}) is not available: No such boot ID in journal")
    found.since = max(found.since, boots[index][1])
    if index + 1 < len(boots):
        found.until = min(found.until, boots[index + 1][1])


def short(record: Record, form: str = "short", utc: bool = False) -> str:
    """One record as journalctl prints it; JSON in the `json` forms."""
    broken = time.gmtime(record.when) if utc else time.localtime(record.when)
    micros = round(record.when * 1e6) % 1_000_000
    pid = f"[{record.pid}]" if record.pid else ""
    tail = f"{os.uname().nodename} {record.ident}{pid}: {record.message}"
    zone = time.strftime("%z", broken)
    zone = f"{zone[:3]}:{zone[3:]}"
    if form == "cat":
        return record.message
    if form == "short-iso":
        return f"{time.strftime('%Y-%m-%dT%H:%M:%S', broken)}{zone} {tail}"
    if form == "short-iso-precise":
        return f"{time.strftime('%Y-%m-%dT%H:%M:%S', broken)}.{micros:06}{zone} {tail}"
    if form == "short-precise":
        return f"{time.strftime('%b %d %H:%M:%S', broken)}.{micros:06} {tail}"
    if form == "short-unix":
        return f"{record.when:.6f} {tail}"
    if form == "short-full":
        return f"{time.strftime('%a %Y-%m-%d %H:%M:%S %Z', broken)} {tail}"
    if form in ("json", "json-pretty"):
        return json.dumps(_fields(record), indent="\t" if form == "json-pretty" else None)
    return f"{time.strftime('%b %d %H:%M:%S', broken)} {tail}"


def _fields(record: Record) -> dict[str, str]:
    boot = next((boot_id for boot_id, start in reversed(journal.boots()) if start <= record.when), "")
    fields = {
        "__REALTIME_TIMESTAMP": str(round(record.when * 1e6)),
        "_BOOT_ID": boot,
        "_HOSTNAME": os.uname().nodename,
        "PRIORITY": str(record.priority),
        "SYSLOG_IDENTIFIER": record.ident,
        "MESSAGE": record.message,
    }
    if record.unit != journal.SYSTEM:
        fields["_SYSTEMD_UNIT"] = unitfiles.canonical(record.unit)
    if record.pid:
        fields["_PID"] = str(record.pid)
    return fields


def _print(records: list[Record], found: Query) -> None:
    for record in records:
        print(short(record, found.output, "utc" in found.flags))
    sys.stdout.flush()


def main(argv: list[str]) -> int:
    """Run one journalctl command."""
    try:
        found = query(argv, time.time())
    except ValueError as error:
        print(str(error), file=sys.stderr)
        return 1
    if "list-boots" in found.flags:
        boots = journal.boots()
        for number, (boot_id, start) in enumerate(boots, 1 - len(boots)):
            print(f"{number:>3} {boot_id} {time.strftime('%a %Y-%m-%d %H:%M:%S %Z', time.localtime(start))}")
        return 0
    units = tuple(name.removesuffix(".service") for name in found.units)
    records = [] if "dmesg" in found.flags else [record for record in journal.read(units) if found.matches(record)]
    if found.lines is not None:
        records = records[len(records) - min(found.lines, len(records)) :]
    if "reverse" in found.flags:
        records.reverse()
    if not records and "quiet" not in found.flags and not found.output.startswith("json"):
        print("-- No entries --")
    try:
        _print(records, found)
        if "follow" in found.flags:
            _follow(found, units, time.time())
    except (BrokenPipeError, KeyboardInterrupt):
        return 0
    return 0 if records or found.grep is None else 1


def _follow(found: Query, units: tuple[str, ...], since: float) -> None:
    """Print what comes, for ten minutes at most: nothing in a lab may run for ever."""
    end = since + FOLLOW_SECONDS
    while time.time() < end:
        time.sleep(0.1)
        found.since = since + 1e-6
        records = [record for record in journal.read(units) if found.matches(record)]
        if records:
            since = records[-1].when
            _print(records, found)
