"""What is written down when a lab does not come up."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from lab import diagnosis
from lab.errors import LabError


@dataclass
class Node:
    """As much of a machine as is asked."""

    root: Path
    state: str = "running"
    spec: Any = field(default_factory=lambda: SimpleNamespace(name="pve03"))

    def run(self, argv: list[str], *, timeout: float) -> subprocess.CompletedProcess[bytes]:
        if self.state == "off":
            raise LabError("pve03 is off")
        return subprocess.CompletedProcess(argv, 0, b"ActiveState=failed\n", b"Cannot initialize CMAP service\n")


def written(tmp_path: Path, node: Node) -> str:
    site: Any = SimpleNamespace(machines={"pve03": node})
    file = tmp_path / "diagnosis.txt"
    assert diagnosis.written(site, file) == f"what the nodes say is in {file}"
    return file.read_text()


def test_state_of_the_units_and_the_end_of_their_logs(tmp_path: Path) -> None:
    logs = tmp_path / "root/var/log/pvelab"
    logs.mkdir(parents=True)
    (logs / "corosync.log").write_text(
        "".join(f"{n}.000000 <6> corosync[4]: line {n}\n" for n in range(100, 130)), encoding="utf-8"
    )

    text = written(tmp_path, Node(tmp_path / "root"))

    assert "== pve03: running" in text
    assert "ActiveState=failed" in text
    assert "Cannot initialize CMAP service" in text
    assert "129.000 corosync: line 129" in text
    assert "line 117\n" not in text


def test_a_node_that_is_off_says_that(tmp_path: Path) -> None:
    assert "pve03 is off" in written(tmp_path, Node(tmp_path / "root", state="off"))
