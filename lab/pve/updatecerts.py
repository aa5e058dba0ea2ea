"""`pvecm updatecerts`: this node's directories, ssh keys and certificate in /etc/pve; run at each start of pveproxy."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from . import certificates, cfs
from .layout import DOMAIN, ETC_PVE, NodeSettings
from .pmxcfs import ipc
from .pmxcfs.seed import NODE_DIRECTORIES

WAIT_SECONDS = 80.0
LOCK_SECONDS = 60.0
TIMEOUT = (
    "got timeout when trying to ensure cluster certificates and base file hierarchy is set up"
    " - no quorum (yet) or hung pmxcfs?"
)


def run(*, force: bool, silent: bool) -> int:
    """Put in what is missing, in a child given up after 80 seconds, as pmxcfs may hang; `force` says what it does."""
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        os._exit(_child(force=force, say=force and not silent))
    end = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < end:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    if silent:
        return 0
    print(TIMEOUT, file=sys.stderr)
    return 4


def _is_ready() -> bool:
    """Whether /etc/pve is there, writable, and agreed upon with the other nodes: before that its content may yet go."""
    try:
        return bool(ipc.ask({"op": "ping"})["synced"]) and os.path.ismount(ETC_PVE) and cfs.is_quorate()
    except OSError:
        return False


def _child(*, force: bool, say: bool) -> int:
    end = time.monotonic() + WAIT_SECONDS
    told = not say
    while True:
        if _is_ready():
            if not told:
                print("(re)generate node files\ngenerate new node certificate", flush=True)
                told = True
            try:
                _put_in(force=force)
            except (OSError, cfs.CommandError, subprocess.SubprocessError) as error:
                # Where all nodes boot at once memberships change in between, and each costs /etc/pve its writes.
                if time.monotonic() > end:
                    print(error, file=sys.stderr, flush=True)
                    return 255
            else:
                return 0
        elif time.monotonic() > end:
            return 4
        time.sleep(0.25)


def _put_in(*, force: bool) -> None:
    name, address = os.uname().nodename, NodeSettings.load().links[0]
    node = ETC_PVE / "nodes" / name
    for directory in (ETC_PVE / "priv/lock", *(node / part for part in NODE_DIRECTORIES)):
        directory.mkdir(parents=True, exist_ok=True)
    with _locked("file-authorized_keys"):
        _merge_keys(name, address)
        certificates.make_authority()
    certificates.make_node_certificate(name, DOMAIN, address, force=force)


@contextmanager
def _locked(name: str) -> Iterator[None]:
    """Hold a lock of the whole cluster: all nodes come here at once when all boot."""
    lock = ETC_PVE / "priv/lock" / name
    end = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            lock.mkdir()
            break
        except FileExistsError:
            if time.monotonic() > end:
                raise
            # whoever has it may have released it meanwhile
            with suppress(OSError):
                os.utime(lock, (0, 0))
            time.sleep(0.2)
    try:
        yield
    finally:
        lock.rmdir()


def _merge_keys(name: str, address: str) -> None:
    """Add this node's user key and host keys to the cluster's files."""
    key = Path("/root/.ssh/id_rsa.pub")
    if key.exists():
        _add(ETC_PVE / "priv/authorized_keys", [key.read_text().strip()])
    host_keys = [" ".join(path.read_text().split()[:2]) for path in sorted(Path("/etc/ssh").glob("ssh_host_*_key.pub"))]
    # what the nodes' own commands know each other by
    _add(ETC_PVE / "nodes" / name / "ssh_known_hosts", [f"{name} {each}" for each in host_keys])
    _add(ETC_PVE / "priv/known_hosts", [f"{who} {each}" for each in host_keys for who in (name, address) if who])


def _add(path: Path, lines: list[str]) -> None:
    present = path.read_text().splitlines() if path.exists() else []
    missing = [line for line in lines if line not in present]
    if missing:
        cfs.write(path, "".join(f"{line}\n" for line in [*present, *missing]))
