"""Where files and running corosync differ, key by key, and what each difference waits for."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from parsers.corosync_cmapctl import CmapDump
from parsers.corosync_conf import CorosyncConf, Section
from parsers.corosync_quorumtool import QuorumStatus
from parsers.errors import ParseError
from pvefleet.model.corosync_report import DriftRow, Waits
from pvefleet.model.facts import ClusterFacts, NodeFacts
from pvefleet.rules.membership import conf_of_record
from pvefleet.rules.timers import configured, interface_number, running
from pvefleet.rules.totem_keys import INTERFACE_KEYS, KEYS

_AT_START = frozenset(
    {
        "totem.version",
        "totem.cluster_name",
        "totem.transport",
        "totem.ip_version",
        "totem.ip_dscp",
        "totem.link_mode",
        "totem.netmtu",
        "totem.threads",
        "quorum.provider",
        "quorum.wait_for_all",
        "quorum.last_man_standing",
        "quorum.last_man_standing_window",
        "quorum.auto_tie_breaker",
        "quorum.auto_tie_breaker_node",
        "quorum.allow_downscale",
    }
)
"""Keys that corosync reads when it starts, and not again."""
_AT_START_OF_LINK = frozenset({"bindnetaddr", "knet_transport", "mcastaddr", "mcastport"})
_FLAGS = {
    "quorum.wait_for_all": "WaitForAll",
    "quorum.last_man_standing": "LastManStanding",
    "quorum.auto_tie_breaker": "AutoTieBreaker",
    "quorum.allow_downscale": "AllowDownscale",
}
"""A reload puts the new value into corosync's map and does nothing: what votequorum does is in its flags alone."""
_SECTIONS = ("totem", "quorum", "nodelist", "logging")
_INTERFACE = re.compile(r"totem\.interface\.([0-9])\.(\w+)")
_NODE = re.compile(r"nodelist\.node\.([0-9]+)\.(\w+)")
_ADDRESS = re.compile(r"\.ring[0-7]_addr$")
_ITS_OWN = frozenset({"totem.config_version"})
"""Shown and judged apart."""


def flat(conf: CorosyncConf) -> dict[str, str]:
    """Return every setting by its path: ``totem.token``, ``totem.interface.1.knet_link_priority``, ``node.pve01.name``.

    Raises:
        ParseError: a link's number is not a number.
    """
    found: dict[str, str] = {}
    for name in _SECTIONS:
        section = conf.find(name)
        if section is not None and name != "nodelist":
            _flatten(section, name, found)
    for node in conf.section("nodelist").sections("node"):
        name = node.get("name") or node.get("nodeid") or "?"
        found.update({f"node.{name}.{key}": value for key, value in node.settings()})
    return found


def _flatten(section: Section, path: str, found: dict[str, str]) -> None:
    for key, value in section.settings():
        if not (path.startswith("totem.interface") and key == "linknumber"):
            found[f"{path}.{key}"] = value
    for item in section.items:
        if isinstance(item, Section) and path != "logging":
            inner = f"{path}.{item.name}"
            _flatten(item, f"{inner}.{interface_number(item)}" if item.name == "interface" else inner, found)


def flat_running(cmap: CmapDump) -> dict[str, str]:
    """Return what corosync holds of its configuration, by the same paths; what it added by itself is left out."""
    found: dict[str, str] = {}
    for entry in cmap.entries:
        value = entry.value.rstrip()
        match = _NODE.fullmatch(entry.key)
        if match is not None:
            position = f"nodelist.node.{match[1]}"
            name = cmap.get(f"{position}.name") or cmap.get(f"{position}.nodeid") or match[1]
            found[f"node.{name.rstrip()}.{match[2]}"] = value
        elif entry.key.startswith(("totem.", "quorum.", "logging.")):
            found[entry.key] = value
    return found


