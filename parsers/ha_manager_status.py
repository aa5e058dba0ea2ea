"""``ha-manager status [--verbose 1]``: HA in one line each. Exit status 0, with and without quorum.

A cluster that never had a guest under HA prints ``quorum OK`` (and ``fencing standby``, since pve-ha-manager 5.1.3)
only. Times are the node's local time. With ``--verbose 1`` the status files follow as JSON, with times in seconds
since the
epoch: decide from those, show the lines.

Schema::

    {"quorum": {"ok": boolean, "node": string or null},
     "master": {"node": string, "state": string, "date": string, "remark": string} or null,
     "fencing": {"state": string, "mode": string or null, "watchdog": string} or null,
     "lrms": [{"node": string, "state": string, "watchdog": string or null, "date": string or null}],
     "services": [{"sid": string, "node": string, "state": string}],
     "other": [string],
     "full": {"manager": see manager_status, "lrms": [[string, see lrm_status]], "quorate": boolean} or null}
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from parsers import lrm_status, manager_status
from parsers._json import Document
from parsers._shape import Info, shape
from parsers._source import Source
from parsers.lrm_status import LrmStatus
from parsers.manager_status import ManagerStatus

NAME = "ha_manager_status"
info = Info("`ha-manager status` command parser", magic_commands=("ha-manager status",))

FULL = "full cluster state:"

_DATE = r"\w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}"
_QUORUM = re.compile(r"quorum (?:(?P<ok>OK)|No quorum on node '(?P<node>[^']+)'!)")
_MASTER = re.compile(rf"master (?P<node>\S+) \((?P<state>[^,]+), (?P<date>{_DATE})\)(?: - (?P<remark>.*))?")
_FENCING = re.compile(r"fencing (?P<state>[^\s,]+)(?:, resource mode: (?P<mode>\S+))? \((?P<watchdog>[^)]*)\)")
_LRM = re.compile(
    rf"lrm (?P<node>\S+) \((?P<state>[^,)]+)(?:, (?P<watchdog>watchdog \w+))?(?:, (?P<date>{_DATE}))?\)", re.ASCII
)
_SERVICE = re.compile(r"service (?P<sid>[a-z]+:\S+) \((?P<node>\S+), (?P<state>[^)]+)\)")
_KNOWN = ("quorum", "master", "fencing", "lrm", "service")
_OTHER = re.compile(r"[a-z][a-z-]* \S.*")


@dataclass(frozen=True, slots=True)
class HaQuorum:
    """Does the node that was asked have quorum? ``node`` is its name if it has not."""

    ok: bool
    node: str | None


@dataclass(frozen=True, slots=True)
class HaMaster:
    """The HA manager: its node, ``active``, ``idle`` or a doubt in words, its last round, and what else is said."""

    node: str
    state: str
    date: str
    remark: str


@dataclass(frozen=True, slots=True)
class HaFencing:
    """Is HA ``armed``, ``standby``, ``disarming`` or ``disarmed``? The mode while disarmed; the CRM's watchdog."""

    state: str
    mode: str | None
    watchdog: str


@dataclass(frozen=True, slots=True)
class HaLrm:
    """The agent of one node: its state in words, what is guessed about its watchdog, its last round."""

    node: str
    state: str
    watchdog: str | None
    date: str | None


@dataclass(frozen=True, slots=True)
class HaService:
    """One guest under HA; the node is ``---`` if the guest does not exist."""

    sid: str
    node: str
    state: str


@dataclass(frozen=True, slots=True)
class FullState:
    """The files behind the lines: the manager's, every agent's by node, and quorum."""

    manager: ManagerStatus
    lrms: tuple[tuple[str, LrmStatus], ...]
    quorate: bool


@dataclass(frozen=True, slots=True)
class HaStatus:
    """What ``ha-manager status`` says.

    Attributes:
        quorum: quorum on the node that was asked.
        master: None if HA was never used.
        fencing: None before pve-ha-manager 5.1.3.
        lrms: the agents, by node.
        services: the guests.
        other: lines of other kinds.
        full: the status files; None without ``--verbose 1``.
    """

    quorum: HaQuorum
    master: HaMaster | None
    fencing: HaFencing | None
    lrms: tuple[HaLrm, ...]
    services: tuple[HaService, ...]
    other: tuple[str, ...]
    full: FullState | None = None


def read(text: str) -> HaStatus:
    """Read ``ha-manager status``, with or without ``--verbose 1``.

    Raises:
        ParseError: the quorum line is missing, a line of a known kind is not understood, or a node or guest is listed
            twice.
    """
    source = Source(NAME, text)
    source.refuse_nothing()
    lines = source.lines
    full: FullState | None = None
    if FULL in lines:
        at = lines.index(FULL)
        full = _full("\n".join(lines[at + 1 :]))
        lines = lines[:at]
    found: dict[str, list[re.Match[str]]] = {kind: [] for kind in _KNOWN}
    other: list[str] = []
    patterns = {"quorum": _QUORUM, "master": _MASTER, "fencing": _FENCING, "lrm": _LRM, "service": _SERVICE}
    for number, line in enumerate(lines, 1):
        kind = line.split(" ", 1)[0]
        if kind in patterns:
            match = patterns[kind].fullmatch(line)
            if match is None:
                raise source.error(f"not a line about {kind}", number)
            if found[kind] and (kind in ("quorum", "master", "fencing") or match[1] in {old[1] for old in found[kind]}):
                raise source.error("this is listed twice", number)
            found[kind].append(match)
        elif number > 1 and _OTHER.fullmatch(line):
            other.append(line)
        else:
            raise source.error("not a line of ha-manager status", number)
    if not found["quorum"]:
        raise source.error("no line about quorum")
    return HaStatus(
        quorum=HaQuorum(found["quorum"][0]["ok"] is not None, found["quorum"][0]["node"]),
        master=next((HaMaster(m["node"], m["state"], m["date"], m["remark"] or "") for m in found["master"]), None),
        fencing=next((HaFencing(m["state"], m["mode"], m["watchdog"]) for m in found["fencing"]), None),
        lrms=tuple(HaLrm(m["node"], m["state"], m["watchdog"], m["date"]) for m in found["lrm"]),
        services=tuple(HaService(m["sid"], m["node"], m["state"]) for m in found["service"]),
        other=tuple(other),
        full=full,
    )


def parse(data: str, raw: bool = False, quiet: bool = False) -> dict[str, Any]:  # noqa: ARG001
    """Return :func:`read` as a dictionary, the way jc does."""
    result: dict[str, Any] = shape(read(data), raw)
    return result


def _full(text: str) -> FullState:
    document = Document(NAME, text)
    top = document.mapping(document.top, "the cluster state")
    lrms = document.mapping(document.required(top, "lrm_status", "the cluster state"), "'lrm_status'")
    quorum = document.mapping(document.required(top, "quorum", "the cluster state"), "'quorum'")
    return FullState(
        manager=manager_status.build(document, document.required(top, "manager_status", "the cluster state")),
        lrms=tuple((node, lrm_status.build(document, lrms[node])) for node in sorted(lrms)),
        quorate=document.flag(quorum, "quorate", "'quorum'"),
    )
