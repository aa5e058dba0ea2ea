"""What corosync's QDevice tools print: ``Key:<tabs>value`` lines, under headings or indented, and node lists."""

from __future__ import annotations

import re

from parsers._source import Source

_PAIR = re.compile(r"([A-Z][^:\t]*):(?:\t+(.*))?")
_WHOLE = re.compile(r"[0-9]{1,10}")


class Values:
    """``Key: value`` pairs of one block; what nobody takes is left over as extra."""

    def __init__(self, source: Source, what: str, line: int) -> None:
        self._source = source
        self._what = what
        self._line = line
        self._values: dict[str, tuple[str, int]] = {}
        self._list = ""

    def add(self, text: str, number: int) -> None:
        """Take in one line.

        Raises:
            ParseError: it is not a pair, or its key stands twice.
        """
        match = _PAIR.fullmatch(text)
        if match is None:
            raise self._source.error("not a line of the form 'Key: value'", number)
        if match[1] in self._values:
            raise self._source.error("this key stands twice", number)
        self._values[match[1]] = (match[2] or "", number)
        self._list = "" if match[2] else match[1]

    def add_below(self, text: str, number: int) -> None:
        """Take in an indented line: it belongs to the key before it."""
        if not self._list:
            raise self._source.error("an indented line without a list", number)
        value, line = self._values[self._list]
        self._values[self._list] = (f"{value}\n{text.strip()}".lstrip("\n"), line)

    def take(self, key: str) -> str | None:
        """Remove and return the value of *key*, or None."""
        return self._values.pop(key, (None, 0))[0]

    def required(self, key: str) -> str:
        """Remove and return the value of *key*, which must be there and not be empty."""
        value, line = self._values.pop(key, ("", self._line))
        if not value:
            raise self._source.error(f"no {key!r} in {self._what}", line)
        return value

    def integer(self, key: str) -> int | None:
        """Remove and return the whole number at *key*, or None."""
        if key not in self._values:
            return None
        value, line = self._values.pop(key)
        return self._source.integer(value, key, line)

    def nodes(self, key: str) -> tuple[int, ...]:
        """Remove and return the node ids of a list: ``1, 2, 3`` or one ``0<tab>Node ID = 1`` a line."""
        value, line = self._values.pop(key, ("", 0))
        ids: list[int] = []
        for word in value.split("\n" if "=" in value else ","):
            number = re.sub(r"^[0-9]+\tNode ID = ([0-9]+)(?:, .*)?$", r"\1", word.strip())
            if not _WHOLE.fullmatch(number) and value:
                raise self._source.error(f"{key} is not a list of node ids", line)
            if number:
                ids.append(int(number))
        return tuple(ids)

    def rest(self) -> tuple[tuple[str, str], ...]:
        """Return what nobody took."""
        return tuple((key, value) for key, (value, _) in self._values.items())
