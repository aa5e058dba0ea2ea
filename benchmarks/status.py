"""`fab cluster.status` against other ways to run its script on every node, and against what no way can beat."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from benchmarks.commands import BenchError, Command, run, tool
from benchmarks.elsewhere import WORKS, working
from benchmarks.labs import logins
from benchmarks.plan import Plan
from benchmarks.report import Findings, Goal, Row, Table, at_least, at_most, ratio
from benchmarks.rivals import Rivals
from benchmarks.sampling import Sample, in_turns
from lab.client import Lab
from lab.errors import LabError

_OURS = "fab cluster.status"
_SEEN = frozenset({0, 4, 5})
"""It was read and judged, whatever the judgement."""
_GOALS_AT = 32
"""Nodes at which the others have to be beaten."""
_MOST_MIB = 120.0
_SAME_SCRIPT = (
    "The same script on every node. The other tools only fetch what it prints; ours also parses and judges it."
)
_ELSEWHERE = (
    f"As above, but each node waits {WORKS:g} s and then prints what the script said before. In the table above all "
    "nodes run the script on this machine's cores, whoever sends it; a genuine node has its own."
)
_SECONDS = 90.0


def measure(lab: Lab, folder: Path, plan: Plan) -> Findings:
    """Measure the status of one lab."""
    size = len(lab.names)
    plan.report(f"cluster.status on {size} nodes")
    script = _script()
    rivals = Rivals(lab, folder, script)
    status, peak = _compared(lab, rivals, plan)
    rows = [*status, _limit(lab, rivals)]
    tables = [Table(f"Status of {size} nodes", rows, base=_OURS, remark=_SAME_SCRIPT), _login(lab, rivals, plan)]
    compared = [(f"{size} nodes", status)]
    if size == max(plan.sizes):
        where = f"{size} nodes with processors of their own"
        plan.report(f"cluster.status on {where}")
        with working(lab, script):
            away, _ = _compared(lab, rivals, plan)
        tables.insert(1, Table(f"Status of {where}", away, base=_OURS, remark=_ELSEWHERE))
        compared.append((where, away))
    plan.report(f"logins on {size} nodes")
    goals = [_one_login(lab)]
    if size == _GOALS_AT:
        goals += [goal for place, samples in compared for goal in _goals(place, samples)]
        goals.append(at_most(f"{size} nodes: the status takes at most {_MOST_MIB:g} MiB", peak, _MOST_MIB, " MiB"))
    return Findings(tuple(tables), tuple(goals))


def _script() -> bytes:
    from pvefleet.facts.cluster import question
    from pvefleet.model.section import Section

    return question(Section.GUESTS, Section.HA, Section.REPLICATION).script.encode()


def _fab(lab: Lab, *words: str) -> Command:
    hosts = {"PVEFLEET_HOSTS": str(lab.hosts_toml)}
    return Command(f"fab {' '.join(words)}", [tool("fab"), *words], variables=hosts, good=_SEEN)


def _compared(lab: Lab, rivals: Rivals, plan: Plan) -> tuple[list[Row], float | None]:
    """Return how the status compares with the others, and the most MiB it held."""
    commands = {_OURS: _fab(lab, "cluster.status", "--json"), **rivals.script()}
    samples = in_turns(commands, rounds=plan.rounds, budget=plan.budget)
    rows = [Row(name, samples[name], command.shown) for name, command in commands.items()]
    return rows, samples[_OURS].peak_mib if samples[_OURS].values else None


def _limit(lab: Lab, rivals: Rivals) -> Row:
    """Return what no way can beat: the slowest of the nodes, asked alone."""
    try:
        slowest = max((_alone(rivals, name) for name in lab.names), key=lambda sample: sample.median)
    except BenchError as error:
        slowest = Sample((), str(error))
    return Row("the limit: one login and the slowest node's script", slowest, rivals.alone("NODE").shown)


def _alone(rivals: Rivals, name: str) -> Sample:
    return Sample((run(rivals.alone(name), seconds=_SECONDS).seconds,))


def _login(lab: Lab, rivals: Rivals, plan: Plan) -> Table:
    name = "fab cluster.exec"
    shown = _fab(lab, "-H", "NODES", "cluster.exec", "--", "true").shown
    ours = _fab(lab, "-H", ",".join(lab.names), "cluster.exec", "--", "true")
    commands = {name: ours, **rivals.login()}
    samples = in_turns(commands, rounds=plan.rounds, budget=plan.budget / 2)
    rows = [Row(one, samples[one], shown if one == name else command.shown) for one, command in commands.items()]
    remark = "What reaching the nodes costs: start, logins, and the smallest command."
    return Table(f"`true` on {len(lab.names)} nodes", rows, base=name, remark=remark)


def _goals(where: str, rows: Sequence[Row]) -> list[Goal]:
    samples = {row.what: row.sample for row in rows}
    ours = samples[_OURS]
    return [
        at_most(f"{where}: at most 1.2 times asyncssh", ratio(ours, samples["asyncssh"]), 1.2),
        at_least(f"{where}: at least 3 times as fast as clush", ratio(samples["clush"], ours), 3),
        at_least(f"{where}: at least 8 times as fast as the ssh loop", ratio(samples["ssh loop"], ours), 8),
        at_least(f"{where}: at least 10 times as fast as ansible", ratio(samples["ansible"], ours), 10),
    ]


def _one_login(lab: Lab) -> Goal:
    """Let the nodes' sshd count what one status asks of them."""
    text = f"{len(lab.names)} nodes, {lab.spec.guests} guests: one login and one command per node, as their sshd counts"
    try:
        with logins(lab) as count:
            run(_fab(lab, "cluster.status", "--json"), seconds=_SECONDS)
            counted = count()
    except (BenchError, LabError) as error:
        return Goal(text, f"not measured: {error}", met=False)
    least, most = min(counted), max(counted)
    value = f"{least[0]} and {least[1]}" if least == most else f"{least} to {most}"
    return Goal(text, value, met=set(counted) == {(1, 1)})
