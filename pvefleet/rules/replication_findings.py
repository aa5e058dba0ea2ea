"""Findings about replication jobs: what fails, is late, never runs, and how the nodes' copies of the jobs differ."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from parsers.replication_cfg import ReplicationJob
from pvefleet.model.catalogue import finding
from pvefleet.model.facts import ClusterFacts
from pvefleet.model.finding import Finding
from pvefleet.model.observation import ProblemKind
from pvefleet.model.replication import JobRow, JobState, NextRun
from pvefleet.rules.membership import Membership
from pvefleet.rules.replication_rows import cannot_run, schedule_of, understood
from pvefleet.rules.replication_view import ReplicationView
from pvefleet.rules.schedule_words import traps
from pvefleet.rules.words import count, span

REMOVAL_SECONDS = 900
"""The scheduler removes a job within a minute or two; after this long something keeps it from that."""
_OFTEN = 3
"""Failures in a row from which on a job does not recover by itself any more."""
_CLOCK_SECONDS = 5.0


def file_findings(facts: ClusterFacts, members: Membership, view: ReplicationView) -> Iterator[Finding]:
    """Yield jobs that were not seen, and copies of replication.cfg that differ within one partition."""
    asked = [node for node in facts.seen if node.replication]
    if asked and view.file is None:
        evidence = [
            f"{node.name}: {node.replication.jobs.problem.message}"
            for node in asked
            if node.replication and node.replication.jobs.problem
        ]
        yield finding("REP-W-0022", facts.cluster or facts.here or "cluster", "replication.cfg was not read", evidence)
    for part in members.partitions:
        digests: dict[str, list[str]] = defaultdict(list)
        for node in asked:
            file = node.replication.jobs.value if node.replication else None
            if node.name in part.viewers and file is not None:
                digests[file.digest].append(f"{node.name} ({count(len(file.jobs), 'job')})")
        if len(digests) > 1:
            evidence = [f"the same on {', '.join(names)}" for names in digests.values()]
            subject = facts.cluster or "cluster"
            yield finding("REP-W-0011", subject, "the nodes' copies of replication.cfg differ", evidence)


def source_findings(facts: ClusterFacts) -> Iterator[Finding]:
    """Yield the sources of this area that gave nothing, unless a finding about pmxcfs says so already."""
    for node in facts.seen:
        own = node.replication
        for seen in (own.jobs, own.states, own.zone, own.running, own.logs, own.storages) if own else ():
            if seen.problem is None or seen.kind is ProblemKind.SKIPPED:
                continue
            if seen.kind is ProblemKind.NOT_UNDERSTOOD:
                message = f"the output of {seen.source} on {node.name} was not understood"
                yield finding("OUT-E-0001", node.name, message, [seen.problem.message])
            else:
                yield finding("OUT-W-0002", node.name, f"{seen.source} on {node.name}: {seen.problem.message}")


def configuration_findings(view: ReplicationView) -> Iterator[Finding]:
    """Yield what replication.cfg alone shows to be wrong, with the guest list beside it."""
    for job in view.jobs:
        guest = view.guests.get(job.guest) if view.guests is not None else None
        if view.guests is not None and guest is None:
            yield finding("REP-W-0008", job.id, f"{job.id}: guest {job.guest} does not exist", [_says(job)])
            continue
        node = guest[0] if guest else None
        why = cannot_run(view, job, node)
        if why and not job.disabled and job.remove_job is None:
            yield finding("REP-E-0007", job.id, f"{job.id} can never run: {why}", [_says(job)])
        if job.source is None:
            yield finding("REP-W-0010", job.id, f"{job.id} names no source", [_says(job)])
        elif node is not None and job.source != node:
            message = f"{job.id}: the guest is on {node}, the job says {job.source}"
            yield finding("REP-W-0009", job.id, message, [_says(job)])
        yield from _removal(view, job)
        if job.disabled and job.remove_job is None:
            yield finding("REP-W-0005", job.id, f"{job.id} to {job.target} is disabled", [_says(job)])
    yield from _schedules(view)


def _says(job: ReplicationJob) -> str:
    source = f" source {job.source}" if job.source else ""
    comment = f", comment: {job.comment}" if job.comment else ""
    return f"replication.cfg: target {job.target}{source} schedule {schedule_of(job)}{comment}"


def _removal(view: ReplicationView, job: ReplicationJob) -> Iterator[Finding]:
    if job.remove_job is None:
        return
    changed = view.file.changed_at if view.file else None
    age = view.clock - changed if changed is not None else 0.0
    kept = "the copy is kept" if job.remove_job == "local" else "with its copy"
    if age > REMOVAL_SECONDS:
        evidence = [f"replication.cfg was last changed {span(age)} ago, with remove_job {job.remove_job} in it"]
        yield finding("REP-W-0006", job.id, f"{job.id} has waited to be removed for {span(age)} or longer", evidence)
    else:
        yield finding("REP-I-0017", job.id, f"{job.id} is being removed, {kept}")


def _schedules(view: ReplicationView) -> Iterator[Finding]:
    """Yield one finding for each odd schedule, with all the jobs that have it."""
    by_schedule: dict[str, list[str]] = defaultdict(list)
    for job in view.jobs:
        if not job.disabled and job.remove_job is None:
            by_schedule[schedule_of(job)].append(job.id)
    for text, jobs in by_schedule.items():
        schedule = understood(text)
        odd = [one for one in traps(schedule) if "never runs" not in one] if schedule else []
        if odd:
            more = f" and {len(jobs) - 1} more" if len(jobs) > 1 else ""
            yield finding("REP-I-0016", jobs[0], f"the schedule {text} of {jobs[0]}{more} is not what it seems", odd)


def job_findings(view: ReplicationView, rows: Sequence[JobRow], *, rpo_seconds: float | None) -> Iterator[Finding]:
    """Yield what the owners' states show to be wrong.

    What follows from a node being down, or from lost quorum, is a note: the node and the quorum are the findings.
    """
    yield from _failures(rows)
    yield from _late(view, rows)
    for row in rows:
        if row.state is JobState.NEVER and row.source is not None:
            running = ["its first run goes on"] if row.running else []
            yield finding("REP-W-0004", row.job, f"{row.job}: there is no copy on {row.target} yet", running)
        lag = row.lag_seconds
        if lag is not None and lag < -_CLOCK_SECONDS:
            message = f"{row.job}: its last run is {span(-lag)} ahead of the clock of {row.source}"
            yield finding("REP-W-0021", row.job or str(row.guest), message)
        if rpo_seconds is not None and lag is not None and lag > rpo_seconds:
            name = row.job or f"guest {row.guest}"
            message = f"{name}: the copy on {row.target} is {span(lag)} old, {span(rpo_seconds)} are allowed"
            yield finding("REP-W-0012", row.job or str(row.guest), message)
    yield from _not_seen(view, rows)


def _failures(rows: Sequence[JobRow]) -> Iterator[Finding]:
    waiting: dict[str, list[JobRow]] = defaultdict(list)
    for row in rows:
        if row.state is not JobState.FAILING or row.fail_count is None:
            continue
        if row.next is NextRun.TARGET_BACK:
            waiting[row.target].append(row)
            continue
        name = row.job or f"guest {row.guest}"
        evidence = [line for line in row.error.splitlines()[:2] if line.strip() != row.reason] + list(row.log)
        if row.lag_seconds is not None:
            evidence.append(f"the copy is {span(row.lag_seconds)} old")
        else:
            evidence.append("there is no copy")
        times = "once" if row.fail_count == 1 else f"{row.fail_count} times in a row"
        message = f"{name} from {row.source} to {row.target} has failed {times}: {row.reason}"
        yield finding(
            "REP-E-0001" if row.fail_count >= _OFTEN else "REP-W-0002", row.job or str(row.guest), message, evidence
        )
    for target, jobs in waiting.items():
        evidence = [f"{row.job or row.guest} from {row.source}: {_age(row)}" for row in jobs]
        message = f"waiting for {target}, which is offline: {count(len(jobs), 'replication job')}"
        yield finding("REP-I-0014", target, message, evidence)


def _age(row: JobRow) -> str:
    return "there is no copy" if row.lag_seconds is None else f"the copy is {span(row.lag_seconds)} old"


def _late(view: ReplicationView, rows: Sequence[JobRow]) -> Iterator[Finding]:
    live: dict[str, list[JobRow]] = defaultdict(list)
    for row in rows:
        if row.source is not None and row.state in (JobState.OK, JobState.LATE, JobState.FAILING):
            live[row.source].append(row)
    for source, jobs in live.items():
        late = [row for row in jobs if row.state is JobState.LATE]
        owner = view.owners.get(source)
        if not late or (owner and owner.quorate is False):
            continue
        if len(late) == len(jobs) > 1:
            evidence = [f"{row.job} to {row.target}: {_age(row)}" for row in late]
            yield finding("REP-W-0013", source, f"all {len(late)} replication jobs of {source} are late", evidence)
            continue
        for row in late:
            evidence = [f"schedule {row.schedule}: {row.meaning}", f"last run that succeeded: {row.last_sync}"]
            if row.running:
                evidence.append("a run goes on")
            age = span(row.lag_seconds or 0.0)
            message = f"{row.job} from {source} to {row.target} is late: the copy is {age} old"
            yield finding("REP-W-0003", row.job, message, evidence)


def _not_seen(view: ReplicationView, rows: Sequence[JobRow]) -> Iterator[Finding]:
    hidden: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        if row.state is JobState.NOT_SEEN and row.job and row.source is not None:
            hidden[row.source].append(f"{row.job} to {row.target}")
    for source, jobs in hidden.items():
        code = "REP-I-0015" if source in view.listed else "REP-W-0023"
        yield finding(code, source, f"not seen of {source}: {count(len(jobs), 'replication job')}", jobs)
