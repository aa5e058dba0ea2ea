"""``/etc/pve/ha/groups.cfg``: HA groups, up to Proxmox VE 8. Since 9 they are rules, and the file is gone.

Schema::

    [{"name": string, "nodes": [[string, integer or null]], "restricted": boolean, "nofailback": boolean,
      "comment": string, "extra": [[string, string]]}]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from parsers._section_config import ConfigSection, Sections
from parsers._shape import Info, shape

NAME = "ha_groups_cfg"
info = Info("`/etc/pve/ha/groups.cfg` file parser", ("file",), ("cat /etc/pve/ha/groups.cfg", "ha-manager groupconfig"))

_KNOWN = frozenset({"nodes", "restricted", "nofailback", "comment"})


@dataclass(frozen=True, slots=True)
class HaGroup:
    """One HA group.

    Attributes:
        name: its name.
        nodes: its nodes and their priorities, higher is preferred; None is written nowhere and counts as 0.
        restricted: may its guests run on these nodes only?
        nofailback: do its guests stay where they are when a better node comes back?
        comment: what the operator wrote, as it stands.
        extra: options not known here.
    """

    name: str
    nodes: tuple[tuple[str, int | None], ...]
    restricted: bool
    nofailback: bool
    comment: str
    extra: tuple[tuple[str, str], ...] = ()


def read(text: str) -> tuple[HaGroup, ...]:
    """Read groups.cfg or ``ha-manager groupconfig``; an empty file has no group.

    Raises:
        ParseError: a line is not understood, a group has no nodes, or a group or option stands twice.
    """
    sections = Sections(NAME, text)
    return tuple(_group(sections, section) for section in sections.all)


def parse(data: str, raw: bool = False, quiet: bool = False) -> list[dict[str, Any]]:  # noqa: ARG001
    """Return :func:`read` as a list of dictionaries, the way jc does."""
    result: list[dict[str, Any]] = shape(read(data), raw)
    return result


def _group(sections: Sections, section: ConfigSection) -> HaGroup:
    if section.type != "group":
        raise sections.error_at(section, "not the heading of a group")
    sections.required(section, "nodes")
    return HaGroup(
        name=section.id,
        nodes=sections.priorities(section, "nodes"),
        restricted=sections.flag(section, "restricted") or False,
        nofailback=sections.flag(section, "nofailback") or False,
        comment=section.get("comment") or "",
        extra=section.extra(_KNOWN),
    )
