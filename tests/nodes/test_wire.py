"""The line that is sent, tried on this machine's own shells."""

from __future__ import annotations

import subprocess
import time
from shutil import which

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pvefleet.model.node import CommandResult
from pvefleet.nodes.ssh.wire import request

LOGIN_SHELLS = [shell for shell in ("sh", "bash", "dash", "zsh", "fish", "tcsh") if which(shell)]


def sent(argv: tuple[str, ...], seconds: float = 10, shell: str = "sh", stdin: bytes = b"") -> CommandResult | None:
    """Have a login shell run the line, as sshd does."""
    prepared = request(argv, seconds)
    start = time.monotonic()
    ended = subprocess.run([shell, "-c", prepared.line], input=stdin, capture_output=True, timeout=30)
    return prepared.result(ended.returncode, ended.stdout, ended.stderr, time.monotonic() - start)


@pytest.mark.parametrize("shell", LOGIN_SHELLS)
class TestAnyLoginShell:
    def test_arguments_input_and_exit_status_pass_through(self, shell: str) -> None:
        awkward = ("", "a b", "'", '"', "$HOME", "`id`", "*", "ü", "-n", "\\", ";", "~", "#")
        script = 'cat; printf "%s|" "$@"; echo oops >&2; exit 5'
        result = sent(("/bin/sh", "-c", script, "x", *awkward), shell=shell, stdin=b"in:")
        assert result == CommandResult(5, ("in:" + "".join(f"{a}|" for a in awkward)).encode(), b"oops\n")

    def test_the_commands_own_124_and_the_time_limits_are_told_apart(self, shell: str) -> None:
        assert sent(("/bin/sh", "-c", "exit 124"), shell=shell) == CommandResult(124, b"", b"")
        assert sent(("sleep", "9"), seconds=0.2, shell=shell) is None


@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), max_size=6))
@settings(max_examples=40)
def test_any_arguments_arrive_as_they_are(arguments: list[str]) -> None:
    result = sent(("printf", "%s\\0", *arguments))
    assert result is not None
    assert result.stdout == "".join(f"{argument}\0" for argument in arguments or [""]).encode()


def test_a_command_that_prints_what_timeout_says_is_not_mistaken() -> None:
    result = sent(("/bin/sh", "-c", "echo 'timeout: sending signal TERM' >&2; exit 124"))
    assert result == CommandResult(124, b"", b"timeout: sending signal TERM\n")


def test_an_early_sigkill_from_outside_is_a_result() -> None:
    """The kernel's out-of-memory killer takes the whole group: `timeout` dies with it, long before its time."""
    result = sent(("/bin/sh", "-c", "kill -9 0"))
    assert result is not None
    assert result.exit == 137


def test_its_background_children_are_stopped_with_it() -> None:
    assert sent(("/bin/sh", "-c", "sleep 20 & wait"), seconds=0.2) is None


@pytest.mark.parametrize(("argv", "seconds"), [((), 1.0), (("true",), 0.0), (("true",), -1.0)])
def test_a_command_needs_a_program_and_a_time_limit(argv: tuple[str, ...], seconds: float) -> None:
    with pytest.raises(ValueError, match="needs a program and a time limit"):
        request(argv, seconds)
