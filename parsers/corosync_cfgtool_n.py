"""``corosync-cfgtool -n``: which nodes this node reaches, over which links, and with what MTU. Since corosync 3.1.1.

Only *reachable* other nodes and only links enabled to them are printed: a node that is cut off is absent, and a node
alone prints the heading only. A link that is down lacks the word ``connected``. Exit status 0 in all of these cases.

Schema::

    {"nodeid": integer, "transport": string or null,
     "peers": [{"nodeid": integer, "links": [{"number": integer, "transport": string or null, "source": string,
                "target": string, "enabled": boolean, "connected": boolean, "mtu": integer, "flags": [string]}],
                "extra": [[string, string]]}]}
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from parsers._shape import Info, shape
from parsers._source import Source

NAME = "corosync_cfgtool_n"
info = Info("`corosync-cfgtool -n` command parser", magic_commands=("corosync-cfgtool -n",))

_LOCAL = re.compile(r"Local node ID ([0-9]+)(?:, transport (\S+))?")
_NODE = re.compile(r"nodeid: ([0-9]+) reachable\s*")
_LINK = re.compile(
    r"\s+LINK: (?P<number>[0-9]+)(?: (?P<transport>[a-z]+))? \((?P<source>[^()]*?)->(?P<target>[^()]*)\)"
    r"(?P<flags>(?: [a-z_]+)*) mtu: (?P<mtu>[0-9]+)(?P<rest>.*)"
)
_EXTRA = re.compile(r"\s+([^:]+): (.*)")


@dataclass(frozen=True, slots=True)
class PeerLink:
    """One link to one reachable node.

    Attributes:
        number: link number.
        transport: protocol of this link; printed since 3.1.5.
        source: this node's address.
        target: the other node's address.
        enabled: is the word ``enabled`` printed?
        connected: does knet hear the other side on this link?
        mtu: bytes of payload per packet; 1397 on an encrypted link over Ethernet, 469 before knet has measured it.
        flags: all words printed before the MTU, known or not.
    """

    number: int
    transport: str | None
    source: str
    target: str
    enabled: bool
    connected: bool
    mtu: int
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Peer:
    """One reachable node.

    Attributes:
        nodeid: the node.
        links: the links enabled to it.
        extra: further lines, such as ``onwire (min/max/cur)``.
    """

    nodeid: int
    links: tuple[PeerLink, ...]
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Reachability:
    """Whom one node reaches.

    Attributes:
        nodeid: the node that was asked.
        transport: ``knet``, ``udpu`` or ``udp``.
        peers: the other nodes it reaches, in the order printed.
    """

    nodeid: int
    transport: str | None
    peers: tuple[Peer, ...]


def read(text: str) -> Reachability:
    """Read ``corosync-cfgtool -n``.

    Raises:
        ParseError: the heading is missing, a node is listed twice or without a link, or a line is not understood.
    """
    source = Source(NAME, text)
    source.refuse_nothing()
    local = _LOCAL.fullmatch(source.lines[0])
    if local is None:
        raise source.error("no line 'Local node ID'", 1)
    nodeid = source.integer(local[1], "Local node ID", 1)
    peers: dict[int, tuple[list[PeerLink], list[tuple[str, str]]]] = {}
    links: list[PeerLink] | None = None
    extra: list[tuple[str, str]] = []
    for number, line in enumerate(source.lines[1:], 2):
        if node := _NODE.fullmatch(line):
            peer = source.integer(node[1], "nodeid", number)
            if peer in peers or peer == nodeid:
                raise source.error("this node is listed twice", number)
            links, extra = peers.setdefault(peer, ([], []))
        elif not line.strip():
            continue
        elif links is None:
            raise source.error("text before the first node", number)
        elif link := _LINK.fullmatch(line):
            links.append(_link(source, link, number))
        elif (pair := _EXTRA.fullmatch(line)) and pair[1] != "LINK":
            extra.append((pair[1], pair[2]))
        else:
            raise source.error("not a line of a reachable node", number)
    for peer, (found, _) in peers.items():
        if not found:
            raise source.error(f"node {peer} is reachable without a link")
    made = tuple(Peer(peer, tuple(found), tuple(more)) for peer, (found, more) in peers.items())
    return Reachability(nodeid, local[2], made)


def parse(data: str, raw: bool = False, quiet: bool = False) -> dict[str, Any]:  # noqa: ARG001
    """Return :func:`read` as a dictionary, the way jc does."""
    result: dict[str, Any] = shape(read(data), raw)
    return result


def _link(source: Source, match: re.Match[str], line: int) -> PeerLink:
    flags = tuple(match["flags"].split())
    rest = match["rest"]
    if rest.strip() and not rest.startswith(" "):
        raise source.error("mtu is not a whole number", line)
    return PeerLink(
        number=source.integer(match["number"], "LINK", line),
        transport=match["transport"],
        source=match["source"],
        target=match["target"],
        enabled="enabled" in flags,
        connected="connected" in flags,
        mtu=source.integer(match["mtu"], "mtu", line),
        flags=flags + tuple(rest.split()),
    )
