"""One command over a connection that is open already, and how fast a long output comes."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.commands import Command, run
from benchmarks.plan import Plan
from benchmarks.report import Findings, Row, Table, at_most, ratio
from benchmarks.rivals import Rivals
from benchmarks.sampling import Sample
from lab.client import Lab

_MASTER = "ssh through its master"
_OURS = "a command of ours"
_TRIPS_PER_ROUND = 20
_SECONDS = 120.0


def measure(lab: Lab, folder: Path, plan: Plan) -> Findings:
    """Measure round trips against those of OpenSSH's master connection, and 100 MB of output."""
    plan.report("commands on an open connection")
    rivals = Rivals(lab, folder, b"true\n")
    order = {
        "hosts": str(lab.hosts_toml),
        "node": lab.names[0],
        "master": rivals.master(),
        "through": rivals.through_master(),
        "end": rivals.through_master("-O", "exit"),
        "trips": _TRIPS_PER_ROUND * plan.rounds,
        "outputs": plan.rounds,
    }
    argv = [sys.executable, "-m", "benchmarks.with_open_connection", json.dumps(order)]
    found = json.loads(run(Command("benchmarks.with_open_connection", argv), seconds=_SECONDS).stdout)
    ours, wrapped, master = (Sample(tuple(found[key])) for key in ("ours", "wrapped", "master"))
    ours_output, master_output = Sample(tuple(found["our_output"])), Sample(tuple(found["master_output"]))
    trips = (
        Row(_MASTER, master, "ssh -S MASTER NODE true"),
        Row(_OURS, ours, "node.run(('true',), timeout=10)"),
        Row("ssh through its master, with our line", wrapped, "ssh -S MASTER NODE LINE"),
    )
    outputs = (
        Row(_OURS, ours_output, "node.run(('head', '-c', '100000000', '/dev/zero'), timeout=60)"),
        Row(_MASTER, master_output, "ssh -S MASTER NODE head -c 100000000 /dev/zero"),
    )
    remark = (
        "Our line keeps the time limit and the language on the node: `timeout`, `env` and two shells more than `true`."
    )
    goals = (
        at_most("an open connection: at most 3 times the round trip of OpenSSH's master", ratio(ours, master), 3),
        at_most("100 MB of output within 1 s", ours_output.median, 1.0, " s"),
    )
    return Findings(
        (
            Table("Round trip of one command", trips, base=_MASTER, remark=remark),
            Table("100 MB of output", outputs),
        ),
        goals,
    )
