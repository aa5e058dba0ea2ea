"""The only place that reads clocks, the environment and the terminal. Everything else is handed what it needs."""

from __future__ import annotations

import os
import secrets
import socket
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Environment:
    """What surrounds this process.

    Attributes:
        variables: the environment variables.
        interactive: can a question be asked (standard input and error are terminals)?
    """

    variables: Mapping[str, str]
    interactive: bool

    def clock(self) -> float:
        """Return our time in seconds since the epoch."""
        return time.time()

    def pause(self, seconds: float) -> None:
        """Wait; an interrupt ends it."""
        time.sleep(seconds)

    def timestamp(self) -> str:
        """Return our time as UTC ISO 8601 text with seconds."""
        return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def nonce(self) -> str:
        """Return 128 random bits as hex text."""
        return secrets.token_hex(16)

    def hostname(self) -> str:
        """Return this machine's own name, as ``uname -n`` prints it."""
        return socket.gethostname()

    def executable(self, name: str) -> bool:
        """Is there a program called *name* in one of the places where Proxmox VE installs its own?"""
        return any((Path(folder) / name).exists() for folder in ("/usr/bin", "/usr/sbin"))

    def state_folder(self) -> Path:
        """Return this machine's own folder for what has to outlive a process: ``PVEFLEET_STATE``, else the user's."""
        named = self.variables.get("PVEFLEET_STATE")
        if named:
            return Path(named).expanduser().absolute()
        from platformdirs import user_state_path

        return user_state_path("pvefleet")

    def hosts_toml(self, root: Path) -> Path:
        """Return which hosts.toml holds: ``PVEFLEET_HOSTS``, else the one beside fabfile/.

        Args:
            root: the folder that holds fabfile/.
        """
        named = self.variables.get("PVEFLEET_HOSTS")
        return Path(named).expanduser().absolute() if named else root / "hosts.toml"


def current() -> Environment:
    """Return the environment of this process."""
    return Environment(dict(os.environ), sys.stdin.isatty() and sys.stderr.isatty())
