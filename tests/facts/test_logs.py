"""cluster.logs: messages of several nodes in the order in which they happened, whatever their clocks say."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from pvefleet.cli.environment import Environment
from pvefleet.cli.fleet import Fleet
from pvefleet.cli.logs import follow, look, query
from pvefleet.facts.logs import Query
from pvefleet.model.errors import ExitCode, Unreachable, UnreachableReason, UsageError
from pvefleet.model.inventory import Endpoint, NodeEntry, Policy
from pvefleet.model.node import CommandResult

NOW = 1_795_000_000.0


@dataclass
class Journal:
    """A node with a journal, and a clock that is off by *off* seconds."""

    name: str
    off: float = 0.0
    messages: list[tuple[float, str]] = field(default_factory=list)
    result: CommandResult | None = None
    dead: bool = False
    via: str = ""
    asked: list[tuple[str, ...]] = field(default_factory=list)

    def run(self, argv: tuple[str, ...], *, timeout: float, stdin: bytes = b"") -> CommandResult:
        self.asked.append(argv)
        if self.dead:
            raise Unreachable(self.name, f"{self.name}: no answer", reason=UnreachableReason.TIMEOUT)
        if self.result is not None:
            return self.result
        since = argv[argv.index("--since") + 1]
        least = float(since[1:]) if since.startswith("@") else 0.0
        rows = [
            json.dumps({"__REALTIME_TIMESTAMP": str(round((at + self.off) * 1e6)), "MESSAGE": text, "_PID": "1"})
            for at, text in self.messages
            if at + self.off >= least
        ]
        wanted = int(argv[argv.index("-n") + 1])
        return CommandResult(0, (f"{NOW + self.off:.6f}\n" + "\n".join(rows[-wanted:]) + "\n").encode(), b"")

    def close(self) -> None:
        """Nothing is open."""


class Clock(Environment):
    """Time stands still, and a pause is an interrupt once the test has seen enough."""

    def clock(self) -> float:
        return NOW

    def pause(self, seconds: float) -> None:
        """Do not wait."""


def fleet(*nodes: Journal) -> Fleet:
    entries = tuple(NodeEntry(node.name, node.name, "lab", Endpoint("192.0.2.1", 22)) for node in nodes)
    return Fleet(Clock({}, False), "lab", entries, entries, nodes, Policy())


def asked(lines: int = 100, grep: str = "") -> Query:
    return query(unit="", since="1h", grep=grep, lines=str(lines))


def test_messages_are_merged_by_corrected_time() -> None:
    one = Journal("pve01", 0.0, [(NOW - 30, "first"), (NOW - 10, "third")])
    two = Journal("pve02", 300.0, [(NOW - 20, "second"), (NOW - 5, "fourth")])

    report = look(fleet(one, two), asked())

    assert [(line.node, line.message) for line in report.lines] == [
        ("pve01", "first"),
        ("pve02", "second"),
        ("pve01", "third"),
        ("pve02", "fourth"),
    ]
    assert report.nodes[1].clock_offset_seconds == pytest.approx(300, abs=0.1)
    assert report.exit_code is ExitCode.OK


def test_the_newest_are_kept_and_the_cut_is_said() -> None:
    node = Journal("pve01", 0.0, [(NOW - 100 + at, f"m{at}") for at in range(50)])

    report = look(fleet(node), asked(lines=3))

    assert [line.message for line in report.lines] == ["m47", "m48", "m49"]
    assert report.nodes[0].cut
    assert not look(fleet(node), asked(lines=50)).nodes[0].cut


def test_a_node_that_is_not_read_is_named_and_costs_no_other() -> None:
    report = look(fleet(Journal("pve01", messages=[(NOW, "here")]), Journal("pve02", dead=True)), asked())

    assert [line.message for line in report.lines] == ["here"]
    assert report.nodes[1].error == "pve02: no answer"
    assert report.exit_code is ExitCode.WARNING
    assert look(fleet(Journal("pve02", dead=True)), asked()).exit_code is ExitCode.NO_NODE_READ


def test_nothing_that_matches_is_no_error_but_a_complaint_is() -> None:
    nothing = Journal("pve01", result=CommandResult(1, f"{NOW}\n".encode(), b""))
    assert look(fleet(nothing), asked(grep="x")).exit_code is ExitCode.OK

    broken = Journal("pve01", result=CommandResult(1, f"{NOW}\n".encode(), b"Failed to open journal"))
    assert "Failed to open journal" in look(fleet(broken), asked()).nodes[0].error

    garbage = Journal("pve01", result=CommandResult(0, f"{NOW}\nnot json\n".encode(), b""))
    assert look(fleet(garbage), asked()).nodes[0].error


def test_following_shows_each_message_once_also_two_of_the_same_moment() -> None:
    node = Journal("pve01", 0.0, [(NOW - 2, "a"), (NOW - 1, "b")])
    rounds = follow(fleet(node), asked())

    assert [line.message for line in next(rounds).lines] == ["a", "b"]
    node.messages.append((NOW - 1, "c"))
    assert [line.message for line in next(rounds).lines] == ["c"]
    node.messages.append((NOW, "d"))
    assert [line.message for line in next(rounds).lines] == ["d"]
    assert [line.message for line in next(rounds).lines] == []


@pytest.mark.parametrize(
    "since", ["2h", "90s", "15min", "1d", "@1795000000", "today", "2026-11-24", "2026-11-24 22:00"]
)
def test_moments_and_ages(since: str) -> None:
    assert query(unit="", since=since, grep="", lines="5").since


@pytest.mark.parametrize(
    "options",
    [{"since": "soon"}, {"since": "-1h; rm"}, {"lines": "0"}, {"lines": "many"}, {"unit": "-x"}, {"unit": "a b"}],
)
def test_options_that_mean_nothing_are_refused(options: dict[str, str]) -> None:
    with pytest.raises(UsageError):
        query(**({"unit": "", "since": "1h", "grep": "", "lines": "5"} | options))


def test_a_pattern_that_looks_like_an_option_stays_a_pattern() -> None:
    node = Journal("pve01", messages=[(NOW, "x")])
    look(fleet(node), asked(grep="--flush"))

    argv = node.asked[0]
    assert argv[argv.index("-g") + 1] == "--flush"


def test_a_recording_gives_the_same_messages_again(tmp_path: Path) -> None:
    nodes = (
        Journal("pve01", messages=[(NOW - 5, "first"), (NOW - 3, "third")]),
        Journal("pve02", off=90.0, messages=[(NOW - 4, "second")]),
        Journal("pve03", dead=True),
        Journal("pve04", result=CommandResult(1, b"1795000000.0\n", b"Failed to open the journal\n")),
        Journal("pve05", result=CommandResult(0, b"1795000000.0\nno JSON\n", b"")),
    )

    report = look(replace(fleet(*nodes), record=tmp_path / "rec"), asked())
    again = look(replace(fleet(), replay=tmp_path / "rec"), asked())

    assert again == report
    assert [line.message for line in again.lines] == ["first", "second", "third"]
    assert [bool(source.error) for source in again.nodes] == [False, False, True, True, True]


def test_a_recording_answers_its_own_question_only(tmp_path: Path) -> None:
    look(replace(fleet(Journal("pve01")), record=tmp_path / "rec"), asked())

    with pytest.raises(UsageError, match="made with other options"):
        look(replace(fleet(), replay=tmp_path / "rec"), asked(grep="quorum"))


def test_what_is_no_recording_of_journals_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        look(replace(fleet(), replay=tmp_path), asked())
    (tmp_path / "logs.json").write_text('{"format": 1, "asked": {}, "nodes": []}')
    with pytest.raises(UsageError, match="broken"):
        look(replace(fleet(), replay=tmp_path), asked())


def test_following_is_neither_recorded_nor_replayed(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--follow"):
        next(follow(replace(fleet(Journal("pve01")), record=tmp_path / "rec"), asked()))
