"""``/etc/pve/nodes/NODE/{qemu-server,lxc}/VMID.conf``: a guest's configuration, its snapshots and its pending changes.

Reads ``qm config`` and ``pct config`` as well, where the description is an option. Sections: ``[PENDING]`` of virtual
machines and ``[pve:pending]`` of containers, ``[special:…]`` and other names with a colon, and snapshots. A file
without any option is legal. Keys that stand twice (``lxc.…``) are all kept.

Schema::

    {"description": string, "options": [[string, string]],
     "snapshots": [{"name": string, "parent": string or null, "snaptime": integer or null, "description": string,
                    "vmstate": boolean, "options": [[string, string]]}],
     "pending": [[string, string]], "special": [{"name": string, "options": [[string, string]]}]}
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from parsers._shape import Info, shape
from parsers._source import Source, percent_decoded

NAME = "guest_conf"
info = Info("guest configuration file parser", ("file",), ("cat /etc/pve/qemu-server/100.conf",))

Options = tuple[tuple[str, str], ...]

_SECTION = re.compile(r"\[([A-Za-z_][A-Za-z0-9_.:-]*)\]\s*")
_KEY = re.compile(r"[a-z][a-z0-9_.-]*")
_MAY_BE_EMPTY = frozenset({"boot", "description"})
"""A machine that has nothing to boot from has ``boot`` with a blank."""
_PENDING = frozenset({"PENDING", "pve:pending"})


@dataclass(frozen=True, slots=True)
class GuestSnapshot:
    """One snapshot of a guest.

    Attributes:
        name: its name.
        parent: the snapshot it was taken on, if any.
        snaptime: when it was taken, in seconds since the epoch.
        description: what the operator wrote.
        vmstate: does it hold the guest's memory?
        options: the guest's options at that time and the snapshot's own, such as ``snapstate``, as they stand in the
            file.
    """

    name: str
    parent: str | None
    snaptime: int | None
    description: str
    vmstate: bool
    options: Options

    def get(self, key: str) -> str | None:
        """Return the value of option *key*, or None if it is not set."""
        return _last(self.options, key)


@dataclass(frozen=True, slots=True)
class SpecialSection:
    """A section that is neither a snapshot nor the pending changes, such as ``special:cloudinit``."""

    name: str
    options: Options


@dataclass(frozen=True, slots=True)
class GuestConf:
    """A guest's configuration file.

    Attributes:
        description: what the operator wrote, decoded, one line per comment line.
        options: the options in force, in the order of the file; ``parent`` is the snapshot the guest stands on.
        snapshots: its snapshots, in the order of the file.
        pending: changes that wait for a restart; ``delete`` lists options that will go.
        special: all other sections.
    """

    description: str
    options: Options
    snapshots: tuple[GuestSnapshot, ...]
    pending: Options
    special: tuple[SpecialSection, ...] = ()

    def get(self, key: str) -> str | None:
        """Return the value of option *key* now in force, or None if it is not set."""
        return _last(self.options, key)


def read(text: str) -> GuestConf:
    """Read a guest's configuration file, or the output of ``qm config`` or ``pct config``.

    Raises:
        ParseError: an error message instead of a file, a section twice, or a line that is neither option nor section.
    """
    source = Source(NAME, text)
    source.refuse_complaint()
    main = _Section("", 0)
    sections = [main]
    current = main
    for number, line in enumerate(source.lines, 1):
        if not line:
            continue
        first = line[0]
        if first == "#":
            current.comments.append(line[1:])
        elif first == "[":
            current = _open(source, sections, number, line)
        else:
            key, colon, value = line.partition(":")
            if not colon or _KEY.fullmatch(key) is None:
                if line.isspace():
                    continue
                raise source.error("neither an option, a section nor a comment", number)
            value = value.strip()
            if not value and key not in _MAY_BE_EMPTY:
                raise source.error(f"option {key!r} has no value", number)
            if key == "description":
                current.comments.extend(value.split("%0A"))
            else:
                current.options.append((key, value))
    rest = [section for section in sections[1:] if section.name not in _PENDING]
    pending = [section for section in sections[1:] if section.name in _PENDING]
    if len(pending) > 1:
        raise source.error("a second section of pending changes", pending[1].line)
    return GuestConf(
        description=main.description(),
        options=tuple(main.options),
        snapshots=tuple(_snapshot(source, section) for section in rest if ":" not in section.name),
        pending=tuple(pending[0].options) if pending else (),
        special=tuple(SpecialSection(item.name, tuple(item.options)) for item in rest if ":" in item.name),
    )


def parse(data: str, raw: bool = False, quiet: bool = False) -> dict[str, Any]:  # noqa: ARG001
    """Return :func:`read` as a dictionary, the way jc does."""
    result: dict[str, Any] = shape(read(data), raw)
    return result


class _Section:
    __slots__ = ("comments", "line", "name", "options")

    def __init__(self, name: str, line: int) -> None:
        self.name = name
        self.line = line
        self.comments: list[str] = []
        self.options: list[tuple[str, str]] = []

    def description(self) -> str:
        return percent_decoded("\n".join(self.comments))


def _last(options: Options, key: str) -> str | None:
    for name, value in reversed(options):
        if name == key:
            return value
    return None


def _open(source: Source, sections: list[_Section], number: int, line: str) -> _Section:
    match = _SECTION.fullmatch(line)
    if match is None:
        raise source.error("not the heading of a section", number)
    if any(section.name == match[1] for section in sections):
        raise source.error("this section stands twice", number)
    section = _Section(match[1], number)
    sections.append(section)
    return section


def _snapshot(source: Source, section: _Section) -> GuestSnapshot:
    options = tuple(section.options)
    taken = _last(options, "snaptime")
    return GuestSnapshot(
        name=section.name,
        parent=_last(options, "parent"),
        snaptime=None if taken is None else _snaptime(source, section, taken),
        description=section.description(),
        vmstate=_last(options, "vmstate") is not None,
        options=options,
    )


def _snaptime(source: Source, section: _Section, taken: str) -> int:
    if taken.isascii() and taken.isdigit() and len(taken) < 15:
        return int(taken)
    lines = source.lines[section.line :]
    offset = next(index for index, line in enumerate(lines, 1) if line.startswith("snaptime"))
    raise source.error("snaptime is not a whole number", section.line + offset)
