"""replication.explain-schedule runs anywhere: without hosts.toml, without nodes, by fab and by inv."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pvefleet.cli.environment import Environment
from pvefleet.cli.schedule import explain, local_zone, named_zone
from pvefleet.model.errors import ExitCode, UsageError

ROOT = Path(__file__).resolve().parents[2]


def run(tool: str, *argv: str) -> subprocess.CompletedProcess[str]:
    environment = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR")}
    return subprocess.run(
        [Path(sys.executable).with_name(tool), *argv],
        cwd=ROOT,
        env=environment | {"PVEFLEET_HOSTS": "/nowhere/hosts.toml", "TZ": "Europe/Berlin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("tool", ["fab", "inv"])
def test_it_needs_neither_hosts_toml_nor_a_node(tool: str) -> None:
    ran = run(tool, "replication.explain-schedule", "--schedule", "mon..fri 22:00", "--count", "3", "--json")

    assert (ran.returncode, ran.stderr) == (0, "")
    document = json.loads(ran.stdout)
    assert document["meaning"] == "at 22:00 on Monday to Friday"
    assert document["zone"] == "Europe/Berlin (this machine's)"
    assert len(document["runs"]) == 3


def test_a_trap_is_a_warning_and_a_refused_text_a_usage_error_with_what_was_meant() -> None:
    odd = run("fab", "replication.explain-schedule", "--schedule", "24:00", "--zone", "UTC")
    wrong = run("fab", "replication.explain-schedule", "--schedule", "*/60")

    assert odd.returncode == 4
    assert "24:00 is read as minute 24" in odd.stdout
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "for every hour write *:00 or hourly" in wrong.stderr


def test_naming_a_node_for_it_is_refused() -> None:
    ran = run("fab", "-H", "pve01", "replication.explain-schedule", "--schedule", "*/15")

    assert ran.returncode == 2
    assert "needs no node" in ran.stderr


HERE = Environment({}, interactive=False)


@pytest.mark.parametrize(
    ("text", "zone", "count", "said"),
    [
        (" ", "", "5", "takes --schedule"),
        ("*/15", "", "0", "a number from 1 to 1000"),
        ("*/15", "", "many", "a number from 1 to 1000"),
        ("*/15", "Mars/Olympus", "5", "unknown time zone"),
        ("*/15", "../etc/passwd", "5", "unknown time zone"),
        ("every day", "", "5", "not a calendar event"),
    ],
)
def test_a_wrong_command_line_is_told(text: str, zone: str, count: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        explain(HERE, text, zone, count)


def test_a_schedule_in_utc_asks_for_no_zone() -> None:
    report = explain(HERE, "22:00 UTC", "Europe/Berlin", "2")

    assert report.zone == "UTC, as the schedule says"
    assert report.clock_changes == ()
    assert report.exit_code is ExitCode.OK


def test_the_zone_is_this_machines_own_where_none_is_named() -> None:
    assert local_zone(Environment({"TZ": ":Asia/Tokyo"}, interactive=False))[0] == "Asia/Tokyo (this machine's)"
    assert local_zone(Environment({"TZ": "no such zone"}, interactive=False))[0]
    assert named_zone("Europe/Berlin")[0] == "Europe/Berlin"
