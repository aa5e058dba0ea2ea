"""``cluster.set-totem``: the new corosync.conf, what changes and when it takes effect, and what speaks against it.

corosync itself accepts almost any timers: these are the checks that it does not make.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from parsers.corosync_conf import CorosyncConf, Section
from parsers.errors import ParseError
from pvefleet.model.catalogue import finding
from pvefleet.model.finding import Finding
from pvefleet.model.totem import Applies, ConfEdit, LinkTimers, SettingChange, TotemTimers
from pvefleet.rules.corosync_edit import (
    edit,
    edit_findings,
    exchanged,
    settled,
    unreadable,
    with_interface,
    with_version,
)
from pvefleet.rules.timers import configured, configured_links, interface_number, whole
from pvefleet.rules.totem_keys import Wanted

RECOVERY_LIMIT_MS = 30_000
"""Token plus consensus, while anything is under HA."""
_SHORTEST_MS, _SHORTEST_HOLD_MS = 30, 14
_SHORT_TOKEN_MS = 1000
_CONSENSUS_TENTHS = 12


@dataclass(frozen=True, slots=True)
class TotemPlan:
    """What ``cluster.set-totem`` would do.

    Attributes:
        conf: the new configuration; equal to the old one where nothing changes.
        findings: what speaks against it, and what is to be known.
        changes: each setting that changes.
        edit: the text to write, its revert and the difference; None where nothing changes.
        again: the same content once more, for link timers that follow one reload late; None where none do.
        before, after: the effective timers; None where they cannot be reckoned, which is a finding.
    """

    conf: CorosyncConf
    findings: tuple[Finding, ...]
    changes: tuple[SettingChange, ...]
    edit: ConfEdit | None
    again: ConfEdit | None
    before: TotemTimers | None
    after: TotemTimers | None


def plan_totem(
    conf: CorosyncConf,
    settings: Sequence[Wanted],
    node_count: int,
    ha_managed: bool,
    *,
    version: int | None = None,
) -> TotemPlan:
    """Return the plan that sets *settings*.

    Args:
        conf: what the cluster has.
        settings: what ``--set`` asks for.
        node_count: nodes in the cluster: the effective token grows with it.
        ha_managed: is any guest under HA?
        version: the new config_version; the old one and one more unless given.
    """
    links = {number for node in conf.nodes for number, _ in node.addresses}
    before = _reckoned(conf, node_count)
    subject = conf.cluster_name
    changed, changes = conf, []
    absent: list[Finding] = []
    for one in settings:
        if one.link is not None and one.link not in links:
            message = f"the cluster has no link {one.link}, only {', '.join(map(str, sorted(links)))}"
            absent.append(finding("EDT-E-0006", f"link{one.link}", message))
            continue
        old = _value(changed, one)
        if old == one.value:
            continue
        changed = _set(changed, one)
        changes.append(SettingChange(one.name, old, one.value, one.key.applies, one.key.unit))
    if not changes:
        nothing = [] if absent else [finding("TOT-I-0010", subject, "every setting has this value already")]
        return TotemPlan(conf, (*absent, *nothing), (), None, None, before, before)
    new = settled(with_version(changed, conf.config_version + 1 if version is None else version))
    after = _reckoned(new, node_count)
    late = _late(new, before, after)
    findings = (
        *absent,
        *edit_findings(conf, new, subject),
        *(timer_findings(new, node_count, ha_managed) if after else _unreckoned(new, subject)),
        *_effects(new, changes, late, after),
    )
    what = "set " + ", ".join(one.key for one in changes)
    again = settled(with_version(new, new.config_version + 2)) if late else None
    return TotemPlan(
        conf=new,
        findings=findings,
        changes=tuple(changes),
        edit=edit(what, conf, new),
        again=edit("reload once more, for the link timers", new, again) if again else None,
        before=before,
        after=after,
    )


def _reckoned(conf: CorosyncConf, node_count: int) -> TotemTimers | None:
    try:
        return configured(conf, node_count)
    except ParseError:
        return None


def _unreckoned(conf: CorosyncConf, subject: str) -> Iterator[Finding]:
    """Yield why the timers cannot be reckoned, unless the text as such is refused already."""
    try:
        configured(conf)
    except ParseError as error:
        if not any(unreadable(conf, subject)):
            yield finding("EDT-E-0005", subject, "a timer in corosync.conf is not a number", [str(error)])


def timer_findings(
    conf: CorosyncConf, node_count: int, ha_managed: bool, *, one_more: bool = True
) -> Iterator[Finding]:
    """Yield what is wrong with the timers of a configuration, whoever set them.

    Args:
        conf: the configuration.
        node_count: nodes in the cluster.
        ha_managed: is any guest under HA?
        one_more: must they suffice for one node more as well?

    Raises:
        ParseError: a timer is not a whole number.
    """
    subject = conf.cluster_name
    now, larger = configured(conf, node_count), configured(conf, node_count + 1)
    consensus = whole(conf.section("totem"), "consensus")
    if now.consensus * 10 < now.token * _CONSENSUS_TENTHS:
        message = f"consensus {now.consensus} ms is less than 1.2 times the effective token of {now.token} ms"
        yield finding("TOT-E-0001", subject, message, [_sum(conf, now)])
    elif one_more and larger.consensus * 10 < larger.token * _CONSENSUS_TENTHS:
        message = f"with one node more, consensus {larger.consensus} ms is less than 1.2 times the token"
        yield finding("TOT-E-0002", subject, message, [_sum(conf, larger)])
    elif consensus:
        yield finding("TOT-I-0003", subject, f"consensus is set to {consensus} ms and does not follow the token")
    worst = now.token + now.consensus
    if ha_managed and worst >= RECOVERY_LIMIT_MS:
        message = f"token {now.token} ms and consensus {now.consensus} ms add up to {worst / 1000:g} s, with HA in use"
        yield finding("TOT-E-0004", subject, message, [_sum(conf, now)])
    refused = tuple(_refused(now))
    if refused:
        yield finding("TOT-E-0005", subject, "corosync would refuse these timers", refused)
    elif now.token < _SHORT_TOKEN_MS:
        yield finding("TOT-W-0006", subject, f"the effective token is {now.token} ms only")
    late = [
        f"link {link.link}: down after {link.ping_timeout} ms, pinged every {link.ping_interval} ms"
        for link in now.links
        if _too_late(link, now)
    ]
    if late:
        yield finding("TOT-W-0007", subject, f"the token of {now.token} ms does not outlast the loss of a link", late)


def _refused(now: TotemTimers) -> Iterator[str]:
    if now.token_retransmit < _SHORTEST_MS:
        yield f"token_retransmit comes to {now.token_retransmit} ms; corosync wants at least {_SHORTEST_MS}"
    if now.hold < _SHORTEST_HOLD_MS:
        yield f"hold comes to {now.hold} ms; corosync wants at least {_SHORTEST_HOLD_MS}"
    if now.consensus < now.join:
        yield f"consensus of {now.consensus} ms is less than join of {now.join} ms"


def _sum(conf: CorosyncConf, now: TotemTimers) -> str:
    totem = conf.section("totem")
    token = totem.get("token") or "3000 (default)"
    coefficient = totem.get("token_coefficient") or "650 (default)"
    return f"token {token} ms and {max(0, now.nodes - 2)} times token_coefficient {coefficient} ms: {now.token} ms"


def _late(
    conf: CorosyncConf, before: TotemTimers | None, after: TotemTimers | None
) -> tuple[tuple[LinkTimers, LinkTimers], ...]:
    """Return each link whose timers follow one reload late: what they are until then, and what they will be."""
    if before is None or after is None:
        return ()
    first = configured_links(conf, before.token)
    return tuple((old, new) for old, new in zip(first, after.links, strict=True) if old != new)


def _effects(
    conf: CorosyncConf,
    changes: Sequence[SettingChange],
    late: Sequence[tuple[LinkTimers, LinkTimers]],
    after: TotemTimers | None,
) -> Iterator[Finding]:
    subject = conf.cluster_name
    waiting = [one.key for one in changes if one.applies is Applies.RESTART]
    if waiting:
        message = f"{', '.join(waiting)} will wait for a restart of corosync on every node"
        yield finding("TOT-I-0008", subject, message)
    slow = [f"link {old.link}: down after {old.ping_timeout} ms" for old, _ in late if after and _too_late(old, after)]
    if slow and after:
        message = f"until the reload after this one, the token of {after.token} ms does not outlast the loss of a link"
        yield finding("TOT-W-0007", subject, message, slow)
    if late:
        lines = [
            f"link {old.link}: down after {old.ping_timeout} ms, and after {new.ping_timeout} ms later"
            for old, new in late
        ]
        yield finding("TOT-I-0009", subject, "link timers will follow the token with the reload after this one", lines)


def _too_late(link: LinkTimers, now: TotemTimers) -> bool:
    return link.ping_timeout >= now.token or link.ping_interval >= link.ping_timeout


def _home(conf: CorosyncConf, link: int | None) -> Section | None:
    """Return the section a setting stands in: ``totem``, or the ``interface`` of a link; None where there is none."""
    totem = conf.section("totem")
    if link is None:
        return totem
    return next((one for one in totem.sections("interface") if interface_number(one) == link), None)


def _value(conf: CorosyncConf, one: Wanted) -> str | None:
    home = _home(conf, one.link)
    return home.get(one.key.name) if home else None


def _set(conf: CorosyncConf, one: Wanted) -> CorosyncConf:
    totem = conf.section("totem")
    home = _home(conf, one.link)
    if one.link is None:
        return conf.with_section(_with(totem, one.key.name, one.value))
    if home is None:
        new = Section("interface", ()).with_setting("linknumber", str(one.link))
        return conf.with_section(with_interface(totem, _with(new, one.key.name, one.value)))
    return conf.with_section(exchanged(totem, home, _with(home, one.key.name, one.value)))


def _with(section: Section, key: str, value: str | None) -> Section:
    if value is not None:
        return section.with_setting(key, value)
    while (setting := section.setting(key)) is not None:
        section = section.without(setting)
    return section
