"""A lab of three nodes for the commands that run as an operator runs them: ``fab`` and ``inv`` as processes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.client import Lab
from lab.launch import free_block
from tests.support.labs import shared

ROOT = Path(__file__).resolve().parents[2]
FIRST_BLOCK = 147
SETTLE_SECONDS = 60.0


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    exit: int
    out: str
    err: str
    seconds: float

    @property
    def document(self) -> dict[str, Any]:
        """Standard output as one JSON document."""
        return dict(json.loads(self.out))

    @property
    def findings(self) -> list[tuple[str, str]]:
        """Code and subject of each finding of a JSON report."""
        return [(one["code"], one["subject"]) for one in self.document["findings"]]

    def node(self, name: str) -> dict[str, Any]:
        """One node's row of a JSON report."""
        return dict(next(row for row in self.document["nodes"] if name in (row.get("name"), row.get("node"))))


@dataclass(frozen=True)
class Operator:
    """Somebody at a shell with one inventory.

    Attributes:
        hosts: the hosts.toml in use.
    """

    hosts: Path

    def run(self, *argv: str, stdin: str | None = None, cwd: Path = ROOT, **variables: str) -> Ran:
        """Run ``fab`` or ``inv`` from the tool's environment."""
        tool = Path(sys.executable).with_name(argv[0])
        environment = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR")}
        environment |= {"PVEFLEET_HOSTS": str(self.hosts), **variables}
        began = time.monotonic()
        done = subprocess.run(
            [tool, *argv[1:]],
            cwd=cwd,
            env=environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Ran(done.returncode, done.stdout, done.stderr, time.monotonic() - began)

    def fab(self, *argv: str, **variables: str) -> Ran:
        """Run ``fab``."""
        return self.run("fab", *argv, **variables)

    def status(self) -> Ran:
        """Run ``fab cluster.status --json``."""
        return self.fab("cluster.status", "--json")

    def until(self, *findings: tuple[str, str], seconds: float = SETTLE_SECONDS) -> Ran:
        """Ask for the status until it has exactly these findings (code, subject); return the last answer either way.

        A fault takes its time to be noticed, and is noticed by one node before the other.
        """
        end = time.monotonic() + seconds
        while True:
            ran = self.status()
            if ran.findings == list(findings) or time.monotonic() > end:
                return ran


@pytest.fixture(scope="module")
def lab_cluster(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A cluster of three nodes with six guests, none of them under HA: that would reset a node without quorum."""

    def start() -> Lab:
        return Lab.up(tmp_path_factory.mktemp("lab"), nodes=3, block=free_block(FIRST_BLOCK), ha=False, tied=True)

    return shared("system", start)


@pytest.fixture
def operator(lab_cluster: Lab) -> Operator:
    """An operator whose cluster is well."""
    somebody = Operator(lab_cluster.hosts_toml)
    assert somebody.until().exit == 0
    return somebody


@pytest.fixture
def lab(lab_cluster: Lab) -> Iterator[Lab]:
    """The cluster for a test that breaks it; everything is mended afterwards, whatever the test did."""
    yield lab_cluster
    mend(lab_cluster)


def mend(lab: Lab) -> None:
    """Undo every fault there is: those the lab made, units that a test stopped, leases of runs that it left open."""
    for node in lab.status()["nodes"]:
        if node["state"] == "running":
            for unit in ("pve-cluster", "corosync", "ssh"):
                lab.exec(node["name"], ["systemctl", "start", unit])
    lab.restore()
    # Not before: with pmxcfs hung this would hang as well.
    for name in lab.names:
        lab.exec(name, ["rm", "-rf", "/var/lib/pvefleet", "/etc/pve/priv/lock/pvefleet"])


@pytest.fixture
def inventory(lab_cluster: Lab, tmp_path: Path) -> Path:
    """A copy of the lab's hosts.toml, with its key and known_hosts, for a test that spoils it."""
    folder = tmp_path / "inventory"
    folder.mkdir()
    secrets = (lab_cluster.identity, lab_cluster.state.bmc_password)
    for source in (lab_cluster.hosts_toml, lab_cluster.known_hosts, *secrets):
        shutil.copy2(source, folder / source.name)
    pub = lab_cluster.identity.with_name(lab_cluster.identity.name + ".pub")
    shutil.copy2(pub, folder / pub.name)
    return folder / lab_cluster.hosts_toml.name
