"""Reports of large clusters, whole commands from start to end, with recordings in the place of the nodes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks import worlds
from benchmarks.commands import Command, tool
from benchmarks.plan import Plan
from benchmarks.report import Findings, Goal, Row, Table, at_most
from benchmarks.rivals import short_folder
from benchmarks.sampling import in_turns

_JUDGED = frozenset({0, 4, 5})
_NODES = 16


@dataclass(frozen=True, slots=True)
class _Report:
    """A report of a large cluster.

    Attributes:
        task: what is run.
        of: how large the cluster is, in words.
        record: writes its recording to a folder.
        limit: seconds it may take.
        holds: a line of its JSON that each item has.
        items: how many items there must be.
    """

    task: str
    of: str
    record: Callable[[Path], None]
    limit: float
    holds: bytes
    items: int


_REPORTS = (
    _Report(
        "replication.status",
        f"1,000 jobs on {_NODES} nodes",
        lambda folder: worlds.replication_jobs(folder, nodes=_NODES, jobs=1000),
        3.0,
        b'"target"',
        1000,
    ),
    _Report(
        "ha.status",
        f"1,000 services on {_NODES} nodes",
        lambda folder: worlds.ha_services(folder, nodes=_NODES, services=1000),
        2.0,
        b'"sid"',
        1000,
    ),
    _Report(
        "snapshot.list",
        f"10,000 snapshots of 5,000 guests on {_NODES} nodes",
        lambda folder: worlds.snapshots(folder, nodes=_NODES, guests=5000, each=2),
        2.0,
        b'"daily',
        10000,
    ),
)


def measure(plan: Plan) -> Findings:
    """Make each recording, and the report from it."""
    rows: list[Row] = []
    goals: list[Goal] = []
    with short_folder() as name:
        for report in _REPORTS:
            plan.report(f"{report.task} of {report.of}")
            folder = Path(name) / report.task
            report.record(folder)
            sample = in_turns({report.task: _command(report, folder)}, rounds=plan.rounds, budget=plan.budget)[
                report.task
            ]
            rows.append(Row(report.of, sample, _command(report, Path("RECORDING")).shown))
            median = sample.median if sample.values else None
            goals.append(at_most(f"{report.task} of {report.of} within {report.limit:g} s", median, report.limit, " s"))
    remark = "From the start of the process to its end; the nodes' answers come from files."
    return Findings((Table("Large clusters", rows, remark=remark),), tuple(goals))


def _command(report: _Report, folder: Path) -> Command:
    words = [report.task, "--json", "--replay", str(folder)]
    shown = f"fab {' '.join(words)}"
    return Command(shown, [tool("fab"), *words], good=_JUDGED, expected=(report.holds, report.items))
