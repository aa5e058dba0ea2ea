"""The parts of the lab's HA by themselves: watchdog-mux, locks, section files, tables, waits."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lab.pve.ha import section, versions
from lab.pve.ha.locks import Lock
from lab.pve.ha.section import Section
from lab.pve.ha.table import table
from lab.pve.ha.timing import Timing
from lab.pve.ha.watchdog import ALIVE, CLOSE, Client, Mux
from parsers import ha_rules_cfg


class TestWatchdogMux:
    @pytest.fixture
    def journal(self) -> list[str]:
        return []

    @pytest.fixture
    def mux(self, journal: list[str]) -> Mux:
        mux = Mux(Timing(), journal.append, names_pids=True)
        mux.clients[7] = Client(pid=64, heard=0.0)
        return mux

    def test_a_client_that_reports_in_time_keeps_the_machine_running(self, mux: Mux) -> None:
        assert mux.heard(7, ALIVE, 59.0)
        assert mux.check(110.0)

    def test_its_expiry_is_announced_and_then_there_is_no_way_back(self, mux: Mux, journal: list[str]) -> None:
        assert mux.check(51.0)
        assert not mux.check(61.0)
        mux.heard(7, ALIVE, 62.0)
        assert not mux.check(63.0)
        assert journal == [
            "client (PID 64) watchdog is about to expire",
            "client (PID 64) watchdog expired - disable watchdog updates",
        ]

    def test_a_client_that_says_so_may_leave(self, mux: Mux, journal: list[str]) -> None:
        mux.heard(7, CLOSE, 1.0)
        assert not mux.heard(7, b"", 1.0)
        assert (mux.active, mux.check(100.0), journal) == (False, True, [])

    def test_one_that_just_goes_takes_the_machine_with_it(self, mux: Mux, journal: list[str]) -> None:
        mux.heard(7, b"", 1.0)
        assert not mux.check(1.0)
        assert journal == ["client (PID 64) did not stop watchdog - disable watchdog updates"]

    def test_before_proxmox_ve_9_it_names_no_process(self, journal: list[str]) -> None:
        mux = Mux(Timing(), journal.append, names_pids=False)
        mux.clients[7] = Client(pid=64, heard=0.0)
        assert not mux.check(61.0)
        assert journal == ["client watchdog expired - disable watchdog updates"]


class TestLock:
    @pytest.fixture
    def journal(self) -> list[str]:
        return []

    @pytest.fixture
    def lock(self, tmp_path: Path, journal: list[str]) -> Lock:
        return Lock(tmp_path / "ha_agent_pve1_lock", 120.0, journal.append)

    def test_it_is_taken_renewed_and_given_back(self, lock: Lock, tmp_path: Path, journal: list[str]) -> None:
        assert lock.hold()
        os.utime(tmp_path / "ha_agent_pve1_lock", (1.0, 1.0))
        assert lock.hold()
        assert (tmp_path / "ha_agent_pve1_lock").stat().st_mtime > 1.0
        lock.release()
        assert list(tmp_path.iterdir()) == []
        assert journal == ["successfully acquired lock 'ha_agent_pve1_lock'"]

    def test_somebody_elses_is_asked_for(self, lock: Lock, tmp_path: Path) -> None:
        (tmp_path / "ha_agent_pve1_lock").mkdir()
        assert not lock.hold()
        assert (tmp_path / "ha_agent_pve1_lock").stat().st_mtime == 0.0

    def test_its_loss_is_told(self, lock: Lock, tmp_path: Path, journal: list[str]) -> None:
        lock.hold()
        (tmp_path / "ha_agent_pve1_lock").rmdir()
        tmp_path.rmdir()
        assert not lock.hold()
        assert journal[-1].startswith("lost lock 'ha_agent_pve1_lock - ")


def test_sections_are_written_as_they_were_read() -> None:
    text = "vm: 100\n\tcomment tiny guest\n\tmax_relocate 2\n\tstate started\n\nct: 101\n\n"
    assert section.text(section.parse(text)) == text


def test_a_comment_of_a_rule_survives_the_file() -> None:
    comment = "größer: 100 %\nzwei Zeilen"
    options = {"resources": "vm:100", "nodes": "pve1", "comment": section.encoded(comment), "disable": "1"}
    text = section.text({"r1": Section("node-affinity", "r1", options)}, flags=("disable",))
    (rule,) = ha_rules_cfg.read(text)
    assert (rule.comment, rule.disabled) == (comment, True)


def test_a_table_is_drawn_in_ascii_where_there_is_no_utf8() -> None:
    drawn = table([{"rule": "a"}, {"rule": "bcdef"}], ["rule"], utf8=False)
    assert drawn.splitlines() == [
        "+-------+",
        "| rule  |",
        "+=======+",
        "| a     |",
        "+-------+",
        "| bcdef |",
        "+-------+",
    ]


@pytest.mark.parametrize(
    ("release", "rules", "disarm"), [("8", False, False), ("9.0", True, False), ("9.2", True, True)]
)
def test_what_a_release_can_do(release: str, rules: bool, disarm: bool) -> None:
    version = versions.of(release)
    assert (version >= versions.RULES, version >= versions.DISARM) == (rules, disarm)


def test_every_wait_but_the_age_of_a_report_is_scaled() -> None:
    genuine, lab = Timing(), Timing(0.25)
    assert lab.lock == genuine.lock / 4
    assert lab.watchdog == genuine.watchdog / 4
    assert lab.old == genuine.old
