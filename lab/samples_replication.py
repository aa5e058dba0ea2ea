"""Snapshots of some sample guests, and replication jobs that have run once: what a cluster in use has."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from lab import guests
from lab.errors import LabError
from lab.machine import Machine
from lab.site import Site
from lab.spec import SMALL, LabSpec

_SECONDS = 90
# A job needs both nodes' keys in /etc/pve, which each puts there on its own after its boot.
_KEYS = "timeout 60 sh -c 'until [ -s /etc/pve/nodes/{node}/ssh_known_hosts ]; do sleep 0.1; done'"
# The scheduler may be at it already, and holds the guest's lock as long: then its run is as good as one of ours.
_RUN = """
for try in $(seq 30); do
    said=$(pvesr run --id {job} 2>&1) && exit 0
    grep -q '"{guest}":{{[^}}]*"last_sync":[1-9]' /var/lib/pve-manager/pve-replication-state.json && exit 0
    sleep 0.5
done
echo "$said" >&2
exit 1
"""


@dataclass(frozen=True, slots=True)
class SampleJob:
    """One replication job.

    Attributes:
        guest: its number.
        target: how many nodes further on its replica is.
        options: of ``pvesr create-local-job``.
    """

    guest: int
    target: int
    options: tuple[str, ...]

    @property
    def id(self) -> str:
        """The job's id."""
        return f"{self.guest}-0"


# Guests that HA may move are not among them: it could move one to where no copy is, and that is a finding.
_JOBS = (
    SampleJob(101, 1, ("--schedule", "*/15", "--comment", "shop")),
    SampleJob(105, 1, ("--schedule", "hourly", "--rate", "50")),
)
_SNAPSHOTS = {
    100: (("base", "--description", "as installed"), ("pre-upgrade", "--description", "before 13.2", "--vmstate", "1")),
    102: (("before-update",), ("after-update", "--description", "mail flows again")),
}


def where(spec: LabSpec) -> dict[int, int]:
    """Which node has which sample guest, both by number, the nodes counted from 0."""
    return {guest.vmid: number % spec.nodes for number, guest in enumerate(guests.sample(spec.guests))}


def jobs(spec: LabSpec) -> list[list[str]]:
    """The commands that make the jobs; any node takes them."""
    names, owner = [node.name for node in spec.members], where(spec)
    return [
        ["pvesr", "create-local-job", job.id, names[(owner[job.guest] + job.target) % spec.nodes], *job.options]
        for job in _JOBS
        if job.guest in owner
    ]


def on_node(spec: LabSpec, number: int) -> list[str]:
    """The shell commands of one node: its guests' snapshots, and the first run of its jobs."""
    owner, kinds = where(spec), {guest.vmid: guest.kind for guest in guests.sample(spec.guests)}
    lines = [
        shlex.join([kinds[vmid], "snapshot", str(vmid), *words])
        for vmid, taken in _SNAPSHOTS.items()
        if owner.get(vmid) == number
        for words in taken
    ]
    for job in _JOBS:
        if owner.get(job.guest) == number:
            target = spec.members[(number + job.target) % spec.nodes].name
            lines += [_KEYS.format(node=name) for name in (spec.members[number].name, target)]
            lines.append(f"({_RUN.format(job=job.id, guest=job.guest)})")
    return lines


def make(site: Site) -> int:
    """Make jobs and snapshots, and run each job once; return how many jobs.

    Raises:
        LabError: a command failed.
    """
    spec, machines = site.spec, list(site.machines.values())
    wanted = jobs(spec) if spec.nodes <= SMALL else []
    if not wanted:
        return 0
    _run(machines[0], [shlex.join(argv) for argv in wanted])
    numbers = {machine.spec.name: number for number, machine in enumerate(machines)}
    site.on_all(lambda machine: _run(machine, on_node(spec, numbers[machine.spec.name])))
    return len(wanted)


def _run(machine: Machine, lines: list[str]) -> None:
    if not lines:
        return
    done = machine.run(["sh", "-ec", "\n".join(lines)], timeout=_SECONDS)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise LabError(f"the sample of replication failed on {machine.spec.name}: {said}")
