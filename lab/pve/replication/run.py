"""One run of a replication job, from the log's first line to what the state says of it afterwards."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

from lab.pve import durations, guest_config, guests, locking, storage, tasks
from lab.pve.cfs import CommandError
from lab.pve.guests import LXC, QEMU
from lab.pve.storage import Volume
from lab.pve.zfs import stream
from lab.pve.zfs.store import Store, ZfsError

from . import config, state, volumes
from .remote import Remote
from .state import Due

LOGS = Path("/var/log/pve/replicate")
_GUEST_LOCK_SECONDS = 2.0


class Run:
    """A job that runs now."""

    def __init__(self, due: Due, log: TextIO, *, verbose: Callable[[str], None] | None = None) -> None:
        self._due, self._job, self._log, self._verbose = due, due.job, log, verbose
        self._kind = QEMU if due.kind == "qemu" else LXC
        self._store = Store()

    def say(self, text: str) -> None:
        """A line of the log."""
        for line in text.split("\n"):
            stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime())
            print(f"{stamp} {self._job.id}: {line}", file=self._log, flush=True)
            if self._verbose:
                self._verbose(line)

    def _remotely(self, what: str) -> Callable[[str], None]:
        return lambda line: self.say(f"({what}) {line}")

    def work(self, start: int) -> None:
        """Do it; `start` is the epoch the new snapshots are named by.

        Raises:
            CommandError: it failed.
        """
        vmid, job = self._job.guest, self._job.id
        here = guest_config.load(self._kind, vmid)
        mine = volumes.replicatable(self._kind, vmid, here)
        self.say("start replication job")
        if not mine and not self._job.removal:
            raise CommandError("No replicatable volumes found")
        self.say(f"guest => {self._kind.word} {vmid}, running => {guests.pid(self._kind, vmid)}")
        self.say(f"volumes => {','.join(one.id for one in mine)}")
        if self._job.removal:
            self._remove(mine)
            return
        last = int(self._due.entry["last_sync"])
        if start <= last:
            raise CommandError(f"start time before last sync ({start} <= {last}) - abort sync")
        remote = Remote(self._job.target)
        local = volumes.prepare(mine, job, last, self._store, self.say)
        argv = ["pvesr", "prepare-local-job", job, *(one.id for one in mine), "--last_sync", str(last)]
        if "parent" in here.options:
            argv += ["--parent_snapname", here.options["parent"]]
        answer = remote.run(argv, self._remotely("remote_prepare_local_job"))
        base = volumes.bases(local, _decoded(answer), job, last, here)
        self._transfer(mine, base, remote, start)
        for one in mine:
            for name in local.get(one.id, {}):
                if volumes.is_of(job, name) and name == volumes.snapshot_name(job, last):
                    self._drop(one, name)
        argv = ["pvesr", "finalize-local-job", job, *(one.id for one in mine), "--last_sync", str(start)]
        with contextlib.suppress(CommandError):
            remote.run(argv, self._remotely("remote_finalize_local_job"))

    def _transfer(self, mine: list[Volume], base: dict[str, str], remote: Remote, start: int) -> None:
        """Snapshot every volume, then send one after the other; a failure takes the new snapshots back here."""
        new = volumes.snapshot_name(self._job.id, start)
        made: list[Volume] = []
        try:
            for one in mine:
                self.say(f"create snapshot '{new}' on {one.id}")
                storage.take_snapshot(one, new, self._store)
                made.append(one)
            rate = self._job.options.get("rate")
            self.say(f"using secure transmission, rate limit: {f'{rate} MByte/s' if rate else 'none'}")
            for one in mine:
                self._send(one, new, base.get(one.id, ""), remote, rate)
        except CommandError:
            for one in made:
                self._drop(one, new)
            raise

    def _drop(self, one: Volume, name: str) -> None:
        self.say(f"delete previous replication snapshot '{name}' on {one.id}")
        volumes.drop(one, name, self._store, self.say)

    def _send(self, one: Volume, new: str, base: str, remote: Remote, rate: str | None) -> None:
        self.say(f"incremental sync '{one.id}' ({base} => {new})" if base else f"full sync '{one.id}' ({new})")
        if rate:
            limit = int(1_000_000 * float(rate))
            self.say(f"using a bandwidth limit of {limit} bytes per second for transferring '{one.id}'")
        options = ["-with-snapshots", "1", "-snapshot", new]
        command = ["pvesm", "import", one.id, "zfs", "-", *options, "-allow-rename", "0"]
        command += ["-base", base] if base else []
        importing = subprocess.Popen(
            remote.argv(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert importing.stdin is not None
        assert importing.stdout is not None
        what = stream.Sending(f"{one.dataset}@{new}", base, between=True, replicate=True, verbose=True)
        problem = ""
        try:
            stream.send(self._store, what, importing.stdin, seconds=durations.seconds("zfs-send"), say=self.say)
        except ZfsError as error:
            problem = str(error)
        except OSError:
            problem = "broken pipe"
        with contextlib.suppress(OSError):
            importing.stdin.close()
        for line in importing.stdout.read().decode(errors="replace").splitlines():
            self.say(line)
        code = importing.wait()
        if code or problem:
            exporting = f"pvesm export {one.id} zfs - -with-snapshots 1 -snapshot {new}" + (
                f" -base {base}" if base else ""
            )
            raise CommandError(
                f"command 'set -o pipefail && {exporting} | {remote.shown(command)}' failed: exit code {code or 1}"
            )

    def _remove(self, mine: list[Volume]) -> None:
        """Take the job's snapshots away, and with `full` the replicas; then the job is no more."""
        job = self._job
        names = sorted({one.storage.name for one in mine} | set(self._due.entry.get("storeid_list", [])))
        if job.removal == "full" and job.target != guests.node():
            argv = ["pvesr", "prepare-local-job", job.id, "--last_sync", "1", "--force", "1", "--scan", ",".join(names)]
            Remote(job.target).run(argv, self._remotely("remote_prepare_local_job"))
        volumes.prepare(mine, job.id, 1, self._store, self.say)
        with config.changed() as jobs:
            jobs.pop(job.id, None)
        self.say("job removed")


