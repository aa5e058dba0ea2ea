"""Where HA's guests are against where rules and groups want them: satisfied, best effort, or violated.

PVE itself says of a rule only whether it can be followed at all. Whether it is followed is computed here, from the
place the manager has for each guest. Higher priorities are preferred; a guest that does not run violates nothing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from parsers.ha_resources_cfg import HaResource
from pvefleet.model.ha_status import NodePriority, Placement, RuleKind, Verdict
from pvefleet.rules.ha_conflicts import Constraint, conflicts
from pvefleet.rules.ha_view import HaView

_PLACED = frozenset({"started", "request_stop", "freeze", "error", "migrate", "relocate"})
"""The manager's states in which a guest takes a place; in ``fence`` and ``recovery`` it is nowhere."""
_AFFINITY = {"positive": True, "negative": False, None: True}
_WORST = (
    Verdict.VIOLATED,
    Verdict.UNKNOWN,
    Verdict.BEST_EFFORT,
    Verdict.SATISFIED,
    Verdict.NOT_RUNNING,
    Verdict.IGNORED,
    Verdict.DISABLED,
)
_MOST_REASONS = 5
_MOST_GUESTS = 4


@dataclass(frozen=True, slots=True)
class Judged:
    """A rule or group with its verdicts.

    Attributes:
        constraint: it.
        verdict: the worst over its guests.
        reasons: what makes it that.
        conflicts: why the manager drops it; empty where it does not.
        guests: verdict and reason by sid.
    """

    constraint: Constraint
    verdict: Verdict
    reasons: tuple[str, ...]
    conflicts: tuple[str, ...]
    guests: Mapping[str, Placement]


def worst(verdicts: Iterable[Verdict]) -> Verdict | None:
    """Return the verdict that stands for all, or None for none."""
    present = set(verdicts)
    return next((one for one in _WORST if one in present), None)


def constraints(view: HaView) -> tuple[Constraint, ...]:
    """Return the groups, then the rules, in the order of their files."""
    members: dict[str, list[str]] = defaultdict(list)
    for one in (view.resources or {}).values():
        if one.group:
            members[one.group].append(one.sid)
    groups = [
        Constraint(
            name=group.name,
            kind=RuleKind.GROUP,
            type="group",
            resources=tuple(members[group.name]),
            nodes=_nodes(group.nodes),
            strict=group.restricted,
            positive=True,
            affinity=None,
            disabled=False,
            failback=not group.nofailback,
            comment=group.comment,
        )
        for group in (view.groups or {}).values()
    ]
    rules = [
        Constraint(
            name=rule.id,
            kind=RuleKind(rule.type) if rule.type in _KINDS else RuleKind.OTHER,
            type=rule.type,
            resources=rule.resources,
            nodes=_nodes(rule.nodes),
            strict=rule.strict or rule.type == RuleKind.RESOURCE_AFFINITY,
            positive=_AFFINITY.get(rule.affinity),
            affinity=rule.affinity,
            disabled=rule.disabled,
            failback=None,
            comment=rule.comment,
        )
        for rule in view.rules or ()
    ]
    return (*groups, *rules)


_KINDS = frozenset({RuleKind.NODE_AFFINITY, RuleKind.RESOURCE_AFFINITY})


def _nodes(nodes: Iterable[tuple[str, int | None]]) -> tuple[NodePriority, ...]:
    made = [NodePriority(node, priority or 0) for node, priority in nodes]
    return tuple(sorted(made, key=lambda one: (-one.priority, one.node)))


def judge(view: HaView) -> tuple[Judged, ...]:
    """Return every group and rule with its verdict."""
    every = constraints(view)
    # An old manager knows no rules; a new one turns groups into rules as it reads them.
    followed = [one for one in every if one.kind is not RuleKind.GROUP or view.reads_rules is not False]
    dropped = conflicts(followed, len(view.node_states) or None) if view.reads_rules is not False else {}
    return tuple(_judged(view, one, dropped.get(one.key, ())) for one in every)


def _judged(view: HaView, one: Constraint, dropped: tuple[str, ...]) -> Judged:
    if one.disabled:
        return _all(one, Verdict.DISABLED, (), ())
    if one.kind is RuleKind.OTHER or one.positive is None:
        return _all(one, Verdict.UNKNOWN, ("it is of a type that is not known here",), ())
    if one.kind is not RuleKind.GROUP and view.reads_rules is False:
        return _all(one, Verdict.IGNORED, ("the HA manager is older than rules and does not read them",), ())
    if dropped:
        return _all(one, Verdict.IGNORED, dropped, dropped)
    if one.kind is RuleKind.RESOURCE_AFFINITY:
        guests = _among(view, one)
    else:
        guests = {sid: _on_nodes(view, one, sid) for sid in one.resources}
    verdict = worst(place.verdict for place in guests.values()) or Verdict.NOT_RUNNING
    return Judged(one, verdict, _reasons(view, guests, verdict), (), guests)


