"""``corosync.conf``: parsed into a tree that keeps comments, blank lines and line numbers, and written back.

``serialise(read(text)) == text`` for every text that is understood. The text is read by corosync's own rules. Proxmox
VE's parser is another one, which strips ``#`` anywhere and wants certain blanks: :func:`objections` names the lines
on which the two differ. A change is made on the tree (``Section.with_setting``, ``CorosyncConf.with_section``) and
keeps everything else.

Schema::

    {"cluster_name": string, "config_version": integer, "transport": string or null, "two_node": boolean,
     "expected_votes": integer or null, "nodes": [{"name": string or null, "nodeid": integer, "votes": integer,
     "addresses": [[integer, string]]}], "qdevice": {"model": string, "votes": integer or null, "host": string or
     null, "algorithm": string or null} or null, "interfaces": [{"number": integer, "settings": [[string, string]]}],
     "items": [{"text", "line"} or {"key", "value", "line"} or {"name", "line", "items"}]}
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from parsers import _corosync_tree
from parsers._corosync_tree import Comment, Item, Section, Setting
from parsers._shape import Info, shape
from parsers._source import Source
from parsers.errors import ParseError

__all__ = [
    "Comment",
    "ConfInterface",
    "ConfNode",
    "ConfQdevice",
    "CorosyncConf",
    "Item",
    "Section",
    "Setting",
    "canonical",
    "objections",
    "parse",
    "read",
    "serialise",
]

NAME = "corosync_conf"
info = Info("`corosync.conf` file parser", ("file",), ("cat /etc/pve/corosync.conf",))

_RING = re.compile(r"ring([0-7])_addr")
_WHOLE = re.compile(r"[0-9]{1,18}")
_FLAGS = {"1": True, "0": False}


@dataclass(frozen=True, slots=True)
class ConfNode:
    """One ``node`` of the node list.

    Attributes:
        name: its name; Proxmox VE always writes one.
        nodeid: its id.
        votes: ``quorum_votes``, which corosync takes as 1 if it is not written.
        addresses: link number and address, by link number.
    """

    name: str | None
    nodeid: int
    votes: int
    addresses: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class ConfQdevice:
    """The ``device`` of ``quorum``.

    Attributes:
        model: ``net``.
        votes: the votes it may cast; not written for the LMS algorithm.
        host: the QNetd server.
        algorithm: ``ffsplit`` or ``lms``.
    """

    model: str
    votes: int | None
    host: str | None
    algorithm: str | None


@dataclass(frozen=True, slots=True)
class ConfInterface:
    """One ``interface`` of ``totem``: the settings of one link.

    Attributes:
        number: link number.
        settings: all its settings.
    """

    number: int
    settings: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class CorosyncConf:
    """A corosync.conf. What :func:`read` returned has all required settings; a changed one is checked when asked.

    Attributes:
        items: sections, comments and blank lines, in order.
        ends_with_newline: does the last line have an end?
    """

    items: tuple[Item, ...]
    ends_with_newline: bool = True

    def section(self, name: str) -> Section:
        """Return the top level section *name*.

        Raises:
            ParseError: there is none.
        """
        found = self.find(name)
        if found is None:
            raise ParseError(NAME, f"no section {name!r}")
        return found

    def find(self, name: str) -> Section | None:
        """Return the top level section *name*, or None."""
        return next((item for item in self.items if isinstance(item, Section) and item.name == name), None)

    def with_section(self, section: Section) -> CorosyncConf:
        """Return this configuration with *section* in the place of the one of that name, or at the end."""
        if self.find(section.name) is None:
            return replace(self, items=(*self.items, section))
        items = tuple(
            section if isinstance(item, Section) and item.name == section.name else item for item in self.items
        )
        return replace(self, items=items)

    @property
    def cluster_name(self) -> str:
        """``totem.cluster_name``."""
        totem = self.section("totem")
        name = totem.get("cluster_name")
        if not name:
            raise _missing(totem, "cluster_name")
        return name

    @property
    def config_version(self) -> int:
        """``totem.config_version``."""
        return _integer(self.section("totem"), "config_version")

    @property
    def transport(self) -> str | None:
        """``totem.transport``; None if it is not written, which corosync 3 takes as knet."""
        return self.section("totem").get("transport")

    @property
    def nodes(self) -> tuple[ConfNode, ...]:
        """The node list, in the order of the file."""
        return tuple(_node(section) for section in self.section("nodelist").sections("node"))

    @property
    def interfaces(self) -> tuple[ConfInterface, ...]:
        """The ``interface`` sections of ``totem``."""
        return tuple(
            ConfInterface(_optional_integer(section, "linknumber") or 0, section.settings())
            for section in self.section("totem").sections("interface")
        )

    @property
    def qdevice(self) -> ConfQdevice | None:
        """``quorum.device``, or None."""
        quorum = self.find("quorum")
        devices = quorum.sections("device") if quorum else ()
        if not devices:
            return None
        device = devices[-1]
        model = device.get("model")
        if not model:
            raise _missing(device, "model")
        own = (*device.sections(model), Section(model, ()))[0]
        return ConfQdevice(model, _optional_integer(device, "votes"), own.get("host"), own.get("algorithm"))

    @property
    def two_node(self) -> bool:
        """``quorum.two_node``: of two nodes, one alone is quorate. False if it is not written."""
        quorum = self.find("quorum")
        setting = quorum.setting("two_node") if quorum else None
        if setting is None:
            return False
        if setting.value not in _FLAGS:
            raise ParseError(NAME, "two_node is neither 0 nor 1", setting.raw, setting.line)
        return _FLAGS[setting.value]

    @property
    def expected_votes(self) -> int | None:
        """``quorum.expected_votes``; None if it is not written, which lets corosync count the node list."""
        quorum = self.find("quorum")
        return _optional_integer(quorum, "expected_votes") if quorum else None


_PROPERTIES = (
    "cluster_name",
    "config_version",
    "transport",
    "two_node",
    "expected_votes",
    "nodes",
    "qdevice",
    "interfaces",
)


def read(text: str) -> CorosyncConf:
    """Read a corosync.conf.

    Raises:
        ParseError: a line is not understood, a brace is missing, a top level section stands twice, a required setting
            is
            missing or malformed, or two nodes share an id or a name.
    """
    source = Source(NAME, text)
    source.refuse_nothing()
    conf = CorosyncConf(_corosync_tree.read_items(source), text.endswith("\n"))
    seen: set[str] = set()
    for item in conf.items:
        if isinstance(item, Section):
            if item.name in seen:
                raise source.error("this section stands twice", item.line)
            seen.add(item.name)
    for name in _PROPERTIES:
        getattr(conf, name)
    nodes = conf.nodes
    if not nodes:
        raise source.error("no node in the node list", conf.section("nodelist").line)
    names = [node.name for node in nodes if node.name is not None]
    if len({node.nodeid for node in nodes}) != len(nodes) or len(set(names)) != len(names):
        raise source.error("two nodes share an id or a name", conf.section("nodelist").line)
    return conf


def serialise(conf: CorosyncConf) -> str:
    """Return the text of *conf*: what was read, byte for byte; what was changed, in Proxmox VE's form."""
    return "\n".join(_corosync_tree.write_items(conf.items)) + ("\n" if conf.ends_with_newline else "")


