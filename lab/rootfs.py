"""The nodes' root file system: a minimal Debian made once by mmdebstrap and kept in a cache."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lab import host
from lab.errors import LabError

PACKAGES = (
    "openssh-server",
    "openssh-client",
    "corosync",
    "corosync-qdevice",
    "corosync-qnetd",
    "iproute2",
    "iputils-ping",
    "procps",
    "python3",
    "nftables",
    "openssl",
    "systemd-sysv",
)
# The library alone: the package fuse3 would change the mode of the machine's own /dev/fuse.
FUSE_LIBRARY = {"trixie": "libfuse3-4", "bookworm": "libfuse3-3"}
OPTIONS = (
    "--variant=minbase",
    "--format=tar",
    '--aptopt=APT::Install-Recommends "false"',
    "--dpkgopt=path-exclude=/usr/share/man/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
)
# Device files cannot be made in a user namespace; host keys must differ between nodes.
LEFT_OUT = ("./dev/*", "./etc/ssh/ssh_host_*", "./etc/machine-id")
_BUILD_SECONDS = 900


def cache_dir() -> Path:
    """Where root file systems are kept: ``PVEFLEET_LAB_CACHE``, else ``~/.cache/pvefleet-lab``."""
    chosen = os.environ.get("PVEFLEET_LAB_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "pvefleet-lab"


def packages(suite: str) -> tuple[str, ...]:
    """What is installed beside Debian's minimal base."""
    return (*PACKAGES, FUSE_LIBRARY[suite])


def location(suite: str, cache: Path) -> Path:
    """The folder of one root file system; another package list or another owner makes it another folder."""
    recipe = "\n".join([*packages(suite), *OPTIONS, *LEFT_OUT, platform.machine()])
    owner = "root" if host.is_root() else f"user{os.geteuid()}"
    return cache / f"{suite}-{hashlib.sha256(recipe.encode()).hexdigest()[:12]}-{owner}"


def ensure(suite: str, cache: Path, report: Callable[[str], None] = lambda _line: None) -> Path:
    """Return the root file system's folder, making it first if it is not in the cache.

    It is built beside its place and renamed when it is whole, so a killed build is never taken for a finished one;
    two builders wait for each other, and what a killed build left is removed.

    Args:
        suite: the Debian release.
        cache: the cache's folder, made if needed.
        report: is told, in a line, that a build begins.

    Raises:
        LabError: mmdebstrap is missing or failed.
    """
    place = location(suite, cache)
    if place.is_dir():
        return place
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache / f"{place.name}.lock") as lock:
        for folder in (cache, Path(tempfile.gettempdir())):
            for left in folder.glob(f"{place.name}.build-*"):
                remove(left)
        if place.is_dir():
            return place
        mmdebstrap = host.tool("mmdebstrap", "mmdebstrap")
        report(f"making the root file system (Debian {suite}), once, about half a minute")
        building = Path(tempfile.mkdtemp(prefix=f"{place.name}.build-", dir=cache))
        # mmdebstrap's own files stand in the system's folder: its user may not enter our home.
        scratch = Path(tempfile.mkdtemp(prefix=f"{place.name}.build-"))
        try:
            for folder in (building, scratch):
                folder.chmod(0o755)
            _build(mmdebstrap, suite, building, scratch, lock, cache / f"{place.name}.log")
            building.rename(place)
        finally:
            for left in (building, scratch):
                if left.exists():
                    remove(left)
    return place


def remove(folder: Path) -> None:
    """Delete a root file system, whose files may belong to users of the user namespace.

    Raises:
        LabError: something is left.
    """
    command = host.in_user_namespace([host.tool("rm", "coreutils"), "-rf", "--one-file-system", "--", str(folder)])
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode != 0:
        raise LabError(f"cannot remove {folder}: {done.stderr.strip()}")


def _build(mmdebstrap: str, suite: str, target: Path, scratch: Path, lock: int, log: Path) -> None:
    """Run mmdebstrap and unpack what it writes; its messages go to ``log``.

    Both processes hold the lock too: if we are killed, nobody else builds before they have ended.
    """
    mode = "root" if host.is_root() else "unshare"
    make = [
        mmdebstrap,
        f"--mode={mode}",
        *OPTIONS,
        f"--include={','.join(packages(suite))}",
        suite,
        "-",
    ]
    left_out = [f"--exclude={pattern}" for pattern in LEFT_OUT]
    unpack = [host.tool("tar", "tar"), "--extract", "--numeric-owner", "--directory", str(target), *left_out]
    path = f"{os.environ.get('PATH', '')}:{host.SEARCH_PATH}"
    environment = {**os.environ, "PATH": path, "LC_ALL": "C.UTF-8", "TMPDIR": str(scratch)}
    with log.open("wb") as messages:
        maker = subprocess.Popen(
            make,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=messages,
            env=environment,
            pass_fds=[lock],
        )
        unpacker = subprocess.Popen(
            host.in_user_namespace(unpack), stdin=maker.stdout, stderr=messages, pass_fds=[lock]
        )
        assert maker.stdout is not None
        maker.stdout.close()
        try:
            codes = unpacker.wait(_BUILD_SECONDS), maker.wait(60)
        except BaseException:
            # mmdebstrap removes its own temporary folder when it is asked to stop.
            maker.terminate()
            unpacker.kill()
            unpacker.wait()
            maker.wait()
            raise
    if codes != (0, 0):
        said = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
        errors = [line for line in said if line.startswith(("E:", "Err:"))] or said[-1:] or ["no message"]
        raise LabError(f"mmdebstrap failed: {errors[0].strip()} (all of it: {log})")


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """Hold the lock file and hand out its descriptor; a second builder waits here."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file.fileno()
