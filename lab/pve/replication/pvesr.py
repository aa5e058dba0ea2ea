"""`pvesr`: jobs listed, made, changed, removed, run; and the commands one node runs on another."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Callable

from lab.pve import arguments, cfs, guest_config, guests, locking, storage
from lab.pve.cfs import CommandError
from lab.pve.guests import DIRECTORIES, LXC, QEMU
from lab.pve.layout import ETC_PVE
from lab.pve.zfs.store import Store

from . import calendar, config, run, state, volumes
from .config import Job

Options = dict[str, str]

LOCK = locking.DIRECTORY / "pvesr.lck"
LOCK_SECONDS = 60.0
_USAGE = {
    "create-local-job": "pvesr create-local-job <id> <target> [OPTIONS]",
    "update": "pvesr update <id> [OPTIONS]",
    "delete": "pvesr delete <id> [OPTIONS]",
    "enable": "pvesr enable <id>",
    "disable": "pvesr disable <id>",
    "read": "pvesr read <id>",
    "schedule-now": "pvesr schedule-now <id>",
    "run": "pvesr run [OPTIONS]",
}
_SETTABLE = ("schedule", "rate", "comment", "disable", "source", "remove_job")


def _refused(command: str, problem: str) -> CommandError:
    return CommandError(f"400 Parameter verification failed.\n{problem}\n{_USAGE[command]}", 2)


def _id(command: str, words: list[str]) -> str:
    arguments.count(words[:1], _USAGE[command], least=1)
    try:
        return config.job_id(words[0])
    except ValueError as error:
        raise _refused(command, f"id: invalid format - {error}\n") from None


def _flag(options: Options, name: str) -> bool:
    return options.get(name, "0").lower() in ("1", "on", "yes", "true")


def _list(_words: list[str], _options: Options) -> int:
    print(f"{'JobID':<20} {'Target':<20} {'Schedule':>10} {'Rate':>5} {'Enabled':>8}")
    for job in sorted(config.read().values(), key=lambda job: (job.guest, job.id)):
        rate, enabled = job.options.get("rate", "-"), "no" if job.is_disabled else "yes"
        print(f"{job.id:<20} {state.key(job):<20} {job.schedule:>10} {rate:>5} {enabled:>8}")
    return 0


def _status(_words: list[str], options: Options) -> int:
    found = state.jobs()
    columns = "{:<10} {:<10} {:<20} {:>20} {:>20} {:>10} {:>10} {}"
    heads = ("JobID", "Enabled", "Target", "LastSync", "NextSync", "Duration", "FailCount", "State")
    print(columns.format(*heads))
    now = time.time()
    for due in found:
        if options.get("guest", str(due.job.guest)) != str(due.job.guest):
            continue
        fields = due.entry
        last, following = int(fields["last_sync"]), due.next_sync
        word = "SYNCING" if state.is_running(fields) else fields.get("error", "OK")
        shown_next = "-" if not following else "pending" if following <= now else state.shown_time(following)
        print(
            columns.format(
                due.job.id,
                "No" if due.job.is_disabled else "Yes",
                state.key(due.job),
                state.shown_time(last) if last else "-",
                shown_next,
                fields.get("duration", "-"),
                fields["fail_count"],
                word,
            )
        )
    return 0


def _read(words: list[str], _options: Options) -> int:
    job = config.read().get(_id("read", words))
    if job is None:
        raise CommandError(f"no such replication job '{words[0]}'", 2)
    fields: dict[str, object] = dict(job.options)
    if job.is_disabled:
        fields["disable"] = 1
    digest = hashlib.sha1(config.FILE.read_bytes(), usedforsecurity=False).hexdigest()
    fields |= {"digest": digest, "guest": job.guest, "id": job.id, "jobnum": job.number, "type": "local"}
    print(json.dumps(fields, indent=3, separators=(",", " : "), sort_keys=True, ensure_ascii=False))
    return 0


def _checked(command: str, options: Options) -> Options:
    """The options that go into the file, each in its form."""
    given = {key: value for key, value in options.items() if key in _SETTABLE}
    for key in options:
        if key not in (*_SETTABLE, "delete", "digest"):
            text = f"Unknown option: {key}\n400 unable to parse option\n{_USAGE[command]}"
            raise CommandError(text, 255)
    if "schedule" in given:
        try:
            calendar.parse(given["schedule"])
        except ValueError as error:
            problem = f"schedule: invalid format - invalid calendar event '{given['schedule']}' - {error}\n"
            raise _refused(command, problem) from None
    if "rate" in given:
        try:
            enough = float(given["rate"]) >= 1
        except ValueError:
            raise _refused(command, f"rate: type check ('number') failed - got '{given['rate']}'") from None
        if not enough:
            raise _refused(command, "rate: value must have a minimum value of 1")
    if "disable" in given and not _flag(given, "disable"):
        del given["disable"]
    return given


def _create(words: list[str], options: Options) -> int:
    command = "create-local-job"
    job = _id(command, words)
    arguments.count(words, _USAGE[command], least=2)
    given = _checked(command, options)
    vmid, target = int(job.partition("-")[0]), words[1]
    entry = json.loads((ETC_PVE / ".vmlist").read_text()).get("ids", {}).get(str(vmid))
    if entry is None:
        raise CommandError(f"Guest '{vmid}' does not exist.", 2)
    if target not in json.loads((ETC_PVE / ".members").read_text()).get("nodelist", {guests.node(): {}}):
        raise CommandError(f"Target '{target}' does not exist.", 2)
    source = entry["node"]
    if given.get("source", source) != source:
        raise CommandError(f"Source '{given['source']}' does not match current node of guest '{vmid}' ({source})", 2)
    if source == target:
        raise CommandError("Source and target must not be identical", 2)
    kind = QEMU if entry["type"] == "qemu" else LXC
    file = ETC_PVE / "nodes" / source / DIRECTORIES[kind.name] / f"{vmid}.conf"
    if not volumes.replicatable(kind, vmid, guest_config.parse(file.read_text())):
        raise CommandError("No replicatable volumes found")
    with config.changed() as jobs:
        if job in jobs:
            raise CommandError(f"replication job '{job}' already exists")
        if any(one.guest == vmid and one.target == target for one in jobs.values()):
            raise CommandError(f"replication job for guest '{vmid}' to target 'local/{target}' already exists")
        jobs[job] = Job(job, given | {"target": target, "source": source})
    return 0


def _update(words: list[str], options: Options) -> int:
    job = _id("update", words)
    given = _checked("update", options)
    with config.changed() as jobs:
        if job not in jobs:
            raise CommandError(f"no such job '{job}'", 2)
        if "disable" in options and "disable" not in given:
            jobs[job].options.pop("disable", None)
        for key in filter(None, options.get("delete", "").split(",")):
            jobs[job].options.pop(key, None)
        jobs[job].options |= given
    return 0


def _switch(command: str, *, enabled: bool) -> Callable[[list[str], Options], int]:
    def change(words: list[str], _options: Options) -> int:
        job = _id(command, words)
        with config.changed() as jobs:
            if job not in jobs:
                raise CommandError(f"no such job '{job}'", 2)
            jobs[job].options.pop("disable", None)
            if not enabled:
                jobs[job].options["disable"] = "1"
        return 0

    return change


def _delete(words: list[str], options: Options) -> int:
    job = _id("delete", words)
    keep, force = _flag(options, "keep"), _flag(options, "force")
    if keep and force:
        raise _refused("delete", "keep: conflicts with parameter 'force'")
    with config.changed() as jobs:
        if force:
            jobs.pop(job, None)
            return 0
        if job not in jobs:
            raise CommandError(f"no such job '{job}'")
        jobs[job].options["remove_job"] = "local" if keep else "full"
    print("Replication job removal is a background task and will take some time.", file=sys.stderr)
    return 0


def _schedule_now(words: list[str], _options: Options) -> int:
    """Have it run at the next pass; of a job that does not run here it does not know, and says nothing."""
    name = _id("schedule-now", words)
    job = config.read().get(name)
    if job is None:
        raise CommandError(f"no such job '{name}'", 2)
    with locking.guest(job.guest):
        if state.key(job) in state.read().get(str(job.guest), {}):
            state.update(job, last_try=0)
    return 0


def _run(words: list[str], options: Options) -> int:
    arguments.count(words, _USAGE["run"], least=0)
    if "id" in options and "mail" in options:
        raise CommandError("Mail and id are mutually exclusive!")
    verbose = (lambda line: print(line, flush=True)) if _flag(options, "verbose") else None
    with locking.held(LOCK, LOCK_SECONDS):
        if "id" not in options:
            iterate(verbose=verbose)
            return 0
        name = _id("run", [options["id"]])
        job = config.read().get(name)
        if job is None:
            raise CommandError("no such job")
        if job.is_disabled and not job.removal:
            raise CommandError(f"job '{name}' is disabled")
        entry = json.loads((ETC_PVE / ".vmlist").read_text()).get("ids", {}).get(str(job.guest))
        if entry is None:
            raise CommandError("no such guest")
        if entry["node"] != guests.node():
            raise CommandError(f"guest '{job.guest}' is not on local node")
        if job.target == guests.node():
            raise CommandError("unable to sync to local node")
        due = state.Due(job, state.entry(state.read(), job), 0, entry["type"])
        run.run(due, int(time.time()), verbose=verbose)
    return 0


def iterate(*, verbose: Callable[[str], None] | None = None, fail: Callable[[str], None] | None = None) -> None:
    """One pass of the scheduler: every job that is due, one after the other, each once at most.

    Args:
        verbose: takes the lines of the logs.
        fail: takes what the journal is told of a job that failed.
    """
    if not config.read() and not state.read():
        # nothing to look after: that spares a large lab a lock of the whole cluster, taken by all nodes at once
        return
    iteration = int(time.time())
    done: set[str] = set()
    while True:
        ready = [
            due
            for due in state.jobs()
            if due.job.id not in done
            and (due.job.removal or not due.job.is_disabled)
            and 0 < due.next_sync <= time.time()
        ]
        if not ready:
            return
        due = min(ready, key=lambda one: one.order)
        done.add(due.job.id)
        try:
            run.run(due, iteration, verbose=verbose)
        except CommandError as error:
            if fail:
                fail(f"{due.job.id}: got unexpected replication job error - {error}")


def _prepare(words: list[str], options: Options) -> int:
    """On the target: delete stale snapshots and replicas that are not asked for any more, and tell what is there."""
    job, last = config.job_id(words[0]), int(options.get("last_sync", "0"))
    vmid, store = int(job.partition("-")[0]), Store()
    wanted = [storage.volume(volid) for volid in words[1:]]
    for one in wanted:
        if not one.storage.is_on(guests.node()):
            raise CommandError(f"storage '{one.storage.name}' is not available on node '{guests.node()}'")
    names = sorted({one.storage.name for one in wanted} | set(filter(None, options.get("scan", "").split(","))))
    ids = {one.id for one in wanted}
    for one in volumes.of_guest_on_storages(vmid, names, store):
        ours = any(volumes.is_of(job, name) for name in volumes.known([one], store).get(one.id, {}))
        if one.id not in ids and ours:
            print(f"delete stale volume '{one.id}'", file=sys.stderr)
            storage.free(one, store)
    present = volumes.prepare(wanted, job, last, store, lambda line: print(line, file=sys.stderr))
    print(json.dumps(present))
    return 0


def _finalize(words: list[str], options: Options) -> int:
    job, last = config.job_id(words[0]), int(options.get("last_sync", "0"))
    wanted = [storage.volume(volid) for volid in words[1:]]
    volumes.prepare(wanted, job, last, Store(), lambda line: print(line, file=sys.stderr))
    return 0


def _set_state(words: list[str], _options: Options) -> int:
    arguments.count(words, "pvesr set-state <vmid> <state>", least=2)
    state.replace_guest(int(words[0]), json.loads(words[1]))
    return 0


_COMMANDS: dict[str, Callable[[list[str], Options], int]] = {
    "list": _list,
    "status": _status,
    "read": _read,
    "create-local-job": _create,
    "update": _update,
    "delete": _delete,
    "enable": _switch("enable", enabled=True),
    "disable": _switch("disable", enabled=False),
    "schedule-now": _schedule_now,
    "run": _run,
    "prepare-local-job": _prepare,
    "finalize-local-job": _finalize,
    "set-state": _set_state,
}


def main(argv: list[str]) -> int:
    """Run one pvesr command."""
    command = _COMMANDS.get(argv[0]) if argv else None

    def body() -> int:
        if command is None:
            wrong = f"ERROR: unknown command 'pvesr {argv[0]}'\n" if argv else "ERROR: no command specified\n"
            raise CommandError(f"{wrong}USAGE: pvesr <COMMAND> [ARGS] [OPTIONS]")
        return command(*arguments.split(argv[1:]))

    return cfs.run(body)
