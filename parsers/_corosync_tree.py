"""The tree of a corosync.conf: comments, settings, sections, as they stand in the file or as they are to be written.

corosync's own rules: one item a line, comments only on lines of their own, ``name {`` opens and ``}`` closes a section.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from parsers._source import Source

LONGEST_LINE = 511
"""corosync reads lines into a buffer of 512 bytes."""

_OPENING = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_]*)\s*:?\s*\{\s*")
_CLOSING = re.compile(r"\s*\}\s*")
_SETTING = re.compile(r"\s*([A-Za-z_][A-Za-z0-9_.-]*)\s*:\s*(\S|\S[^{}]*\S)\s*")
_REPEATED = frozenset({"interface", "node", "subsys", "logger_subsys", "service"})


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment line or a blank line, as it stands in the file."""

    text: str
    line: int = 0


@dataclass(frozen=True, slots=True)
class Setting:
    """One ``key: value``.

    Attributes:
        key: the key.
        value: the value, without blanks around it.
        line: where it stands; 0 if it was not read from a file.
        raw: the line as it stands in the file; empty for a setting that is to be written anew.
    """

    key: str
    value: str
    line: int = 0
    raw: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """One ``name { … }``.

    Attributes:
        name: the name.
        items: what stands in it, in order.
        line: where it opens; 0 if it was not read from a file.
        opening: the opening line as it stands in the file; empty for a section that is to be written anew.
        closing: the closing line, likewise.
    """

    name: str
    items: tuple[Item, ...]
    line: int = 0
    opening: str = ""
    closing: str = ""

    def setting(self, key: str) -> Setting | None:
        """Return the setting in force for *key*: the last one, as corosync takes it, if it stands more than once."""
        return next((item for item in reversed(self.items) if isinstance(item, Setting) and item.key == key), None)

    def get(self, key: str) -> str | None:
        """Return the value in force for *key*, or None."""
        setting = self.setting(key)
        return None if setting is None else setting.value

    def settings(self) -> tuple[tuple[str, str], ...]:
        """Return all settings directly in this section."""
        return tuple((item.key, item.value) for item in self.items if isinstance(item, Setting))

    def sections(self, name: str) -> tuple[Section, ...]:
        """Return the sections *name* directly in this one."""
        return tuple(item for item in self.items if isinstance(item, Section) and item.name == name)

    def with_setting(self, key: str, value: str) -> Section:
        """Return this section with *key* set to *value*: in its place if it is there, else at the end."""
        if self.setting(key) is None:
            return replace(self, items=(*self.items, Setting(key, value)))
        items = tuple(
            Setting(key, value, item.line) if isinstance(item, Setting) and item.key == key else item
            for item in self.items
        )
        return replace(self, items=items)

    def without(self, item: Item) -> Section:
        """Return this section without *item*."""
        return replace(self, items=tuple(kept for kept in self.items if kept is not item))


Item = Comment | Setting | Section


def read_items(source: Source) -> tuple[Item, ...]:
    """Return what stands at the top level of the file.

    Raises:
        ParseError: a line is not understood, a brace is missing, or a setting stands outside all sections.
    """
    raw_lines = source.original.split("\n")
    open_sections: list[tuple[int, str, str, list[Item]]] = [(0, "", "", [])]
    for number, raw in enumerate(raw_lines[: len(source.lines)], 1):
        items = open_sections[-1][3]
        text = raw.strip()
        if not text or text.startswith("#"):
            items.append(Comment(raw, number))
        elif opening := _OPENING.fullmatch(raw):
            open_sections.append((number, opening[1], raw, []))
        elif _CLOSING.fullmatch(raw):
            if len(open_sections) == 1:
                raise source.error("a closing brace without an opening one", number)
            line, name, first, inner = open_sections.pop()
            open_sections[-1][3].append(Section(name, tuple(inner), line, first, raw))
        elif setting := _SETTING.fullmatch(raw):
            if len(open_sections) == 1:
                raise source.error("a setting outside all sections", number)
            items.append(Setting(setting[1], setting[2], number, raw))
        else:
            raise source.error("neither a section, a setting nor a comment", number)
    if len(open_sections) > 1:
        raise source.error("no closing brace for this section", open_sections[-1][0])
    return tuple(open_sections[0][3])


def write_items(items: tuple[Item, ...], depth: int = 0) -> list[str]:
    """Return the lines of *items*: as they were read, or two blanks a level where they are new."""
    blanks = "  " * depth
    lines: list[str] = []
    for item in items:
        if isinstance(item, Comment):
            lines.append(item.text)
        elif isinstance(item, Setting):
            lines.append(item.raw or f"{blanks}{item.key}: {item.value}")
        else:
            lines.append(item.opening or f"{blanks}{item.name} {{")
            lines.extend(write_items(item.items, depth + 1))
            lines.append(item.closing or f"{blanks}}}")
    return lines


def canonical_items(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """Return *items* as Proxmox VE writes them: no comments, settings and sections together, sorted by name."""
    kept: list[Item] = []
    for item in items:
        if isinstance(item, Setting):
            kept.append(Setting(item.key, item.value))
        elif isinstance(item, Section):
            kept.append(Section(item.name, canonical_items(item.items)))
    kept.sort(
        key=lambda item: item.key if isinstance(item, Setting) else item.name if isinstance(item, Section) else ""
    )
    return tuple(kept)


def objections(items: tuple[Item, ...]) -> list[tuple[int, str]]:
    """Return line numbers and reasons why corosync or Proxmox VE would not read *items* as they are meant."""
    found: list[tuple[int, str]] = []
    keys: set[str] = set()
    for item in items:
        if isinstance(item, Comment):
            continue
        raw = item.raw if isinstance(item, Setting) else item.opening
        if len(raw.encode()) > LONGEST_LINE:
            found.append((item.line, f"corosync cuts lines after {LONGEST_LINE} bytes"))
        name = item.key if isinstance(item, Setting) else item.name
        if name in keys and name not in _REPEATED:
            found.append((item.line, f"{name!r} stands twice in one section"))
        keys.add(name)
        if isinstance(item, Section):
            if raw and raw.split() != [item.name, "{"]:
                found.append((item.line, "Proxmox VE wants 'name {', with a blank"))
            found.extend(objections(item.items))
            continue
        if "#" in item.value:
            found.append((item.line, "corosync takes '#' and what follows as part of the value"))
        elif len(item.value.split()) > 1:
            found.append((item.line, "Proxmox VE refuses a value with blanks"))
        if raw and raw.split()[0] != f"{item.key}:":
            found.append((item.line, "Proxmox VE wants 'key: value', with a blank after the colon only"))
    return found


def tree(item: Item) -> dict[str, Any]:
    """Return *item* as dictionaries."""
    if isinstance(item, Comment):
        return {"text": item.text, "line": item.line}
    if isinstance(item, Setting):
        return {"key": item.key, "value": item.value, "line": item.line}
    return {"name": item.name, "line": item.line, "items": [tree(inner) for inner in item.items]}
