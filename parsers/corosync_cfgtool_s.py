"""``corosync-cfgtool -s``: this node's links, and to whom each one is connected.

Reads every form since corosync 2: ring status (2.x), list positions (3.0.0, 3.0.1), enabled/connected pairs (3.0.2,
3.0.3), words (since 3.0.4), and the brief form (``-s -b``). The exit status says nothing: since 3.1.1 it is 0
whatever is broken. Links that are absent from every peer are not printed; a cluster of one node shows link 0 only.

Schema::

    {"nodeid": integer or null, "transport": string or null,
     "links": [{"number": integer, "transport": string or null, "address": string, "status": string or null,
                "peers": [{"nodeid": integer or null, "position": integer or null, "state": string}]}]}
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from parsers._shape import Info, shape
from parsers._source import Source

NAME = "corosync_cfgtool_s"
info = Info("`corosync-cfgtool -s` command parser", magic_commands=("corosync-cfgtool -s",))

LOCALHOST = "localhost"
CONNECTED = "connected"
DISCONNECTED = "disconnected"
NOT_ENABLED = "disconnected (not enabled)"

_PREAMBLE = re.compile(r"Printing (?:link|ring) status\.")
_LOCAL = re.compile(r"Local node ID ([0-9]+)(?:, transport (\S+))?")
_LINK = re.compile(r"(?:LINK|RING) ID ([0-9]+)(?: (\S+))?")
_VALUE = re.compile(r"\t(addr|id|status)\t= ?(.*)")
_PEER = re.compile(r"\t\tnode(?P<id>id)?:? *(?P<number>[0-9]+):\t(?P<state>\S.*)")
_FLAGS = re.compile(r"link enabled:([01])\tlink connected:([01])")
_BRIEF = re.compile(r"[n0-9d?]+")
_BRIEF_STATES = {"n": LOCALHOST, "3": CONNECTED, "1": DISCONNECTED, "2": NOT_ENABLED, "0": NOT_ENABLED}


@dataclass(frozen=True, slots=True)
class LinkPeer:
    """What one link knows about one node.

    Attributes:
        nodeid: the node; None in the forms that number nodes by their place in the node list.
        position: that place, counted from 0; None where the node id is printed.
        state: ``localhost``, ``connected``, ``disconnected``, ``disconnected (not enabled)``, or what else is printed.
    """

    nodeid: int | None
    position: int | None
    state: str


@dataclass(frozen=True, slots=True)
class Link:
    """One link of this node.

    Attributes:
        number: link number (ring number in corosync 2).
        transport: protocol of this link, such as ``udp``; printed since 3.1.5.
        address: this node's address on it.
        peers: the nodes; empty where only a summary is printed.
        status: the summary (``ring 0 active with no faults``, ``OK``), if that is what is printed.
    """

    number: int
    transport: str | None
    address: str
    peers: tuple[LinkPeer, ...]
    status: str | None = None


@dataclass(frozen=True, slots=True)
class LinkStatus:
    """The links of one node.

    Attributes:
        nodeid: the node that was asked; not printed by 3.0.0 and 3.0.1.
        transport: ``knet``, ``udpu`` or ``udp``; printed since 3.1.1.
        links: its links, in the order printed.
    """

    nodeid: int | None
    transport: str | None
    links: tuple[Link, ...]


def read(text: str) -> LinkStatus:
    """Read ``corosync-cfgtool -s``.

    Raises:
        ParseError: the heading or every link is missing, a link has no address or no status, or a line is not
            understood.
    """
    source = Source(NAME, text)
    source.refuse_nothing()
    heading, lines = _heading(source)
    links: list[Link] = []
    start: list[tuple[int, str]] = []
    for number, line in [*lines, (0, "LINK ID 0")]:
        if _LINK.fullmatch(line):
            if start:
                links.append(_link(source, start, heading[0]))
            start = [(number, line)]
        elif not start:
            raise source.error("text before the first link", number)
        elif line.strip():
            start.append((number, line))
    if not links:
        raise source.error("no link is listed")
    numbers = [link.number for link in links]
    if len(set(numbers)) != len(numbers):
        raise source.error("a link is listed twice")
    return LinkStatus(heading[0], heading[1], tuple(links))


def parse(data: str, raw: bool = False, quiet: bool = False) -> dict[str, Any]:  # noqa: ARG001
    """Return :func:`read` as a dictionary, the way jc does."""
    result: dict[str, Any] = shape(read(data), raw)
    return result


def _heading(source: Source) -> tuple[tuple[int | None, str | None], list[tuple[int, str]]]:
    """Return local node id and transport, and the numbered lines below them."""
    lines = list(enumerate(source.lines, 1))
    nodeid: int | None = None
    transport: str | None = None
    preamble = bool(_PREAMBLE.fullmatch(lines[0][1]))
    if preamble:
        lines = lines[1:]
    local = _LOCAL.fullmatch(lines[0][1]) if lines else None
    if local:
        nodeid, transport = source.integer(local[1], "Local node ID", lines[0][0]), local[2]
        lines = lines[1:]
    elif not preamble:
        raise source.error("no line 'Local node ID'", 1)
    return (nodeid, transport), lines


def _link(source: Source, lines: list[tuple[int, str]], local: int | None) -> Link:
    number, line = lines[0]
    heading = _LINK.fullmatch(line)
    assert heading is not None
    values: dict[str, str] = {}
    peers: list[LinkPeer] = []
    for at, line in lines[1:]:
        value = _VALUE.fullmatch(line)
        if value and value[1] not in values:
            values[value[1]] = value[2]
        elif line == "\tstatus:" and "status" not in values:
            values["status"] = ""
        elif values.get("status") == "" and (peer := _PEER.fullmatch(line)):
            peers.append(_peer(source, peer, at))
        else:
            raise source.error("not a line of a link", at)
    address = values.get("addr") or values.get("id")
    if not address:
        raise source.error("this link has no address", number)
    status = values.get("status")
    if status is None or (status == "" and not peers):
        raise source.error("this link has no status", number)
    if status and _BRIEF.fullmatch(status):
        peers = [LinkPeer(None, place, _BRIEF_STATES.get(mark, mark)) for place, mark in enumerate(status)]
        status = ""
    known = [peer.nodeid for peer in peers if peer.nodeid is not None]
    if len(set(known)) != len(known):
        raise source.error("a node is listed twice on this link", number)
    if known and local is not None and local not in known:
        raise source.error(f"the local node {local} is not listed on this link", number)
    link_number = source.integer(heading[1], "LINK ID", number)
    return Link(link_number, heading[2], address, tuple(peers), status or None)


def _peer(source: Source, match: re.Match[str], line: int) -> LinkPeer:
    number = source.integer(match["number"], "node", line)
    state = match["state"].strip()
    flags = _FLAGS.fullmatch(state)
    if flags:
        state = NOT_ENABLED if flags[1] == "0" else CONNECTED if flags[2] == "1" else DISCONNECTED
    elif state.startswith("link "):
        raise source.error("not the state of a link", line)
    return LinkPeer(number, None, state) if match["id"] else LinkPeer(None, number, state)
