"""``corosync-qnetd-tool -l [-v]`` and ``-s``, on the QNetd server: the clusters it serves, and who is connected.

A server without clusters prints nothing at all for ``-l``, with exit status 0. One server may serve many clusters.

Schema::

    [{"name": string, "algorithm": string, "tie_breaker": string or null,
      "clients": [{"nodeid": integer, "address": string, "config_version": integer or null,
                   "configured_nodes": [integer], "members": [integer], "vote": string, "extra": [[string, string]]}],
      "extra": [[string, string]]}]
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from parsers._information import Values
from parsers._shape import Info, shape
from parsers._source import Source

NAME = "corosync_qnetd_tool"
info = Info("`corosync-qnetd-tool -l` command parser", magic_commands=("corosync-qnetd-tool -l",))

_CLUSTER = re.compile(r'Cluster "(.+)":')
_CLIENT = re.compile(r"    Node ID ([0-9]+):")


@dataclass(frozen=True, slots=True)
class QnetdClient:
    """One connected node.

    Attributes:
        nodeid: the node.
        address: where it connects from.
        config_version: of the corosync.conf it knows.
        configured_nodes: node ids of its node list.
        members: node ids of its partition.
        vote: the vote last sent to it, and in parentheses its answer: ``ACK (ACK)``.
        extra: lines not known here.
    """

    nodeid: int
    address: str
    config_version: int | None
    configured_nodes: tuple[int, ...]
    members: tuple[int, ...]
    vote: str
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class QnetdCluster:
    """One cluster with at least one connected node.

    Attributes:
        name: its name.
        algorithm: ``Fifty-Fifty split`` or ``LMS``.
        tie_breaker: who wins a tie.
        clients: the connected nodes.
        extra: lines not known here.
    """

    name: str
    algorithm: str
    tie_breaker: str | None
    clients: tuple[QnetdClient, ...]
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class QnetdStatus:
    """The server itself, as ``-s`` prints it: address, TLS, and how many are connected."""

    address: str
    tls: str
    clients: int
    clusters: int
    extra: tuple[tuple[str, str], ...] = ()


def read(text: str) -> tuple[QnetdCluster, ...]:
    """Read ``corosync-qnetd-tool -l``; no text at all means no cluster, so check the exit status first.

    Raises:
        ParseError: a required line is missing, a cluster or node is listed twice, or a line is not understood.
    """
    source = Source(NAME, text)
    if source.lines and not source.text.strip():
        raise source.error("blank lines only")
    clusters: list[tuple[str, Values, list[tuple[int, Values]]]] = []
    for number, line in enumerate(source.lines, 1):
        if heading := _CLUSTER.fullmatch(line):
            if any(heading[1] == name for name, _, _ in clusters):
                raise source.error("this cluster is listed twice", number)
            clusters.append((heading[1], Values(source, "this cluster", number), []))
        elif not line.strip():
            continue
        elif not clusters:
            raise source.error("text before the first cluster", number)
        elif client := _CLIENT.fullmatch(line):
            nodeid = source.integer(client[1], "Node ID", number)
            if any(nodeid == other for other, _ in clusters[-1][2]):
                raise source.error("this node is listed twice", number)
            clusters[-1][2].append((nodeid, Values(source, "this node", number)))
        elif line.startswith("        ") and clusters[-1][2]:
            clusters[-1][2][-1][1].add(line[8:], number)
        elif line.startswith("    ") and not clusters[-1][2]:
            clusters[-1][1].add(line[4:], number)
        else:
            raise source.error("not a line of corosync-qnetd-tool", number)
    return tuple(_cluster(name, values, clients) for name, values, clients in clusters)


def read_status(text: str) -> QnetdStatus:
    """Read ``corosync-qnetd-tool -s``.

    Raises:
        ParseError: a required line is missing, or a line is not understood.
    """
    source = Source(NAME, text)
    source.refuse_nothing()
    values = Values(source, "the status", 0)
    for number, line in enumerate(source.lines, 1):
        values.add(line, number)
    return QnetdStatus(
        address=values.required("QNetd address"),
        tls=values.required("TLS"),
        clients=source.integer(values.required("Connected clients"), "Connected clients"),
        clusters=source.integer(values.required("Connected clusters"), "Connected clusters"),
        extra=values.rest(),
    )


def parse(data: str, raw: bool = False, quiet: bool = False) -> list[dict[str, Any]] | dict[str, Any]:  # noqa: ARG001
    """Return :func:`read` as a list, or :func:`read_status` of ``-s`` as a dictionary, the way jc does."""
    record = read_status(data) if data.startswith("QNetd address:") else read(data)
    result: list[dict[str, Any]] | dict[str, Any] = shape(record, raw)
    return result


def _cluster(name: str, values: Values, clients: list[tuple[int, Values]]) -> QnetdCluster:
    return QnetdCluster(
        name=name,
        algorithm=values.required("Algorithm"),
        tie_breaker=values.take("Tie-breaker"),
        clients=tuple(_client(nodeid, client) for nodeid, client in clients),
        extra=values.rest(),
    )


def _client(nodeid: int, values: Values) -> QnetdClient:
    return QnetdClient(
        nodeid=nodeid,
        address=values.required("Client address"),
        config_version=values.integer("Configuration version"),
        configured_nodes=values.nodes("Configured node list"),
        members=values.nodes("Membership node list"),
        vote=values.required("Vote"),
        extra=values.rest(),
    )
