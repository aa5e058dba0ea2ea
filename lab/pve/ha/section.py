"""PVE's section files: `type: id` followed by indented `key value` lines. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, unquote

_FIRST = ("comment", "disable")


@dataclass(slots=True)
class Section:
    """One section; options keep their order of reading and are written sorted, with what PVE puts first in front."""

    type: str
    id: str
    options: dict[str, str] = field(default_factory=dict)


def parse(text: str) -> dict[str, Section]:
    """Sections by their id, in the file's order; an option without a value is "1"."""
    sections: dict[str, Section] = {}
    current: Section | None = None
    for line in text.splitlines():
        if not line.strip():
            current = None
        elif not line[0].isspace():
            kind, _, name = line.partition(":")
            current = Section(kind.strip(), name.strip())
            sections[current.id] = current
        elif current is not None:
            key, _, value = line.strip().partition(" ")
            current.options[key] = value.strip() or "1"
    return sections


def text(sections: Mapping[str, Section], *, flags: tuple[str, ...] = ()) -> str:
    """The file; options named in `flags` are written without a value."""
    return "".join(_section(section, flags) for section in sections.values())


def _section(section: Section, flags: tuple[str, ...]) -> str:
    first = [key for key in _FIRST if key in section.options]
    keys = [*first, *sorted(key for key in section.options if key not in _FIRST)]
    lines = [f"\t{key}" if key in flags else f"\t{key} {section.options[key]}" for key in keys]
    return "\n".join([f"{section.type}: {section.id}", *lines]) + "\n\n"


def encoded(comment: str) -> str:
    """A comment as the rules file holds it: on one line."""
    return quote(comment, safe=" !\"#$&'()*+,-./:;<=>?@[\\]^_`{|}~")


def decoded(comment: str) -> str:
    """What `encoded` was given."""
    return unquote(comment)
