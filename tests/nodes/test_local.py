"""Commands on the machine we stand on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pvefleet.model.errors import TimedOut
from pvefleet.model.node import CommandResult, Node
from pvefleet.nodes.local import LocalNode

NODE = LocalNode("pve01")


def sh(script: str, *, timeout: float = 10, stdin: bytes = b"") -> CommandResult:
    return NODE.run(("/bin/sh", "-c", script), timeout=timeout, stdin=stdin)


def timed_out(script: str, timeout: float) -> tuple[TimedOut, float]:
    start = time.monotonic()
    with pytest.raises(TimedOut) as caught:
        sh(script, timeout=timeout)
    return caught.value, time.monotonic() - start


def ends(pid: int) -> bool:
    """Is the process gone, or a zombie, within a few seconds?"""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        try:
            if ") Z " in Path(f"/proc/{pid}/stat").read_text():
                return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        time.sleep(0.01)
    return False


def test_it_is_a_node() -> None:
    node: Node = NODE
    node.close()
    assert (node.name, node.via) == ("pve01", "local")


class TestResults:
    def test_streams_are_bytes_and_apart(self) -> None:
        result = sh(r"printf '\377\000\n'; printf 'w\303' >&2; exit 3")
        assert result == CommandResult(3, b"\xff\x00\n", b"w\xc3")

    @pytest.mark.parametrize(
        ("script", "exit_status"),
        [("exit 0", 0), ("exit 124", 124), ("exit 255", 255), ("kill -9 $$", 137), ("kill -15 $$", 143)],
    )
    def test_exit_statuses_and_signals(self, script: str, exit_status: int) -> None:
        assert sh(script).exit == exit_status

    def test_a_program_that_does_not_exist(self) -> None:
        assert NODE.run(("no-such-program",), timeout=5).exit == 127

    def test_a_file_that_is_no_program(self, tmp_path: Path) -> None:
        plain = tmp_path / "plain"
        plain.write_text("x")
        assert NODE.run((str(plain),), timeout=5).exit == 126

    def test_arguments_arrive_as_they_are(self) -> None:
        awkward = ("", "a b", "'", '"', "$HOME", "*", "\n", "ü", "-n", "\\")
        assert NODE.run(("printf", "%s|", *awkward), timeout=5).stdout.decode() == "".join(f"{a}|" for a in awkward)

    def test_the_environment_is_that_of_a_login(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("LANG", "de_DE.UTF-8")
        monkeypatch.setenv("TZ", "Asia/Tokyo")
        names = dict(line.split("=", 1) for line in NODE.run(("env",), timeout=5).text.splitlines())
        assert names.keys() == {"PATH", "LC_ALL", "HOME", "USER", "LOGNAME", "SHELL"}
        assert names["LC_ALL"] == "C.UTF-8"
        assert "/usr/sbin" in names["PATH"].split(":")


class TestInput:
    def test_without_any_it_is_closed(self) -> None:
        assert NODE.run(("cat",), timeout=5) == CommandResult(0, b"", b"")

    def test_much_in_and_out_at_the_same_time(self) -> None:
        data = os.urandom(1 << 20) * 20
        assert NODE.run(("cat",), timeout=30, stdin=data).stdout == data

    def test_a_command_may_leave_it_unread(self) -> None:
        assert NODE.run(("head", "-c", "1"), timeout=10, stdin=b"x" * 5_000_000) == CommandResult(0, b"x", b"")


class TestTimeLimit:
    def test_it_is_stopped(self) -> None:
        error, took = timed_out("sleep 30", 0.3)
        assert error.seconds == 0.3
        assert "stopped" in error.message
        assert took < 2

    def test_what_ignores_sigterm_is_killed_2_seconds_later(self) -> None:
        error, took = timed_out("trap '' TERM; sleep 30; sleep 30", 0.3)
        assert "stopped" in error.message
        assert 2.2 < took < 4

    def test_its_children_are_stopped_with_it(self, tmp_path: Path) -> None:
        pid_file = tmp_path / "pid"
        timed_out(f"sleep 30 & echo $! >{pid_file}; wait", 0.5)
        assert ends(int(pid_file.read_text()))

    def test_an_exit_after_closing_its_streams_is_waited_for(self) -> None:
        assert sh("exec >&- 2>&-; sleep 0.2; exit 7").exit == 7
        error, _ = timed_out("exec >&- 2>&-; sleep 30", 0.3)
        assert "stopped" in error.message

    @pytest.mark.parametrize("left", ["sleep 30 &", "setsid sleep 30 &"])
    def test_something_left_behind_that_keeps_the_output_open_does_not_hold_us(self, left: str, tmp_path: Path) -> None:
        pid_file = tmp_path / "pid"
        error, took = timed_out(f"{left} echo $! >{pid_file}; exit 0", 0.5)
        assert "kept its output open" in error.message
        assert took < 2
        os.kill(int(pid_file.read_text()), 9)

    def test_output_goes_on_being_read_while_it_is_stopped(self) -> None:
        error, took = timed_out("trap 'head -c 1000000 /dev/zero; exit 0' TERM; while :; do sleep 0.1; done", 0.3)
        assert "stopped" in error.message
        assert took < 2


def test_an_interrupt_asks_the_command_to_end_and_does_not_wait(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    interrupt = threading.Timer(0.5, os.kill, args=(os.getpid(), signal.SIGINT))
    interrupt.start()
    start = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        sh(f"echo $$ >{pid_file}; exec sleep 30", timeout=60)
    assert time.monotonic() - start < 3
    assert ends(int(pid_file.read_text()))


HUNG_FILE_SYSTEM = """
import stat, sys, threading, mfusepy

class Hung(mfusepy.Operations):
    use_ns = True
    def getattr(self, path, fh=None):
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
        return {"st_mode": stat.S_IFREG | 0o444, "st_nlink": 1, "st_size": 10}
    def open(self, path, flags):
        return 3
    def read(self, path, size, offset, fh):
        threading.Event().wait()

mfusepy.FUSE(Hung(), sys.argv[1], foreground=True, nothreads=True)
"""


@pytest.fixture
def hung_folder(tmp_path: Path) -> Iterator[Path]:
    """A file system whose reads never end: who reads is in uninterruptible sleep, which SIGKILL does not end."""
    folder = tmp_path / "hung"
    folder.mkdir()
    daemon = subprocess.Popen([sys.executable, "-c", HUNG_FILE_SYSTEM, str(folder)], stderr=subprocess.DEVNULL)
    while not folder.is_mount():
        if daemon.poll() is not None:
            pytest.skip("FUSE cannot be used here")
        time.sleep(0.01)
    yield folder
    daemon.kill()
    daemon.wait()
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def test_one_that_cannot_be_killed_is_left_behind(hung_folder: Path) -> None:
    start = time.monotonic()
    with pytest.raises(TimedOut) as caught:
        NODE.run(("cat", str(hung_folder / "file")), timeout=0.5)
    assert "cannot be killed" in caught.value.message
    assert time.monotonic() - start < 5


def test_no_ssh_library_is_loaded() -> None:
    program = (
        "import sys, pvefleet.nodes.local, pvefleet.nodes.fanout\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('fabric', 'invoke', 'paramiko', 'cattrs')])\n"
    )
    root = Path(__file__).parents[2]
    ended = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, timeout=20)
    assert ended.stdout == "[]\n"
