"""Carrying /etc/pve/corosync.conf over to /etc/corosync/corosync.conf, with pmxcfs's rules about versions."""

from __future__ import annotations

import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from lab.pve.layout import COROSYNC_CONF

RELOAD_DELAY_SECONDS = 1.0
_VERSION = re.compile(rb"config_version\s*:\s*(\d+)")


def version(text: bytes) -> int:
    """The config_version; 0 when there is none."""
    match = _VERSION.search(text)
    return int(match[1]) if match else 0


def carry_over(text: bytes, log: Callable[[str, str], None], local: Path = COROSYNC_CONF) -> bool:
    """Write the local file unless it is the same or newer; nothing checks the content.

    Args:
        text: what /etc/pve/corosync.conf holds.
        log: takes a level and a line.
        local: the file corosync reads.

    Returns:
        whether it was written.
    """
    try:
        present: bytes | None = local.read_bytes()
    except FileNotFoundError:
        present = None
    if present == text:
        return False
    new = version(text)
    if not new:
        log("crit", "unable to parse cluster config_version")
        return False
    if present is not None and new < version(present):
        log("crit", "local corosync.conf is newer")
        return False
    local.parent.mkdir(parents=True, exist_ok=True)
    temporary = local.with_name(f"{local.name}.tmp")
    temporary.write_bytes(text)
    temporary.chmod(0o644)
    temporary.rename(local)
    log("notice", f"wrote new corosync config '{COROSYNC_CONF}' (version = {new})")
    return True


def reload(log: Callable[[str, str], None]) -> None:
    """Have every node's corosync read its own file again, a second after the change went out."""
    time.sleep(RELOAD_DELAY_SECONDS)
    argv = ["corosync-cfgtool", "-R"]
    try:
        code = subprocess.run(argv, capture_output=True, timeout=60, check=False).returncode
    except (OSError, subprocess.SubprocessError):
        code = -1
    if code:
        log("crit", f"corosync-cfgtool -R failed with exit code {code}")
