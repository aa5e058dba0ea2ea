"""``pvesr status``: how the replication jobs of this node's guests went. Needs quorum, takes a lock, and writes.

Prefer ``replication_state`` with ``replication_cfg``, which need neither. Times are the node's local time. An error may
have several lines: a line that does not begin with a job's id continues the one before.

Schema::

    [{"id": string, "enabled": boolean, "target": string, "last_sync": string or null, "next_sync": string or null,
      "duration": number or null, "fail_count": integer, "state": string}]
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from parsers._shape import Info, shape
from parsers._source import Source

NAME = "pvesr_status"
info = Info("`pvesr status` command parser", magic_commands=("pvesr status",))

PENDING = "pending"

_HEADING = ["JobID", "Enabled", "Target", "LastSync", "NextSync", "Duration", "FailCount", "State"]
_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}_[0-9]{2}:[0-9]{2}:[0-9]{2}"
_JOB = re.compile(r"[1-9][0-9]{2,8}-[0-9]{1,9}\s.*")
_ROW = re.compile(
    rf"(?P<id>[1-9][0-9]{{2,8}}-[0-9]{{1,9}})\s+(?P<enabled>Yes|No)\s+local/(?P<target>\S+)\s+(?P<last>{_TIME}|-)"
    rf"\s+(?P<next>{_TIME}|-|pending)\s+(?P<duration>-|[0-9.e+-]+)\s+(?P<failed>[0-9]+) (?P<state>\S.*)"
)
_ENABLED = {"Yes": True, "No": False}


@dataclass(frozen=True, slots=True)
class JobStatus:
    """How one replication job went.

    Attributes:
        id: ``<guest>-<number>``.
        enabled: is it switched on?
        target: the node it copies to.
        last_sync: start of the last run that succeeded, as printed; None if there was none.
        next_sync: its next run, as printed; ``pending`` if it is due; None if it never will.
        duration: seconds the last run took.
        fail_count: runs that failed since the last one that succeeded.
        state: ``OK``, ``SYNCING``, or the error, which may have several lines.
    """

    id: str
    enabled: bool
    target: str
    last_sync: str | None
    next_sync: str | None
    duration: float | None
    fail_count: int
    state: str


def read(text: str) -> tuple[JobStatus, ...]:
    """Read ``pvesr status``.

    Raises:
        ParseError: the heading is missing, a job is listed twice, or a line is not understood.
    """
    source = Source(NAME, text)
    source.refuse_nothing()
    if source.lines[0].split() != _HEADING:
        raise source.error("not the heading of pvesr status", 1)
    jobs: list[JobStatus] = []
    for number, line in enumerate(source.lines[1:], 2):
        if _JOB.fullmatch(line):
            jobs.append(_job(source, number, line))
        elif jobs and jobs[-1].state not in ("OK", "SYNCING"):
            jobs[-1] = replace(jobs[-1], state=f"{jobs[-1].state}\n{line}")
        else:
            raise source.error("not a line of pvesr status", number)
    if len({job.id for job in jobs}) != len(jobs):
        raise source.error("a job is listed twice")
    return tuple(jobs)


def parse(data: str, raw: bool = False, quiet: bool = False) -> list[dict[str, Any]]:  # noqa: ARG001
    """Return :func:`read` as a list of dictionaries, the way jc does."""
    result: list[dict[str, Any]] = shape(read(data), raw)
    return result


def _job(source: Source, number: int, line: str) -> JobStatus:
    row = _ROW.fullmatch(line)
    if row is None:
        raise source.error("not a line of pvesr status", number)
    return JobStatus(
        id=row["id"],
        enabled=source.choice(row["enabled"], _ENABLED, "Enabled", number),
        target=row["target"],
        last_sync=None if row["last"] == "-" else row["last"],
        next_sync=None if row["next"] == "-" else row["next"],
        duration=None if row["duration"] == "-" else source.fraction(row["duration"], "Duration", number),
        fail_count=source.integer(row["failed"], "FailCount", number),
        state=row["state"],
    )
