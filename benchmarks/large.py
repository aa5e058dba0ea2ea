"""Reports of large clusters, whole commands from start to end, with recordings in the place of the nodes."""

from __future__ import annotations

import sys
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
        what: its name.
        argv: what is run on the recording, whose folder comes last.
        of: how large the cluster is, in words.
        record: writes its recording to a folder.
        limit: seconds it may take; None: nobody has said.
        holds: a line of its JSON that each item has.
        items: how many items there must be.
    """

    what: str
    argv: tuple[str | Path, ...]
    of: str
    record: Callable[[Path], None]
    limit: float | None
    holds: bytes
    items: int


def _report(task: str) -> tuple[str | Path, ...]:
    return (tool("fab"), task, "--json", "--replay")


def _snapshots(folder: Path) -> None:
    worlds.snapshots(folder, nodes=_NODES, guests=5000, each=2)


_REPORTS = (
    _Report(
        "replication.status",
        _report("replication.status"),
        f"1,000 jobs on {_NODES} nodes",
        lambda folder: worlds.replication_jobs(folder, nodes=_NODES, jobs=1000),
        3.0,
        b'"target"',
        1000,
    ),
    _Report(
        "ha.status",
        _report("ha.status"),
        f"1,000 services on {_NODES} nodes",
        lambda folder: worlds.ha_services(folder, nodes=_NODES, services=1000),
        2.0,
        b'"sid"',
        1000,
    ),
    _Report(
        "reading",
        (sys.executable, "-m", "benchmarks.read_recording"),
        f"10,000 snapshots of 5,000 guests on {_NODES} nodes",
        _snapshots,
        2.0,
        b"daily",
        10000,
    ),
    _Report(
        "snapshot.list",
        _report("snapshot.list"),
        f"10,000 snapshots of 5,000 guests on {_NODES} nodes",
        _snapshots,
        None,
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
            plan.report(f"{report.what}: {report.of}")
            folder = Path(name) / report.what
            report.record(folder)
            command = _command(report, folder)
            sample = in_turns({report.what: command}, rounds=plan.rounds, budget=plan.budget)[report.what]
            rows.append(Row(f"{report.what}: {report.of}", sample, command.shown))
            if report.limit is not None:
                median = sample.median if sample.values else None
                text = f"{report.what} of {report.of} within {report.limit:g} s"
                goals.append(at_most(text, median, report.limit, " s"))
    remark = "From the start of the process to its end; the nodes' answers come from files."
    return Findings((Table("Large clusters", rows, remark=remark),), tuple(goals))


def _command(report: _Report, folder: Path) -> Command:
    shown = " ".join([*(str(word).rpartition("/")[2] for word in report.argv), "RECORDING"])
    return Command(shown, [*report.argv, folder], good=_JUDGED, expected=(report.holds, report.items))
