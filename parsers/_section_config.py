"""Proxmox VE's section files: ``type: id``, indented ``key value`` lines, and a blank line at the end of each section.

storage.cfg, replication.cfg and the files of the HA stack are written so. ``ha-manager config`` prints the same
without the blank after the colon. Lines that begin with ``#`` are comments, which Proxmox VE drops when it next
writes the file.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from parsers._source import Source
from parsers.errors import ParseError

_HEADING = re.compile(r"([a-z][a-z0-9-]*):[ \t]*([A-Za-z0-9_][^\s:]*)[ \t]*")
_OPTION = re.compile(r"[ \t]+([A-Za-z][A-Za-z0-9_.-]*)(?:[ \t]+(.*\S))?[ \t]*")


@dataclass(frozen=True, slots=True)
class ConfigSection:
    """One section.

    Attributes:
        type: what stands before the colon.
        id: what stands after it.
        line: number of the heading.
        options: key, value and line number; the value is empty for a bare key.
    """

    type: str
    id: str
    line: int
    options: dict[str, tuple[str, int]]

    def get(self, key: str) -> str | None:
        """Return the value of *key*, or None."""
        return self.options[key][0] if key in self.options else None

    def extra(self, known: frozenset[str]) -> tuple[tuple[str, str], ...]:
        """Return the options beside the *known* ones."""
        return tuple((key, value) for key, (value, _) in self.options.items() if key not in known)


class Sections:
    """The sections of one file, and conversions of their options.

    Args:
        parser: name of the parser, for errors.
        text: contents of the file; empty if there is nothing in it.

    Raises:
        ParseError: a line is not understood, or a section or an option stands twice.
    """

    def __init__(self, parser: str, text: str) -> None:
        self._source = Source(parser, text)
        self._source.refuse_complaint()
        self.all: list[ConfigSection] = []
        seen: set[tuple[str, str]] = set()
        current: ConfigSection | None = None
        for number, line in enumerate(self._source.lines, 1):
            if line.lstrip().startswith("#"):
                continue
            if not line.strip():
                current = None
            elif current is not None and (option := _OPTION.fullmatch(line)):
                if option[1] in current.options:
                    raise self._source.error("this option stands twice", number)
                current.options[option[1]] = (option[2] or "", number)
            elif heading := _HEADING.fullmatch(line):
                if (heading[1], heading[2]) in seen:
                    raise self._source.error("this section stands twice", number)
                seen.add((heading[1], heading[2]))
                current = ConfigSection(heading[1], heading[2], number, {})
                self.all.append(current)
            else:
                raise self._source.error("neither a heading nor an option", number)

    def required(self, section: ConfigSection, key: str) -> str:
        """Return the value of *key*, which must be there."""
        value = section.get(key)
        if not value:
            raise self._source.error(f"no {key!r} in this section", section.line)
        return value

    def integer(self, section: ConfigSection, key: str) -> int | None:
        """Return the whole number at *key*, or None if it is not set."""
        if key not in section.options:
            return None
        value, line = section.options[key]
        return self._source.integer(value, key, line)

    def fraction(self, section: ConfigSection, key: str) -> float | None:
        """Return the number at *key*, or None if it is not set."""
        if key not in section.options:
            return None
        value, line = section.options[key]
        return self._source.fraction(value, key, line)

    def flag(self, section: ConfigSection, key: str) -> bool | None:
        """Return the truth at *key*: bare or one of Proxmox VE's words; None if it is not set."""
        if key not in section.options:
            return None
        value, line = section.options[key]
        return self._source.choice(value.lower(), _TRUTH, key, line)

    def words(self, section: ConfigSection, key: str) -> tuple[str, ...]:
        """Return the words of the list at *key*, divided by commas, semicolons or blanks."""
        value = section.get(key) or ""
        return tuple(word for word in re.split(r"[,;\s]+", value) if word)

    def priorities(self, section: ConfigSection, key: str) -> tuple[tuple[str, int | None], ...]:
        """Return the words of a list such as ``pve1:2,pve2`` with the numbers behind the colons."""
        found: list[tuple[str, int | None]] = []
        for word in self.words(section, key):
            name, colon, number = word.partition(":")
            line = section.options[key][1]
            if not name:
                raise self._source.error(f"{key} names no node", line)
            found.append((name, self._source.integer(number, f"priority of {name}", line) if colon else None))
        return tuple(found)

    def error_at(self, section: ConfigSection, reason: str) -> ParseError:
        """Return an error about the heading of *section*."""
        return self._source.error(reason, section.line)


_TRUTH = {
    "": True,
    "1": True,
    "on": True,
    "yes": True,
    "true": True,
    "0": False,
    "off": False,
    "no": False,
    "false": False,
}
