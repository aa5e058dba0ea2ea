"""``/var/lib/pve-manager/pve-replication-state.json``: how the replication jobs of this node's guests went.

Local to the node that owns the guests, and written by its scheduler; needs neither quorum nor pmxcfs. Times are seconds
since the epoch by that node's clock; 0 means never. Keyed by guest and target, not by job.

Schema::

    [{"guest": integer, "target": string, "last_sync": integer, "last_try": integer, "last_iteration": integer,
      "fail_count": integer, "duration": number or null, "last_node": string or null, "storages": [string],
      "error": string or null, "pid": integer or null, "ptime": integer or null, "extra": [[string, string]]}]
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from parsers._json import Document, Value
from parsers._shape import Info, shape

NAME = "replication_state"
info = Info("replication state file parser", ("file",), ("cat /var/lib/pve-manager/pve-replication-state.json",))

_GUEST = re.compile(r"[1-9][0-9]{2,8}")
_TARGET = re.compile(r"local/(\S+)")
_KNOWN = frozenset(
    {
        "last_sync",
        "last_try",
        "last_iteration",
        "fail_count",
        "duration",
        "last_node",
        "storeid_list",
        "error",
        "pid",
        "ptime",
    }
)


@dataclass(frozen=True, slots=True)
class ReplicationState:
    """How one job went.

    Attributes:
        guest: the guest it copies.
        target: the node it copies to.
        last_sync: start of the last run that succeeded: the copy is as old as that.
        last_try: start of the last run.
        last_iteration: when the scheduler last looked at it.
        fail_count: runs that failed since the last one that succeeded.
        duration: seconds the last run took.
        last_node: the node that ran it.
        storages: the storages it copies.
        error: why the last run failed; may have several lines.
        pid: process of a run in progress (check with *ptime* that it is still the same process).
        ptime: start time of that process, in clock ticks since boot.
        extra: keys not known here.
    """

    guest: int
    target: str
    last_sync: int
    last_try: int
    last_iteration: int
    fail_count: int
    duration: float | None
    last_node: str | None
    storages: tuple[str, ...]
    error: str | None
    pid: int | None
    ptime: int | None
    extra: tuple[tuple[str, str], ...] = ()


def read(text: str) -> tuple[ReplicationState, ...]:
    """Read the state file; ``{}`` is a node without jobs.

    Raises:
        ParseError: not JSON, a guest or target is none, or a required key is missing.
    """
    document = Document(NAME, text)
    guests = document.mapping(document.top, "the document")
    return tuple(
        _state(document, guest, target, value)
        for guest, targets in sorted(guests.items())
        for target, value in sorted(document.mapping(targets, f"guest {guest!r}").items())
    )


def parse(data: str, raw: bool = False, quiet: bool = False) -> list[dict[str, Any]]:  # noqa: ARG001
    """Return :func:`read` as a list of dictionaries, the way jc does."""
    result: list[dict[str, Any]] = shape(read(data), raw)
    return result


def _state(document: Document, guest: str, target: str, value: Value) -> ReplicationState:
    what = f"the job of guest {guest!r} to {target!r}"
    node = _TARGET.fullmatch(target)
    if not _GUEST.fullmatch(guest) or node is None:
        raise document.error(f"{what} is not keyed by guest and node")
    state = document.mapping(value, what)
    storages = document.sequence(state.get("storeid_list", []), f"'storeid_list' of {what}")
    if not all(isinstance(storage, str) for storage in storages):
        raise document.error(f"'storeid_list' of {what} holds something else than names")

    def text(key: str) -> str | None:
        return document.text(state, key, what) if state.get(key) is not None else None

    def integer(key: str) -> int | None:
        return document.integer(state, key, what) if state.get(key) is not None else None

    return ReplicationState(
        guest=int(guest),
        target=node[1],
        last_sync=document.integer(state, "last_sync", what),
        last_try=document.integer(state, "last_try", what),
        last_iteration=document.integer(state, "last_iteration", what),
        fail_count=document.integer(state, "fail_count", what),
        duration=document.fraction(state, "duration", what) if state.get("duration") is not None else None,
        last_node=text("last_node"),
        storages=tuple(storages),
        error=text("error"),
        pid=integer("pid"),
        ptime=integer("ptime"),
        extra=document.extra(state, _KNOWN),
    )
