"""How fast guests' configuration files are parsed."""

from __future__ import annotations

import time

from benchmarks import worlds
from benchmarks.plan import Plan
from benchmarks.report import Findings, Row, Table, at_least
from benchmarks.sampling import Sample
from parsers import guest_conf

_FILES = 1000
_SNAPSHOTS = (0, 2, 20)
_LEAST = 10.0
_MEGA = 1e6


def measure(plan: Plan) -> Findings:
    """Parse many generated files, each another text."""
    plan.report("parsers")
    rows = []
    for snapshots in _SNAPSHOTS:
        texts = [worlds.config(vmid, snapshots) for vmid in range(1001, 1001 + _FILES // (1 + snapshots))]
        megabytes = sum(map(len, texts)) / _MEGA
        rates = tuple(megabytes / _seconds(texts) for _ in range(plan.rounds))
        shown = f"parsers.guest_conf.read on {len(texts)} files, {megabytes:.2g} MB"
        rows.append(Row(f"guest configurations with {snapshots} snapshots", Sample(rates), shown))
    slowest = min(row.sample.median for row in rows)
    goal = at_least("guest configurations are parsed at 10 MB/s or more", slowest, _LEAST, " MB/s")
    return Findings((Table("Parsers", rows, unit="MB/s"),), (goal,))


def _seconds(texts: list[str]) -> float:
    began = time.perf_counter()
    for text in texts:
        guest_conf.read(text)
    return time.perf_counter() - began
