"""`inv bench`: every measurement in one run on one machine, or one of them by its name."""

from __future__ import annotations

import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks import connection, large, parsing, startup, status
from benchmarks.commands import ROOT, BenchError
from benchmarks.labs import running
from benchmarks.plan import Plan, quick, thorough
from benchmarks.report import Findings, document
from benchmarks.rivals import VENV, install
from lab.client import Lab
from lab.errors import LabError

RESULTS = ROOT / "benchmarks" / "results.md"
HERE: Mapping[str, Callable[[Plan], Findings]] = {
    "startup": startup.measure,
    "parsing": parsing.measure,
    "large": large.measure,
}
IN_LAB: Mapping[str, Callable[[Lab, Path, Plan], Findings]] = {
    "connection": connection.measure,
    "status": status.measure,
}
_SMALLEST_ONLY = frozenset({"connection"})
"""What is about one node: the smallest lab does."""
_INSTALLED = ("fabric", "invoke", "paramiko", "cryptography")
_RIVALS = ("asyncssh", "ClusterShell", "ansible-core")
_SECONDS = 30


def main(only: str = "", *, brief: bool = False) -> None:
    """Measure, print what was found, and keep it in results.md if it is the whole.

    Args:
        only: the one measure to run; empty: all of them.
        brief: fewer rounds, and no large lab.

    Raises:
        BenchError: there is no such measure, or one could not be made; what the others gave has been printed and kept.
    """
    names = (*HERE, *IN_LAB)
    if only and only not in names:
        raise BenchError(f"there is no measure {only}: {', '.join(names)}")
    # Whoever ends us does not mean the lab and the folders to stay.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    began = time.monotonic()
    _compile()
    install()
    plan = (quick if brief else thorough)(lambda line: print(f"[{time.monotonic() - began:4.0f} s] {line}", flush=True))
    run = _Run(plan, frozenset({only} if only else names))
    run.here()
    for size in plan.sizes:
        run.in_lab(size)
    flags = " ".join([*(["--only", only] if only else []), *(["--quick"] if brief else [])])
    text = document(_head(f"inv bench {flags}".strip()), run.found, run.problems)
    print(text)
    if not flags:
        RESULTS.write_text(text, encoding="utf-8")
        print(f"written to {RESULTS.relative_to(ROOT)} after {time.monotonic() - began:.0f} s")
    if run.problems:
        raise BenchError("; ".join(run.problems))


class _Run:
    """Runs what is wanted, and goes on where one thing could not be measured.

    Attributes:
        found: what was measured.
        problems: what could not be, and why.
    """

    def __init__(self, plan: Plan, wanted: frozenset[str]) -> None:
        self._plan = plan
        self._wanted = wanted
        self.found: list[Findings] = []
        self.problems: list[str] = []

    def here(self) -> None:
        """Run what needs no lab."""
        for name, measure in HERE.items():
            if name in self._wanted:
                with self._noting(name):
                    self._keep(measure(self._plan))

    def in_lab(self, size: int) -> None:
        """Run what a lab of *size* nodes is for."""
        smallest = size == min(self._plan.sizes)
        names = [name for name in IN_LAB if name in self._wanted and (smallest or name not in _SMALLEST_ONLY)]
        if not names:
            return
        if not self._plan.budget:
            self.problems.append(f"{size} nodes: there was no time left")
            return
        with self._noting(f"{size} nodes"), running(size, self._plan) as (lab, folder):
            for name in names:
                with self._noting(f"{name} on {size} nodes"):
                    self._keep(IN_LAB[name](lab, folder, self._plan))

    def _keep(self, findings: Findings) -> None:
        self.found.append(findings)
        for goal in findings.goals:
            self._plan.report(f"{'met   ' if goal.met else 'missed'} {goal.text}: {goal.value or 'not measured'}")

    @contextmanager
    def _noting(self, what: str) -> Iterator[None]:
        try:
            yield
        except (BenchError, LabError, TimeoutError, subprocess.TimeoutExpired) as error:
            self._plan.report(f"{what}: {error}")
            self.problems.append(f"{what}: {error}")


def _compile() -> None:
    """Compile what `make setup` compiles: neither fab nor inv write bytecode, and stale bytecode would be measured."""
    packages = [ROOT / name for name in ("fabfile", "parsers", "pvefleet", "lab", "benchmarks", "tasks.py")]
    subprocess.run([sys.executable, "-m", "compileall", "-q", *packages], check=True, timeout=_SECONDS * 4)


def _head(command: str) -> str:
    ours = ", ".join(f"{name} {version(name)}" for name in _INSTALLED)
    ssh = subprocess.run(["ssh", "-V"], capture_output=True, text=True, timeout=_SECONDS, check=False).stderr.strip()
    return (
        "# Measurements\n\n"
        f"`{command}` on {datetime.now(UTC):%Y-%m-%d}, on one machine with {_cores()} cores.\n\n"
        "The nodes of the lab (sshd, corosync, emulated commands) share it with what is measured: what counts are the\n"
        "ratios. Each figure is a median; what is compared was run in turns. `facts.sh` is what `fab cluster.status`\n"
        "sends.\n\n"
        f"Python {platform.python_version()}, {ours}; {ssh.partition(',')[0]}; {_rivals()}.\n"
    )


def _cores() -> int:
    return len(os.sched_getaffinity(0))


def _rivals() -> str:
    listing = ", ".join(f"'{name} ' + version('{name}')" for name in _RIVALS)
    text = f"from importlib.metadata import version; print({listing}, sep=', ')"
    python = VENV / "bin" / "python"
    done = subprocess.run([python, "-c", text], capture_output=True, text=True, timeout=_SECONDS, check=True)
    return done.stdout.strip()
