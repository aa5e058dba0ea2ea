"""What one node says of storage replication: the jobs of the cluster, and how those it runs went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import tzinfo

from parsers.replication_cfg import ReplicationJob
from parsers.replication_state import ReplicationState
from parsers.storage_cfg import Storage
from pvefleet.model.observation import Seen


@dataclass(frozen=True, slots=True)
class JobsFile:
    """One node's copy of ``/etc/pve/replication.cfg``.

    A file that does not exist has no jobs, proven by the listing of its directory.

    Attributes:
        jobs: the jobs of the whole cluster.
        digest: SHA-256 of its bytes, in hex; empty where there is no file.
        changed_at: when it was last written, in seconds since the epoch; None where there is no file.
    """

    jobs: tuple[ReplicationJob, ...]
    digest: str
    changed_at: int | None


@dataclass(frozen=True, slots=True)
class NodeZone:
    """The time zone in which a node's scheduler reads schedules.

    Attributes:
        name: such as ``Europe/Paris``; empty where the node does not say.
        zone: its rules, as the node itself holds them.
    """

    name: str
    zone: tzinfo


@dataclass(frozen=True, slots=True)
class Process:
    """A process that a state file names as a run in progress, and that is there.

    Attributes:
        pid: its number.
        started: clock ticks from boot to its start, which tells it from a later one of the same number.
    """

    pid: int
    started: int


@dataclass(frozen=True, slots=True)
class JobLog:
    """The end of the log of one job's last run on a node.

    Attributes:
        job: the job's id.
        lines: the last lines, without their ends.
    """

    job: str
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ReplicationFacts:
    """Everything one node says of replication.

    Attributes:
        clock: its own time when it was asked, in seconds since the epoch.
        zone: the zone of its scheduler.
        jobs: its copy of the jobs.
        states: how the jobs of its guests went, from its own disk.
        running: the processes of runs in progress.
        logs: what its own jobs' last runs printed; also of jobs that have moved away since.
        storages: its copy of storage.cfg.
    """

    clock: float
    zone: Seen[NodeZone]
    jobs: Seen[JobsFile]
    states: Seen[tuple[ReplicationState, ...]]
    running: Seen[tuple[Process, ...]]
    logs: Seen[tuple[JobLog, ...]]
    storages: Seen[tuple[Storage, ...]]