def drift_rows(facts: ClusterFacts) -> tuple[DriftRow, ...]:
    """Return every setting that is not the same in the newest configuration, a node's file and its running corosync.

    Nodes that differ in the same way share a row. A node that was not read has none.
    """
    record = conf_of_record(facts)
    if record is None:
        return ()
    wanted = flat(record.conf)
    rows: dict[tuple[str, Waits, str | None, str | None, str | None], list[str]] = {}
    for node in facts.seen:
        for key, waits, local, now in _of_node(node, wanted):
            rows.setdefault((key, waits, wanted.get(key), local, now), []).append(node.name)
    return tuple(DriftRow(key, waits, tuple(nodes), *values) for (key, waits, *values), nodes in rows.items())


def _of_node(node: NodeFacts, wanted: Mapping[str, str]) -> Iterator[tuple[str, Waits, str | None, str | None]]:
    file = node.conf_running_file.value
    local = flat(file.conf) if file else {}
    now = flat_running(node.cmap.value) if node.cmap.value else {}
    by_flags = _by_flags(file.conf, node.quorum.value) if file and node.quorum.value else {}
    if file is None:
        return
    keys = dict.fromkeys((*wanted, *local, *(key for key in now if _configurable(key))))
    for key in keys:
        if key in _ITS_OWN:
            continue
        held, works = local.get(key), by_flags.get(key, now.get(key))
        if not _same(held, wanted.get(key)):
            yield key, Waits.COPY, held, works
        elif now and not _same(held, works):
            yield key, _waits(key, moved=held is not None and works is not None), held, works
    if node.cmap.value:
        yield from _late(file.conf, node.cmap.value, now, local)


def _configurable(key: str) -> bool:
    """Can this key of the running corosync come from a file only? Others it works out and adds by itself."""
    match = _INTERFACE.fullmatch(key)
    if match is not None:
        return match[2] in INTERFACE_KEYS
    return key.removeprefix("totem.") in KEYS or key.startswith(("quorum.", "node."))


def _same(one: str | None, other: str | None) -> bool:
    if one is not None and other is not None and one.isdecimal() and other.isdecimal():
        return int(one) == int(other)
    return one == other


def _waits(key: str, *, moved: bool) -> Waits:
    if moved and key.startswith("node.") and _ADDRESS.search(key):
        return Waits.REFUSED
    match = _INTERFACE.fullmatch(key)
    if key in _AT_START or (match is not None and match[2] in _AT_START_OF_LINK):
        return Waits.RESTART
    return Waits.RELOAD


def _by_flags(conf: CorosyncConf, status: QuorumStatus) -> dict[str, str | None]:
    """Return what votequorum's flags say of its startup options, in the file's own words where both agree."""
    quorum = conf.find("quorum")
    found: dict[str, str | None] = {}
    for key, flag in _FLAGS.items():
        written = quorum.get(key.removeprefix("quorum.")) if quorum else None
        # Two nodes, and a tie breaker, bring wait_for_all along where it is not written.
        if written is None and key == "quorum.wait_for_all":
            continue
        on = flag in status.flags
        agrees = (written == "1") == on
        found[key] = written if agrees else ("1" if on else "0")
    return found


def _late(
    conf: CorosyncConf, cmap: CmapDump, now: Mapping[str, str], local: Mapping[str, str]
) -> Iterator[tuple[str, Waits, str | None, str | None]]:
    """Yield link timers that corosync still has from before its last reload."""
    works = running(cmap)
    try:
        should = configured(conf, works.nodes if works else None)
    except ParseError:
        return
    if works is None or works.token != should.token:
        return
    by_link = {link.link: link for link in works.links}
    for link in should.links:
        has = by_link.get(link.link, link)
        for key, value, runs in (
            ("knet_ping_timeout", link.ping_timeout, has.ping_timeout),
            ("knet_ping_interval", link.ping_interval, has.ping_interval),
        ):
            path = f"totem.interface.{link.link}.{key}"
            if value != runs and _same(local.get(path), now.get(path)):
                yield path, Waits.NEXT_RELOAD, str(value), str(runs)
