"""``/etc/pve/nodes/NODE/lrm_status``: what the HA agent (LRM) of one node does. Readable without quorum, stale then.

The agent writes it every round while it has quorum; a timestamp older than 30 s means: stopped, dead or without quorum.

Schema::

    {"state": string, "mode": string, "timestamp": integer,
     "results": [{"uid": string, "sid": string, "state": string, "exit_code": integer}], "extra": [[string, string]]}
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from parsers._json import Document, Value
from parsers._shape import Info, shape

NAME = "lrm_status"
info = Info("`/etc/pve/nodes/NODE/lrm_status` file parser", ("file",), ("cat /etc/pve/nodes/pve01/lrm_status",))

_TOP = frozenset({"state", "mode", "timestamp", "results"})


@dataclass(frozen=True, slots=True)
class LrmResult:
    """How one order of the manager ended.

    Attributes:
        uid: the order, as in ``manager_status``.
        sid: the guest.
        state: what was to be done.
        exit_code: 0 done, 1 failed, 2 to be tried again, 3 wrong node, 4 to 7 wrong parameters, 8 ignored.
    """

    uid: str
    sid: str
    state: str
    exit_code: int


@dataclass(frozen=True, slots=True)
class LrmStatus:
    """The HA agent of one node.

    Attributes:
        state: ``wait_for_agent_lock`` (no watchdog: will not be fenced), ``active`` (will), ``maintenance``,
            ``lost_agent_lock``.
        mode: ``active``, ``restart``, ``shutdown``, ``maintenance``, ``disarm``.
        timestamp: its last round, in seconds since the epoch by its own clock.
        results: how orders ended, by their names.
        extra: keys not known here.
    """

    state: str
    mode: str
    timestamp: int
    results: tuple[LrmResult, ...]
    extra: tuple[tuple[str, str], ...] = ()


def read(text: str) -> LrmStatus:
    """Read lrm_status.

    Raises:
        ParseError: not JSON, or a required key is missing.
    """
    document = Document(NAME, text)
    return build(document, document.top)


def parse(data: str, raw: bool = False, quiet: bool = False) -> dict[str, Any]:  # noqa: ARG001
    """Return :func:`read` as a dictionary, the way jc does."""
    result: dict[str, Any] = shape(read(data), raw)
    return result


def build(document: Document, value: Value) -> LrmStatus:
    """Return the record of *value*, which is the contents of an lrm_status within *document*.

    Raises:
        ParseError: a required key is missing or malformed.
    """
    what = "lrm_status"
    top = document.mapping(value, what)
    results = document.mapping(document.required(top, "results", what), "'results'")
    return LrmStatus(
        state=document.text(top, "state", what),
        mode=document.text(top, "mode", what),
        timestamp=document.integer(top, "timestamp", what),
        results=tuple(_result(document, uid, results[uid]) for uid in sorted(results)),
        extra=document.extra(top, _TOP),
    )


def _result(document: Document, uid: str, value: Value) -> LrmResult:
    what = f"result {uid!r}"
    result = document.mapping(value, what)
    return LrmResult(
        uid=uid,
        sid=document.text(result, "sid", what),
        state=document.text(result, "state", what),
        exit_code=document.integer(result, "exit_code", what),
    )
