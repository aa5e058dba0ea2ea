"""Where a guest of HA should be: affinity rules or groups, what is there already, the number of guests. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .section import Section


@dataclass(frozen=True, slots=True)
class Preference:
    """The nodes a guest may or should be on, with priorities (larger is preferred); `strict`: on no others."""

    nodes: Mapping[str, int]
    strict: bool


@dataclass(frozen=True, slots=True)
class Affinities:
    """What the configuration says of places: preferences by sid, and sets of guests together or apart."""

    preferences: Mapping[str, Preference] = field(default_factory=dict)
    together: tuple[frozenset[str], ...] = ()
    apart: tuple[frozenset[str], ...] = ()

    def mates(self, sid: str) -> frozenset[str]:
        """The guests that must be where this one is."""
        return _others(self.together, sid)

    def rivals(self, sid: str) -> frozenset[str]:
        """The guests that must not be where this one is."""
        return _others(self.apart, sid)


def _others(sets: Iterable[frozenset[str]], sid: str) -> frozenset[str]:
    return frozenset().union(*(each for each in sets if sid in each)) - {sid}


def priorities(text: str) -> dict[str, int]:
    """`pve01:2,pve02` as nodes with priorities, 0 where none is given."""
    pairs = (word.partition(":") for word in text.replace(";", ",").split(",") if word.strip())
    return {name.strip(): int(number or 0) for name, _, number in pairs}


def from_rules(rules: Mapping[str, Section]) -> Affinities:
    """The rules that are in force: enabled, and not about a single guest where they are about several."""
    preferences: dict[str, Preference] = {}
    sets: dict[str, list[frozenset[str]]] = {"positive": [], "negative": []}
    for rule in rules.values():
        sids = [sid for sid in rule.options.get("resources", "").split(",") if sid]
        if "disable" in rule.options:
            continue
        if rule.type == "node-affinity":
            wanted = Preference(priorities(rule.options.get("nodes", "")), rule.options.get("strict", "0") == "1")
            for sid in sids:
                preferences.setdefault(sid, wanted)
        elif len(sids) > 1:
            sets.setdefault(rule.options.get("affinity", ""), []).append(frozenset(sids))
    return Affinities(preferences, tuple(sets["positive"]), tuple(sets["negative"]))


def from_groups(groups: Mapping[str, Section], resources: Mapping[str, Mapping[str, str]]) -> Affinities:
    """What the groups of Proxmox VE 8 ask for."""
    preferences = {}
    for sid, options in resources.items():
        group = groups.get(options.get("group", ""))
        if group is not None:
            strict = group.options.get("restricted", "0") == "1"
            preferences[sid] = Preference(priorities(group.options.get("nodes", "")), strict)
    return Affinities(preferences)


@dataclass(frozen=True, slots=True)
class Question:
    """One guest to be placed.

    Attributes:
        sid, current: the guest, and where it is.
        online: the nodes that can take guests.
        placed: where every other guest of HA is.
        excluded: where it has failed to start.
        failback: does it move back to a better node?
        home: where it returns after that node's maintenance.
    """

    sid: str
    current: str
    online: frozenset[str]
    placed: Mapping[str, str]
    excluded: frozenset[str] = frozenset()
    failback: bool = True
    home: str | None = None


def best_node(question: Question, affinities: Affinities) -> str | None:
    """The node a guest should be on; None when no node is fit."""
    fit = _fit(question, affinities)
    if not fit:
        return None
    wanted = affinities.preferences.get(question.sid)
    current = question.current if question.current in fit else None
    if current and not question.failback:
        return current
    classes = {node: wanted.nodes.get(node, -1) if wanted else 0 for node in fit}
    best = {node for node in fit if classes[node] == max(classes.values())}
    mates = affinities.mates(question.sid)
    homes = Counter(node for sid, node in question.placed.items() if sid in mates and node in best)
    if homes:
        most = max(homes.values())
        best = {node for node in best if homes[node] == most}
    if question.home in best:
        return question.home
    if current in best:
        return current
    load = Counter(question.placed.values())
    return min(best, key=lambda node: (load[node], node))


def _fit(question: Question, affinities: Affinities) -> frozenset[str]:
    nodes = question.online - question.excluded
    wanted = affinities.preferences.get(question.sid)
    if wanted is not None:
        named = nodes & frozenset(wanted.nodes)
        nodes = named if named or wanted.strict else nodes
    rivals = affinities.rivals(question.sid)
    return nodes - {node for sid, node in question.placed.items() if sid in rivals}
