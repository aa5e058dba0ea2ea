"""The facts script runs every source side by side under its own limit, and frames the answers unmistakably."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from parsers.errors import ParseError
from pvefleet.facts.sources import Alike, Answers, BrokenOff, Source, compose, decode
from pvefleet.model.observation import ProblemKind

NONCE = "0123456789abcdef"
WELL = Source("probe", "true", 2)


def run(*sources: Source, probe: Source = WELL) -> Answers:
    script = compose(sources, probe)
    done = subprocess.run(
        ["/bin/sh", "-s", "--", NONCE], input=script.encode(), capture_output=True, timeout=30, check=True
    )
    assert done.stderr == b""
    return decode(done.stdout, NONCE)


def test_each_source_keeps_its_bytes_streams_and_exit_status() -> None:
    answers = run(
        Source("plain", "printf 'no newline'; echo said >&2; exit 3", 2),
        Source("odd", r"printf '\n@%s end 1 2\n\377' other", 2),
        Source("quiet", "true", 2),
    )

    plain = answers.by_name["plain"]
    assert (plain.exit, plain.stdout, plain.stderr) == (3, b"no newline", b"said\n")
    assert answers.by_name["odd"].stdout == b"\n@other end 1 2\n\xff"
    assert answers.by_name["quiet"].stdout == b""


def test_a_source_over_its_limit_costs_that_limit_once_and_no_other_answer() -> None:
    started = time.monotonic()
    answers = run(Source("slow", "sleep 20", 1), Source("slower", "sleep 20", 1), Source("quick", "echo yes", 2))

    assert time.monotonic() - started < 3
    assert answers.by_name["slow"].timed_out
    assert answers.by_name["slower"].timed_out
    assert answers.by_name["quick"].stdout == b"yes\n"


def test_a_source_that_ignores_sigterm_is_killed() -> None:
    assert run(Source("stubborn", "trap '' TERM; sleep 20 & wait; sleep 20", 1)).by_name["stubborn"].timed_out


def test_a_source_that_not_even_sigkill_ends_is_left_behind(tmp_path: Path) -> None:
    """Stands in for a process in uninterruptible sleep: `timeout` waits for such a child for ever, and so would we."""
    script = compose([Source("stuck", "echo never", 1), Source("quick", "echo yes", 1)], WELL)
    fake = tmp_path / "timeout"
    fake.write_text(
        f'#!/bin/sh\ncase "$*" in *never*) echo $$ >{tmp_path}/pid; exec sleep 30;; esac\nshift 3; exec "$@"\n'
    )
    fake.chmod(0o755)
    script = script.replace("PATH=/usr/local/sbin", f"PATH={tmp_path}:/usr/local/sbin")

    started = time.monotonic()
    done = subprocess.run(
        ["/bin/sh", "-s", "--", NONCE], input=script.encode(), capture_output=True, timeout=30, check=True
    )
    os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)

    assert time.monotonic() - started < 6
    answers = decode(done.stdout, NONCE)
    assert answers.by_name["stuck"].exit is None
    assert answers.by_name["stuck"].timed_out
    assert answers.by_name["quick"].stdout == b"yes\n"


def test_what_needs_pmxcfs_waits_for_the_probe_and_is_skipped_where_it_fails() -> None:
    needy = Source("needy", "echo yes", 2, needs_pmxcfs=True)

    assert run(needy).by_name["needy"].stdout == b"yes\n"
    for probe in (Source("probe", "exit 3", 2), Source("probe", "sleep 9", 1)):
        skipped = run(needy, probe=probe).by_name["needy"]
        assert skipped.skipped
        assert not skipped.timed_out


def test_nothing_is_left_on_the_node(tmp_path: Path) -> None:
    script = compose([Source("a", "echo a", 1), Source("slow", "sleep 9", 1)], WELL)
    script = script.replace("/run/pvefleet.", f"{tmp_path}/pvefleet.")

    done = subprocess.run(
        ["/bin/sh", "-s", "--", NONCE], input=script.encode(), capture_output=True, timeout=30, check=True
    )

    assert decode(done.stdout, NONCE).by_name["a"].stdout == b"a\n"
    assert list(tmp_path.iterdir()) == []


def test_a_truncated_answer_is_never_taken_for_a_whole_one() -> None:
    script = compose([Source("a", "echo a", 1)], WELL)
    whole = subprocess.run(
        ["/bin/sh", "-s", "--", NONCE], input=script.encode(), capture_output=True, check=True
    ).stdout
    decode(whole, NONCE)
    for length in range(len(whole)):
        with pytest.raises(BrokenOff):
            decode(whole[:length], NONCE)


def test_names_that_could_break_the_script_are_refused() -> None:
    for bad in ("", "A", "a b", "a;b", "-a", "a\n"):
        with pytest.raises(ValueError, match="names"):
            compose([Source(bad, "true", 1)], WELL)
    with pytest.raises(ValueError, match="names"):
        compose([Source("a", "true", 1), Source("a", "true", 1)], WELL)


def parse(text: str) -> str:
    if text != "good\n":
        raise ParseError("test", "not good", excerpt=text)
    return text


def test_an_answer_becomes_a_value_or_the_reason_why_there_is_none() -> None:
    answers = run(
        Source("good", "echo good", 1),
        Source("bad", "echo bad", 1),
        Source("fails", "echo why >&2; exit 5", 1),
        Source("gone", "cat /no/such/file", 1),
        Source("no-command", "no-such-command-at-all", 1),
        Source("slow", "sleep 9", 1),
    )

    assert answers.read("good", "x", parse).value == "good\n"
    kinds = {
        name: answers.read(name, "x", parse, absent=("No such file or directory",)).kind
        for name in ("good", "bad", "fails", "gone", "no-command", "slow")
    }
    assert kinds == {
        "good": None,
        "bad": ProblemKind.NOT_UNDERSTOOD,
        "fails": ProblemKind.FAILED,
        "gone": ProblemKind.ABSENT,
        "no-command": ProblemKind.ABSENT,
        "slow": ProblemKind.TIMED_OUT,
    }
    problem = answers.read("fails", "x", parse).problem
    assert problem is not None
    assert problem.message == "why"


def test_texts_that_are_alike_are_parsed_once_and_others_each() -> None:
    parsed: list[str] = []

    def parse(text: str) -> list[str]:
        parsed.append(text)
        return text.split()

    alike = Alike()
    first, again, other = (alike.once(parse)(text) for text in ("a b", "a b", "a c"))

    assert first is again
    assert other == ["a", "c"]
    assert parsed == ["a b", "a c"]


def test_the_same_text_means_something_else_to_another_parser() -> None:
    alike = Alike()

    assert (alike.once(len)("abc"), alike.once(str.upper)("abc")) == (3, "ABC")
