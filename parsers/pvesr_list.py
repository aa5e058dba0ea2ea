"""``pvesr list``: the replication jobs of the cluster. Exit status 0, with and without quorum.

The heading is always printed. Neither source, comment nor a pending removal is shown: they stand in
``replication.cfg``.

Schema::

    [{"id": string, "target": string, "schedule": string, "rate": number or null, "enabled": boolean}]
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from parsers._shape import Info, shape
from parsers._source import Source

NAME = "pvesr_list"
info = Info("`pvesr list` command parser", magic_commands=("pvesr list",))

_HEADING = ["JobID", "Target", "Schedule", "Rate", "Enabled"]
_ROW = re.compile(
    r"(?P<id>[1-9][0-9]{2,8}-[0-9]{1,9})\s+local/(?P<target>\S+)\s+(?P<schedule>\S.*?)"
    r"\s+(?P<rate>-|[0-9.]+)\s+(?P<enabled>yes|no)\s*"
)
_ENABLED = {"yes": True, "no": False}


@dataclass(frozen=True, slots=True)
class ListedJob:
    """One replication job.

    Attributes:
        id: ``<guest>-<number>``.
        target: the node it copies to.
        schedule: a calendar event.
        rate: limit in MB (a million bytes) per second, or None.
        enabled: is it switched on?
    """

    id: str
    target: str
    schedule: str
    rate: float | None
    enabled: bool


def read(text: str) -> tuple[ListedJob, ...]:
    """Read ``pvesr list``.

    Raises:
        ParseError: the heading is missing, a job is listed twice, or a line is not understood.
    """
    source = Source(NAME, text)
    source.refuse_nothing()
    if source.lines[0].split() != _HEADING:
        raise source.error("not the heading of pvesr list", 1)
    jobs = [_job(source, number, line) for number, line in enumerate(source.lines[1:], 2)]
    if len({job.id for job in jobs}) != len(jobs):
        raise source.error("a job is listed twice")
    return tuple(jobs)


def parse(data: str, raw: bool = False, quiet: bool = False) -> list[dict[str, Any]]:  # noqa: ARG001
    """Return :func:`read` as a list of dictionaries, the way jc does."""
    result: list[dict[str, Any]] = shape(read(data), raw)
    return result


def _job(source: Source, number: int, line: str) -> ListedJob:
    row = _ROW.fullmatch(line)
    if row is None:
        raise source.error("not a line of pvesr list", number)
    rate = None if row["rate"] == "-" else source.fraction(row["rate"], "Rate", number)
    enabled = source.choice(row["enabled"], _ENABLED, "Enabled", number)
    return ListedJob(row["id"], row["target"], row["schedule"], rate, enabled)
