"""``/etc/pve/.vmlist``: which node owns which guest, including the guests of dead nodes. Readable without quorum.

Schema::

    {"version": integer, "guests": [{"vmid": integer, "node": string, "type": "qemu" or "lxc", "version": integer}],
     "extra": [[string, string]]}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from parsers._json import Document, Value
from parsers._shape import Info, shape
from parsers._source import Source

NAME = "pmxcfs_vmlist"
info = Info("`/etc/pve/.vmlist` file parser", ("file",), ("cat /etc/pve/.vmlist",))

_TOP = frozenset({"version", "ids"})
_TYPES = frozenset({"qemu", "lxc"})


@dataclass(frozen=True, slots=True)
class VmListEntry:
    """One guest.

    Attributes:
        vmid: its number, unique in the cluster.
        node: the node whose directory holds its config file, dead or alive.
        type: ``qemu`` or ``lxc``.
        version: changes whenever its config file does.
    """

    vmid: int
    node: str
    type: str
    version: int


@dataclass(frozen=True, slots=True)
class VmList:
    """All guests of the cluster, in the order of their numbers.

    Attributes:
        version: counts changes since this pmxcfs started.
        guests: the guests.
        extra: keys not known here.
    """

    version: int
    guests: tuple[VmListEntry, ...]
    extra: tuple[tuple[str, str], ...] = ()


def read(text: str) -> VmList:
    """Read ``/etc/pve/.vmlist``. Without guests there is no ``ids``, and nothing else in its place.

    Raises:
        ParseError: not JSON, a required key is missing, or a guest is of an unknown type.
    """
    document = Document(NAME, text)
    top = document.mapping(document.top, "the document")
    if "ids" not in top and not top.keys() <= _TOP:
        raise document.error("no 'ids', but keys that are not known")
    ids = document.mapping(top.get("ids", {}), "'ids'")
    source = Source(NAME, text)
    guests = [_guest(document, source.integer(key, f"guest {key!r}"), value) for key, value in ids.items()]
    guests.sort(key=lambda guest: guest.vmid)
    if len({guest.vmid for guest in guests}) != len(guests):
        raise document.error("a guest stands twice")
    return VmList(document.integer(top, "version", "the document"), tuple(guests), document.extra(top, _TOP))


def parse(data: str, raw: bool = False, quiet: bool = False) -> dict[str, Any]:  # noqa: ARG001
    """Return :func:`read` as a dictionary, the way jc does."""
    result: dict[str, Any] = shape(read(data), raw)
    return result


def _guest(document: Document, vmid: int, value: Value) -> VmListEntry:
    what = f"guest {vmid}"
    guest = document.mapping(value, what)
    kind = document.text(guest, "type", what)
    if kind not in _TYPES:
        raise document.error(f"{what} is of unknown type {kind!r}")
    return VmListEntry(vmid, document.text(guest, "node", what), kind, document.integer(guest, "version", what))
