"""/etc/pve/replication.cfg: the jobs of the cluster, changed under a lock of the whole cluster."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from urllib.parse import unquote

from lab.pve import cfs
from lab.pve.cfs import CommandError
from lab.pve.layout import ETC_PVE, NodeSettings

FILE = ETC_PVE / "replication.cfg"
DEFAULT_SCHEDULE = "*/15"
_LOCK = "file-replication_cfg"
_TRIES = 10
_ID = re.compile(r"([1-9][0-9]{2,8})-(\d{1,9})")
_FLAGS = ("disable",)
_FIRST = ("comment", "disable", "target")
_CODED = re.compile(r"[\x00-\x1f%:\x7f]|[^\x00-\x7f]")


@dataclass(slots=True)
class Job:
    """One job; `options` as they stand in the file."""

    id: str
    options: dict[str, str] = field(default_factory=dict)

    @property
    def guest(self) -> int:
        """The guest's number."""
        return int(self.id.partition("-")[0])

    @property
    def number(self) -> int:
        """The number behind the guest's."""
        return int(self.id.partition("-")[2])

    @property
    def target(self) -> str:
        """The node it writes to."""
        return self.options["target"]

    @property
    def source(self) -> str:
        """The node it was last known to run on."""
        return self.options.get("source", "")

    @property
    def schedule(self) -> str:
        """When it runs."""
        return self.options.get("schedule", DEFAULT_SCHEDULE)

    @property
    def is_disabled(self) -> bool:
        """Whether it does not run."""
        return "disable" in self.options

    @property
    def removal(self) -> str:
        """`local` or `full` while it waits to be removed."""
        return self.options.get("remove_job", "")


def job_id(text: str) -> str:
    """A job's id without leading zeros.

    Raises:
        ValueError: it is none.
    """
    match = _ID.fullmatch(text)
    if match is None:
        raise ValueError(f"invalid replication job id '{text}'")
    return f"{match[1]}-{int(match[2])}"


def parse(text: str) -> dict[str, Job]:
    """Jobs by their id."""
    jobs: dict[str, Job] = {}
    current: Job | None = None
    for line in text.splitlines():
        if not line.strip():
            current = None
        elif line.startswith("#"):
            continue
        elif not line[0].isspace():
            current = Job(line.partition(":")[2].strip())
            jobs[current.id] = current
        elif current is not None:
            key, _, value = line.strip().partition(" ")
            current.options[key] = unquote(value) if key == "comment" else value.strip() or "1"
    return jobs


def text(jobs: dict[str, Job]) -> str:
    """The file."""
    return "".join(
        _section(jobs[name]) for name in sorted(jobs, key=lambda name: (jobs[name].guest, jobs[name].number))
    )


def _section(job: Job) -> str:
    keys = [key for key in _FIRST if key in job.options]
    keys += sorted(key for key in job.options if key not in (*_FIRST, "source"))
    keys += ["source"] if "source" in job.options else []
    lines = [f"local: {job.id}"]
    for key in keys:
        value = job.options[key]
        if key == "comment":
            value = _CODED.sub(lambda match: "".join(f"%{byte:02X}" for byte in match[0].encode()), value)
        lines.append(f"\t{key}" if key in _FLAGS else f"\t{key} {value}")
    return "\n".join([*lines, "", ""])


def read() -> dict[str, Job]:
    """Every job of the cluster."""
    try:
        return parse(FILE.read_text())
    except FileNotFoundError:
        return {}


def of_guest(vmid: int) -> list[Job]:
    """The jobs of one guest."""
    return [job for job in read().values() if job.guest == vmid]


@contextlib.contextmanager
def changed() -> Iterator[dict[str, Job]]:
    """The jobs, to be changed; written when the block ends, if they differ then.

    Raises:
        CommandError: the lock is not to be had, for want of quorum or because somebody keeps it.
    """
    with _lock():
        jobs = read()
        before = text(jobs)
        yield jobs
        after = text(jobs)
        if after != before:
            cfs.write(FILE, after)


@contextlib.contextmanager
def _lock() -> Iterator[None]:
    path = ETC_PVE / "priv/lock" / _LOCK
    pause = NodeSettings.load().scale
    for attempt in range(1, _TRIES + 1):
        try:
            path.mkdir()
            break
        except OSError:
            with contextlib.suppress(OSError):
                os.utime(path, (0, 0))
        if attempt == _TRIES:
            quorate = cfs.is_quorate()
            reason = "got lock request timeout" if quorate else "no quorum!"
            raise CommandError(f"cfs-lock '{_LOCK}' error: {reason}", 17 if quorate else 13)
        print(f"trying to acquire cfs lock '{_LOCK}' ...", file=sys.stderr, flush=True)
        time.sleep(pause)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            path.rmdir()
