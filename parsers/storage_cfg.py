"""``/etc/pve/storage.cfg``: the storages of the whole cluster. Readable without quorum.

Schema::

    [{"id": string, "type": string, "content": [string], "nodes": [string], "disabled": boolean, "shared": boolean or
    null,
      "options": [[string, string]]}]
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from parsers._section_config import Sections
from parsers._shape import Info, shape

NAME = "storage_cfg"
info = Info("`/etc/pve/storage.cfg` file parser", ("file",), ("cat /etc/pve/storage.cfg",))


@dataclass(frozen=True, slots=True)
class Storage:
    """One storage.

    Attributes:
        id: its name, as in ``local-zfs:vm-100-disk-0``.
        type: ``dir``, ``zfspool``, ``lvmthin``, ``nfs`` and so on.
        content: what may be stored there, such as ``images``; empty if the file does not say.
        nodes: the nodes that have it; empty means all.
        disabled: is it switched off?
        shared: what the file says; None if nothing (network storages are shared all the same).
        options: all options as they stand in the file.
    """

    id: str
    type: str
    content: tuple[str, ...]
    nodes: tuple[str, ...]
    disabled: bool
    shared: bool | None
    options: tuple[tuple[str, str], ...]

    def get(self, key: str) -> str | None:
        """Return the value of option *key*, such as ``pool`` or ``path``, or None."""
        return dict(self.options).get(key)


def read(text: str) -> tuple[Storage, ...]:
    """Read storage.cfg; Proxmox VE writes one at installation, and without it has the storage ``local`` only.

    Raises:
        ParseError: a line is not understood, or a storage or option stands twice.
    """
    sections = Sections(NAME, text)
    seen: set[str] = set()
    storages: list[Storage] = []
    for section in sections.all:
        if section.id in seen:
            raise sections.error_at(section, "this storage stands twice")
        seen.add(section.id)
        storages.append(
            Storage(
                id=section.id,
                type=section.type,
                content=sections.words(section, "content"),
                nodes=sections.words(section, "nodes"),
                disabled=sections.flag(section, "disable") or False,
                shared=sections.flag(section, "shared"),
                options=section.extra(frozenset()),
            )
        )
    return tuple(storages)


def parse(data: str, raw: bool = False, quiet: bool = False) -> list[dict[str, Any]]:  # noqa: ARG001
    """Return :func:`read` as a list of dictionaries, the way jc does."""
    result: list[dict[str, Any]] = shape(read(data), raw)
    return result
