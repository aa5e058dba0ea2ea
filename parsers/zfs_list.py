"""``zfs list -Hp -o …`` and ``zfs get -Hp …``: datasets, volumes and snapshots, with exact numbers.

One a line, divided by tabs. There is no heading: the columns are those that were asked for. Nothing to list is no
text at all, with exit status 0.

Schema::

    [{"name": string, "properties": [[string, string]]}]
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from parsers._shape import Info, shape
from parsers._source import Source
from parsers.errors import ParseError

NAME = "zfs_list"
info = Info("`zfs list -Hp` command parser", magic_commands=("zfs list -Hp",))

DEFAULT = ("name", "used", "available", "referenced", "mountpoint")
"""Columns of ``zfs list -Hp`` without ``-o``."""
SNAPSHOTS = ("name", "guid", "creation", "createtxg", "used")
"""Columns to list snapshots with: ``zfs list -Hp -t snapshot -o name,guid,creation,createtxg,used``."""
GET = ("name", "property", "value", "source")
"""Columns of ``zfs get -Hp`` without ``-o``."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.: -]*(?:/[A-Za-z0-9_.: %-]+)*(?:[@#][A-Za-z0-9_.: -]+)?")
_WHOLE = re.compile(r"[0-9]{1,20}")
_NUMBERS = frozenset(
    {"used", "available", "referenced", "guid", "creation", "createtxg", "written", "volsize", "usedbysnapshots"}
)


@dataclass(frozen=True, slots=True)
class ZfsEntry:
    """One dataset, volume or snapshot.

    Attributes:
        name: ``pool/path`` or ``pool/path@snapshot``.
        properties: the other columns and their values, as printed; bytes, seconds since the epoch.
    """

    name: str
    properties: tuple[tuple[str, str], ...]

    @property
    def dataset(self) -> str:
        """Return the name without the snapshot."""
        return self.name.partition("@")[0]

    @property
    def snapshot(self) -> str | None:
        """Return the snapshot's own name, or None if this is none."""
        return self.name.partition("@")[2] or None

    def get(self, column: str) -> str | None:
        """Return the value of *column*; None if it was not asked for or does not apply (``-``)."""
        value = dict(self.properties).get(column)
        return None if value == "-" else value

    def int(self, column: str) -> int | None:
        """Return the whole number in *column*; None if it was not asked for or does not apply.

        Raises:
            ParseError: it is not a whole number.
        """
        value = self.get(column)
        if value is None:
            return None
        if not _WHOLE.fullmatch(value):
            raise ParseError(NAME, f"{column} is not a whole number", value)
        return int(value)


def read(text: str, columns: tuple[str, ...] = DEFAULT) -> tuple[ZfsEntry, ...]:
    """Read ``zfs list -Hp``; no text at all means nothing to list, so check the exit status first.

    Args:
        text: what was printed.
        columns: what ``-o`` named, ``name`` first.

    Raises:
        ParseError: a line has not that many columns, a name or number is none, or (but for ``zfs get``) a name is
            listed twice.
    """
    source = Source(NAME, text)
    entries: list[ZfsEntry] = []
    for number, line in enumerate(source.lines, 1):
        values = line.split("\t")
        if len(values) != len(columns) or not _NAME.fullmatch(values[0]):
            raise source.error(f"not {len(columns)} columns {','.join(columns)}", number)
        for column, value in zip(columns, values, strict=True):
            if column in _NUMBERS and value != "-" and not _WHOLE.fullmatch(value):
                raise source.error(f"{column} is not a whole number", number)
        entries.append(ZfsEntry(values[0], tuple(zip(columns[1:], values[1:], strict=True))))
    if "property" not in columns and len({entry.name for entry in entries}) != len(entries):
        raise source.error("a name is listed twice")
    return tuple(entries)


def parse(data: str, raw: bool = False, quiet: bool = False) -> list[dict[str, Any]]:  # noqa: ARG001
    """Return :func:`read` with the default columns as a list of dictionaries, the way jc does."""
    result: list[dict[str, Any]] = shape(read(data), raw)
    return result
