"""How the jobs of a node's guests went, in /var/lib/pve-manager/pve-replication-state.json, and when they are due."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.pve import guests, locking, tasks
from lab.pve.layout import ETC_PVE

from . import calendar, config
from .config import Job

FILE = Path("/var/lib/pve-manager/pve-replication-state.json")
RETRY_MINUTES = (5, 10, 15)
LONGEST_RETRY = 30 * 60
_LOCK = locking.DIRECTORY / "pve-manager/pve-replication-state.lck"

Entry = dict[str, Any]
State = dict[str, dict[str, Entry]]


def read(file: Path = FILE) -> State:
    """The whole state; nothing where there is no file."""
    try:
        return dict(json.loads(file.read_text()))
    except (FileNotFoundError, ValueError):
        return {}


def write(state: State, file: Path = FILE) -> None:
    """Replace the file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f"{file.name}.tmp.{os.getpid()}")
    temporary.write_text(json.dumps(state, separators=(",", ":")))
    temporary.rename(file)


def key(job: Job) -> str:
    """The key of a job's entry: jobs of a guest are told apart by their targets."""
    return f"local/{job.target}"


def entry(state: State, job: Job) -> Entry:
    """A job's entry, or what counts as one before its first run."""
    blank = {"last_iteration": 0, "last_try": 0, "last_sync": 0, "fail_count": 0}
    return blank | state.get(str(job.guest), {}).get(key(job), {})


def update(job: Job, **values: Any) -> None:
    """Change a job's entry; a value of None takes a field away."""
    with locking.held(_LOCK, 10):
        state = read()
        fields = entry(state, job) | values
        state.setdefault(str(job.guest), {})[key(job)] = {
            name: value for name, value in fields.items() if value is not None
        }
        write(state)


def forget(job: Job) -> None:
    """Take a job's entry away."""
    with locking.held(_LOCK, 10):
        state = read()
        state.get(str(job.guest), {}).pop(key(job), None)
        write({vmid: entries for vmid, entries in state.items() if entries})


def replace_guest(vmid: int, entries: dict[str, Entry]) -> None:
    """Have a guest's state be that; it came with a migration."""
    with locking.held(_LOCK, 10):
        write(read() | {str(vmid): entries})


@dataclass(frozen=True, slots=True)
class Due:
    """A job of this node with its state."""

    job: Job
    entry: Entry
    next_sync: int
    kind: str

    @property
    def order(self) -> tuple[int, int, int, str]:
        """By this the scheduler takes one after the other."""
        return (int(self.entry["last_iteration"]), self.next_sync, self.job.guest, self.job.id)


def online() -> set[str]:
    """The nodes that are members just now."""
    members = json.loads((ETC_PVE / ".members").read_text())
    return {name for name, node in members.get("nodelist", {}).items() if node["online"]}


def next_sync(job: Job, fields: Entry, members: set[str]) -> int:
    """When a job is due, in epoch seconds: 1 at once, 0 never."""
    if job.removal:
        return 1
    failures, last = int(fields["fail_count"]), int(fields["last_try"])
    if failures == 0:
        return calendar.next_event(calendar.parse(job.schedule), last) or 0
    if job.target not in members:
        return 0
    wait = RETRY_MINUTES[failures - 1] * 60 if failures <= len(RETRY_MINUTES) else LONGEST_RETRY
    return last + wait


def jobs() -> list[Due]:
    """The jobs of this node's guests, after what a guest's move asks for has been done to them.

    A job whose guest has come here by hand gets this node as its source; one that had this node as its target then
    has the old source for a target. State of guests that are not here goes.
    """
    here = guests.node()
    kinds = {
        int(vmid): guest["type"]
        for vmid, guest in json.loads((ETC_PVE / ".vmlist").read_text()).get("ids", {}).items()
        if guest["node"] == here
    }
    with config.changed() as present:
        for job in present.values():
            if job.guest in kinds and job.source != here:
                if job.target == here and job.source:
                    job.options["target"] = job.source
                job.options["source"] = here
        mine = [job for job in present.values() if job.guest in kinds and job.target != here]
    with locking.held(_LOCK, 10):
        state = read()
        kept = {vmid: entries for vmid, entries in state.items() if int(vmid) in kinds}
        if kept != state or not FILE.exists():
            write(kept)
    members = online()
    found = []
    for job in mine:
        fields = entry(kept, job)
        found.append(Due(job, fields, next_sync(job, fields, members), kinds[job.guest]))
    return sorted(found, key=lambda due: (due.job.guest, due.job.number))


def is_running(fields: Entry) -> bool:
    """Whether a job's process lives."""
    return "pid" in fields and tasks.start_ticks(int(fields["pid"])) == int(fields.get("ptime", -1))


def shown_time(epoch: int) -> str:
    """An instant as `pvesr status` prints it."""
    return time.strftime("%Y-%m-%d_%H:%M:%S", time.localtime(epoch))
