"""``corosync-qdevice-tool -s [-v]``: is this node's QDevice connected to its QNetd server?

Exit status 0, whatever the state; 3 with a message on standard error if the QDevice daemon does not run.

Schema::

    {"model": string, "nodeid": integer, "config_version": integer or null, "cluster_name": string, "host": string,
     "algorithm": string, "tie_breaker": string or null, "state": string, "last_poll": string or null,
     "configured_nodes": [integer], "members": [integer], "extra": [[string, string]]}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from parsers._information import Values
from parsers._shape import Info, shape
from parsers._source import Source

NAME = "corosync_qdevice_tool"
info = Info("`corosync-qdevice-tool -s` command parser", magic_commands=("corosync-qdevice-tool",))

CONNECTED = "Connected"

_OWN = "Qdevice information"
_NET = "Qdevice-net information"


@dataclass(frozen=True, slots=True)
class QdeviceStatus:
    """The QDevice of one node.

    Attributes:
        model: ``Net``.
        nodeid: this node.
        config_version: of the corosync.conf it knows; None if none is written.
        cluster_name: how the QNetd server knows the cluster.
        host: the QNetd server and its port.
        algorithm: ``Fifty-Fifty split`` or ``LMS``.
        tie_breaker: who wins a tie.
        state: ``Connected``, ``Connecting``, ``Connect failed`` … Only ``Connected`` counts.
        last_poll: when corosync last asked for the vote, and whether it was cast (``-v``).
        configured_nodes: node ids of the node list.
        members: node ids of this partition.
        extra: lines not known here.
    """

    model: str
    nodeid: int
    config_version: int | None
    cluster_name: str
    host: str
    algorithm: str
    tie_breaker: str | None
    state: str
    last_poll: str | None
    configured_nodes: tuple[int, ...]
    members: tuple[int, ...]
    extra: tuple[tuple[str, str], ...] = ()


def read(text: str) -> QdeviceStatus:
    """Read ``corosync-qdevice-tool -s``, with or without ``-v``.

    Raises:
        ParseError: a section or a required line is missing, or a line is not understood.
    """
    source = Source(NAME, text)
    source.refuse_nothing()
    blocks: dict[str, Values] = {}
    current: Values | None = None
    lines = source.lines
    for number, line in enumerate(lines, 1):
        following = lines[number] if number < len(lines) else ""
        if len(following) > 2 and not following.strip("-"):
            if line in blocks:
                raise source.error("this section stands twice", number)
            current = blocks.setdefault(line, Values(source, repr(line), number))
        elif not line.strip() or not line.strip("-"):
            continue
        elif current is None:
            raise source.error("text before the first section", number)
        elif line.startswith((" ", "\t")):
            current.add_below(line, number)
        else:
            current.add(line, number)
    for name in (_OWN, _NET):
        if name not in blocks:
            raise source.error(f"no section {name!r}")
    own, net = blocks[_OWN], blocks[_NET]
    nodeid = source.integer(own.required("Node ID"), "Node ID")
    return QdeviceStatus(
        model=own.required("Model"),
        nodeid=nodeid,
        config_version=own.integer("Configuration version"),
        cluster_name=net.required("Cluster name"),
        host=net.required("QNetd host"),
        algorithm=net.required("Algorithm"),
        tie_breaker=net.take("Tie-breaker"),
        state=net.required("State"),
        last_poll=own.take("Last poll call"),
        configured_nodes=own.nodes("Configured node list"),
        members=own.nodes("Membership node list"),
        extra=tuple(pair for block in blocks.values() for pair in block.rest()),
    )


def parse(data: str, raw: bool = False, quiet: bool = False) -> dict[str, Any]:  # noqa: ARG001
    """Return :func:`read` as a dictionary, the way jc does."""
    result: dict[str, Any] = shape(read(data), raw)
    return result
