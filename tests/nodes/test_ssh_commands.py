"""Commands over SSH: what comes back, and what is said when nothing does."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable

import pytest

from pvefleet.model.errors import NodeError, OutcomeUnknown, TimedOut, Unreachable, UnreachableReason
from pvefleet.model.node import CommandResult, Node
from pvefleet.nodes.ssh.runner import Feeder
from tests.nodes.conftest import Site
from tests.nodes.ssh_server import Session, run_here


def sh(node: Node, script: str, *, timeout: float = 10, stdin: bytes = b"") -> CommandResult:
    return node.run(("/bin/sh", "-c", script), timeout=timeout, stdin=stdin)


def failure(kind: type[NodeError], node: Node, script: str, *, timeout: float = 10) -> tuple[NodeError, float]:
    start = time.monotonic()
    with pytest.raises(kind) as caught:
        sh(node, script, timeout=timeout)
    return caught.value, time.monotonic() - start


class TestResults:
    def test_streams_are_bytes_and_apart(self, site: Site) -> None:
        node = site.node(site.server())
        assert sh(node, r"printf '\377\000\n'; printf 'w\303' >&2; exit 3") == CommandResult(3, b"\xff\x00\n", b"w\xc3")

    @pytest.mark.parametrize(
        ("script", "exit_status"),
        [
            ("exit 0", 0),
            ("exit 255", 255),
            ("kill -9 $$", 137),
            ("kill -15 $$", 143),
            ("exit 124", 124),
            ("exit 137", 137),
        ],
    )
    def test_exit_statuses_and_signals(self, site: Site, script: str, exit_status: int) -> None:
        assert sh(site.node(site.server()), script) == CommandResult(exit_status, b"", b"")

    def test_a_nested_timeouts_124_is_the_commands_own(self, site: Site) -> None:
        result = sh(site.node(site.server()), "echo before >&2; timeout 0.1 sleep 5")
        assert result == CommandResult(124, b"", b"before\n")

    @pytest.mark.parametrize(("program", "exit_status"), [("no-such-program", 127), ("/etc/passwd", 126)])
    def test_no_such_program_is_a_result(self, site: Site, program: str, exit_status: int) -> None:
        result = site.node(site.server()).run((program,), timeout=5)
        assert result.exit == exit_status
        assert program in result.error_text

    def test_arguments_arrive_as_they_are(self, site: Site) -> None:
        awkward = ("", "a b", "'", '"', "$HOME", "`id`", "*", "\n", "ü", "-n", "\\", ";", "!x", "~")
        result = site.node(site.server()).run(("printf", "%s|", *awkward), timeout=5)
        assert result.stdout.decode() == "".join(f"{word}|" for word in awkward)

    def test_programs_are_run_not_shell_builtins(self, site: Site) -> None:
        node = site.node(site.server())
        assert node.run(("echo", r"a\nb"), timeout=5).stdout == b"a\\nb\n"
        assert node.run(("exit", "3"), timeout=5).exit == 127

    def test_the_language_is_fixed(self, site: Site) -> None:
        assert sh(site.node(site.server()), "echo $LC_ALL").stdout == b"C.UTF-8\n"

    def test_100_megabytes(self, site: Site) -> None:
        result = sh(site.node(site.server()), "head -c 100000000 /dev/zero; head -c 100000 /dev/zero >&2", timeout=60)
        assert (result.exit, len(result.stdout), len(result.stderr)) == (0, 100_000_000, 100_000)

    def test_several_at_once_over_one_connection(self, site: Site) -> None:
        server = site.server()
        node = site.node(server)
        results: list[bytes] = []
        threads = [
            threading.Thread(target=lambda n=number: results.append(sh(node, f"sleep 0.1; echo {n}").stdout))
            for number in range(12)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert sorted(map(int, results)) == list(range(12))
        assert server.logins == 1


class TestInput:
    def test_without_any_it_is_closed(self, site: Site) -> None:
        assert site.node(site.server()).run(("cat",), timeout=5) == CommandResult(0, b"", b"")

    def test_much_in_and_out_at_the_same_time(self, site: Site) -> None:
        data = os.urandom(1 << 20) * 20
        assert site.node(site.server()).run(("cat",), timeout=60, stdin=data).stdout == data

    def test_a_command_may_leave_it_unread(self, site: Site) -> None:
        result = site.node(site.server()).run(("head", "-c", "1"), timeout=20, stdin=b"x" * 5_000_000)
        assert result == CommandResult(0, b"x", b"")


class TestTimeLimit:
    def test_the_node_stops_it(self, site: Site) -> None:
        error, took = failure(TimedOut, site.node(site.server()), "sleep 30", timeout=0.3)
        assert error.message == "sh on pve01 did not end within 0.3 s and was stopped"
        assert took < 2.2

    def test_one_that_cleans_up_when_stopped_has_timed_out_whatever_it_ends_with(self, site: Site) -> None:
        failure(TimedOut, site.node(site.server()), "trap 'exit 124' TERM; while :; do sleep 0.05; done", timeout=0.3)

    def test_what_ignores_sigterm_is_killed_2_seconds_later(self, site: Site) -> None:
        error, took = failure(TimedOut, site.node(site.server()), "trap '' TERM; sleep 30; sleep 30", timeout=0.3)
        assert "was stopped" in error.message
        assert 2.2 < took < 4

    def test_something_left_behind_that_keeps_the_output_open_does_not_hold_us(self, site: Site) -> None:
        error, took = failure(TimedOut, site.node(site.server()), "setsid sleep 3 & exit 0", timeout=0.5)
        assert error.message == "sh on pve01 ended with 0, but something it started kept its output open"
        assert took < 3

    def test_something_left_behind_that_goes_on_printing_does_not_hold_us_for_ever(self, site: Site) -> None:
        script = "setsid sh -c 'for i in $(seq 100); do echo x; sleep 0.1; done' & exit 0"
        error, took = failure(TimedOut, site.node(site.server()), script, timeout=0.5)
        assert "kept its output open" in error.message
        assert took < 6

    def test_one_that_cannot_be_killed_there(self, site: Site) -> None:
        def never_ends(session: Session) -> None:
            session.server.closing.wait(30)

        node = site.node(site.server(command=never_ends))
        error, took = failure(TimedOut, node, "cat /etc/pve/x", timeout=0.2)
        assert "cannot be killed" in error.message
        assert "systemctl restart pve-cluster" in error.hint
        assert 3.2 < took < 5


def test_an_interrupt_does_not_wait_for_the_command(site: Site) -> None:
    node = site.node(site.server())
    sh(node, ":")
    interrupt = threading.Timer(0.3, os.kill, args=(os.getpid(), signal.SIGINT))
    interrupt.start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        sh(node, "sleep 5", timeout=20)
    assert time.monotonic() - start < 2
    assert sh(node, "echo on").stdout == b"on\n"


class TestLostConnections:
    def test_lost_under_a_command(self, site: Site) -> None:
        node = site.node(site.server(command=Session.cut))
        error, took = failure(OutcomeUnknown, node, "touch x")
        assert error.message == "the connection to pve01 was lost while sh ran; whether it took effect is not known"
        assert "look again" in error.hint
        assert took < 2.2

    def test_lost_between_exit_status_and_the_end_of_the_output(self, site: Site) -> None:
        def half_an_answer(session: Session) -> None:
            session.channel.sendall(b"half an ans")
            session.channel.send_exit_status(0)
            session.cut()

        error, _ = failure(OutcomeUnknown, site.node(site.server(command=half_an_answer)), "cat x")
        assert error.message.endswith("sh ended with 0, but its output is incomplete")

    def test_ended_without_an_exit_status(self, site: Site) -> None:
        def killed(session: Session) -> None:
            session.started().channel.shutdown_write()
            session.channel.close()

        failure(OutcomeUnknown, site.node(site.server(command=killed)), "x")

    def test_frozen_under_a_command(self, site: Site) -> None:
        def freeze(session: Session) -> None:
            session.server.behaviour.session = "hang"

        node = site.node(site.server(command=freeze))
        error, took = failure(OutcomeUnknown, node, "touch x", timeout=0.2)
        assert error.message == "pve01 stopped answering while sh ran; whether it took effect is not known"
        assert took < 6

    def test_a_loss_under_a_command_is_told_once_and_the_next_command_connects_anew(self, site: Site) -> None:
        server = site.server(command=Session.cut)
        node = site.node(server)
        failure(OutcomeUnknown, node, "x")
        server.behaviour.command = run_here
        assert sh(node, "echo back").stdout == b"back\n"
        assert server.logins == 2

    def test_a_loss_between_commands_is_told_by_the_next_which_is_not_run(
        self, site: Site, eventually: Callable[[Callable[[], bool]], bool]
    ) -> None:
        server = site.server()
        node = site.node(server)
        sh(node, ":")
        server.drop()
        assert eventually(lambda: node.standing is None)
        error, _ = failure(Unreachable, node, "touch x")
        assert isinstance(error, Unreachable)
        assert error.reason is UnreachableReason.CLOSED
        assert error.message == "the connection to pve01 was lost before sh was run"
        assert server.logins == 1
        assert sh(node, "echo back").stdout == b"back\n"

    def test_after_closing_the_next_command_connects_anew(self, site: Site) -> None:
        server = site.server()
        node = site.node(server)
        sh(node, ":")
        node.close()
        node.close()
        assert sh(node, "echo back").stdout == b"back\n"
        assert server.logins == 2


class TestNoChannel:
    def test_out_of_sessions(self, site: Site) -> None:
        node = site.node(site.server(session="reject"))
        error, _ = failure(Unreachable, node, "x")
        assert isinstance(error, Unreachable)
        assert error.reason is UnreachableReason.NO_SESSION
        assert "opens no command channel" in error.message

    def test_no_commands_allowed(self, site: Site) -> None:
        error, _ = failure(Unreachable, site.node(site.server(command=None)), "x")
        assert isinstance(error, Unreachable)
        assert error.reason is UnreachableReason.NO_SESSION

    def test_frozen_between_commands(self, site: Site) -> None:
        server = site.server()
        node = site.node(server, seconds=1)
        sh(node, ":")
        server.behaviour.session = "hang"
        error, took = failure(Unreachable, node, "touch x", timeout=60)
        assert error.message == "pve01 does not answer any more: sh was not run"
        assert took < 2.2

    def test_what_was_given_up_on_is_not_run_later(self, site: Site) -> None:
        lines: list[str] = []
        server = site.server()
        node = site.node(server)
        sh(node, ":")
        assert node.standing is not None
        server.behaviour.command = lambda session: lines.append(session.line)
        server.behaviour.session = "hang"
        feeder = Feeder(node.standing.transport, "touch x", b"", 10)
        feeder.start()
        assert feeder.call_off() is None
        server.thaw.set()
        feeder.join(10)
        assert not feeder.is_alive()
        assert lines == []
