"""Locks between the commands of one node: files under /var/lock, given up after some seconds."""

from __future__ import annotations

import contextlib
import fcntl
import time
from collections.abc import Iterator
from pathlib import Path

from .cfs import CommandError

DIRECTORY = Path("/var/lock")
_PAUSE = 0.05


@contextlib.contextmanager
def held(path: Path, seconds: float, refusal: str = "") -> Iterator[None]:
    """Hold a lock file.

    Args:
        path: the file.
        seconds: to wait for it at most.
        refusal: what is said when it was not got.

    Raises:
        CommandError: somebody else has had it all the time.
    """
    # the directory is a link into /run, where nothing may be yet
    path.parent.resolve().mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        end = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > end:
                    raise CommandError(refusal or f"can't lock file '{path}' - got timeout") from None
            time.sleep(_PAUSE)
        yield


def guest(vmid: int, seconds: float = 10.0, refusal: str = "") -> contextlib.AbstractContextManager[None]:
    """The lock that keeps migration, replication, rollback and the deletion of snapshots of a guest apart."""
    return held(DIRECTORY / f"pve-manager/pve-migrate-{vmid}", seconds, refusal)
