"""The reports of the replication commands, and what the cluster's own reports take of them: pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from pvefleet.model.errors import ExitCode, UsageError
from pvefleet.model.facts import ClusterFacts
from pvefleet.model.finding import Finding, Severity
from pvefleet.model.observation import ProblemKind
from pvefleet.model.replication import (
    ConfiguredJob,
    JobRow,
    JobState,
    LogEnd,
    LogRow,
    ReplicationListReport,
    ReplicationLogReport,
    ReplicationReport,
    ReplicationSummary,
    StateCount,
)
from pvefleet.model.status import exit_of
from pvefleet.rules.ha_view import HaView, ha_view
from pvefleet.rules.membership import Membership, conf_of_record, membership
from pvefleet.rules.node_health import node_findings
from pvefleet.rules.quorum import corosync_findings, quorum_findings
from pvefleet.rules.reach import unread_nodes
from pvefleet.rules.replication_cover import cover_findings
from pvefleet.rules.replication_findings import (
    configuration_findings,
    file_findings,
    job_findings,
    source_findings,
)
from pvefleet.rules.replication_log import ended_with_error
from pvefleet.rules.replication_rows import job_rows, schedule_of, understood
from pvefleet.rules.replication_view import ReplicationView, replication_view
from pvefleet.rules.schedule_words import meaning, traps

_ORDER = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}
_CONFIGURATION = ("REP-E-0007", "REP-W-0008", "REP-W-0009", "REP-W-0010", "REP-W-0011", "REP-I-0016", "REP-W-0022")
_CONSEQUENCES = frozenset({"REP-I-0014", "REP-I-0015"})
_GROUND = ("NOD", "QUO", "COR", "PMX", "CLK", "CLU")
"""Areas of the cluster's own findings that replication rests on."""
SHOWN_LINES = 6
"""Lines of each log where all are shown."""


def replication_summary(facts: ClusterFacts, members: Membership) -> ReplicationSummary:
    """Return replication in a line, for ``cluster.status``."""
    view = replication_view(facts, members)
    return _summary(view, job_rows(view))


def replication_findings(
    facts: ClusterFacts, members: Membership, *, rpo_seconds: float | None = None
) -> tuple[Finding, ...]:
    """Return the findings of this area, for ``cluster.status`` and ``cluster.check``.

    What only follows from a node or pmxcfs being down is left out: there, that is the finding. Whatever sections were
    not read, what rests on them is left out too: guests' configurations (volumes in the way, guests without a copy)
    and HA (nodes that HA may choose in vain).

    Args:
        facts: with the section REPLICATION.
        members: who is in the cluster.
        rpo_seconds: how old a copy may be; None: not judged.
    """
    view = replication_view(facts, members)
    found = _findings(facts, members, view, job_rows(view), rpo_seconds)
    explained = set(_CONSEQUENCES)
    if all(node.replication.jobs.kind is ProblemKind.SKIPPED for node in facts.seen if node.replication):
        explained.add("REP-W-0022")
    return tuple(one for one in found if one.code not in explained)


def replication_report(
    facts: ClusterFacts, *, rpo_seconds: float | None = None, problems: bool = False
) -> ReplicationReport:
    """Return the report of ``replication.status``.

    Args:
        facts: with the section REPLICATION; GUEST_CONFIGS and HA add to the findings.
        rpo_seconds: how old a copy may be; None: not judged.
        problems: leave out the rows of jobs that are well; the findings and the exit code are the same.
    """
    members = membership(facts)
    view = replication_view(facts, members)
    rows = job_rows(view)
    findings = _sorted([*_ground(facts, members), *_findings(facts, members, view, rows, rpo_seconds)])
    return ReplicationReport(
        cluster=_name(facts),
        taken_at=facts.taken_at,
        here=facts.here,
        summary=_summary(view, rows),
        jobs=tuple(row for row in rows if row.state is not JobState.OK) if problems else rows,
        findings=findings,
        exit_code=_exit(facts, findings),
    )


def replication_list(facts: ClusterFacts) -> ReplicationListReport:
    """Return the report of ``replication.list``: the jobs as configured, and what is wrong with that alone."""
    members = membership(facts)
    view = replication_view(facts, members)
    found = [*file_findings(facts, members, view), *configuration_findings(view)]
    findings = _sorted([*unread_nodes(facts, members), *(one for one in found if one.code in _CONFIGURATION)])
    jobs = []
    for job in view.jobs:
        schedule = understood(schedule_of(job))
        guest = view.guests.get(job.guest) if view.guests is not None else None
        jobs.append(
            ConfiguredJob(
                job=job.id,
                guest=job.guest,
                type=guest[1] if guest else None,
                node=guest[0] if guest else None,
                source=job.source,
                target=job.target,
                schedule=schedule_of(job),
                meaning=meaning(schedule) if schedule else "",
                traps=traps(schedule) if schedule else (),
                rate=job.rate,
                comment=job.comment,
                disabled=job.disabled,
                remove=job.remove_job,
            )
        )
    return ReplicationListReport(
        _name(facts), facts.taken_at, facts.here, view.speaker, tuple(jobs), findings, _exit(facts, findings)
    )


