"""``pveversion``: the version of Proxmox VE on this node, and the kernel that runs. Exit status 0.

Schema::

    {"package": string, "version": string, "repoid": string, "kernel": string}
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from parsers._shape import Info, shape
from parsers._source import Source

NAME = "pveversion"
info = Info("`pveversion` command parser", magic_commands=("pveversion",))

_LINE = re.compile(r"(pve-manager|proxmox-ve)/([0-9][^/\s]*)/([0-9a-z]+) \(running kernel: (\S+)\)\s*")


@dataclass(frozen=True, slots=True)
class PveVersion:
    """What is installed and what runs.

    Attributes:
        package: ``pve-manager``.
        version: its version, such as ``9.2.11``.
        repoid: the commit it was built from.
        kernel: release of the running kernel.
    """

    package: str
    version: str
    repoid: str
    kernel: str


def read(text: str) -> PveVersion:
    """Read ``pveversion`` without options.

    Raises:
        ParseError: anything but the one line it prints.
    """
    source = Source(NAME, text)
    source.refuse_nothing()
    match = _LINE.fullmatch(source.lines[0])
    if match is None:
        raise source.error("not the line of pveversion", 1)
    if len(source.lines) > 1:
        raise source.error("text after the line of pveversion", 2)
    return PveVersion(match[1], match[2], match[3], match[4])


def parse(data: str, raw: bool = False, quiet: bool = False) -> dict[str, Any]:  # noqa: ARG001
    """Return :func:`read` as a dictionary, the way jc does."""
    result: dict[str, Any] = shape(read(data), raw)
    return result
