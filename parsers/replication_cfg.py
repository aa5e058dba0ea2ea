"""``/etc/pve/replication.cfg``: the replication jobs of the whole cluster. Readable without quorum.

Schema::

    [{"id": string, "guest": integer, "number": integer, "type": string, "target": string, "source": string or null,
      "schedule": string or null, "rate": number or null, "comment": string, "disabled": boolean,
      "remove_job": string or null, "extra": [[string, string]]}]
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from parsers._section_config import ConfigSection, Sections
from parsers._shape import Info, shape
from parsers._source import percent_decoded

NAME = "replication_cfg"
info = Info("`/etc/pve/replication.cfg` file parser", ("file",), ("cat /etc/pve/replication.cfg",))

_ID = re.compile(r"([1-9][0-9]{2,8})-([0-9]{1,9})")
_KNOWN = frozenset({"target", "source", "schedule", "rate", "comment", "disable", "remove_job"})


@dataclass(frozen=True, slots=True)
class ReplicationJob:
    """One replication job.

    Attributes:
        id: ``<guest>-<number>``.
        guest: the guest it copies.
        number: tells the jobs of one guest apart.
        type: ``local``.
        target: the node it copies to.
        source: the node that owned the guest when the job was last written; the owner now is in ``.vmlist``.
        schedule: a calendar event; None means every 15 minutes.
        rate: limit in MB (a million bytes) per second, or None.
        comment: what the operator wrote, decoded.
        disabled: is it switched off?
        remove_job: ``full`` or ``local`` if it waits to be removed.
        extra: options not known here.
    """

    id: str
    guest: int
    number: int
    type: str
    target: str
    source: str | None
    schedule: str | None
    rate: float | None
    comment: str
    disabled: bool
    remove_job: str | None
    extra: tuple[tuple[str, str], ...] = ()


def read(text: str) -> tuple[ReplicationJob, ...]:
    """Read replication.cfg; an empty file has no job.

    Raises:
        ParseError: a line is not understood, a job has no target or a malformed id, or a job or option stands twice.
    """
    sections = Sections(NAME, text)
    return tuple(_job(sections, section) for section in sections.all)


def parse(data: str, raw: bool = False, quiet: bool = False) -> list[dict[str, Any]]:  # noqa: ARG001
    """Return :func:`read` as a list of dictionaries, the way jc does."""
    result: list[dict[str, Any]] = shape(read(data), raw)
    return result


def _job(sections: Sections, section: ConfigSection) -> ReplicationJob:
    match = _ID.fullmatch(section.id)
    if match is None:
        raise sections.error_at(section, "not the id of a replication job")
    return ReplicationJob(
        id=section.id,
        guest=int(match[1]),
        number=int(match[2]),
        type=section.type,
        target=sections.required(section, "target"),
        source=section.get("source"),
        schedule=section.get("schedule"),
        rate=sections.fraction(section, "rate"),
        comment=percent_decoded(section.get("comment") or ""),
        disabled=sections.flag(section, "disable") or False,
        remove_job=section.get("remove_job"),
        extra=section.extra(_KNOWN),
    )
