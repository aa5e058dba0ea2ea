"""``pveversion -v``: the versions of the packages that make up Proxmox VE on this node. Exit status 0.

Schema::

    {"packages": [{"name": string, "version": string or null, "note": string or null}]}
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from parsers._shape import Info, shape
from parsers._source import Source

NAME = "pveversion_v"
info = Info("`pveversion -v` command parser", magic_commands=("pveversion -v",))

NOT_INSTALLED = "not correctly installed"

_LINE = re.compile(
    r"(?P<name>[a-z0-9][a-z0-9+.-]*): (?:(?P<version>[0-9][^\s()]*)|(?P<bad>[a-z][a-z ]*))(?: \((?P<note>.*)\))?"
)


@dataclass(frozen=True, slots=True)
class PackageVersion:
    """One package.

    Attributes:
        name: its name.
        version: its version; None if it is not correctly installed.
        note: what stands in parentheses, such as ``running kernel: 6.17.4-1-pve``, or why there is no version.
    """

    name: str
    version: str | None
    note: str | None


@dataclass(frozen=True, slots=True)
class PackageVersions:
    """All packages, in the order printed; ``proxmox-ve`` and ``pve-manager`` first."""

    packages: tuple[PackageVersion, ...]

    def get(self, name: str) -> str | None:
        """Return the version of package *name*, or None if it is not listed or not correctly installed."""
        return next((package.version for package in self.packages if package.name == name), None)


def read(text: str) -> PackageVersions:
    """Read ``pveversion -v``.

    Raises:
        ParseError: pve-manager is not listed, a package is listed twice, or a line is not understood.
    """
    source = Source(NAME, text)
    source.refuse_nothing()
    packages: dict[str, PackageVersion] = {}
    for number, line in enumerate(source.lines, 1):
        match = _LINE.fullmatch(line)
        if match is None:
            raise source.error("not a line of pveversion -v", number)
        if match["name"] in packages:
            raise source.error("this package is listed twice", number)
        packages[match["name"]] = PackageVersion(match["name"], match["version"], match["bad"] or match["note"])
    if "pve-manager" not in packages:
        raise source.error("pve-manager is not listed")
    return PackageVersions(tuple(packages.values()))


def parse(data: str, raw: bool = False, quiet: bool = False) -> dict[str, Any]:  # noqa: ARG001
    """Return :func:`read` as a dictionary, the way jc does."""
    result: dict[str, Any] = shape(read(data), raw)
    return result
