"""Changes of corosync.conf as whole new texts: versions, reverts, differences, and what no change may touch.

A changed configuration keeps everything else of the file, comments included, byte for byte.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from dataclasses import replace

from parsers.corosync_conf import CorosyncConf, Item, Section, objections, read, serialise
from pvefleet.model.catalogue import finding
from pvefleet.model.finding import Finding
from pvefleet.model.totem import ConfEdit

_CONTEXT = 3


def settled(conf: CorosyncConf) -> CorosyncConf:
    """Return *conf* as its own text reads: with line numbers, and ``read(serialise(conf)) == conf``.

    Raises:
        ParseError: its text would not be understood.
    """
    return read(serialise(conf))


def with_version(conf: CorosyncConf, version: int) -> CorosyncConf:
    """Return *conf* with another config_version, and nothing else changed."""
    return conf.with_section(conf.section("totem").with_setting("config_version", str(version)))


def next_version(seen: Iterable[int]) -> int:
    """Return the version a new configuration takes: one above all that were seen, in files and running.

    Args:
        seen: every config_version of every node that was read. A lower one than a node has is refused by pmxcfs, an
            equal one is written without being noticed as another.
    """
    return max(seen) + 1


def revert_of(old: CorosyncConf, new: CorosyncConf) -> str:
    """Return the text that undoes the change from *old* to *new*: the old content with the new version and one more.

    The same content with its old version would be refused by pmxcfs, which takes no lower version.
    """
    return serialise(with_version(old, new.config_version + 1))


def difference(old: CorosyncConf, new: CorosyncConf) -> tuple[str, ...]:
    """Return a unified diff of the two texts, without its head lines."""
    before, after = serialise(old).splitlines(), serialise(new).splitlines()
    return tuple(difflib.unified_diff(before, after, lineterm="", n=_CONTEXT))[2:]


def edit(what: str, old: CorosyncConf, new: CorosyncConf) -> ConfEdit:
    """Return the edit that takes the cluster from *old* to *new*.

    Args:
        what: in a few words.
        old: what the cluster runs before it.
        new: what it is to run.

    Raises:
        ValueError: the version does not grow.
    """
    if new.config_version <= old.config_version:
        raise ValueError(f"version {new.config_version} does not follow {old.config_version}")
    return ConfEdit(what, new.config_version, serialise(new), revert_of(old, new), difference(old, new))


def edits(old: CorosyncConf, steps: Iterable[tuple[str, CorosyncConf]]) -> tuple[ConfEdit, ...]:
    """Return a series of edits, each from the configuration before it.

    An edit and the one after it are two versions apart: the revert of the first takes the one between them, so that no
    version ever stands for two contents, also where a revert has fired.

    Args:
        old: what the cluster runs before the first.
        steps: what each does, and the configuration it makes; their own versions do not count.
    """
    made: list[ConfEdit] = []
    version = old.config_version + 1
    for what, conf in steps:
        new = settled(with_version(conf, version))
        made.append(edit(what, old, new))
        old, version = new, version + 2
    return tuple(made)


def exchanged(section: Section, old: Item, new: Item) -> Section:
    """Return *section* with *new* in the place of its item *old*."""
    return replace(section, items=tuple(new if item is old else item for item in section.items))


def with_interface(totem: Section, interface: Section) -> Section:
    """Return ``totem`` with one more ``interface`` section: behind the last one, else at the end."""
    last = max((at for at, item in enumerate(totem.items) if item in totem.sections("interface")), default=None)
    at = len(totem.items) if last is None else last + 1
    return replace(totem, items=(*totem.items[:at], interface, *totem.items[at:]))


def edit_findings(old: CorosyncConf, new: CorosyncConf, subject: str) -> Iterator[Finding]:
    """Yield what makes *new* a change that must not be written, whatever it was meant to be.

    Nodes, ids and votes stay, ``quorum`` stays, an address never changes in place, all nodes have the same links, and
    both parsers read the text as it is meant.

    Args:
        old: what the cluster runs.
        new: what is to be written.
        subject: the cluster's name.
    """
    if new.config_version <= old.config_version:
        message = f"version {new.config_version} would not replace version {old.config_version}"
        yield finding("EDT-E-0001", subject, message)
    before = {node.nodeid: node for node in old.nodes}
    after = {node.nodeid: node for node in new.nodes}
    names = {nodeid: (node.name, node.votes) for nodeid, node in before.items()}
    if names != {nodeid: (node.name, node.votes) for nodeid, node in after.items()}:
        yield finding("EDT-E-0002", subject, "the change would touch the list of nodes, their ids, names or votes")
    if _quorum(old) != _quorum(new):
        yield finding("EDT-E-0002", subject, "the change would touch the quorum section")
    moved = [
        f"{node.name or nodeid}: link {number}, {address} instead of {dict(before[nodeid].addresses)[number]}"
        for nodeid, node in after.items()
        if nodeid in before
        for number, address in node.addresses
        if dict(before[nodeid].addresses).get(number, address) != address
    ]
    if moved:
        yield finding("EDT-E-0003", subject, "an address would change in place", moved)
    links = {node.nodeid: frozenset(number for number, _ in node.addresses) for node in new.nodes}
    if len(set(links.values())) > 1:
        evidence = [f"{after[one].name or one}: link {sorted(has)}" for one, has in links.items()]
        yield finding("EDT-E-0004", subject, "not all nodes would have the same links", evidence)
    yield from unreadable(new, subject)


def _quorum(conf: CorosyncConf) -> str:
    section = conf.find("quorum")
    return serialise(CorosyncConf((section,))) if section else ""


def unreadable(conf: CorosyncConf, subject: str) -> Iterator[Finding]:
    """Yield one finding where corosync or Proxmox VE would not read the text as it is meant."""
    found = [f"line {line}: {why}" if line else why for line, why in objections(conf)]
    if found:
        yield finding("EDT-E-0005", subject, "corosync and Proxmox VE would not read corosync.conf the same way", found)
