"""``corosync-cmapctl``: corosync's own map of settings and state, ``key (type) = value`` a line.

Reads the whole map, a part of it (``-b PREFIX``), one key (``-g KEY``) and the statistics (``-m stats``). Exit status
0; a missing key with ``-g`` is 1 and ``Can't get key …``. Latencies in the statistics are microseconds.

Schema::

    {"entries": [{"key": string, "type": string, "value": string}]}
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from parsers._shape import Info
from parsers._source import Source
from parsers.errors import ParseError

NAME = "corosync_cmapctl"
info = Info("`corosync-cmapctl` command parser", magic_commands=("corosync-cmapctl",))

_ENTRY = re.compile(r"(\S+) \(([a-z][a-z0-9]*)\) = (.*)")
_WHOLE = re.compile(r"-?[0-9]{1,20}")
_KNET_LINK = re.compile(r"stats\.knet\.node([0-9]{1,10})\.link([0-9]{1,2})\.")
_WHOLE_TYPES = frozenset({"i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64"})


@dataclass(frozen=True, slots=True)
class CmapEntry:
    """One key of the map.

    Attributes:
        key: dotted name, such as ``totem.config_version``.
        type: ``str``, ``u8`` … ``u64``, ``i8`` … ``i64``, ``flt``, ``dbl``, ``bin``.
        value: as printed, trailing blanks included.
    """

    key: str
    type: str
    value: str


@dataclass(frozen=True, slots=True)
class CmapDump:
    """The map, or the part of it that was asked for."""

    entries: tuple[CmapEntry, ...]
    _index: Mapping[str, CmapEntry] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_index", MappingProxyType({entry.key: entry for entry in self.entries}))

    def get(self, key: str) -> str | None:
        """Return the value of *key* as printed, or None if the map does not hold it."""
        entry = self._index.get(key)
        return None if entry is None else entry.value

    def int(self, key: str) -> int | None:
        """Return the whole number at *key*, or None if the map does not hold it.

        Raises:
            ParseError: the value is not a whole number.
        """
        entry = self._index.get(key)
        if entry is None:
            return None
        if not _WHOLE.fullmatch(entry.value):
            raise ParseError(NAME, f"{key} is not a whole number", entry.value)
        return int(entry.value)

    def under(self, prefix: str) -> tuple[CmapEntry, ...]:
        """Return the entries whose key begins with *prefix*, in the order printed."""
        return tuple(entry for entry in self.entries if entry.key.startswith(prefix))


@dataclass(frozen=True, slots=True)
class KnetLink:
    """Statistics of one link to one node, from ``corosync-cmapctl -m stats``.

    Attributes:
        nodeid: the other node; or the node itself, whose loopback is counted as link 0 with no latency.
        link: link number.
        enabled: is the link in use?
        connected: does knet hear the other side?
        down_count: how often it went down since corosync started; 1 right after the start, so only changes count.
        latency_ave: average time there and back, in microseconds.
        latency_max: longest time there and back, in microseconds.
        mtu: bytes of payload per packet.
    """

    nodeid: int
    link: int
    enabled: bool
    connected: bool
    down_count: int
    latency_ave: int
    latency_max: int
    mtu: int


def read(text: str) -> CmapDump:
    """Read the output of ``corosync-cmapctl``.

    Raises:
        ParseError: there is no entry, a key stands twice, a number is none, or a line is not an entry.
    """
    source = Source(NAME, text)
    source.refuse_nothing()
    entries: list[CmapEntry] = []
    for number, line in enumerate(source.lines, 1):
        match = _ENTRY.fullmatch(line)
        if match is None:
            raise source.error("not a line of the form 'key (type) = value'", number)
        if match[2] in _WHOLE_TYPES and not _WHOLE.fullmatch(match[3]):
            raise source.error(f"not a number of type {match[2]}", number)
        entries.append(CmapEntry(match[1], match[2], match[3]))
    dump = CmapDump(tuple(entries))
    if len(dump._index) != len(entries):
        raise source.error("a key stands twice")
    return dump


def knet_links(dump: CmapDump) -> tuple[KnetLink, ...]:
    """Return the link statistics in *dump*, by node and link; none if it is not that of ``-m stats``.

    Raises:
        ParseError: a statistic of a link is missing or not a number.
    """
    found = {(int(match[1]), int(match[2])) for entry in dump.entries if (match := _KNET_LINK.match(entry.key))}
    return tuple(_knet_link(dump, nodeid, link) for nodeid, link in sorted(found))


def parse(data: str, raw: bool = False, quiet: bool = False) -> dict[str, Any]:  # noqa: ARG001
    """Return :func:`read` as a dictionary, the way jc does. Values are always text: their type stands beside them."""
    return {"entries": [{"key": entry.key, "type": entry.type, "value": entry.value} for entry in read(data).entries]}


def _knet_link(dump: CmapDump, nodeid: int, link: int) -> KnetLink:
    def number(name: str) -> int:
        key = f"stats.knet.node{nodeid}.link{link}.{name}"
        value = dump.int(key)
        if value is None:
            raise ParseError(NAME, f"no {key}")
        return value

    return KnetLink(
        nodeid=nodeid,
        link=link,
        enabled=number("enabled") != 0,
        connected=number("connected") != 0,
        down_count=number("down_count"),
        latency_ave=number("latency_ave"),
        latency_max=number("latency_max"),
        mtu=number("mtu"),
    )
