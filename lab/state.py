"""The lab's folder on this machine: its files, and the lock that tells whether a lab lives in it."""

from __future__ import annotations

import fcntl
import os
import time
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError
from lab.spec import BMC_PORT, LINKS, OUTSIDE_PORT, LabSpec

CLUSTER_NAME = "lab"
BMC_USER = "fleet"
_CLAIM_TRIES = 20


@dataclass(frozen=True, slots=True)
class StateDir:
    """One folder, ``.lab`` by default; a lab at a time lives in it.

    The lock on ``lab.pid`` is held by the lab's own processes, so it is free as soon as the last of them is gone,
    however they ended.
    """

    path: Path

    @property
    def pid_file(self) -> Path:
        """The pid of the lab's one outer process; locked while the lab lives."""
        return self.path / "lab.pid"

    @property
    def spec_file(self) -> Path:
        """What the lab looks like, as JSON."""
        return self.path / "lab.json"

    @property
    def control(self) -> Path:
        """The socket that takes requests."""
        return self.path / "control.sock"

    @property
    def log(self) -> Path:
        """What the lab's processes print."""
        return self.path / "lab.log"

    @property
    def diagnosis(self) -> Path:
        """What the nodes said of themselves when the lab did not come up."""
        return self.path / "diagnosis.txt"

    @property
    def mount_point(self) -> Path:
        """Empty here; the bubble mounts its memory file system over it, unseen from outside."""
        return self.path / "mnt"

    @property
    def identity(self) -> Path:
        """The private key that every node accepts for root."""
        return self.path / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        """The nodes' host keys, by node name."""
        return self.path / "known_hosts"

    @property
    def bmc_password(self) -> Path:
        """The password of every node's management controller."""
        return self.path / "bmc-password"

    @property
    def bmc_certificate(self) -> Path:
        """The certificate of every node's management controller, which is its own authority."""
        return self.path / "bmc.pem"

    @property
    def hosts_toml(self) -> Path:
        """The inventory of this lab."""
        return self.path / "hosts.toml"

    def claim(self) -> int:
        """Lock the folder for a new lab, and remove what a dead one left.

        Returns:
            the locked descriptor, to be inherited by the lab.

        Raises:
            LabError: a lab lives here.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.pid_file, os.O_RDWR | os.O_CREAT, 0o644)
        for _ in range(_CLAIM_TRIES):
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                # Somebody may only be looking: `alive` holds the lock for an instant.
                time.sleep(0.01)
        else:
            os.close(descriptor)
            raise LabError(f"a lab is running in {self.path}: end it with `inv lab.down`")
        os.ftruncate(descriptor, 0)
        secret = (self.identity, self.bmc_password)
        for left in (self.control, self.hosts_toml, self.known_hosts, self.bmc_certificate, self.spec_file, *secret):
            left.unlink(missing_ok=True)
        self.mount_point.mkdir(exist_ok=True)
        return descriptor

    def alive(self) -> bool:
        """Does a lab live here?"""
        try:
            descriptor = os.open(self.pid_file, os.O_RDONLY)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(descriptor)

    def wait_gone(self, seconds: float) -> bool:
        """Wait until no lab lives here; False if one still does."""
        end = time.monotonic() + seconds
        while self.alive():
            if time.monotonic() > end:
                return False
            time.sleep(0.02)
        return True

    def pid(self) -> int:
        """The pid of the lab's one outer process."""
        return int(self.pid_file.read_text())


def hosts_toml_text(spec: LabSpec, fingerprint: str = "") -> str:
    """The inventory of a lab, in the format of the project's hosts.toml; its paths are relative to itself.

    Args:
        spec: the lab.
        fingerprint: SHA-256 of the certificate that the nodes' BMCs show; without it, they are left out.
    """
    lines = [
        "# Written by `inv lab.up`; the next one writes it anew.",
        'known_hosts = "known_hosts"',
        "",
        f"[clusters.{CLUSTER_NAME}]",
        "default = true",
        'user = "root"',
        'identity = "id_ed25519"',
    ]
    for node in spec.members:
        first, *others = (f'"{node.outside(link)}:{OUTSIDE_PORT}"' for link in LINKS)
        links = ", ".join(f'"{node.address(link)}"' for link in LINKS)
        lines += [
            "",
            f"[clusters.{CLUSTER_NAME}.nodes.{node.name}]",
            f"address = {first}",
            f"alternatives = [{', '.join(others)}]",
            f"links = [{links}]",
        ]
        if fingerprint:
            lines += [
                f"[clusters.{CLUSTER_NAME}.nodes.{node.name}.bmc]",
                'type = "redfish"',
                f'address = "{node.bmc}:{BMC_PORT}"',
                f'user = "{BMC_USER}"',
                'password = { file = "bmc-password" }',
                f'fingerprint = "SHA256:{fingerprint}"',
                'system = "1"',
            ]
    return "\n".join(lines) + "\n"
