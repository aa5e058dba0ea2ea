"""``/etc/pve/ha/rules.cfg``: which guests may or should run where, and which together or apart. Since Proxmox VE 9.

Schema::

    [{"id": string, "type": string, "resources": [string], "nodes": [[string, integer or null]], "strict": boolean,
      "affinity": string or null, "disabled": boolean, "comment": string, "extra": [[string, string]]}]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from parsers._section_config import ConfigSection, Sections
from parsers._shape import Info, shape
from parsers._source import percent_decoded

NAME = "ha_rules_cfg"
info = Info("`/etc/pve/ha/rules.cfg` file parser", ("file",), ("cat /etc/pve/ha/rules.cfg",))

_KNOWN = frozenset({"resources", "nodes", "strict", "affinity", "disable", "comment"})


@dataclass(frozen=True, slots=True)
class HaRule:
    """One HA rule.

    Attributes:
        id: its name.
        type: ``node-affinity`` or ``resource-affinity``.
        resources: the guests it is about, such as ``vm:100``.
        nodes: for node affinity the nodes and their priorities, higher is preferred; None counts as 0.
        strict: for node affinity: may the guests run on these nodes only?
        affinity: for resource affinity ``positive`` (together) or ``negative`` (apart).
        disabled: is it switched off?
        comment: what the operator wrote, decoded.
        extra: options not known here.
    """

    id: str
    type: str
    resources: tuple[str, ...]
    nodes: tuple[tuple[str, int | None], ...]
    strict: bool
    affinity: str | None
    disabled: bool
    comment: str
    extra: tuple[tuple[str, str], ...] = ()


def read(text: str) -> tuple[HaRule, ...]:
    """Read rules.cfg; an empty file has no rule.

    Raises:
        ParseError: a line is not understood, what its type needs is missing, or a rule or option stands twice.
    """
    sections = Sections(NAME, text)
    return tuple(_rule(sections, section) for section in sections.all)


def parse(data: str, raw: bool = False, quiet: bool = False) -> list[dict[str, Any]]:  # noqa: ARG001
    """Return :func:`read` as a list of dictionaries, the way jc does."""
    result: list[dict[str, Any]] = shape(read(data), raw)
    return result


def _rule(sections: Sections, section: ConfigSection) -> HaRule:
    sections.required(section, "resources")
    if section.type == "node-affinity":
        sections.required(section, "nodes")
    if section.type == "resource-affinity":
        sections.required(section, "affinity")
    return HaRule(
        id=section.id,
        type=section.type,
        resources=sections.words(section, "resources"),
        nodes=sections.priorities(section, "nodes"),
        strict=sections.flag(section, "strict") or False,
        affinity=section.get("affinity"),
        disabled=sections.flag(section, "disable") or False,
        comment=percent_decoded(section.get("comment") or ""),
        extra=section.extra(_KNOWN),
    )
