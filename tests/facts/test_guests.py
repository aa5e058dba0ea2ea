"""What a node says of the guests that run there: the fragments run for real, over folders made up for it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pvefleet.facts import guests
from pvefleet.facts.sources import Answer, Answers
from pvefleet.model.facts import GuestProcesses, LocalGuest, LocalGuests
from pvefleet.model.observation import ProblemKind

SOCKETS = """\
Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 21453 @/var/lib/lxc/101/command
0000000000000000: 00000003 00000000 00000000 0001 03 21454 @/var/lib/lxc/101/command
0000000000000000: 00000002 00000000 00010000 0001 01 21455 /run/dbus/system_bus_socket
0000000000000000: 00000002 00000000 00010000 0001 01 21456 @/var/lib/lxc/template-7/command
"""


class Node:
    """Folders that stand for those of a node."""

    def __init__(self, folder: Path) -> None:
        self.pids, self.sockets, self.local = folder / "qemu-server", folder / "unix", folder / "local"
        self.pids.mkdir()
        for name in ("qemu-server", "lxc"):
            (self.local / name).mkdir(parents=True)
        self.sockets.write_text(SOCKETS.splitlines(keepends=True)[0])

    def answers(self) -> Answers:
        found = {}
        for source in guests.SOURCES:
            shell = source.shell.replace("/run/qemu-server", str(self.pids)).replace(
                "/proc/net/unix", str(self.sockets)
            )
            shell = shell.replace("/etc/pve/local", str(self.local))
            done = subprocess.run(["/bin/sh", "-c", shell], capture_output=True, check=False, timeout=20)
            text = done.stdout.replace(str(self.pids).encode(), b"/run/qemu-server")
            found[source.name] = Answer(done.returncode, text, done.stderr)
        return Answers(found, 0.0, 0.0)

    def running(self) -> GuestProcesses:
        value = guests.processes(self.answers()).value
        assert value is not None
        return value

    def own(self) -> LocalGuests:
        value = guests.guests_here(self.answers()).value
        assert value is not None
        return value


@pytest.fixture
def node(tmp_path: Path) -> Node:
    return Node(tmp_path)


@pytest.fixture
def process() -> Iterator[Callable[..., int]]:
    """Starts processes with the words given behind their name; returns the pid."""
    started = []

    def start(*words: str) -> int:
        one = subprocess.Popen([sys.executable, "-c", "input()", *words], stdin=subprocess.PIPE)
        started.append(one)
        return one.pid

    yield start
    for one in started:
        one.communicate(b"\n", timeout=20)


def test_a_virtual_machine_runs_where_its_pid_files_process_bears_its_number(
    node: Node, process: Callable[..., int]
) -> None:
    (node.pids / "100.pid").write_text(f"{process('-id', '100', '-name', 'web,debug-threads=on')}\n")
    (node.pids / "102.pid").write_text(f"{process('-name', 'db', '-id', '102')}\n")

    assert node.running() == GuestProcesses(frozenset({100, 102}), frozenset())


def test_a_pid_file_left_behind_is_no_guest_that_runs(node: Node, process: Callable[..., int]) -> None:
    (node.pids / "100.pid").write_text(f"{process('-id', '200')}\n")
    (node.pids / "101.pid").write_text(f"{process('100')}\n")
    (node.pids / "103.pid").write_text("4194304\n")
    (node.pids / "104.pid").write_text("")

    assert node.running().vms == frozenset()


def test_a_container_runs_where_its_command_socket_is(node: Node) -> None:
    node.sockets.write_text(SOCKETS)

    assert node.running().containers == frozenset({101})


def test_a_node_without_guests(node: Node) -> None:
    assert node.running() == GuestProcesses(frozenset(), frozenset())
    assert node.own() == LocalGuests((), ())


def test_names_are_those_outside_of_snapshots(node: Node, process: Callable[..., int]) -> None:
    folder = node.local / "qemu-server"
    (folder / "100.conf").write_text("#name: not this\nmemory: 64\nname: web\n\n[old]\nname: before\n")
    (folder / "102.conf").write_text("memory: 64\n[old]\nname: before\n")
    (folder / "103.conf").write_text("")
    (folder / "103.conf.tmp.77").write_text("name: half\n")
    (node.local / "lxc/105.conf").write_text("hostname: mail\nname: nothing\n")
    (node.pids / "100.pid").write_text(f"{process('-id', '100')}\n")

    assert node.own() == LocalGuests(
        (LocalGuest(100, "web", "running"), LocalGuest(102, "", "stopped"), LocalGuest(103, "", "stopped")),
        (LocalGuest(105, "mail", "stopped"),),
    )


def test_a_cluster_file_system_that_is_not_there_is_no_node_without_guests(node: Node) -> None:
    node.local = node.local.with_name("gone")

    assert guests.guests_here(node.answers()).kind is ProblemKind.FAILED
    assert guests.processes(node.answers()).value is not None


@pytest.mark.parametrize("text", ["garbage\n", "/run/qemu-server/x.pid:1\n", "./qemu-server/100.conf\n"])
def test_other_text_is_not_understood(text: str) -> None:
    answers = Answers({"guest-processes": Answer(0, text.encode(), b"")}, 0.0, 0.0)

    assert guests.processes(answers).kind is ProblemKind.NOT_UNDERSTOOD