def log_owner(facts: ClusterFacts, job: str) -> str | None:
    """Return the node that runs *job*, or None where nobody does or no guest list was read.

    Raises:
        UsageError: there is no such job.
    """
    view = replication_view(facts, membership(facts))
    known = {one.id: one for one in view.jobs}
    kept = {name for owner in view.owners.values() for name in owner.logs or {}}
    if job not in known and job not in kept:
        names = ", ".join(sorted(known)[:12]) or "none"
        raise UsageError(f"there is no replication job {job!r}", hint=f"jobs: {names}")
    guest = view.guests.get(int(job.partition("-")[0])) if view.guests is not None else None
    if guest is not None:
        return guest[0]
    return next((owner.name for owner in view.owners.values() if job in (owner.logs or {})), None)


def replication_log(facts: ClusterFacts, *, job: str = "", whole: Sequence[str] | None = None) -> ReplicationLogReport:
    """Return the report of ``replication.log``.

    Args:
        facts: with the section REPLICATION.
        job: this one alone; empty: every job, with its last lines.
        whole: the whole of that job's log, where it was read.

    Raises:
        UsageError: there is no such job.
    """
    view = replication_view(facts, membership(facts))
    names = [one.id for one in view.jobs]
    if view.file is None:
        names = sorted({name for owner in view.owners.values() for name in owner.logs or {}})
    if job:
        log_owner(facts, job)
        names = [job]
    logs = tuple(_log(view, name, whole, one=bool(job)) for name in names)
    unseen = job and logs[0].end is LogEnd.NOT_SEEN
    code = ExitCode.NO_NODE_READ if not facts.seen or unseen else ExitCode.OK
    return ReplicationLogReport(_name(facts), facts.taken_at, facts.here, logs, code)


def _log(view: ReplicationView, job: str, whole: Sequence[str] | None, *, one: bool) -> LogRow:
    guest = view.guests.get(int(job.partition("-")[0])) if view.guests is not None else None
    node = guest[0] if guest else None
    note = "" if guest else "its guest does not exist" if view.guests is not None else "no guest list was read"
    holders = [owner for owner in view.owners.values() if job in (owner.logs or {})]
    if node is None and holders:
        node = holders[0].name
    owner = view.owners.get(node or "")
    if owner is None or owner.logs is None:
        stale = [holder.name for holder in holders if holder.name != node]
        older = f"; an older run's log is on {', '.join(stale)}" if stale else ""
        return LogRow(job, node, LogEnd.NOT_SEEN, (), False, (note or f"{node} was not read") + older)
    kept = owner.logs.get(job, ())
    lines = tuple(whole) if whole is not None else kept
    if not lines:
        return LogRow(job, node, LogEnd.NONE, (), True, note or f"no run has been logged on {node}")
    failed = ended_with_error(lines)
    end = LogEnd.OPEN if failed is None else LogEnd.ERROR if failed else LogEnd.OK
    shown = lines if one else lines[-SHOWN_LINES:]
    return LogRow(job, node, end, shown, whole is not None, note)


def _name(facts: ClusterFacts) -> str:
    record = conf_of_record(facts)
    return facts.cluster or (record.conf.cluster_name if record else "") or ""


def _sorted(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    return tuple(sorted(findings, key=lambda one: _ORDER[one.severity]))


def _exit(facts: ClusterFacts, findings: tuple[Finding, ...]) -> ExitCode:
    unclear = any(one.code == "OUT-E-0001" for one in findings)
    return exit_of(findings, read=len(facts.seen), not_understood=unclear)


def _ground(facts: ClusterFacts, members: Membership) -> list[Finding]:
    """Return those findings about nodes, quorum and clocks without which replication's own cannot be understood."""
    found = [
        *quorum_findings(facts, members),
        *unread_nodes(facts, members),
        *corosync_findings(facts),
        *node_findings(facts),
    ]
    return [one for one in found if one.code.startswith(_GROUND)]


def _findings(
    facts: ClusterFacts,
    members: Membership,
    view: ReplicationView,
    rows: Sequence[JobRow],
    rpo_seconds: float | None,
) -> tuple[Finding, ...]:
    asked_ha = any(node.ha is not None for node in facts.seen)
    ha: HaView | None = ha_view(facts, members) if asked_ha else None
    return _sorted(
        [
            *file_findings(facts, members, view),
            *source_findings(facts),
            *job_findings(view, rows, rpo_seconds=rpo_seconds),
            *configuration_findings(view),
            *cover_findings(view, ha, facts.cluster or facts.here or "cluster"),
        ]
    )


def _summary(view: ReplicationView, rows: Sequence[JobRow]) -> ReplicationSummary:
    counts = Counter(row.state for row in rows)
    aged = [(row.lag_seconds, row.job or str(row.guest)) for row in rows if row.lag_seconds is not None]
    oldest = max(aged, default=None)
    return ReplicationSummary(
        seen_by=view.speaker,
        jobs=len(rows) if view.file is not None else None,
        states=tuple(StateCount(state, counts[state]) for state in JobState if counts[state]),
        oldest_job=oldest[1] if oldest else "",
        oldest_seconds=oldest[0] if oldest else None,
    )
