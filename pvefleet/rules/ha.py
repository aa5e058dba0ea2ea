"""HA's reports as pure functions of the facts, and its share of the reports about the whole cluster."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from pvefleet.model.facts import ClusterFacts
from pvefleet.model.finding import Finding, Severity
from pvefleet.model.ha_status import (
    FailoverRow,
    HaGroupsReport,
    HaReport,
    HaRulesReport,
    HaServiceRow,
    HaSummary,
    RuleKind,
)
from pvefleet.model.status import exit_of
from pvefleet.rules.ha_findings import agent_findings, manager_findings, service_findings
from pvefleet.rules.ha_placement import Judged, judge
from pvefleet.rules.ha_rows import group_rows, manager_row, node_rows, rule_rows, service_rows, summary
from pvefleet.rules.ha_rule_findings import copy_findings, group_findings, rule_findings, source_findings
from pvefleet.rules.ha_view import RULES_SINCE, HaView, ha_view
from pvefleet.rules.membership import Membership, conf_of_record, membership
from pvefleet.rules.node_health import node_findings
from pvefleet.rules.quorum import corosync_findings, quorum_findings, quorum_row
from pvefleet.rules.reach import unread_nodes

_ORDER = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}


def ha_report(facts: ClusterFacts) -> HaReport:
    """Return the report of ``ha.status``; takes facts with HA, and HA_HISTORY for the last failover."""
    members = membership(facts)
    view = ha_view(facts, members)
    judged = judge(view)
    services = service_rows(facts, view, judged)
    nodes = node_rows(view)
    findings = _sorted([*_around(facts, members), *_of_ha(facts, members, view, judged, services)])
    last, seen = _last_failover(facts)
    return HaReport(
        cluster=_cluster(facts),
        taken_at=facts.taken_at,
        here=facts.here,
        nodes_total=len(nodes),
        nodes_read=len(facts.seen),
        quorum=quorum_row(facts, members),
        summary=summary(view, services),
        manager=manager_row(view),
        last_failover=last,
        failovers_seen=seen,
        groups=group_rows(judged),
        services=services,
        rules=rule_rows(judged),
        nodes=nodes,
        findings=findings,
        exit_code=exit_of(findings, read=len(facts.seen), not_understood=_unclear(findings)),
    )


def ha_rules_report(facts: ClusterFacts) -> HaRulesReport:
    """Return the report of ``ha.rules``."""
    members = membership(facts)
    view = ha_view(facts, members)
    judged = judge(view)
    rules = [one for one in judged if one.constraint.kind is not RuleKind.GROUP]
    services = service_rows(facts, view, rules)
    findings = _about_rules(facts, members, view, rules)
    return HaRulesReport(
        cluster=_cluster(facts),
        taken_at=facts.taken_at,
        here=facts.here,
        seen_by=view.speaker,
        rules=rule_rows(judged),
        services=tuple(row for row in services if row.placements),
        findings=findings,
        exit_code=exit_of(findings, read=len(facts.seen), not_understood=_unclear(findings)),
    )


def ha_groups_report(facts: ClusterFacts) -> HaGroupsReport:
    """Return the report of ``ha.groups``."""
    members = membership(facts)
    view = ha_view(facts, members)
    judged = judge(view)
    groups = [one for one in judged if one.constraint.kind is RuleKind.GROUP]
    services = service_rows(facts, view, groups)
    findings = _about_rules(facts, members, view, groups)
    modern = min(view.majors) >= RULES_SINCE if view.majors else None
    return HaGroupsReport(
        cluster=_cluster(facts),
        taken_at=facts.taken_at,
        here=facts.here,
        seen_by=view.speaker,
        migrated=None if view.groups is None or modern is None else modern and not view.groups,
        groups=group_rows(judged),
        services=tuple(row for row in services if row.placements),
        findings=findings,
        exit_code=exit_of(findings, read=len(facts.seen), not_understood=_unclear(findings)),
    )


def ha_summary(facts: ClusterFacts, members: Membership) -> HaSummary:
    """Return HA in one line for a report about the whole cluster."""
    view = ha_view(facts, members)
    return summary(view, service_rows(facts, view, judge(view)))


def ha_findings(facts: ClusterFacts, members: Membership) -> tuple[Finding, ...]:
    """Return the findings about HA alone, for a report that has those about nodes, quorum and pmxcfs already."""
    view = ha_view(facts, members)
    judged = judge(view)
    return _sorted(_of_ha(facts, members, view, judged, service_rows(facts, view, judged)))


def _of_ha(
    facts: ClusterFacts,
    members: Membership,
    view: HaView,
    judged: tuple[Judged, ...],
    services: tuple[HaServiceRow, ...],
) -> list[Finding]:
    subject = facts.cluster or facts.here or "cluster"
    return [
        *manager_findings(view, subject),
        *agent_findings(view, node_rows(view)),
        *service_findings(view, services, subject),
        *rule_findings(view, judged, members),
        *group_findings(view, subject),
        *copy_findings(facts, view),
        *source_findings(facts, view),
    ]


def _about_rules(
    facts: ClusterFacts, members: Membership, view: HaView, judged: Sequence[Judged]
) -> tuple[Finding, ...]:
    subject = facts.cluster or facts.here or "cluster"
    found = [
        *rule_findings(view, judged, members),
        *group_findings(view, subject),
        *copy_findings(facts, view),
        *source_findings(facts, view),
    ]
    return _sorted([*_around(facts, members), *found])


def _around(facts: ClusterFacts, members: Membership) -> list[Finding]:
    """Return what is wrong underneath HA: quorum, nodes that were not read, corosync, pmxcfs, clocks, versions."""
    return [
        *quorum_findings(facts, members),
        *unread_nodes(facts, members),
        *corosync_findings(facts),
        *node_findings(facts),
    ]


def _sorted(findings: list[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda one: _ORDER[one.severity]))


def _unclear(findings: tuple[Finding, ...]) -> bool:
    return any(one.code == "OUT-E-0001" for one in findings)


def _cluster(facts: ClusterFacts) -> str:
    record = conf_of_record(facts)
    return facts.cluster or (record.conf.cluster_name if record else "") or ""


def _last_failover(facts: ClusterFacts) -> tuple[FailoverRow | None, tuple[str, ...]]:
    """Return the last failover in any journal, and whose journals were read: the manager's place moves."""
    aliases = {node.pve_name: node.name for node in facts.nodes}
    read = {
        node.name: node.ha.failovers.value
        for node in facts.seen
        if node.ha and node.ha.failovers and node.ha.failovers.value is not None
    }
    last = max((one for failovers in read.values() for one in failovers), key=lambda one: one.at, default=None)
    if last is None:
        return None, tuple(read)
    at = datetime.fromtimestamp(int(last.at), tz=UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    row = FailoverRow(at, last.sid, aliases.get(last.source, last.source), aliases.get(last.target, last.target))
    return row, tuple(read)
