"""What is wrong with HA rules: option to messages, as PVE words them. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from .placement import priorities
from .section import Section

Problems = dict[str, dict[str, list[str]]]


def members(rule: Section) -> list[str]:
    """The guests a rule is about."""
    return [sid for sid in rule.options.get("resources", "").split(",") if sid]


def problems(rules: Mapping[str, Section]) -> Problems:
    """By rule and option, what makes enabled rules be ignored."""
    found: Problems = defaultdict(lambda: defaultdict(list))
    enabled = {name: rule for name, rule in rules.items() if "disable" not in rule.options}
    placing = {name: rule for name, rule in enabled.items() if rule.type == "node-affinity"}
    joining = {name: rule for name, rule in enabled.items() if rule.type != "node-affinity"}
    owner: dict[str, str] = {}
    for name, rule in placing.items():
        for sid in members(rule):
            if sid in owner:
                text = f"resource '{sid}' is already used in another node affinity rule"
                found[name]["resources"].append(text)
            owner.setdefault(sid, name)
    for name, rule in joining.items():
        if len(set(members(rule))) < 2:
            text = "rule is ineffective as there are less than two resources"
            found[name]["resources"].append(text)
        elif any(_ranked(placing[owner[sid]]) for sid in members(rule) if sid in owner):
            text = "resources are in node affinity rules with multiple priorities"
            found[name]["resources"].append(text)
        found = _against(found, name, rule, joining)
    return {name: dict(options) for name, options in found.items()}


def _ranked(rule: Section) -> bool:
    return len(set(priorities(rule.options.get("nodes", "")).values())) > 1


def _against(found: Problems, name: str, rule: Section, joining: Mapping[str, Section]) -> Problems:
    """No pair of guests can be both together and apart."""
    for other in joining.values():
        shared = set(members(rule)) & set(members(other))
        if other.options.get("affinity") != rule.options.get("affinity") and len(shared) > 1:
            text = f"rule shares two or more resources with a rule of {other.options.get('affinity')} affinity"
            found[name]["resources"].append(text)
    return found
