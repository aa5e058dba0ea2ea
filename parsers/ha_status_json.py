"""``pvesh get /cluster/ha/status/current --output-format json``: what ``ha-manager status`` prints, with epoch times.

Schema::

    {"quorate": boolean, "node": string,
     "master": {"node": string, "timestamp": integer, "status": string} or null,
     "fencing": {"node": string or null, "state": string, "mode": string or null, "status": string} or null,
     "lrms": [{"node": string, "timestamp": integer or null, "status": string}],
     "services": [{"sid": string, "node": string, "state": string, "crm_state": string or null,
                   "request_state": string or null, "extra": [[string, string]]}],
     "other": [string]}
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from parsers._json import Document, Value
from parsers._shape import Info, shape

NAME = "ha_status_json"
info = Info("`pvesh get /cluster/ha/status/current` command parser", magic_commands=("pvesh get",))

_SERVICE = frozenset({"id", "type", "sid", "node", "state", "crm_state", "request_state", "status"})


@dataclass(frozen=True, slots=True)
class CurrentMaster:
    """The HA manager's node, its last round in seconds since the epoch, and its line of ``ha-manager status``."""

    node: str
    timestamp: int
    status: str


@dataclass(frozen=True, slots=True)
class CurrentFencing:
    """Is HA ``armed``, ``standby``, ``disarming`` or ``disarmed``? ``mode`` says how it is disarmed."""

    node: str | None
    state: str
    mode: str | None
    status: str


@dataclass(frozen=True, slots=True)
class CurrentLrm:
    """The agent of one node, its last round in seconds since the epoch, and its line of ``ha-manager status``."""

    node: str
    timestamp: int | None
    status: str


@dataclass(frozen=True, slots=True)
class CurrentService:
    """One guest under HA.

    Attributes:
        sid: ``vm:100`` or ``ct:101``.
        node: where it is.
        state: the word that ``ha-manager status`` prints.
        crm_state: the manager's own word; None if the manager has not taken it up.
        request_state: what is wanted.
        extra: keys not known here.
    """

    sid: str
    node: str
    state: str
    crm_state: str | None
    request_state: str | None
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CurrentStatus:
    """HA as the node that was asked sees it.

    Attributes:
        quorate: does that node have quorum?
        node: that node.
        master: None if HA was never used.
        fencing: None before pve-ha-manager 5.1.3.
        lrms: the agents, by node.
        services: the guests, by sid.
        other: entries of other types, as JSON.
    """

    quorate: bool
    node: str
    master: CurrentMaster | None
    fencing: CurrentFencing | None
    lrms: tuple[CurrentLrm, ...]
    services: tuple[CurrentService, ...]
    other: tuple[str, ...]


def read(text: str) -> CurrentStatus:
    """Read the current HA status.

    Raises:
        ParseError: not JSON, no entry about quorum, an entry twice, or a required key is missing.
    """
    document = Document(NAME, text)
    entries: dict[str, list[dict[str, Value]]] = {}
    seen: set[str] = set()
    for value in document.sequence(document.top, "the document"):
        entry = document.mapping(value, "an entry")
        identity = document.text(entry, "id", "an entry")
        if identity in seen:
            raise document.error(f"entry {identity!r} stands twice")
        seen.add(identity)
        entries.setdefault(document.text(entry, "type", f"entry {identity!r}"), []).append(entry)
    quorum = _only(document, entries, "quorum")
    if quorum is None:
        raise document.error("no entry about quorum")
    master = _only(document, entries, "master")
    fencing = _only(document, entries, "fencing")
    return CurrentStatus(
        quorate=document.flag(quorum, "quorate", "'quorum'"),
        node=document.text(quorum, "node", "'quorum'"),
        master=_master(document, master) if master else None,
        fencing=_fencing(document, fencing) if fencing else None,
        lrms=tuple(sorted((_lrm(document, entry) for entry in entries.pop("lrm", [])), key=lambda lrm: lrm.node)),
        services=tuple(
            sorted((_service(document, entry) for entry in entries.pop("service", [])), key=lambda item: item.sid)
        ),
        other=tuple(json.dumps(entry, ensure_ascii=False) for group in entries.values() for entry in group),
    )


def parse(data: str, raw: bool = False, quiet: bool = False) -> dict[str, Any]:  # noqa: ARG001
    """Return :func:`read` as a dictionary, the way jc does."""
    result: dict[str, Any] = shape(read(data), raw)
    return result


def _only(document: Document, entries: dict[str, list[dict[str, Value]]], kind: str) -> dict[str, Value] | None:
    found = entries.pop(kind, [])
    if len(found) > 1:
        raise document.error(f"more than one entry of type {kind!r}")
    return found[0] if found else None


def _optional(document: Document, entry: dict[str, Value], key: str, what: str) -> str | None:
    return document.text(entry, key, what) if entry.get(key) is not None else None


def _master(document: Document, entry: dict[str, Value]) -> CurrentMaster:
    return CurrentMaster(
        node=document.text(entry, "node", "'master'"),
        timestamp=document.integer(entry, "timestamp", "'master'"),
        status=document.text(entry, "status", "'master'"),
    )


def _fencing(document: Document, entry: dict[str, Value]) -> CurrentFencing:
    return CurrentFencing(
        node=_optional(document, entry, "node", "'fencing'"),
        state=document.text(entry, "armed-state", "'fencing'"),
        mode=_optional(document, entry, "resource_mode", "'fencing'"),
        status=document.text(entry, "status", "'fencing'"),
    )


def _lrm(document: Document, entry: dict[str, Value]) -> CurrentLrm:
    return CurrentLrm(
        node=document.text(entry, "node", "'lrm'"),
        timestamp=document.integer(entry, "timestamp", "'lrm'") if entry.get("timestamp") is not None else None,
        status=document.text(entry, "status", "'lrm'"),
    )


def _service(document: Document, entry: dict[str, Value]) -> CurrentService:
    sid = document.text(entry, "sid", "'service'")
    return CurrentService(
        sid=sid,
        node=document.text(entry, "node", f"service {sid!r}"),
        state=document.text(entry, "state", f"service {sid!r}"),
        crm_state=_optional(document, entry, "crm_state", f"service {sid!r}"),
        request_state=_optional(document, entry, "request_state", f"service {sid!r}"),
        extra=document.extra(entry, _SERVICE),
    )
