"""What this machine must offer, and how the lab enters its namespaces as root or as an ordinary user."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path

from lab.errors import LabError

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SYSCTL = Path("/proc/sys")
_AS_ROOT = "or run the lab as root"


def is_root() -> bool:
    """Are we root, in no need of a user namespace?"""
    return os.geteuid() == 0


def tool(name: str, package: str) -> str:
    """The path of a program of this machine; the system's folders are searched even if PATH lacks them.

    Raises:
        LabError: it is not installed.
    """
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{SEARCH_PATH}")
    if found is None:
        raise LabError(f"{name} is missing: install it with `apt install {package}`")
    return found


def user_namespace() -> list[str]:
    """Arguments of ``unshare`` that make an ordinary user root of a new user namespace; none for root."""
    return [] if is_root() else ["--user", "--map-auto", "--map-root-user"]


def in_user_namespace(argv: list[str]) -> list[str]:
    """The command, run so that it may own files as any user: as it is for root, in a user namespace otherwise."""
    return argv if is_root() else [tool("unshare", "util-linux"), *user_namespace(), "--", *argv]


def check() -> None:
    """Look for everything that a lab needs apart from its root file system.

    Raises:
        LabError: something is missing or denied; the message says what to do.
    """
    unshare = tool("unshare", "util-linux")
    tool("nsenter", "util-linux")
    if not is_root():
        _check_user_namespace(unshare)
    _check_fuse()


def _check_user_namespace(unshare: str) -> None:
    tool("newuidmap", "uidmap")
    user = pwd.getpwuid(os.geteuid()).pw_name
    for name in ("subuid", "subgid"):
        if not _has_range(Path("/etc") / name, user):
            raise LabError(
                f"{user} has no range in /etc/{name}: "
                f"`sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}`, {_AS_ROOT}"
            )
    trial = [unshare, *user_namespace(), "--net", "--mount", "--pid", "--fork", "--mount-proc", "--", "true"]
    done = subprocess.run(trial, capture_output=True, text=True, timeout=30, check=False)
    if done.returncode == 0:
        return
    for key, denied in (
        ("kernel/apparmor_restrict_unprivileged_userns", "1"),
        ("kernel/unprivileged_userns_clone", "0"),
        ("user/max_user_namespaces", "0"),
    ):
        path = _SYSCTL / key
        if path.exists() and path.read_text().strip() == denied:
            value = {"user/max_user_namespaces": "10000"}.get(key, "0" if denied == "1" else "1")
            raise LabError(
                f"this machine denies ordinary users their namespaces: "
                f"`sudo sysctl -w {key.replace('/', '.')}={value}`, {_AS_ROOT}"
            )
    reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    raise LabError(f"namespaces are denied here ({reason}): {_AS_ROOT}, on a machine rather than in a container")


def _has_range(path: Path, user: str) -> bool:
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return False
    return any(line.split(":")[0] in (user, str(os.geteuid())) for line in lines)


def _check_fuse() -> None:
    device = Path("/dev/fuse")
    if not device.exists():
        raise LabError("/dev/fuse is missing: `sudo modprobe fuse`")
    if not os.access(device, os.R_OK | os.W_OK):
        raise LabError(f"/dev/fuse is not open to you: `sudo chmod 666 {device}`, as Debian has it, {_AS_ROOT}")
