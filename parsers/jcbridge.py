"""jc's parsers of common commands, with the checks that jc leaves out. The only module that knows jc, and lazily.

jc answers an error message or an empty text with an empty list or a record of nonsense. Here the exit status and the
text are checked before, the result after, and whatever is not a full answer is a ParseError. Commands that print JSON
themselves (``ip -j``, ``lsblk -J``, ``findmnt -J``) need no parser of text, and ``systemctl show`` is asked for what
``systemctl`` lists: of its legend, jc makes a unit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from parsers.errors import ParseError


@dataclass(frozen=True, slots=True)
class _Expected:
    """What a command's output must hold.

    Attributes:
        text: what the text must match somewhere, in whole lines.
        keys: what every record must have, with a value.
        refuse: what must not stand in the text, and why.
    """

    text: re.Pattern[str]
    keys: frozenset[str]
    refuse: tuple[re.Pattern[str], str] | None = None


def _expected(text: str, *keys: str, refuse: tuple[str, str] | None = None) -> _Expected:
    refused = (re.compile(refuse[0], re.MULTILINE), refuse[1]) if refuse else None
    return _Expected(re.compile(text, re.MULTILINE), frozenset(keys), refused)


_ROUNDED = r"^\t\s*\S+\s+[A-Z]+(?:\s+[0-9.]+[KMGTP]?)*\s+[0-9.]+[KMGTP]\b"

EXPECTED: Mapping[str, _Expected] = {
    "ss": _expected(r"^Netid\s+State\s+Recv-Q\s+Send-Q", "netid", "state"),
    "timedatectl": _expected(r"^\s*Local time: \S", "local_time", "universal_time", "time_zone"),
    "uptime": _expected(r"^.* up .*load average: [0-9.]+", "uptime_total_seconds", "load_1m"),
    "x509-cert": _expected(r"^-----BEGIN CERTIFICATE-----\r?$", "tbs_certificate", "signature_value"),
    "zpool-status": _expected(
        r"^\s*pool: \S+\n\s*state: \S",
        "pool",
        "state",
        "config",
        refuse=(_ROUNDED, "rounded numbers, which jc takes for exact ones: ask zpool status -p"),
    ),
}
"""The parsers of jc that may be used, and what their input and output must hold."""


def read(parser: str, text: str, exit_status: int = 0) -> list[dict[str, Any]]:
    """Return the records that jc's *parser* finds in *text*.

    Args:
        parser: one of :data:`EXPECTED`.
        text: what the command printed to standard output.
        exit_status: how the command ended.

    Returns:
        At least one record, every one with the keys it must have.

    Raises:
        KeyError: *parser* is not among those that are checked here.
        ParseError: the command failed, printed something else, or jc makes nothing of it.
    """
    expected = EXPECTED[parser]
    beginning = next((line for line in text.splitlines() if line.strip()), "")
    if exit_status != 0:
        raise ParseError(parser, f"the command ended with {exit_status}", beginning)
    if not expected.text.search(text):
        raise ParseError(parser, "not the output of this command", beginning)
    if expected.refuse and (match := expected.refuse[0].search(text)):
        raise ParseError(parser, expected.refuse[1], match[0].strip(), text[: match.start()].count("\n") + 1)
    records = _jc(parser, text, beginning)
    if not records:
        raise ParseError(parser, "no record in it", beginning)
    for record in records:
        missing = sorted(key for key in expected.keys if record.get(key) in (None, "", [], {}))
        if missing:
            raise ParseError(parser, f"a record without {', '.join(missing)}", beginning)
    return records


def _jc(parser: str, text: str, beginning: str) -> list[dict[str, Any]]:
    import jc

    try:
        found = jc.parse(parser, text, quiet=True)
    except Exception as error:
        # jc raises whatever its parsers stumble over: KeyError, IndexError, ValueError, its own errors.
        raise ParseError(parser, f"jc does not understand it: {type(error).__name__}: {error}", beginning) from error
    records = [found] if isinstance(found, dict) else found
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise ParseError(parser, "no record in it", beginning)
    return records