def canonical(conf: CorosyncConf) -> str:
    """Return *conf* the way ``pvecm`` writes it: no comments, all sorted, a blank line after each section."""
    sections = _corosync_tree.canonical_items(conf.items)
    return "".join("\n".join([*_corosync_tree.write_items((section,)), "\n"]) for section in sections)


def objections(conf: CorosyncConf) -> tuple[tuple[int, str], ...]:
    """Return line numbers and reasons why corosync or Proxmox VE would not read *conf* as it is meant."""
    return tuple(sorted(_corosync_tree.objections(conf.items)))


def parse(data: str, raw: bool = False, quiet: bool = False) -> dict[str, Any]:  # noqa: ARG001
    """Return :func:`read` as a dictionary, the way jc does."""
    conf = read(data)
    shown = {name: shape(getattr(conf, name), raw) for name in _PROPERTIES}
    return {**shown, "items": shape(tuple(_corosync_tree.tree(item) for item in conf.items), raw)}


def _missing(section: Section, key: str) -> ParseError:
    return ParseError(NAME, f"no {key!r} in this section", section.opening, section.line)


def _integer(section: Section, key: str) -> int:
    number = _optional_integer(section, key)
    if number is None:
        raise _missing(section, key)
    return number


def _optional_integer(section: Section, key: str) -> int | None:
    setting = section.setting(key)
    if setting is None:
        return None
    if not _WHOLE.fullmatch(setting.value):
        raise ParseError(NAME, f"{key} is not a whole number", setting.raw or setting.value, setting.line)
    return int(setting.value)


def _node(section: Section) -> ConfNode:
    addresses = {int(match[1]): value for key, value in section.settings() if (match := _RING.fullmatch(key))}
    if not addresses:
        raise _missing(section, "ring0_addr")
    votes = _optional_integer(section, "quorum_votes")
    return ConfNode(
        name=section.get("name"),
        nodeid=_integer(section, "nodeid"),
        votes=1 if votes is None else votes,
        addresses=tuple(sorted(addresses.items())),
    )
