"""``/etc/pve/ha/manager_status``: what the HA manager (CRM master) last decided. Readable without quorum, stale then.

The master writes it every ten seconds; a timestamp older than 30 s means that nobody manages. A cluster that never
had a guest under HA has an empty file or ``{}``.

Schema::

    {"master_node": string or null, "timestamp": integer or null, "node_status": [[string, string]],
     "maintenance_requested": [string],
     "services": [{"sid": string, "state": string, "node": string, "uid": string or null, "target": string or null,
                   "running": boolean, "failed_nodes": [string], "maintenance_node": string or null,
                   "extra": [[string, string]]}],
     "disarm": {"mode": string, "state": string} or null, "extra": [[string, string]]}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from parsers._json import Document, Value
from parsers._shape import Info, shape

NAME = "manager_status"
info = Info("`/etc/pve/ha/manager_status` file parser", ("file",), ("cat /etc/pve/ha/manager_status",))

_TOP = frozenset({"master_node", "timestamp", "node_status", "node_request", "service_status", "disarm"})
_SERVICE = frozenset({"state", "node", "uid", "target", "running", "failed_nodes", "maintenance_node"})


@dataclass(frozen=True, slots=True)
class ServiceStatus:
    """What the manager has in mind with one guest.

    Attributes:
        sid: ``vm:100`` or ``ct:101``.
        state: the manager's own word: ``started``, ``request_stop``, ``fence``, ``recovery``, ``freeze``, ``error`` …
        node: where the guest is.
        uid: names the order given to that node; its result stands in ``lrm_status`` under the same name.
        target: where it is going, while it moves.
        running: did the node report that it runs?
        failed_nodes: where it could not be started.
        maintenance_node: where it will return when that node's maintenance ends.
        extra: keys not known here.
    """

    sid: str
    state: str
    node: str
    uid: str | None
    target: str | None
    running: bool
    failed_nodes: tuple[str, ...]
    maintenance_node: str | None
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Disarm:
    """HA is disarmed, or on its way there: ``mode`` freeze or ignore, ``state`` disarming or disarmed."""

    mode: str
    state: str


@dataclass(frozen=True, slots=True)
class ManagerStatus:
    """The HA manager's status.

    Attributes:
        master_node: the node that manages, or was the last to do so.
        timestamp: its last round, in seconds since the epoch by its own clock.
        node_status: node and ``online``, ``maintenance``, ``unknown``, ``fence`` or ``gone``.
        maintenance_requested: nodes whose maintenance an operator asked for.
        services: the guests under HA that the manager has taken up.
        disarm: None while HA is armed.
        extra: keys not known here.
    """

    master_node: str | None
    timestamp: int | None
    node_status: tuple[tuple[str, str], ...]
    maintenance_requested: tuple[str, ...]
    services: tuple[ServiceStatus, ...]
    disarm: Disarm | None
    extra: tuple[tuple[str, str], ...] = ()


def read(text: str) -> ManagerStatus:
    """Read manager_status; an empty file is that of a cluster that never used HA, so check the exit status first.

    Raises:
        ParseError: not JSON, or a required key is missing.
    """
    if text == "":
        return ManagerStatus(None, None, (), (), (), None)
    document = Document(NAME, text)
    return build(document, document.top)


def parse(data: str, raw: bool = False, quiet: bool = False) -> dict[str, Any]:  # noqa: ARG001
    """Return :func:`read` as a dictionary, the way jc does."""
    result: dict[str, Any] = shape(read(data), raw)
    return result


def build(document: Document, value: Value) -> ManagerStatus:
    """Return the record of *value*, which is the contents of manager_status within *document*.

    Raises:
        ParseError: a required key is missing or malformed.
    """
    what = "manager_status"
    top = document.mapping(value, what)
    if top:
        document.required(top, "node_status", what)
        document.required(top, "service_status", what)
    nodes = document.mapping(top.get("node_status", {}), "'node_status'")
    requests = document.mapping(top.get("node_request", {}), "'node_request'")
    services = document.mapping(top.get("service_status", {}), "'service_status'")
    return ManagerStatus(
        master_node=document.text(top, "master_node", what) if "master_node" in top else None,
        timestamp=document.integer(top, "timestamp", what) if "timestamp" in top else None,
        node_status=tuple((node, document.text(nodes, node, "'node_status'")) for node in sorted(nodes)),
        maintenance_requested=tuple(node for node in sorted(requests) if _maintenance(document, node, requests[node])),
        services=tuple(_service(document, sid, services[sid]) for sid in sorted(services)),
        disarm=_disarm(document, top["disarm"]) if "disarm" in top else None,
        extra=document.extra(top, _TOP),
    )


def _maintenance(document: Document, node: str, value: Value) -> bool:
    request = document.mapping(value, f"request for {node!r}")
    return "maintenance" in request and document.flag(request, "maintenance", f"request for {node!r}")


def _disarm(document: Document, value: Value) -> Disarm:
    disarm = document.mapping(value, "'disarm'")
    return Disarm(document.text(disarm, "mode", "'disarm'"), document.text(disarm, "state", "'disarm'"))


def _service(document: Document, sid: str, value: Value) -> ServiceStatus:
    what = f"service {sid!r}"
    service = document.mapping(value, what)

    def optional(key: str) -> str | None:
        return document.text(service, key, what) if service.get(key) is not None else None

    failed = document.sequence(service.get("failed_nodes") or [], "'failed_nodes'")
    if not all(isinstance(node, str) for node in failed):
        raise document.error(f"'failed_nodes' of {what} holds something else than names")
    return ServiceStatus(
        sid=sid,
        state=document.text(service, "state", what),
        node=document.text(service, "node", what),
        uid=optional("uid"),
        target=optional("target"),
        running=document.flag(service, "running", what) if service.get("running") is not None else False,
        failed_nodes=tuple(failed),
        maintenance_node=optional("maintenance_node"),
        extra=document.extra(service, _SERVICE),
    )
