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

ROOT = Path(__file__).resolve().parents[2]
BLOCK = 107
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
        return dict(next(row for row in self.document["nodes"] if row["name"] == name))


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

    def until(self, codes: set[str], *, seconds: float = SETTLE_SECONDS) -> Ran:
        """Ask for the status until exactly these findings are there; return the last answer either way."""
        end = time.monotonic() + seconds
        while True:
            ran = self.status()
            if {code for code, _ in ran.findings} == codes or time.monotonic() > end:
                return ran


@pytest.fixture(scope="session")
def lab_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A cluster of three nodes with six guests."""
    lab = Lab.up(tmp_path_factory.mktemp("lab"), nodes=3, block=BLOCK, tied=True)
    try:
        yield lab
    finally:
        lab.down()


@pytest.fixture
def operator(lab_cluster: Lab) -> Operator:
    """An operator whose cluster is well."""
    somebody = Operator(lab_cluster.hosts_toml)
    assert somebody.until(set()).exit == 0
    return somebody


@pytest.fixture
def lab(lab_cluster: Lab) -> Iterator[Lab]:
    """The cluster for a test that breaks it; everything is mended afterwards, whatever the test did."""
    yield lab_cluster
    for name in lab_cluster.names:
        lab_cluster.heal(name)
        lab_cluster.heal(name, outside=True)
        lab_cluster.start(name)
        lab_cluster.thaw(name)
        lab_cluster.unhang(name)
    lab_cluster.join()
    for name in lab_cluster.names:
        for unit in ("pve-cluster", "corosync", "ssh"):
            lab_cluster.exec(name, ["systemctl", "start", unit])


@pytest.fixture
def inventory(lab_cluster: Lab, tmp_path: Path) -> Path:
    """A copy of the lab's hosts.toml, with its key and known_hosts, for a test that spoils it."""
    folder = tmp_path / "inventory"
    folder.mkdir()
    for source in (lab_cluster.hosts_toml, lab_cluster.known_hosts, lab_cluster.identity):
        shutil.copy2(source, folder / source.name)
    pub = lab_cluster.identity.with_name(lab_cluster.identity.name + ".pub")
    shutil.copy2(pub, folder / pub.name)
    return folder / lab_cluster.hosts_toml.name
