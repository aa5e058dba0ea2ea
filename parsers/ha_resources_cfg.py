"""``/etc/pve/ha/resources.cfg`` and ``ha-manager config``: the guests under HA, and what is wanted of them.

Only what was set explicitly stands there. Where nothing does, the HA manager takes: state ``started``, failback yes,
max_restart 1, max_relocate 1. No text at all means that no guest is under HA.

Schema::

    [{"sid": string, "type": string, "vmid": integer, "state": string or null, "group": string or null,
      "max_restart": integer or null, "max_relocate": integer or null, "failback": boolean or null, "comment": string,
      "extra": [[string, string]]}]
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from parsers._section_config import ConfigSection, Sections
from parsers._shape import Info, shape

NAME = "ha_resources_cfg"
info = Info(
    "`/etc/pve/ha/resources.cfg` file and `ha-manager config` command parser", ("file",), ("ha-manager config",)
)

_KNOWN = frozenset({"state", "group", "max_restart", "max_relocate", "failback", "comment"})
_VMID = re.compile(r"[1-9][0-9]{1,8}")


@dataclass(frozen=True, slots=True)
class HaResource:
    """One guest under HA.

    Attributes:
        sid: ``vm:100`` or ``ct:101``.
        type: ``vm`` or ``ct``.
        vmid: the guest's number.
        state: what is wanted: ``started`` (also written ``enabled``), ``stopped``, ``disabled``, ``ignored``; None:
            started.
        group: its HA group, up to Proxmox VE 8.
        max_restart: tries to start it on one node; None: 1.
        max_relocate: tries to start it on another node; None: 1.
        failback: does it move back to a better node? None: yes.
        comment: what the operator wrote, as it stands.
        extra: options not known here.
    """

    sid: str
    type: str
    vmid: int
    state: str | None
    group: str | None
    max_restart: int | None
    max_relocate: int | None
    failback: bool | None
    comment: str
    extra: tuple[tuple[str, str], ...] = ()


def read(text: str) -> tuple[HaResource, ...]:
    """Read resources.cfg or ``ha-manager config``.

    Raises:
        ParseError: a line is not understood, or a resource or option stands twice.
    """
    sections = Sections(NAME, text)
    return tuple(_resource(sections, section) for section in sections.all)


def parse(data: str, raw: bool = False, quiet: bool = False) -> list[dict[str, Any]]:  # noqa: ARG001
    """Return :func:`read` as a list of dictionaries, the way jc does."""
    result: list[dict[str, Any]] = shape(read(data), raw)
    return result


def _resource(sections: Sections, section: ConfigSection) -> HaResource:
    if not _VMID.fullmatch(section.id):
        raise sections.error_at(section, "not the number of a guest")
    return HaResource(
        sid=f"{section.type}:{section.id}",
        type=section.type,
        vmid=int(section.id),
        state=section.get("state"),
        group=section.get("group"),
        max_restart=sections.integer(section, "max_restart"),
        max_relocate=sections.integer(section, "max_relocate"),
        failback=sections.flag(section, "failback"),
        comment=section.get("comment") or "",
        extra=section.extra(_KNOWN),
    )
