"""What an operator sees of replication: every state in words, no line too wide, JSON that fits its schema."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jsonschema
import pytest

from pvefleet.model.facts import ClusterFacts
from pvefleet.model.replication import ScheduleReport
from pvefleet.rules.membership import membership
from pvefleet.rules.replication import (
    replication_list,
    replication_log,
    replication_report,
    replication_summary,
)
from pvefleet.rules.replication_schedule import schedule_report
from pvefleet.rules.schedule_text import parse
from pvefleet.views.present import present
from pvefleet.views.replication import summary_line
from tests.support.replication_world import DAY, HOUR, PREFIX, ReplicationWorld

SCHEMAS = Path(__file__).resolve().parents[2] / "docs" / "schemas"
NOW = int(datetime(2026, 3, 28, 12, tzinfo=UTC).timestamp())


def text(report: Any, monkeypatch: pytest.MonkeyPatch, width: int = 80) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    out = io.StringIO()
    present(report, as_json=False, out=out)
    return out.getvalue()


def varied() -> ReplicationWorld:
    world = ReplicationWorld(4)
    error = f"{PREFIX} 101-0 local-zfs:vm-101-disk-0 --last_sync 0' failed: exit code 255"
    said = "(remote_prepare_local_job) ssh: connect to host 10.77.0.2 port 22: Connection timed out"
    log = f"start replication job\n{said}\nend replication job with error: {error}"
    world.job("100-0", "pve02", rate=50, comment="Daten\x1b[2J")
    world.job("101-0", "pve02", synced=None, tried=60, fails=1, error=error, log=log)
    world.job("102-0", "pve02", synced=3 * HOUR)
    world.job("103-0", "pve04", on="pve02", synced=3 * HOUR, tried=60, fails=1, error="x")
    world.job("104-0", "pve02", on="pve04")
    world.job("105-0", "pve02", disable=True, synced=3 * DAY)
    world.job("106-0", "pve02", remove_job="full")
    world.job("107-0", "pve02", exists=False)
    world.job("108-0", "pve01", schedule="mon..fri 8..17:0/15")
    world.job("109-0", "pve02", synced=None, schedule="mon..fri 22")
    world.kill("pve04")
    return world


REPORTS: list[tuple[str, Callable[[ClusterFacts], Any]]] = [
    ("replication.status", replication_report),
    ("replication.list", replication_list),
    ("replication.log", replication_log),
]


def test_every_state_has_its_word(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = text(replication_report(varied().replication()), monkeypatch)

    lines = {line.split()[0]: line for line in printed.splitlines() if line[:1] == "1" and "-0 " in line}
    for job, said in {
        "100-0": "ok",
        "101-0": "failing          none",
        "102-0": "late",
        "103-0": "target back",
        "104-0": "not seen            ?  ?",
        "105-0": "disabled        3d 0h  -",
        "106-0": "removing",
        "107-0": "no guest",
        "108-0": "cannot run",
        "109-0": "no copy yet",
    }.items():
        assert said in lines[job]
    assert "10 jobs: " in printed
    assert "due 11-18 09:15" in lines["102-0"], "a late run says since when"


def test_the_reason_of_a_failure_is_in_the_table_where_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = text(replication_report(varied().replication()), monkeypatch, 200)

    line = next(line for line in printed.splitlines() if line.startswith("101-0"))
    assert line.endswith("ssh: connect to host 10.77.0.2 port 22: Connection timed out")


@pytest.mark.parametrize("width", [60, 80, 120, 200])
@pytest.mark.parametrize(("command", "build"), REPORTS)
def test_no_line_is_wider_than_the_terminal_and_none_ends_in_blanks(
    monkeypatch: pytest.MonkeyPatch, width: int, command: str, build: Callable[[ClusterFacts], Any]
) -> None:
    lines = text(build(varied().replication()), monkeypatch, width).splitlines()

    assert max(len(line) for line in lines) <= width, command
    assert not [line for line in lines if line != line.rstrip()]
    assert not [line for line in lines if "\x1b" in line], "what an operator wrote moves no cursor"


@pytest.mark.parametrize(("command", "build"), REPORTS)
@pytest.mark.parametrize("dead", [(), ("pve01", "pve02", "pve03")])
def test_documents_fit_their_schema(command: str, build: Callable[[ClusterFacts], Any], dead: tuple[str, ...]) -> None:
    world = varied()
    for name in dead:
        world.kill(name)

    fits(command, build(world.replication()))


def fits(command: str, report: Any) -> dict[str, Any]:
    out = io.StringIO()
    present(report, as_json=True, out=out)
    document: dict[str, Any] = json.loads(out.getvalue())
    schema = json.loads((SCHEMAS / f"{command}.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(document)
    return document


def test_what_was_not_seen_is_null(monkeypatch: pytest.MonkeyPatch) -> None:
    document = fits("replication.status", replication_report(varied().replication()))

    row = next(row for row in document["jobs"] if row["job"] == "104-0")
    unknown = ("running", "last_sync", "lag_seconds", "next_run", "duration_seconds", "fail_count", "target_online")
    assert {key: row[key] for key in unknown} == dict.fromkeys(unknown)
    assert (row["state"], row["next"]) == ("not-seen", "unknown")


def test_replication_in_a_line_for_the_clusters_own_report() -> None:
    def line(world: ReplicationWorld) -> str:
        facts = world.replication()
        return summary_line(replication_summary(facts, membership(facts))).plain

    assert line(ReplicationWorld(3)) == "no jobs"
    world = ReplicationWorld(3)
    world.job("100-0", "pve02")
    assert line(world) == "1 job: 1 ok; oldest copy 5m (100-0)"
    world.job("101-0", "pve02", synced=3 * HOUR)
    assert line(world) == "2 jobs: 1 late, 1 ok; oldest copy 3h 0m (101-0)"
    for name in world.nodes:
        world[name].pmxcfs = "hung"
    assert line(world) == "unknown: replication.cfg was not read"


def test_one_nodes_view_says_that_it_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    world = ReplicationWorld(3)
    world.job("100-0", "pve02")

    printed = text(replication_report(world.replication(here="pve01")), monkeypatch)

    assert "of pve01 alone" in printed
    assert "Nothing wrong in the view of pve01; the other nodes were not seen." in printed


def test_a_cluster_without_jobs_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    facts = ReplicationWorld(3).replication()

    assert text(replication_list(facts), monkeypatch) == "There are no replication jobs.\n"
    assert text(replication_log(facts), monkeypatch) == "There are no replication jobs.\n"
    assert "Nothing wrong was found." in text(replication_report(facts), monkeypatch)


def explained(schedule: str) -> ScheduleReport:
    return schedule_report(
        parse(schedule),
        "Europe/Berlin",
        ZoneInfo("Europe/Berlin"),
        now=NOW,
        count=3,
        taken_at="2026-03-28T12:00:00Z",
    )


def test_a_schedule_is_explained_with_its_next_runs_and_the_days_on_which_clocks_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = text(explained("2:30"), monkeypatch).splitlines()

    assert lines[:3] == ["Schedule  2:30", "Means     at 02:30 every day", "Zone      Europe/Berlin"]
    assert "2026-03-30 02:30:00+02:00  Monday     2026-03-30 00:30:00+00:00  1d 12h" in lines
    assert "2026-03-29 03:00  +1h 0m  03-28 02:30      03-30 02:30  1d 23h    1d 0h" in lines


def test_traps_come_before_the_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    report = explained("mon..fri 22")

    printed = text(report, monkeypatch)

    assert int(report.exit_code) == 4
    assert printed.index("CAREFUL") < printed.index("NEXT RUNS")
    assert "It never comes." in text(explained("2015-10-21"), monkeypatch)


@pytest.mark.parametrize("schedule", ["2:30", "mon..fri 22", "2015-10-21", "*/15 UTC"])
@pytest.mark.parametrize("width", [60, 80, 200])
def test_an_explanation_fits_its_terminal_and_its_schema(
    monkeypatch: pytest.MonkeyPatch, schedule: str, width: int
) -> None:
    lines = text(explained(schedule), monkeypatch, width).splitlines()

    assert max(len(line) for line in lines) <= width
    fits("replication.explain-schedule", explained(schedule))


@pytest.mark.usefixtures("own_heap")
def test_a_thousand_jobs_are_shown_well_under_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    world = ReplicationWorld(4)
    for n in range(1000):
        world.job(f"{1000 + n}-0", "pve02")
    report = replication_report(world.replication())

    began = time.process_time()
    printed = text(report, monkeypatch)

    assert printed.count("*/15") == 1000
    assert time.process_time() - began < 1.0
