"""``qm listsnapshot VMID`` and ``pct listsnapshot VMID``: a guest's snapshots as a tree. Exit status 0.

Times are the node's local time, and only the first line of a description is shown; locks and unfinished snapshots are
not: all of that stands in the guest's configuration file. A guest without snapshots prints the line of ``current``
only.

Schema::

    {"snapshots": [{"name": string, "depth": integer, "parent": string or null, "time": string or null,
                    "description": string}],
     "current_parent": string or null}
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from parsers._shape import Info, shape
from parsers._source import Source

NAME = "guest_listsnapshot"
info = Info(
    "`qm listsnapshot` and `pct listsnapshot` command parser", magic_commands=("qm listsnapshot", "pct listsnapshot")
)

CURRENT = "current"

_LINE = re.compile(
    r"(?P<indent> *)`-> (?P<name>[A-Za-z_][A-Za-z0-9_.-]*)"
    r"(?: +(?P<time>[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2})(?: {1,5}(?P<text>.*))?| +(?P<here>\S.*?))? *"
)


@dataclass(frozen=True, slots=True)
class ListedSnapshot:
    """One snapshot.

    Attributes:
        name: its name.
        depth: how many snapshots it stands on.
        parent: the one it was taken on, if any.
        time: when it was taken, as printed.
        description: first line of the description; ``no-description`` if there is none.
    """

    name: str
    depth: int
    parent: str | None
    time: str | None
    description: str


@dataclass(frozen=True, slots=True)
class SnapshotTree:
    """A guest's snapshots.

    Attributes:
        snapshots: the snapshots, parents before children.
        current_parent: the snapshot the guest stands on now, if any.
    """

    snapshots: tuple[ListedSnapshot, ...]
    current_parent: str | None


def read(text: str) -> SnapshotTree:
    """Read ``qm listsnapshot`` or ``pct listsnapshot``.

    Raises:
        ParseError: the line of ``current`` is missing, a snapshot is listed twice, or a line is not understood.
    """
    source = Source(NAME, text)
    source.refuse_nothing()
    branch: list[tuple[int, str]] = []
    snapshots: list[ListedSnapshot] = []
    for number, line in enumerate(source.lines, 1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise source.error("not a line of listsnapshot", number)
        indent, name = len(match["indent"]), match["name"]
        while branch and branch[-1][0] >= indent:
            branch.pop()
        if indent and not branch:
            raise source.error("a snapshot without the one it stands on", number)
        if branch and branch[-1][1] == CURRENT:
            raise source.error("a snapshot below the current state", number)
        parent = branch[-1][1] if branch else None
        if any(name == snapshot.name for snapshot in snapshots):
            raise source.error("this snapshot is listed twice", number)
        if (name == CURRENT) != (match["time"] is None):
            raise source.error("a snapshot without a time, or the current state with one", number)
        snapshots.append(ListedSnapshot(name, len(branch), parent, match["time"], match["text"] or ""))
        branch.append((indent, name))
    current = [snapshot for snapshot in snapshots if snapshot.name == CURRENT]
    if not current:
        raise source.error("the current state is not listed")
    return SnapshotTree(
        tuple(snapshot for snapshot in snapshots if snapshot.name != CURRENT), current_parent=current[0].parent
    )


def parse(data: str, raw: bool = False, quiet: bool = False) -> dict[str, Any]:  # noqa: ARG001
    """Return :func:`read` as a dictionary, the way jc does."""
    result: dict[str, Any] = shape(read(data), raw)
    return result
