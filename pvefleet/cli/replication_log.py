"""``replication.log``: the logs of the jobs' last runs, from the nodes that ran them."""

from __future__ import annotations

from pvefleet.cli.fleet import Fleet
from pvefleet.facts import recording
from pvefleet.model.node import CommandResult, Node
from pvefleet.model.replication import ReplicationLogReport
from pvefleet.model.section import Section
from pvefleet.rules.replication import log_owner, replication_log

_FOLDER = "/var/log/pve/replicate"
_MOST_BYTES = 4_000_000
"""A log of more than this is the work of a sync of days; its end is what matters."""
_SECONDS = 20.0


def read_log(fleet: Fleet, job: str) -> ReplicationLogReport:
    """Return the last lines of every job's log, or the whole log of one.

    Args:
        fleet: the nodes, or a recording of the same question.
        job: the value of ``--job``.

    Raises:
        UsageError: there is no such job.
    """
    facts = fleet.facts(Section.REPLICATION)
    if not job:
        return replication_log(facts)
    owner = log_owner(facts, job)
    source = f"replication-log-{job}"
    if fleet.replay is not None and owner:
        kept = recording.added(fleet.replay, owner, source)
        return replication_log(facts, job=job, whole=_lines(kept) if kept is not None else None)
    holders = [node for node in fleet.nodes if node.name == owner]
    if not holders:
        return replication_log(facts, job=job)

    def work(node: Node) -> CommandResult:
        # The file's name is one that a node's own listing or replication.cfg gave, never text of the command line.
        return node.run(("tail", "-c", str(_MOST_BYTES), f"{_FOLDER}/{job}"), timeout=_SECONDS)

    result = fleet.fan_out(work, nodes=holders, seconds=_SECONDS)[0].value
    if result is None or result.exit != 0:
        return replication_log(facts, job=job)
    if fleet.record is not None and owner:
        recording.add(fleet.record, owner, source, result.stdout)
    return replication_log(facts, job=job, whole=_lines(result.stdout))


def _lines(log: bytes) -> list[str]:
    return log.decode("utf-8", "replace").splitlines()
