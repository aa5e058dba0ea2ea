"""PVE's tasks: a worker of its own with a UPID, a log, and a line in the lists of running and finished tasks.

The worker writes to its log and to whatever the command's output is. When nobody reads that any more its next line
ends it (`broken pipe`); a worker that prints nothing, or whose output is a file, always finishes.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import re
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from . import cfs, durations
from .cfs import CommandError

DIRECTORY = Path("/var/log/pve/tasks")
KEPT = 25
UNEXPECTED = "unexpected status"
_USER = "root@pam"
_WARNINGS = re.compile(r"WARNINGS: (\d+)")


@dataclass(slots=True)
class Task:
    """What a worker's body is given.

    Attributes:
        kind: its type, e.g. `qmsnapshot`.
        upid: its name.
        warnings: how many it gave.
    """

    kind: str
    upid: str
    warnings: int = field(default=0)

    def work(self) -> None:
        """Take the time that this node's tasks of that type take."""
        time.sleep(durations.seconds(self.kind))

    def warn(self, text: str) -> None:
        """Print a warning and count it."""
        self.warnings += 1
        print(f"WARN: {text}", flush=True)


class _Tee(io.TextIOBase):
    """Standard output of a worker: the log first, then the reader that may have gone."""

    def __init__(self, log: int) -> None:
        self._log, self._line = log, ""

    def write(self, text: str) -> int:
        whole, newline, self._line = (self._line + text).rpartition("\n")
        if newline:
            # a line that nobody reads is in the log all the same, and ends there
            os.write(self._log, f"{whole}\n".encode())
            os.write(1, f"{whole}\n".encode())
        return len(text)


def start_ticks(pid: int) -> int | None:
    """When a process started, in clock ticks since the boot; None when there is none."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19])
    except (OSError, IndexError, ValueError):
        return None


def name(kind: str, ident: str, pid: int) -> str:
    """The UPID of a process that starts a task now."""
    ticks = start_ticks(pid) or 0
    return f"UPID:{os.uname().nodename}:{pid:08X}:{ticks:08X}:{int(time.time()):08X}:{kind}:{ident}:{_USER}:"


def log_file(upid: str, directory: Path = DIRECTORY) -> Path:
    """A task's log, in the directory named by the last digit of its start."""
    return directory / upid.split(":")[4][-1] / upid


def run(kind: str, ident: str, body: Callable[[Task], None], *, tag: str) -> int:
    """Run a task and wait for it, as a command does.

    Args:
        kind: the task's type.
        ident: the guest, or nothing.
        body: what it does; a CommandError is its failure.
        tag: the command, for the journal.

    Returns:
        the command's exit code.
    """
    sys.stdout.flush()
    reader, writer = os.pipe()
    worker = os.fork()
    if worker == 0:
        os.close(reader)
        status = _work(kind, ident, body, tag)
        os.write(writer, status.encode())
        os._exit(0)
    os.close(writer)
    with contextlib.suppress(PermissionError):
        os.setpgid(worker, worker)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda received, _frame: _abandon(worker, received))
    with os.fdopen(reader) as pipe:
        status = pipe.read() or UNEXPECTED
    os.waitpid(worker, 0)
    collect()
    return _verdict(status)


def _verdict(status: str) -> int:
    warned = _WARNINGS.fullmatch(status)
    if warned:
        print(f"Task finished with {warned[1]} warning(s)!", file=sys.stderr)
    if warned or status == "OK":
        return 0
    print(status.rstrip(), file=sys.stderr)
    return 255


def _abandon(worker: int, number: int) -> None:
    """A terminal that went away, or an interrupt, takes the worker along."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(worker, signal.SIGKILL)
    os.waitpid(worker, 0)
    collect()
    os._exit(128 + number)


def _work(kind: str, ident: str, body: Callable[[Task], None], tag: str) -> str:
    """Be the worker, and return the task's status."""
    with contextlib.suppress(PermissionError):
        os.setpgid(0, 0)
    task = Task(kind, name(kind, ident, os.getpid()))
    file = log_file(task.upid)
    file.parent.mkdir(parents=True, exist_ok=True)
    log = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o640)
    collect(task.upid)
    _tell(f"starting task {task.upid}", tag)
    sys.stdout = sys.stderr = _Tee(log)
    status = _status(task, body)
    end = f"TASK {status}" if status == "OK" or status.startswith("WARNINGS:") else f"TASK ERROR: {status}"
    os.write(log, f"{end}\n".encode())
    _tell(f"end task {task.upid} {status}", tag)
    return status


def _status(task: Task, body: Callable[[Task], None]) -> str:
    try:
        body(task)
    except CommandError as error:
        return str(error)
    except BrokenPipeError:
        return "broken pipe "
    except OSError as error:
        return str(error)
    return f"WARNINGS: {task.warnings}" if task.warnings else "OK"


def _tell(message: str, tag: str) -> None:
    # the cluster file system may have died under the task, which goes on
    with contextlib.suppress(OSError):
        cfs.log(message, tag=tag)


def collect(new: str = "", directory: Path = DIRECTORY) -> None:
    """Bring the lists up to date: `index` gets what has ended, `active` has what runs and what ended last.

    Args:
        new: UPID of a task that starts.
        directory: where the lists are.
    """
    with _lists(directory):
        active = directory / "active"
        lines = active.read_text().splitlines() if active.exists() else []
        running, ended = ([new] if new else []), []
        for line in lines:
            upid, _, rest = line.partition(" ")
            if rest != "0":
                ended.append(line)
            elif _runs(upid):
                running.append(upid)
            else:
                when, status = _ending(upid, directory)
                ended.insert(0, f"{upid} 1 {when:08X} {status}")
                with (directory / "index").open("a") as index:
                    index.write(f"{upid} {when:08X} {status}\n")
        temporary = directory / "active.tmp"
        temporary.write_text("".join(f"{line}\n" for line in [*(f"{upid} 0" for upid in running), *ended[:KEPT]]))
        temporary.rename(active)


@contextlib.contextmanager
def _lists(directory: Path) -> Iterator[None]:
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / ".active.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _runs(upid: str) -> bool:
    _, _, pid, ticks, *_ = upid.split(":")
    return start_ticks(int(pid, 16)) == int(ticks, 16)


def _ending(upid: str, directory: Path) -> tuple[int, str]:
    """When a task ended and how, by its log; one that was killed has no last line."""
    file = log_file(upid, directory)
    try:
        last = file.read_text(errors="replace").splitlines()[-1]
        when = int(file.stat().st_mtime)
    except (OSError, IndexError):
        return int(time.time()), UNEXPECTED
    if not last.startswith("TASK "):
        return when, UNEXPECTED
    return when, last.removeprefix("TASK ").removeprefix("ERROR: ")
