"""``journalctl -o json``: one JSON object a line, every value text or an array of bytes. Exit status 0, also for none.

A message that is not UTF-8 is an array of numbers, one with several values an array of texts, a too long one null.

Schema::

    [{"realtime": integer, "host": string, "unit": string, "identifier": string, "pid": string,
      "priority": integer|null, "message": string}]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from parsers._json import Document
from parsers._shape import Info, shape
from parsers._source import Source
from parsers.errors import ParseError

NAME = "journal_json"
info = Info("`journalctl -o json` command parser", magic_commands=("journalctl",))

NOTHING = "-- No entries --"
TOO_LONG = "(a message too long to be shown)"


@dataclass(frozen=True, slots=True)
class JournalEntry:
    """One message.

    Attributes:
        realtime: when, by the node's clock, in microseconds since the epoch.
        host: the machine's name.
        unit: the systemd unit, such as ``corosync.service``; empty where there is none.
        identifier: the program, as it calls itself.
        pid: its process number; empty where there is none.
        priority: 0 (emergency) to 7 (debug); None where the message states none.
        message: the text, which may have several lines.
    """

    realtime: int
    host: str
    unit: str
    identifier: str
    pid: str
    priority: int | None
    message: str


def read(text: str) -> tuple[JournalEntry, ...]:
    """Read the output of ``journalctl -o json``; no output is no entries.

    Raises:
        ParseError: a line is not an entry.
    """
    source = Source(NAME, text)
    return tuple(_entry(source, number) for number, line in enumerate(source.lines, 1) if line != NOTHING)


def _entry(source: Source, number: int) -> JournalEntry:
    line = source.lines[number - 1]
    if not line.startswith("{"):
        raise source.error("not an object", number)
    try:
        return _read(Document(NAME, line))
    except ParseError as error:
        raise source.error(error.reason, number) from None


def _read(document: Document) -> JournalEntry:
    top = document.mapping(document.top, "an entry")
    return JournalEntry(
        realtime=document.integer(top, "__REALTIME_TIMESTAMP", "an entry"),
        host=_text(document, top.get("_HOSTNAME", "")),
        unit=_text(document, top.get("_SYSTEMD_UNIT", "")),
        identifier=_text(document, top.get("SYSLOG_IDENTIFIER", "")),
        pid=_text(document, top.get("_PID", top.get("SYSLOG_PID", ""))),
        priority=document.integer(top, "PRIORITY", "an entry") if "PRIORITY" in top else None,
        message=_text(document, document.required(top, "MESSAGE", "an entry")),
    )


def _text(document: Document, value: Any) -> str:
    """Return a field's value: text, bytes as numbers, several texts, or null for what was too long."""
    if value is None:
        return TOO_LONG
    if isinstance(value, str):
        return value
    parts = document.sequence(value, "a field")
    if all(isinstance(part, str) for part in parts):
        return "\n".join(parts)
    if all(isinstance(part, int) and not isinstance(part, bool) and 0 <= part < 256 for part in parts):
        return bytes(parts).decode("utf-8", "replace")
    raise document.error("a field is neither text nor bytes")


def parse(data: str, raw: bool = False, quiet: bool = False) -> list[dict[str, Any]]:  # noqa: ARG001
    """Return :func:`read` as a list of dictionaries, the way jc does."""
    result: list[dict[str, Any]] = shape(read(data), raw)
    return result