def _reasons(view: HaView, guests: Mapping[str, Placement], verdict: Verdict) -> tuple[str, ...]:
    reasons = [
        f"{sid} on {view.services[sid].node} {place.reason}" if sid in view.services else f"{sid} {place.reason}"
        for sid, place in guests.items()
        if place.verdict is verdict and place.reason
    ]
    if len(reasons) <= _MOST_REASONS:
        return tuple(reasons)
    return (*reasons[:_MOST_REASONS], f"and {len(reasons) - _MOST_REASONS} more")


def _all(one: Constraint, verdict: Verdict, reasons: tuple[str, ...], dropped: tuple[str, ...]) -> Judged:
    reason = reasons[0] if reasons else ""
    guests = {sid: Placement(one.name, one.kind, verdict, reason) for sid in one.resources}
    return Judged(one, verdict, reasons, dropped, guests)


def _some(sids: Sequence[str], *, of: int = 0) -> str:
    more = max(of, len(sids)) - _MOST_GUESTS
    return ", ".join(sids[:_MOST_GUESTS]) + (f" and {more} more" if more > 0 else "")


def _place(view: HaView, sid: str) -> tuple[str | None, Verdict | None, str]:
    """Return where a guest takes a place; else the verdict on a guest that takes none, and why."""
    if view.manager is None or view.resources is None:
        return None, Verdict.UNKNOWN, "was not seen"
    resource, service = view.resources.get(sid), view.services.get(sid)
    if resource is None and service is None:
        return None, Verdict.NOT_RUNNING, "is not under HA"
    if resource is not None and resource.state == "ignored":
        return None, Verdict.IGNORED, "is ignored by HA"
    if service is None:
        return None, Verdict.NOT_RUNNING, "is not taken up by the manager yet"
    if service.state not in _PLACED:
        return None, Verdict.NOT_RUNNING, "does not run"
    return service.node, None, ""


def _on_nodes(view: HaView, one: Constraint, sid: str) -> Placement:
    node, verdict, reason = _place(view, sid)
    if node is not None:
        verdict, reason = _on_node(view, one, sid, node)
    return Placement(one.name, one.kind, verdict or Verdict.UNKNOWN, reason)


def _on_node(view: HaView, one: Constraint, sid: str, node: str) -> tuple[Verdict, str]:
    named = {each.node: each.priority for each in one.nodes}
    outside = Verdict.VIOLATED if one.strict else Verdict.BEST_EFFORT
    if one.positive is False:
        if node not in named:
            return Verdict.SATISFIED, ""
        return outside, f"should keep away from {', '.join(named)}"
    top = [each for each in named if named[each] == max(named.values(), default=0)]
    if node in top:
        return Verdict.SATISFIED, ""
    if node not in named and one.strict:
        return Verdict.VIOLATED, f"may be on {', '.join(named)} only{_moving(view, sid)}"
    return Verdict.BEST_EFFORT, _why_not_there(view, one, sid, top)


def _why_not_there(view: HaView, one: Constraint, sid: str, top: Sequence[str]) -> str:
    preferred = " or ".join(top)
    service = view.services[sid]
    if service.target in top:
        return f"is moving to {service.target}"
    if view.available is None:
        return f"prefers {preferred}"
    if not view.available.intersection(top):
        return f"prefers {preferred}, not available"
    if not _failback(view.resources or {}, one, sid):
        return f"prefers {preferred}, available, but failback is off"
    return f"prefers {preferred}, available"


def _failback(resources: Mapping[str, HaResource], one: Constraint, sid: str) -> bool:
    resource = resources.get(sid)
    return one.failback is not False and (resource is None or resource.failback is not False)


def _moving(view: HaView, sid: str) -> str:
    target = view.services[sid].target
    return f" (is moving to {target})" if target else ""


def _among(view: HaView, one: Constraint) -> dict[str, Placement]:
    """Judge guests among themselves: those that take a place must share it, or must not."""
    made: dict[str, Placement] = {}
    at: dict[str, list[str]] = defaultdict(list)
    for sid in one.resources:
        node, verdict, reason = _place(view, sid)
        if node is None:
            made[sid] = Placement(one.name, one.kind, verdict or Verdict.UNKNOWN, reason)
        else:
            at[node].append(sid)
    for node, sids in at.items():
        others = [f"{_some(theirs)} on {there}" for there, theirs in sorted(at.items()) if there != node]
        apart = "; ".join(others[:_MOST_GUESTS]) + ("; and elsewhere" if len(others) > _MOST_GUESTS else "")
        for sid in sids:
            if one.positive:
                reason = f"is not with {apart}" if others else ""
            else:
                same = [other for other in sids[: _MOST_GUESTS + 2] if other != sid]
                reason = f"is not apart from {_some(same, of=len(sids) - 1)}" if same else ""
            verdict = Verdict.VIOLATED if reason else Verdict.SATISFIED
            made[sid] = Placement(one.name, one.kind, verdict, reason + _moving(view, sid) if reason else "")
    return made
