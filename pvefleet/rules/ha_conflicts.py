"""Rules that the HA manager drops because they cannot be followed, alone or together; the reasons in its own terms.

PVE checks this when a rule is written, and again, silently, whenever the manager reads the file: a rule that was right
can fall away when a node leaves the cluster or a guest leaves HA.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pvefleet.model.ha_status import NodePriority, RuleKind


@dataclass(frozen=True, slots=True)
class Constraint:
    """A rule or a group, in the one form that verdicts are computed on.

    Attributes:
        name: the rule's or the group's.
        kind: see :class:`RuleKind`.
        type: as the file calls it.
        resources: the guests it speaks of.
        nodes: for node affinity and groups.
        strict: may its guests run on these nodes only, or, where it is negative, never on them?
        positive: together or to the nodes; False: apart or away from the nodes; None: a word that is not known here.
        affinity: the word of the file.
        disabled: switched off by the operator.
        failback: does a group let its guests return to a better node? None where it says nothing about it.
        comment: the operator's.
    """

    name: str
    kind: RuleKind
    type: str
    resources: tuple[str, ...]
    nodes: tuple[NodePriority, ...]
    strict: bool
    positive: bool | None
    affinity: str | None
    disabled: bool
    failback: bool | None
    comment: str

    @property
    def key(self) -> tuple[RuleKind, str]:
        """What tells it from all others: a group and a rule may have the same name."""
        return self.kind, self.name


_MOST_NAMES = 4
_Reasons = dict[tuple[RuleKind, str], list[str]]


def conflicts(
    constraints: Sequence[Constraint], node_count: int | None
) -> Mapping[tuple[RuleKind, str], tuple[str, ...]]:
    """Return the rules that are dropped, by their key, each with the reasons.

    Args:
        constraints: all of them; those that are switched off take no part.
        node_count: nodes of the cluster; None where that is not known.
    """
    live = [one for one in constraints if not one.disabled]
    by_nodes = [one for one in live if one.kind in (RuleKind.NODE_AFFINITY, RuleKind.GROUP)]
    among = [one for one in live if one.kind is RuleKind.RESOURCE_AFFINITY]
    of_guest: dict[str, list[Constraint]] = defaultdict(list)
    for one in by_nodes:
        for sid in set(one.resources):
            of_guest[sid].append(one)
    found: _Reasons = defaultdict(list)
    _two_node_rules(of_guest, found)
    _sizes(among, node_count, found)
    _together_and_apart(among, found)
    _priorities(among, of_guest, found)
    _joined(among, of_guest, found)
    _too_few_nodes(among, of_guest, found)
    return {key: tuple(dict.fromkeys(reasons)) for key, reasons in found.items()}


def _two_node_rules(of_guest: Mapping[str, list[Constraint]], found: _Reasons) -> None:
    for sid, rules in of_guest.items():
        if len(rules) > 1:
            for one in rules:
                others = _names([other for other in rules[: _MOST_NAMES + 1] if other is not one], of=len(rules) - 1)
                found[one.key].append(f"{sid} is in another node affinity rule too: {others}")


def _sizes(among: Iterable[Constraint], node_count: int | None, found: _Reasons) -> None:
    for one in among:
        members = len(set(one.resources))
        if members < 2:
            found[one.key].append("it names fewer than two guests")
        elif one.positive is False and node_count is not None and members > node_count:
            found[one.key].append(f"it keeps {members} guests apart on {node_count} nodes")


def _together_and_apart(among: Iterable[Constraint], found: _Reasons) -> None:
    apart_of: dict[str, list[Constraint]] = defaultdict(list)
    for one in among:
        if one.positive is False:
            for sid in set(one.resources):
                apart_of[sid].append(one)
    for one in among:
        if one.positive:
            shared = Counter(other.key for sid in set(one.resources) for other in apart_of[sid])
            for other, common in shared.items():
                if common > 1:
                    found[one.key].append(f"{other[1]} keeps guests apart that it keeps together")
                    found[other].append(f"{one.name} keeps guests together that it keeps apart")


def _priorities(among: Iterable[Constraint], of_guest: Mapping[str, list[Constraint]], found: _Reasons) -> None:
    for one in among:
        paired = _paired(one.resources, of_guest)
        if any(len({node.priority for node in other.nodes}) > 1 for other in paired):
            found[one.key].append("a guest of it is in a node affinity rule with several priorities")
            for other in paired:
                found[other.key].append(f"a guest of it is in {one.name}, and nodes have several priorities")


def _joined(among: Sequence[Constraint], of_guest: Mapping[str, list[Constraint]], found: _Reasons) -> None:
    """Guests that are kept together, directly or through others, may have one node affinity rule between them."""
    for group in _connected([one for one in among if one.positive]):
        paired = _paired([sid for one in group for sid in one.resources], of_guest)
        if len(paired) > 1:
            reason = f"guests that are kept together are in several node affinity rules: {_names(paired)}"
            for one in (*group, *paired):
                found[one.key].append(reason)


def _too_few_nodes(among: Iterable[Constraint], of_guest: Mapping[str, list[Constraint]], found: _Reasons) -> None:
    for one in among:
        if one.positive is not False:
            continue
        paired = _paired(one.resources, of_guest)
        located = {sid for sid in one.resources if sid in of_guest}
        allowed = {node.node for other in paired for node in other.nodes}
        if len(allowed) < len(located):
            reason = f"{one.name} keeps {len(located)} guests apart that node affinity holds on {len(allowed)} nodes"
            for each in (one, *paired):
                found[each.key].append(reason)


def _names(rules: Sequence[Constraint], *, of: int = 0) -> str:
    more = max(of, len(rules)) - _MOST_NAMES
    return ", ".join(one.name for one in rules[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _paired(resources: Iterable[str], of_guest: Mapping[str, list[Constraint]]) -> tuple[Constraint, ...]:
    return tuple({one.key: one for sid in resources for one in of_guest.get(sid, ())}.values())


def _connected(rules: Sequence[Constraint]) -> list[list[Constraint]]:
    """Return the rules in groups that share guests, directly or through one another."""
    leader: dict[str, str] = {}

    def find(sid: str) -> str:
        while leader.setdefault(sid, sid) != sid:
            leader[sid] = leader[leader[sid]]
            sid = leader[sid]
        return sid

    for one in rules:
        for sid in one.resources[1:]:
            leader[find(sid)] = find(one.resources[0])
    groups: dict[str, list[Constraint]] = defaultdict(list)
    for one in rules:
        groups[find(one.resources[0])].append(one)
    return list(groups.values())
