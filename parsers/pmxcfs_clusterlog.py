"""``/etc/pve/.clusterlog``: the last messages of the whole cluster, newest first. Readable without quorum.

pmxcfs escapes quotes in messages but not backslashes: what it writes is not always JSON. Here a backslash that begins
no escape stands for itself.

Schema::

    {"entries": [{"uid": integer, "time": integer, "priority": integer, "tag": string, "pid": integer, "node": string,
                  "user": string, "message": string, "extra": [[string, string]]}],
     "extra": [[string, string]]}
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from parsers._json import Document, Value
from parsers._shape import Info, shape

NAME = "pmxcfs_clusterlog"
info = Info("`/etc/pve/.clusterlog` file parser", ("file",), ("cat /etc/pve/.clusterlog",))

_ENTRY = frozenset({"uid", "time", "pri", "tag", "pid", "node", "user", "msg"})
_LAST_QUOTE = re.compile(r'\\"(?=\s*\},?[ \t]*(?:\r?\n|\]|$))')
_LONE_BACKSLASH = re.compile(r'\\\\|\\(?!"|u[0-9a-fA-F]{4})')


@dataclass(frozen=True, slots=True)
class ClusterLogEntry:
    """One message.

    Attributes:
        uid: counts the messages of its node.
        time: when it was sent, in seconds since the epoch by its node's clock.
        priority: syslog priority: 3 error, 4 warning, 6 information.
        tag: the program.
        pid: its process.
        node: its node.
        user: on whose behalf.
        message: the message.
        extra: keys not known here.
    """

    uid: int
    time: int
    priority: int
    tag: str
    pid: int
    node: str
    user: str
    message: str
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ClusterLog:
    """The last messages (at most 50), newest first."""

    entries: tuple[ClusterLogEntry, ...]
    extra: tuple[tuple[str, str], ...] = ()


def read(text: str) -> ClusterLog:
    """Read ``/etc/pve/.clusterlog``.

    Raises:
        ParseError: not the JSON that pmxcfs writes, or a required key is missing.
    """
    text = _LAST_QUOTE.sub(r"\\\\" + '"', text)
    text = _LONE_BACKSLASH.sub(lambda match: match[0] if match[0] == r"\\" else r"\\", text)
    document = Document(NAME, text)
    top = document.mapping(document.top, "the document")
    entries = document.sequence(document.required(top, "data", "the document"), "'data'")
    return ClusterLog(tuple(_entry(document, entry) for entry in entries), document.extra(top, frozenset({"data"})))


def parse(data: str, raw: bool = False, quiet: bool = False) -> dict[str, Any]:  # noqa: ARG001
    """Return :func:`read` as a dictionary, the way jc does."""
    result: dict[str, Any] = shape(read(data), raw)
    return result


def _entry(document: Document, value: Value) -> ClusterLogEntry:
    what = "an entry"
    entry = document.mapping(value, what)
    return ClusterLogEntry(
        uid=document.integer(entry, "uid", what),
        time=document.integer(entry, "time", what),
        priority=document.integer(entry, "pri", what),
        tag=document.text(entry, "tag", what),
        pid=document.integer(entry, "pid", what),
        node=document.text(entry, "node", what),
        user=document.text(entry, "user", what),
        message=document.text(entry, "msg", what),
        extra=document.extra(entry, _ENTRY),
    )
