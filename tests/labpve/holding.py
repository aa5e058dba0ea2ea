"""Captures of genuine commands, and commands on the nodes of a lab to hold against them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

from lab.client import Lab

CAPTURES = Path(__file__).parent / "fixtures"


@dataclass(frozen=True, slots=True)
class Capture:
    """What a genuine command printed, and how it ended."""

    command: str
    out: str
    err: str
    code: int

    @classmethod
    def read(cls, case: str) -> Capture:
        parts = [(CAPTURES / f"{case}.{kind}").read_text() for kind in ("cmd", "out", "err", "rc")]
        return cls(parts[0].strip(), parts[1], parts[2], int(parts[3]))


@dataclass(frozen=True, slots=True)
class Shell:
    """Commands on the nodes of a lab."""

    lab: Lab

    def run(self, node: str, script: str, *, timeout: float = 60.0) -> tuple[int, str, str]:
        code, out, err = self.lab.exec(node, ["bash", "-c", script], timeout=timeout)
        return code, out.decode(), err.decode()

    def out(self, node: str, script: str) -> str:
        """Its output; it must succeed."""
        code, out, err = self.run(node, script)
        assert code == 0, f"{script}: exit {code}: {err}"
        return out

    def ok(self, node: str, script: str) -> bool:
        return self.run(node, script)[0] == 0

    def until(self, node: str, script: str, *, seconds: float = 30.0) -> str:
        """Its output once it succeeds."""
        end = time.monotonic() + seconds
        while True:
            code, out, err = self.run(node, script)
            if code == 0:
                return out
            assert time.monotonic() < end, f"{script} never succeeded on {node}: {err}"
            time.sleep(0.1)
