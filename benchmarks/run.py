"""`inv bench`: every measurement in one run on one machine, or one of them by its name."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from importlib.metadata import version

from benchmarks import connection, large, parsing, startup, status
from benchmarks.commands import ROOT, BenchError
from benchmarks.plan import Plan, quick, thorough
from benchmarks.report import Findings, document
from benchmarks.rivals import VENV, install

RESULTS = ROOT / "benchmarks" / "results.md"
MEASURES: Mapping[str, Callable[[Plan], Findings]] = {
    "startup": startup.measure,
    "parsing": parsing.measure,
    "large": large.measure,
    "connection": connection.measure,
    "status": status.measure,
}
_INSTALLED = ("fabric", "invoke", "paramiko", "cryptography")
_RIVALS = ("asyncssh", "ClusterShell", "ansible-core")
_SECONDS = 30


def main(only: str = "", *, brief: bool = False) -> None:
    """Measure, print what was found, and keep it in results.md if it is the whole.

    Args:
        only: the one measure to run; empty: all of them.
        brief: fewer rounds, and no large lab.

    Raises:
        BenchError: there is no such measure, or a measure could not be made; what the others gave has been printed.
    """
    if only and only not in MEASURES:
        raise BenchError(f"there is no measure {only}: {', '.join(MEASURES)}")
    began = time.monotonic()
    wanted = {only: MEASURES[only]} if only else MEASURES
    _compile()
    install()
    plan = (quick if brief else thorough)(lambda line: print(f"[{time.monotonic() - began:4.0f} s] {line}", flush=True))
    found: list[Findings] = []
    problems: list[str] = []
    for name, measure in wanted.items():
        try:
            found.append(measure(plan))
        except (BenchError, subprocess.TimeoutExpired) as error:
            problems.append(f"{name}: {error}")
    flags = " ".join([*(["--only", only] if only else []), *(["--quick"] if brief else [])])
    text = document(_head(f"inv bench {flags}".strip()), found)
    print(text)
    if problems:
        raise BenchError("; ".join(problems))
    if not flags:
        RESULTS.write_text(text, encoding="utf-8")
        print(f"written to {RESULTS.relative_to(ROOT)} after {time.monotonic() - began:.0f} s")


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
