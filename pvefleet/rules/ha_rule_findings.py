"""Findings about HA's rules and groups, about copies of the configuration that differ, and files that say nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from pvefleet.model.catalogue import finding
from pvefleet.model.facts import ClusterFacts
from pvefleet.model.finding import Finding
from pvefleet.model.ha_facts import HaFacts
from pvefleet.model.ha_status import RuleKind, Verdict
from pvefleet.model.observation import ProblemKind, Seen
from pvefleet.rules.ha_placement import Judged
from pvefleet.rules.ha_view import RULES_SINCE, HaView
from pvefleet.rules.membership import Membership

_WORD = {RuleKind.GROUP: "group"}


def rule_findings(view: HaView, judged: Sequence[Judged], members: Membership) -> Iterator[Finding]:
    """Yield what is wrong with single rules and groups."""
    known = {peer.name for peer in members.peers}
    for one in judged:
        word, name = _WORD.get(one.constraint.kind, "rule"), one.constraint.name
        if one.verdict is Verdict.VIOLATED:
            yield finding("HAV-W-0016", name, f"{word} {name} is violated", one.reasons)
        if one.conflicts:
            yield finding("HAV-W-0019", name, f"the HA manager does not follow rule {name}", one.conflicts)
        strange = [node.node for node in one.constraint.nodes if known and node.node not in known]
        if strange:
            yield finding("HAV-W-0017", name, f"{word} {name} names unknown nodes: {', '.join(strange)}")
        if one.constraint.kind is not RuleKind.GROUP and view.resources is not None:
            unmanaged = [sid for sid in one.constraint.resources if sid not in view.resources]
            if unmanaged:
                message = f"rule {name} names guests that are not under HA: {', '.join(unmanaged[:5])}"
                yield finding("HAV-W-0018", name, message, unmanaged)
        if _closed(view, one):
            nodes = [f"{node.node} is not available" for node in one.constraint.nodes]
            yield finding("HAV-W-0020", name, f"no node of the strict {word} {name} can take guests", nodes)


def _closed(view: HaView, one: Judged) -> bool:
    limits = one.constraint.strict and one.constraint.positive and one.constraint.kind is not RuleKind.RESOURCE_AFFINITY
    followed = one.verdict not in (Verdict.DISABLED, Verdict.IGNORED)
    if not (limits and followed and one.constraint.resources and view.quorate and view.available is not None):
        return False
    return not view.available.intersection(node.node for node in one.constraint.nodes)


def group_findings(view: HaView, subject: str) -> Iterator[Finding]:
    """Yield groups beside rules, groups that should be rules by now, and groups that are missing."""
    groups, rules = view.groups or {}, view.rules or ()
    if groups and rules:
        message = f"there are {len(groups)} HA groups and {len(rules)} HA rules"
        yield finding("HAV-W-0021", subject, message, sorted(groups) + [rule.id for rule in rules])
    elif groups and view.majors and min(view.majors) >= RULES_SINCE:
        yield finding("HAV-W-0022", subject, f"{len(groups)} HA groups are not migrated to rules", _holding_up(view))
    if rules and view.majors and min(view.majors) < RULES_SINCE:
        said = "the HA manager runs on such a node and ignores them" if view.reads_rules is False else ""
        yield finding("HAV-W-0023", subject, "there are HA rules, but a node runs Proxmox VE 8", [said] if said else [])
    if view.groups is None:
        return
    missing: dict[str, list[str]] = defaultdict(list)
    for resource in (view.resources or {}).values():
        if resource.group and resource.group not in view.groups:
            missing[resource.group].append(resource.sid)
    for name, sids in missing.items():
        yield finding("HAV-W-0024", name, f"HA group {name} does not exist, but guests name it", sids)


def _holding_up(view: HaView) -> list[str]:
    evidence = [f"{node} is {state}" for node, state in view.node_states.items() if state != "online"]
    evidence += [
        f"the agent of {agent.name} is in {agent.status.mode} mode"
        for agent in view.agents
        if agent.status and agent.status.mode != "active"
    ]
    return evidence


def copy_findings(facts: ClusterFacts, view: HaView) -> Iterator[Finding]:
    """Yield nodes whose copy of the HA configuration is another than the speaker's, and a file nobody needs."""
    if view.files is None:
        return
    speaks = dict(view.files.digests)
    for node in facts.seen:
        files = node.ha.files.value if node.ha else None
        if files is None or node.name == view.speaker:
            continue
        theirs = dict(files.digests)
        different = [name for name in sorted({*speaks, *theirs}) if speaks.get(name) != theirs.get(name)]
        if different:
            message = f"{node.name} holds another HA configuration than {view.speaker}"
            yield finding("HAV-W-0029", node.name, message, [f"/etc/pve/ha/{name}" for name in different])
    if "fence.cfg" in view.files.present:
        yield finding("HAV-I-0032", facts.cluster or "cluster", "/etc/pve/ha/fence.cfg is there, and never used")


def source_findings(facts: ClusterFacts, view: HaView) -> Iterator[Finding]:
    """Yield what could not be read or understood. All nodes hold the same files: the speaker's are told of once."""
    for node in facts.seen:
        if node.ha is None:
            continue
        for seen in _observations(node.ha, speaks=node.name == view.speaker):
            if seen.problem is None or seen.kind is ProblemKind.SKIPPED:
                continue
            if seen.kind is ProblemKind.NOT_UNDERSTOOD:
                message = f"the output of {seen.source} on {node.name} was not understood"
                yield finding("OUT-E-0001", node.name, message, [seen.problem.message])
            else:
                yield finding("OUT-W-0002", node.name, f"{seen.source} on {node.name}: {seen.problem.message}")


def _observations(ha: HaFacts, *, speaks: bool) -> Iterator[Seen[Any]]:
    yield ha.files
    yield ha.watchdog
    yield ha.units
    if ha.moving.kind is not ProblemKind.ABSENT:
        yield ha.moving
    if ha.files.value and speaks:
        yield from ha.files.value.observations
