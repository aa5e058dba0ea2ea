"""Corosync's effective timers, from a running daemon or from a configuration, and the times that follow from them.

corosync computes what is not written (measured against corosync 3.1.9 with three nodes, live)::

    token             token + (nodes - 2) * token_coefficient, from three nodes on; 3000 and 650 where not written
    token_retransmit  token / (token_retransmits_before_loss_const + 0.2)
    hold              token_retransmit * 0.8 - 10
    consensus         1.2 * token
    knet_ping_timeout token / knet_pong_count; knet_ping_interval is half of it

All of them are cut to whole milliseconds, and all of them start from the effective token. Those of knet start from the
token before the reload: they follow a new one with the reload after that, unless they are written themselves.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import fields

from parsers.corosync_cmapctl import CmapDump
from parsers.corosync_conf import NAME, CorosyncConf, Section
from parsers.errors import ParseError
from pvefleet.model.facts import ClusterFacts
from pvefleet.model.totem import LinkTimers, Timers, TotemTimers
from pvefleet.rules.membership import conf_of_record

DEFAULTS: Mapping[str, int] = {
    "token": 3000,
    "token_coefficient": 650,
    "token_retransmits_before_loss_const": 4,
    "join": 50,
    "knet_pong_count": 2,
}
"""What corosync takes, since 3.1.0, where nothing is written."""

_RUNNING = ("token", "consensus", "join", "hold", "token_retransmit", "token_retransmits_before_loss_const")
_HOLD_LESS_MS = 10
_NOTICE = 0.5
"""Seconds beyond token and consensus in which the survivors have formed anew; 0.2 s was the most seen, at 32 nodes."""
_LINK_MARGIN = 2.0
"""Looking takes time as well, and a busy machine answers pings late: 1.8 s was seen where 0.75 s was due."""
_RESTART = 15.0
"""A restart returns within 1.6 s; a busy machine with a slow disk gets ten times that, and a token on top."""
_STOP_AND_START = 5.0
_PMXCFS_LAG = 15.0
"""pmxcfs looks for corosync every 5 s, and then takes up its state: 4 s after a single restart, 15 s at the most."""
_HA_RETURN = 15.0
"""The HA manager looks every 10 s: it needed up to 9 s longer than the write bit."""
_RELOAD = 5.0
"""pmxcfs waits 1 s before it reloads; all members ran the new version after 1.1 s."""
_CUT_MARGIN = 3.0
_ADDRESS = re.compile(r"\.ring([0-7])_addr$")
_WHOLE = re.compile(r"[0-9]{1,10}")


def running(cmap: CmapDump) -> TotemTimers | None:
    """Return what corosync itself says that it works with, or None where the map does not hold it.

    Args:
        cmap: the output of ``corosync-cmapctl``.
    """
    values: dict[str, int] = {}
    for key in _RUNNING:
        value = cmap.int(f"runtime.config.totem.{key}")
        if value is None:
            return None
        values[key] = value
    nodes = sum(1 for entry in cmap.under("nodelist.node.") if entry.key.endswith(".nodeid"))
    return TotemTimers(nodes=nodes, links=_running_links(cmap), **values)


def _running_links(cmap: CmapDump) -> tuple[LinkTimers, ...]:
    prefix, suffix = "runtime.config.totem.interface.", ".knet_ping_timeout"
    # The timers of a link that was removed stay in the map.
    used = {match[1] for entry in cmap.under("nodelist.node.") if (match := _ADDRESS.search(entry.key))}
    links = []
    for entry in cmap.under(prefix):
        number = entry.key.removeprefix(prefix).removesuffix(suffix)
        if number not in used or not entry.key.endswith(suffix):
            continue
        timeout, interval = cmap.int(entry.key), cmap.int(f"{prefix}{number}.knet_ping_interval")
        pongs = cmap.int(f"totem.interface.{number}.knet_pong_count") or DEFAULTS["knet_pong_count"]
        if timeout is not None and interval is not None:
            links.append(LinkTimers(int(number), interval, timeout, pongs))
    return tuple(sorted(links, key=lambda link: link.link))


def configured(conf: CorosyncConf, nodes: int | None = None) -> TotemTimers:
    """Return what corosync makes of a configuration.

    Args:
        conf: the configuration.
        nodes: how many nodes to reckon with; those of its nodelist unless given.

    Raises:
        ParseError: a timer is not a whole number.
    """
    count = len(conf.nodes) if nodes is None else nodes
    totem = conf.section("totem")
    token = whole(totem, "token") or DEFAULTS["token"]
    if count > 2:
        coefficient = whole(totem, "token_coefficient")
        token += (count - 2) * (DEFAULTS["token_coefficient"] if coefficient is None else coefficient)
    retransmits = whole(totem, "token_retransmits_before_loss_const") or DEFAULTS["token_retransmits_before_loss_const"]
    retransmit = whole(totem, "token_retransmit") or int(token / (retransmits + 0.2))
    return TotemTimers(
        nodes=count,
        token=token,
        consensus=whole(totem, "consensus") or token * 12 // 10,
        join=whole(totem, "join") or DEFAULTS["join"],
        hold=whole(totem, "hold") or max(0, int(retransmit * 0.8 - _HOLD_LESS_MS)),
        token_retransmit=retransmit,
        token_retransmits_before_loss_const=retransmits,
        links=configured_links(conf, token),
    )


def configured_links(conf: CorosyncConf, token: int) -> tuple[LinkTimers, ...]:
    """Return the timers of every link of a configuration, with an effective token in milliseconds."""
    sections = {interface_number(one): one for one in conf.section("totem").sections("interface")}
    numbers = sorted({number for node in conf.nodes for number, _ in node.addresses})
    links = []
    for number in numbers:
        own = sections.get(number, Section("interface", ()))
        pongs = whole(own, "knet_pong_count") or DEFAULTS["knet_pong_count"]
        timeout = whole(own, "knet_ping_timeout") or token // pongs
        interval = whole(own, "knet_ping_interval") or token // (2 * pongs)
        links.append(LinkTimers(number, interval, timeout, pongs))
    return tuple(links)


def interface_number(section: Section) -> int:
    """Return the link that an ``interface`` section is about; 0 where it does not say."""
    return whole(section, "linknumber") or 0


def whole(section: Section, key: str) -> int | None:
    """Return the number at *key*, or None where it is not written.

    Raises:
        ParseError: the value is not a whole number.
    """
    setting = section.setting(key)
    if setting is None:
        return None
    if not _WHOLE.fullmatch(setting.value):
        raise ParseError(NAME, f"{key} is not a whole number", setting.raw or setting.value, setting.line)
    return int(setting.value)


def timers(totem: TotemTimers) -> Timers:
    """Return how long things take with these timers, in seconds.

    Every time is a bound for a healthy network and a machine that is not starved: reaching it is no proof that
    something is lost, but a reason to look.
    """
    token, consensus = totem.token / 1000, totem.consensus / 1000
    both = token + consensus
    return Timers(
        token=token,
        consensus=consensus,
        worst_case=both,
        node_loss=both + _NOTICE,
        link_loss=_LINK_MARGIN + max((_until_down(link) for link in totem.links), default=totem.token) / 1000,
        link_return=_LINK_MARGIN + max((_until_up(link) for link in totem.links), default=totem.token) / 1000,
        restart=_RESTART + token,
        rejoin=_STOP_AND_START + both + _PMXCFS_LAG,
        ha_return=_HA_RETURN,
        reload=_RELOAD + token,
        cut_shows=both + _CUT_MARGIN,
    )


def _until_down(link: LinkTimers) -> int:
    """Time since the last answer, looked at between two pings."""
    return link.ping_timeout + link.ping_interval


def _until_up(link: LinkTimers) -> int:
    """A ping may just have been missed; then so many answers in a row."""
    return link.ping_timeout + (link.pong_count + 1) * link.ping_interval


def slowest(several: Iterable[TotemTimers]) -> TotemTimers | None:
    """Return the longest of every timer, or None of nothing: what bounds a cluster whose nodes do not agree."""
    every = tuple(several)
    if not every:
        return None
    links: dict[int, LinkTimers] = {}
    for link in (link for one in every for link in one.links):
        known = links.get(link.link, link)
        links[link.link] = LinkTimers(
            link.link,
            max(known.ping_interval, link.ping_interval),
            max(known.ping_timeout, link.ping_timeout),
            max(known.pong_count, link.pong_count),
        )
    return TotemTimers(
        nodes=max(one.nodes for one in every),
        token=max(one.token for one in every),
        consensus=max(one.consensus for one in every),
        join=max(one.join for one in every),
        hold=max(one.hold for one in every),
        token_retransmit=max(one.token_retransmit for one in every),
        token_retransmits_before_loss_const=max(one.token_retransmits_before_loss_const for one in every),
        links=tuple(links[number] for number in sorted(links)),
    )


def cluster_timers(facts: ClusterFacts) -> Timers | None:
    """Return the times of a cluster: by what its nodes run with, else by its newest configuration.

    Returns:
        None where neither was read: then nothing that needs a time limit may start.
    """
    seen = [found for node in facts.seen if node.cmap.value and (found := running(node.cmap.value))]
    longest = slowest(seen)
    if longest is not None:
        return timers(longest)
    record = conf_of_record(facts)
    return timers(configured(record.conf)) if record else None


def outlasting(before: Timers, after: Timers) -> Timers:
    """Return the longer of both for every time: what to wait for across a change of the timers themselves."""
    return Timers(**{one.name: max(getattr(before, one.name), getattr(after, one.name)) for one in fields(Timers)})
