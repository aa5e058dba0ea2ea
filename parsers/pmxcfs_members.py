"""``/etc/pve/.members``: the cluster as this node's pmxcfs sees it. Readable without quorum and without API.

A node that is in no cluster, or whose pmxcfs has not reached corosync yet, has neither ``cluster`` nor ``nodelist``.
``online`` is membership of pmxcfs's own group, neither corosync's nor a ping, and goes stale on a node that is cut off.

Schema::

    {"nodename": string, "version": integer,
     "cluster": {"name": string, "config_version": integer, "node_count": integer, "quorate": boolean} or null,
     "nodes": [{"name": string, "nodeid": integer, "online": boolean, "ip": string or null,
                "extra": [[string, string]]}],
     "extra": [[string, string]]}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from parsers._json import Document, Value
from parsers._shape import Info, shape

NAME = "pmxcfs_members"
info = Info("`/etc/pve/.members` file parser", ("file",), ("cat /etc/pve/.members",))

_TOP = frozenset({"nodename", "version", "cluster", "nodelist"})
_NODE = frozenset({"id", "online", "ip"})


@dataclass(frozen=True, slots=True)
class MembersCluster:
    """The cluster.

    Attributes:
        name: cluster name in corosync.conf.
        config_version: of the corosync.conf that pmxcfs knows.
        node_count: how many nodes are configured.
        quorate: does pmxcfs think it has quorum? It is writable some seconds after corosync has it.
    """

    name: str
    config_version: int
    node_count: int
    quorate: bool


@dataclass(frozen=True, slots=True)
class MembersNode:
    """One configured node.

    Attributes:
        name: its name.
        nodeid: corosync's node id.
        online: is it in pmxcfs's group?
        ip: what its name resolves to there (not necessarily a corosync link); not always known.
        extra: keys not known here.
    """

    name: str
    nodeid: int
    online: bool
    ip: str | None
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Members:
    """What ``.members`` says.

    Attributes:
        nodename: the node that was asked.
        version: counts changes since this pmxcfs started.
        cluster: None on a node without a cluster.
        nodes: the configured nodes; empty on a node without a cluster.
        extra: keys not known here.
    """

    nodename: str
    version: int
    cluster: MembersCluster | None
    nodes: tuple[MembersNode, ...]
    extra: tuple[tuple[str, str], ...] = ()


def read(text: str) -> Members:
    """Read ``/etc/pve/.members``.

    Raises:
        ParseError: not JSON, a required key is missing, or the nodes listed are not as many as counted.
    """
    document = Document(NAME, text)
    top = document.mapping(document.top, "the document")
    if "cluster" not in top and not top.keys() <= _TOP:
        raise document.error("no 'cluster', but keys that are not known")
    listed = document.mapping(top.get("nodelist", {}), "'nodelist'")
    nodes = tuple(_node(document, name, value) for name, value in listed.items())
    cluster = _cluster(document, top["cluster"]) if "cluster" in top else None
    if cluster is None and nodes:
        raise document.error("there is a 'nodelist', but no 'cluster'")
    if cluster is not None and cluster.node_count != len(nodes):
        raise document.error(f"{cluster.node_count} nodes are counted, but {len(nodes)} listed")
    if len({node.nodeid for node in nodes}) != len(nodes):
        raise document.error("a node id stands twice")
    return Members(
        nodename=document.text(top, "nodename", "the document"),
        version=document.integer(top, "version", "the document"),
        cluster=cluster,
        nodes=nodes,
        extra=document.extra(top, _TOP),
    )


def parse(data: str, raw: bool = False, quiet: bool = False) -> dict[str, Any]:  # noqa: ARG001
    """Return :func:`read` as a dictionary, the way jc does."""
    result: dict[str, Any] = shape(read(data), raw)
    return result


def _cluster(document: Document, value: Value) -> MembersCluster:
    cluster = document.mapping(value, "'cluster'")
    return MembersCluster(
        name=document.text(cluster, "name", "'cluster'"),
        config_version=document.integer(cluster, "version", "'cluster'"),
        node_count=document.integer(cluster, "nodes", "'cluster'"),
        quorate=document.flag(cluster, "quorate", "'cluster'"),
    )


def _node(document: Document, name: str, value: Value) -> MembersNode:
    node = document.mapping(value, f"node {name!r}")
    return MembersNode(
        name=name,
        nodeid=document.integer(node, "id", f"node {name!r}"),
        online=document.flag(node, "online", f"node {name!r}"),
        ip=document.text(node, "ip", f"node {name!r}") if "ip" in node else None,
        extra=document.extra(node, _NODE),
    )
