"""``/etc/pve/.version``: counters of changes, as this node's pmxcfs counts them.

Counters of two nodes cannot be compared. ``starttime`` changes when this pmxcfs restarts.

Schema::

    {"starttime": integer, "clinfo": integer, "vmlist": integer, "files": [[string, integer]],
     "kvstore": [[string, [[string, integer]]]], "extra": [[string, string]]}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from parsers._json import Document
from parsers._shape import Info, shape

NAME = "pmxcfs_version"
info = Info("`/etc/pve/.version` file parser", ("file",), ("cat /etc/pve/.version",))

_REQUIRED = ("starttime", "clinfo", "vmlist")


@dataclass(frozen=True, slots=True)
class PmxcfsVersion:
    """What ``.version`` says.

    Attributes:
        starttime: start of this pmxcfs, in seconds since the epoch.
        clinfo: counts changes of ``.members``.
        vmlist: counts changes of ``.vmlist``.
        files: counts changes of each file that pmxcfs watches, such as ``corosync.conf``.
        kvstore: for each node, counts of what its daemons last sent.
        extra: keys that are not counters.
    """

    starttime: int
    clinfo: int
    vmlist: int
    files: tuple[tuple[str, int], ...]
    kvstore: tuple[tuple[str, tuple[tuple[str, int], ...]], ...]
    extra: tuple[tuple[str, str], ...] = ()


def read(text: str) -> PmxcfsVersion:
    """Read ``/etc/pve/.version``.

    Raises:
        ParseError: not JSON, or a required counter is missing.
    """
    document = Document(NAME, text)
    top = document.mapping(document.top, "the document")
    starttime, clinfo, vmlist = (document.integer(top, key, "the document") for key in _REQUIRED)
    stores = document.mapping(document.required(top, "kvstore", "the document"), "'kvstore'")
    kvstore: list[tuple[str, tuple[tuple[str, int], ...]]] = []
    for node, value in stores.items():
        counters = document.mapping(value, f"'kvstore' of {node!r}")
        kvstore.append((node, tuple((key, document.integer(counters, key, f"{node!r}")) for key in counters)))
    files = [key for key, value in top.items() if isinstance(value, int) and key not in _REQUIRED]
    return PmxcfsVersion(
        starttime=starttime,
        clinfo=clinfo,
        vmlist=vmlist,
        files=tuple((key, document.integer(top, key, "the document")) for key in files),
        kvstore=tuple(kvstore),
        extra=document.extra(top, frozenset({*_REQUIRED, *files, "kvstore"})),
    )


def parse(data: str, raw: bool = False, quiet: bool = False) -> dict[str, Any]:  # noqa: ARG001
    """Return :func:`read` as a dictionary, the way jc does."""
    result: dict[str, Any] = shape(read(data), raw)
    return result