def _decoded(answer: str) -> volumes.Known:
    try:
        return dict(json.loads(answer))
    except ValueError:
        raise CommandError("prepare remote node failed - no result") from None


@contextlib.contextmanager
def _log(job: str) -> Iterator[TextIO]:
    LOGS.mkdir(parents=True, exist_ok=True)
    with (LOGS / job).open("w") as file:
        yield file


def run(due: Due, iteration: int, *, verbose: Callable[[str], None] | None = None) -> None:
    """Run a job and write down how it went.

    Args:
        due: the job.
        iteration: when the scheduler's pass began.
        verbose: takes the lines of the log, too.

    Raises:
        CommandError: the guest is busy, which counts as no try at all; or the job failed, and its state says so.
    """
    job = due.job
    with locking.guest(job.guest, _GUEST_LOCK_SECONDS):
        start = int(time.time())
        began = time.monotonic()
        pid = os.getpid()
        running = {"pid": pid, "ptime": tasks.start_ticks(pid), "storeid_list": _storages(due)}
        state.update(job, last_node=guests.node(), last_try=start, last_iteration=iteration, **running)
        with _log(job.id) as file:
            one = Run(due, file, verbose=verbose)
            ended = {"pid": None, "ptime": None}
            try:
                one.work(start)
            except (CommandError, OSError) as error:
                one.say(f"end replication job with error: {error}")
                failures = int(due.entry["fail_count"]) + 1
                took = round(time.monotonic() - began, 6)
                state.update(job, fail_count=failures, error=str(error), duration=took, **ended)
                raise CommandError(str(error)) from None
            one.say("end replication job")
        if not job.removal:
            took = round(time.monotonic() - began, 6)
            state.update(job, last_sync=start, fail_count=0, error=None, duration=took, **ended)
        else:
            state.forget(job)


def _storages(due: Due) -> list[str]:
    kind = QEMU if due.kind == "qemu" else LXC
    here = guest_config.load(kind, due.job.guest)
    named = {volid.partition(":")[0] for volid in guest_config.all_volumes(kind, here)}
    return sorted(name for name, one in storage.read().items() if one.is_zfs and name in named)
