"""One command: how long it takes as a process of its own, from start to end, and what it says."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_LAUNCHER = ROOT / "benchmarks" / "launcher.py"
_MARGIN = 10.0
_EXCERPT = 300


class BenchError(Exception):
    """A measurement could not be made; the text says why."""


@dataclass(frozen=True, slots=True)
class Command:
    """What is measured.

    Attributes:
        shown: the command line as the results show it.
        argv: what is run.
        stdin: its input.
        variables: set in its environment.
        cwd: where it runs.
        good: exit statuses that mean it did its work.
        expected: bytes that its output must hold so many times for it to have done its work.
    """

    shown: str
    argv: Sequence[str | Path]
    stdin: bytes = b""
    variables: Mapping[str, str] = field(default_factory=dict)
    cwd: Path = ROOT
    good: frozenset[int] = frozenset({0})
    expected: tuple[bytes, int] = (b"", 0)


@dataclass(frozen=True, slots=True)
class Ran:
    """What became of a command.

    Attributes:
        exit: its exit status; negative where a signal ended it.
        seconds: from its start to its end.
        peak_mib: the most memory that it, or a process it waited for, ever held.
        stdout, stderr: what it printed.
    """

    exit: int
    seconds: float
    peak_mib: float
    stdout: bytes
    stderr: bytes


def tool(name: str) -> Path:
    """Return the path of a program of the environment that this one runs in."""
    return Path(sys.executable).with_name(name)


def run(command: Command, *, seconds: float) -> Ran:
    """Run *command*; kill it after *seconds*.

    Raises:
        BenchError: it did not do its work.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, tempfile.TemporaryFile() as source:
        source.write(command.stdin)
        source.seek(0)
        report, its_end = os.pipe()
        launcher: list[str | Path] = [
            sys.executable,
            "-I",
            "-S",
            _LAUNCHER,
            str(its_end),
            str(seconds),
            *map(str, command.argv),
        ]
        environment = {key: value for key, value in os.environ.items() if not key.startswith("PVEFLEET_")}
        try:
            subprocess.run(
                launcher,
                cwd=command.cwd,
                env=environment | {"LC_ALL": "C.UTF-8", **command.variables},
                stdin=source,
                stdout=out,
                stderr=err,
                pass_fds=[its_end],
                timeout=seconds + _MARGIN,
                check=False,
            )
        finally:
            os.close(its_end)
        with os.fdopen(report, "rb") as answer:
            said = answer.read()
        out.seek(0)
        err.seek(0)
        stdout, stderr = out.read(), err.read()
    if not said:
        raise BenchError(f"{command.argv[0]} could not be started: {_last(stderr)}")
    figures = json.loads(said)
    ran = Ran(figures["exit"], figures["seconds"], figures["peak_kib"] / 1024, stdout, stderr)
    if ran.exit not in command.good:
        raise BenchError(f"`{command.shown}` ended with {ran.exit}: {_last(stderr) or _last(stdout)}")
    text, times = command.expected
    if times and stdout.count(text) < times:
        raise BenchError(f"`{command.shown}` brought {stdout.count(text)} of {times} answers: {_last(stderr)}")
    return ran


def _last(output: bytes) -> str:
    lines = output.decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:_EXCERPT] if lines else ""
