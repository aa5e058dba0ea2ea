"""The report of ``cluster.corosync``: configuration, copies, drift, effective timers, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TypeVar

from parsers.corosync_conf import CorosyncConf, Section
from parsers.errors import ParseError
from pvefleet.model.catalogue import finding
from pvefleet.model.corosync_report import (
    CopyRow,
    CorosyncReport,
    DriftRow,
    MemberRow,
    NodeValue,
    Origin,
    Reload,
    Setting,
    TimerRow,
    Waits,
)
from pvefleet.model.facts import ClusterFacts, ConfFile, NodeFacts
from pvefleet.model.finding import Finding
from pvefleet.model.status import LinkAddress, exit_of
from pvefleet.model.totem import LinkTimers, TotemTimers
from pvefleet.rules.config import config_findings, running_version
from pvefleet.rules.corosync_drift import drift_rows, flat
from pvefleet.rules.corosync_edit import unreadable
from pvefleet.rules.ha_view import ha_view
from pvefleet.rules.membership import Membership, conf_of_record, in_no_cluster, membership
from pvefleet.rules.node_health import NOT_UNDERSTOOD, node_findings
from pvefleet.rules.quorum import corosync_findings, quorum_findings
from pvefleet.rules.reach import unread_nodes
from pvefleet.rules.status import by_severity
from pvefleet.rules.timers import DEFAULTS, cluster_timers, configured, interface_number, running, slowest
from pvefleet.rules.totem import timer_findings

_RELOADED, _NOT_YET = 1, 0
_MINE = ("OUT", "PMX-E", "NOD")
"""Of the findings about a node, those that say why its configuration was not seen, or whose it is."""
_MS = "ms"

T = TypeVar("T")
_Timer = tuple[str, str, Callable[[TotemTimers], int]]
_TIMERS: tuple[_Timer, ...] = (
    ("token", _MS, lambda totem: totem.token),
    ("consensus", _MS, lambda totem: totem.consensus),
    ("join", _MS, lambda totem: totem.join),
    ("token_retransmit", _MS, lambda totem: totem.token_retransmit),
    ("token_retransmits_before_loss_const", "", lambda totem: totem.token_retransmits_before_loss_const),
    ("hold", _MS, lambda totem: totem.hold),
)
_LINK_TIMERS: tuple[tuple[str, str, Callable[[LinkTimers], int]], ...] = (
    ("knet_ping_timeout", _MS, lambda link: link.ping_timeout),
    ("knet_ping_interval", _MS, lambda link: link.ping_interval),
    ("knet_pong_count", "", lambda link: link.pong_count),
)


def corosync_report(facts: ClusterFacts) -> CorosyncReport:
    """Return the whole report of ``cluster.corosync``.

    Args:
        facts: the base facts, and HA where the time limit of HA is to be judged.
    """
    members = membership(facts)
    record = conf_of_record(facts)
    drift = drift_rows(facts)
    findings = by_severity([*_findings(facts, members, record, drift)])
    read = len(facts.seen)
    return CorosyncReport(
        cluster=facts.cluster or (record.conf.cluster_name if record else ""),
        taken_at=facts.taken_at,
        here=facts.here,
        nodes_total=len(facts.nodes),
        nodes_read=read,
        config_version=record.conf.config_version if record else None,
        settings=_settings(record.conf) if record else (),
        members=tuple(
            MemberRow(
                peer.name,
                peer.nodeid,
                peer.votes,
                tuple(LinkAddress(number, address) for number, address in peer.addresses),
            )
            for peer in members.peers
        ),
        copies=tuple(_copy(node) for node in facts.nodes),
        drift=drift,
        timers=_timer_rows(facts, record.conf if record else None),
        times=_or_none(lambda: cluster_timers(facts)),
        findings=findings,
        exit_code=exit_of(findings, read=read, not_understood=any(one.code == NOT_UNDERSTOOD for one in findings)),
    )


def _settings(conf: CorosyncConf) -> tuple[Setting, ...]:
    return tuple(Setting(key, value) for key, value in flat(conf).items() if not key.startswith("node."))


def _copy(node: NodeFacts) -> CopyRow:
    record, local = node.conf_cluster_file.value, node.conf_running_file.value
    return CopyRow(
        name=node.name,
        cluster_version=record.conf.config_version if record else None,
        local_version=local.conf.config_version if local else None,
        running_version=running_version(node),
        same=record.digest == local.digest if record and local else None,
        reload=_reload(node),
        note=_note(node),
    )


def _reload(node: NodeFacts) -> Reload:
    cmap = node.cmap.value
    if cmap is None:
        return Reload.UNKNOWN
    status = cmap.int("config.reload_status")
    if status is None or status == _NOT_YET:
        return Reload.NONE
    return Reload.OK if status == _RELOADED else Reload.REFUSED


def _note(node: NodeFacts) -> str:
    if node.error is not None:
        return node.error.message
    if in_no_cluster(node):
        return "in no cluster"
    for seen in (node.conf_running_file, node.cmap, node.conf_cluster_file):
        if seen.problem is not None:
            return f"{seen.source}: {seen.problem.message}"
    return ""


def _timer_rows(facts: ClusterFacts, conf: CorosyncConf | None) -> tuple[TimerRow, ...]:
    runs = {node.name: found for node in facts.seen if node.cmap.value and (found := running(node.cmap.value))}
    longest = slowest(runs.values())
    should = _or_none(lambda: configured(conf)) if conf else None
    totem = conf.section("totem") if conf else Section("totem", ())
    rows = [_timer(name, unit, of, runs, longest, should, totem) for name, unit, of in _TIMERS]
    links = sorted({link.link for one in (longest, should) if one for link in one.links})
    rows += [row for number in links for row in _link_rows(number, runs, should, totem)]
    return tuple(row for row in rows if row.value is not None or row.configured is not None)


def _timer(
    name: str,
    unit: str,
    of: Callable[[TotemTimers], int],
    runs: Mapping[str, TotemTimers],
    longest: TotemTimers | None,
    should: TotemTimers | None,
    totem: Section,
) -> TimerRow:
    known = should or longest
    origin, how = _origin(name, totem, known) if known else (Origin.DEFAULT, "")
    return TimerRow(
        name,
        of(longest) if longest else None,
        of(should) if should else None,
        unit,
        origin,
        how,
        _differing({node: of(one) for node, one in runs.items()}),
    )


def _origin(name: str, totem: Section, known: TotemTimers) -> tuple[Origin, str]:
    written = totem.get(name)
    if name == "token":
        base = f"{written or DEFAULTS['token']}"
        coefficient = totem.get("token_coefficient") or str(DEFAULTS["token_coefficient"])
        if known.nodes > 2 and coefficient != "0":
            return Origin.COMPUTED, f"{base} + {known.nodes - 2} x {coefficient}"
    if written and written != "0":
        return Origin.SET, f"totem.{name}"
    sums = {
        "consensus": "1.2 x token",
        "token_retransmit": f"token / {known.token_retransmits_before_loss_const}.2",
        "hold": f"0.8 x {known.token_retransmit} - 10",
    }
    return (Origin.COMPUTED, sums[name]) if name in sums else (Origin.DEFAULT, "")


def _link_rows(
    number: int,
    runs: Mapping[str, TotemTimers],
    should: TotemTimers | None,
    totem: Section,
) -> Iterator[TimerRow]:
    own = next((one for one in totem.sections("interface") if interface_number(one) == number), None)
    pongs = own.get("knet_pong_count") if own else None
    each = int(pongs) if pongs and pongs.isdecimal() and int(pongs) else DEFAULTS["knet_pong_count"]
    sums = {"knet_ping_timeout": f"token / {each}", "knet_ping_interval": f"token / {2 * each}"}
    for name, unit, of in _LINK_TIMERS:
        values = {node: of(link) for node, one in runs.items() for link in one.links if link.link == number}
        written = bool(own and own.get(name) not in (None, "0"))
        origin = Origin.SET if written else Origin.COMPUTED if name in sums else Origin.DEFAULT
        yield TimerRow(
            f"interface.{number}.{name}",
            max(values.values(), default=None),
            next((of(link) for link in should.links if link.link == number), None) if should else None,
            unit,
            origin,
            f"totem.interface.{number}.{name}" if written else sums.get(name, ""),
            _differing(values),
        )


def _differing(values: Mapping[str, int]) -> tuple[NodeValue, ...]:
    if len(set(values.values())) < 2:
        return ()
    return tuple(NodeValue(node, value) for node, value in values.items())


def _findings(
    facts: ClusterFacts, members: Membership, record: ConfFile | None, drift: tuple[DriftRow, ...]
) -> Iterator[Finding]:
    yield from quorum_findings(facts, members)
    yield from unread_nodes(facts, members)
    yield from corosync_findings(facts)
    yield from (one for one in node_findings(facts) if one.code.startswith(_MINE))
    yield from config_findings(facts, members)
    yield from _contents(facts)
    yield from _refused(facts)
    yield from _drift(facts, drift)
    if record is not None:
        yield from _timers(facts, members, record.conf)


def _contents(facts: ClusterFacts) -> Iterator[Finding]:
    digests: dict[int, dict[str, list[str]]] = {}
    for node in facts.seen:
        for seen in (node.conf_cluster_file, node.conf_running_file):
            if seen.value is not None:
                where = digests.setdefault(seen.value.conf.config_version, {})
                where.setdefault(seen.value.digest, []).append(f"{node.name}:{seen.source}")
    for version, contents in digests.items():
        if len(contents) > 1:
            evidence = [f"{digest[:12]}…: {', '.join(files)}" for digest, files in contents.items()]
            message = f"{len(contents)} different files have version {version}"
            yield finding("DRF-E-0003", facts.cluster or facts.here or "cluster", message, evidence)


def _refused(facts: ClusterFacts) -> Iterator[Finding]:
    said: dict[tuple[str, ...], list[str]] = {}
    for node in facts.seen:
        if _reload(node) is Reload.REFUSED and node.cmap.value is not None:
            reason = node.cmap.value.get("config.reload_error_message")
            status = f"config.reload_status is {node.cmap.value.get('config.reload_status')}"
            said.setdefault((status, reason) if reason else (status,), []).append(node.name)
    for evidence, names in said.items():
        yield _of_nodes(facts, "DRF-W-0004", names, "corosync on {} refused the last reload", evidence)


def _drift(facts: ClusterFacts, drift: tuple[DriftRow, ...]) -> Iterator[Finding]:
    """Yield differences that no difference of versions explains: those are findings of the files."""
    behind = {
        node.name
        for node in facts.seen
        if node.conf_running_file.value and node.conf_running_file.value.conf.config_version != running_version(node)
    }
    for waits, code, what in (
        (Waits.RELOAD, "DRF-W-0001", "corosync on {} runs with other values than its file holds"),
        (Waits.RESTART, "DRF-W-0002", "corosync on {} has values that wait for a restart"),
        (Waits.REFUSED, "DRF-W-0005", "corosync on {} cannot load an address that was changed in place"),
    ):
        by_node: dict[str, list[str]] = {}
        for row in drift:
            if row.waits is waits:
                for name in row.nodes:
                    by_node.setdefault(name, []).append(
                        f"{row.key}: file {_said(row.local)}, runs {_said(row.running)}"
                    )
        alike: dict[tuple[str, ...], list[str]] = {}
        for name, lines in by_node.items():
            if waits is not Waits.RELOAD or name not in behind:
                alike.setdefault(tuple(lines), []).append(name)
        for evidence, names in alike.items():
            yield _of_nodes(facts, code, names, what, evidence)
    late = sorted({name for row in drift if row.waits is Waits.NEXT_RELOAD for name in row.nodes})
    if late:
        yield _of_nodes(facts, "TOT-I-0009", late, "the link timers of {} follow with the next reload", ())


def _of_nodes(facts: ClusterFacts, code: str, names: Sequence[str], message: str, evidence: tuple[str, ...]) -> Finding:
    """Return one finding for what is the same on several nodes: its subject is the node, or the cluster of many."""
    subject = names[0] if len(names) == 1 else facts.cluster or "cluster"
    return finding(code, subject, message.format(", ".join(names)), evidence)


def _said(value: str | None) -> str:
    return "does not say" if value is None else value


def _timers(facts: ClusterFacts, members: Membership, conf: CorosyncConf) -> Iterator[Finding]:
    subject = facts.cluster or conf.cluster_name
    yield from unreadable(conf, subject)
    used = any(node.ha for node in facts.seen) and ha_view(facts, members).used
    try:
        yield from timer_findings(conf, len(conf.nodes), used, one_more=False)
    except ParseError as error:
        if not any(unreadable(conf, subject)):
            yield finding("EDT-E-0005", subject, "a timer in corosync.conf is not a number", [str(error)])


def _or_none(read: Callable[[], T | None]) -> T | None:
    """Return what *read* returns, or None where a timer is not a number: that is a finding of its own."""
    try:
        return read()
    except ParseError:
        return None
