"""One emulated machine, seen from the bubble: its disk, its power, its processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path

from lab import host, mounts, processes
from lab.errors import LabError, TimedOut
from lab.node import ENVIRONMENT
from lab.spec import NodeSpec
from lab.switch import Switch

DISK_SIZE = "1g"
REBOOT_STATUS = 133
"""What a node's PID 1 ends with when the node is to start again: see lab.pve.layout."""
_WATCHDOG = "run/pvelab/watchdog0"
_STOPPED = "TtDZX"
_STOP_ROUNDS = 500


class Machine:
    """A node of the lab. Its disk lives as long as the bubble, everything else from start to kill.

    Attributes:
        spec: its name, id and addresses.
        boots: how often it was started.
    """

    def __init__(self, spec: NodeSpec, *, last_id: int, switch: Switch) -> None:
        self.spec = spec
        self.boots = 0
        self._last_id = last_id
        self._switch = switch
        self._shell: subprocess.Popen[bytes] | None = None
        self._init: int | None = None
        self._frozen = False
        self._hung: set[int] = set()
        self._resetting = False
        self._changing = threading.RLock()

    @property
    def root(self) -> Path:
        """Its file system, mounted in the bubble whether it runs or not; /etc/pve, /run and the like are not in it."""
        return Path(self.spec.name, "root")

    @property
    def state(self) -> str:
        """``running``, ``frozen`` or ``off``."""
        if self._shell is None or self._shell.poll() is not None:
            return "off"
        return "frozen" if self._frozen else "running"

    @property
    def init(self) -> int:
        """The pid of its init, in the bubble's numbers.

        Raises:
            LabError: it is off.
        """
        if self.state == "off" or self._init is None:
            raise LabError(f"{self.spec.name} is off: start it with `inv lab.start {self.spec.name}`")
        return self._init

    @property
    def pid(self) -> int | None:
        """The pid of its init, in the bubble's numbers, or None while it is off."""
        return None if self.state == "off" else self._init

    @property
    def hung(self) -> bool:
        """Is its cluster file system stopped by ``hang``?"""
        return bool(self._hung) and self.state != "off"

    def insert_disk(self, rootfs: Path) -> None:
        """Lay an empty disk over the root file system, and mount both together at ``root``.

        Relative paths, because a comma or colon in a path would be read as part of the overlay's options.
        """
        disk = Path(self.spec.name)
        disk.mkdir()
        mounts.mount("tmpfs", disk, 0, f"mode=755,size={DISK_SIZE}")
        for folder in ("upper", "work", "root"):
            (disk / folder).mkdir()
        options = f"lowerdir={rootfs},upperdir={disk / 'upper'},workdir={disk / 'work'}"
        if not _in_first_user_namespace():
            options += ",userxattr"
        mounts.mount("overlay", self.root, 0, options)
        # For the programs that prepare the disk; a running machine has its own /dev over it.
        (self.root / "dev" / "null").touch()
        mounts.bind("/dev/null", self.root / "dev" / "null")

    def start(self) -> None:
        """Power on: new namespaces, cables plugged, its init started. Returns while it still boots.

        Raises:
            LabError: it is on already, or it did not come up.
        """
        with self._changing:
            self.plug_in()
            self.switch_on()

    def plug_in(self) -> None:
        """Make the namespaces and plug the cables, and hold it there: the first half of ``start``.

        Raises:
            LabError: it is on already, or it did not come up.
        """
        with self._changing:
            if self.state != "off":
                raise LabError(f"{self.spec.name} is {self.state} already")
            namespaces = ["--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child"]
            argv = [sys.executable, "-S", "-m", "lab.node", self.spec.name, str(self.spec.id), str(self._last_id)]
            shell = subprocess.Popen(
                [host.tool("unshare", "util-linux"), *namespaces, "--", *argv],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
            )
            self._hear(shell, "ready")
            self._init = processes.child_of(shell.pid)
            self._switch.plug(self.spec, shell.pid)
            self._shell, self._frozen, self._hung = shell, False, set()

    def switch_on(self) -> None:
        """Let a machine that ``plug_in`` holds boot: the second half of ``start``.

        Raises:
            LabError: it did not come up.
        """
        with self._changing:
            shell = self._shell
            assert shell is not None
            assert shell.stdin is not None
            with shell.stdin:
                shell.stdin.write(b"go\n")
            self._hear(shell, "booting")
            self.boots += 1

    def _hear(self, shell: subprocess.Popen[bytes], word: str) -> None:
        assert shell.stdout is not None
        if shell.stdout.readline().decode().strip() != word:
            raise LabError(f"{self.spec.name} did not start: exit status {shell.wait()} (more in lab.log)")

    def kill(self) -> None:
        """Power off without a word: the cables first, so that nobody hears a goodbye, then SIGKILL to its PID 1.

        Raises:
            LabError: it is off already.
        """
        with self._changing:
            init = self.init
            assert self._shell is not None
            self._switch.silence(self.spec)
            os.kill(init, signal.SIGKILL)
            self._shell.wait(30)
            self._switch.unplug(self.spec)

    @property
    def asks_for_reboot(self) -> bool:
        """Did its PID 1 end in order to start again?"""
        return self._shell is not None and self._shell.poll() == REBOOT_STATUS

    @property
    def restarts(self) -> bool:
        """Is it off for an instant only, as it resets itself?"""
        return self._resetting or self.asks_for_reboot

    def watchdog_age(self) -> float | None:
        """Seconds since its watchdog device was last written to; None while the device's timer does not run."""
        if self._init is None or self.state == "off":
            return None
        try:
            return time.time() - Path(f"/proc/{self._init}/root", _WATCHDOG).stat().st_mtime
        except OSError:
            return None

    def wants_reset(self, limit: float) -> bool:
        """Has its watchdog's timer run out, after ``limit`` seconds, or did it ask to start again?"""
        age = self.watchdog_age()
        return self.asks_for_reboot or (age is not None and age > limit)

    def reset(self, limit: float) -> None:
        """Off without a word, where it is on, and on again, if it still wants that: somebody may have been faster.

        Raises:
            LabError: it did not come up.
        """
        with self._changing:
            if not self.wants_reset(limit):
                return
            self._resetting = True
            try:
                if self.state != "off":
                    self.kill()
                self.start()
            finally:
                self._resetting = False

    def freeze(self) -> None:
        """Stop every process with SIGSTOP until none runs, children born meanwhile included.

        Raises:
            LabError: it is not running, or new processes never ended.
        """
        with self._changing:
            init = self.init
            stopped: set[int] = set()
            for _ in range(_STOP_ROUNDS):
                awake = [process for process in processes.members(init) if process.state not in _STOPPED]
                if not awake and stopped:
                    self._frozen = True
                    return
                for process in awake:
                    _signal(process.pid, signal.SIGSTOP)
                    stopped.add(process.pid)
                time.sleep(0.002)
            raise LabError(f"{self.spec.name} could not be frozen: new processes came up without end")

    def thaw(self) -> None:
        """Let every process of a frozen machine run on, but for what ``hang`` has stopped."""
        with self._changing:
            if self.state != "frozen":
                raise LabError(f"{self.spec.name} is {self.state}, not frozen")
            for process in processes.members(self.init):
                if process.pid not in self._hung:
                    _signal(process.pid, signal.SIGCONT)
            self._frozen = False

    def hang(self) -> None:
        """Stop the cluster file system alone: every access to /etc/pve waits for ever.

        Raises:
            LabError: the machine is off or has no cluster file system running.
        """
        with self._changing:
            found = {process.pid for process in processes.members(self.init) if "pmxcfs" in process.command}
            if not found:
                raise LabError(f"no pmxcfs runs on {self.spec.name}")
            for pid in found:
                _signal(pid, signal.SIGSTOP)
            self._hung = found

    def unhang(self) -> None:
        """Let a hung cluster file system run on."""
        with self._changing:
            if not self.hung:
                raise LabError(f"the pmxcfs of {self.spec.name} is not hung")
            for pid in self._hung:
                if self.state != "frozen":
                    _signal(pid, signal.SIGCONT)
            self._hung = set()

    def enter(self, argv: Sequence[str]) -> list[str]:
        """The command that runs ``argv`` in the machine.

        Raises:
            LabError: it is off or frozen.
        """
        if self.state == "frozen":
            raise LabError(f"{self.spec.name} is frozen: thaw it with `inv lab.thaw {self.spec.name}`")
        nsenter = [host.tool("nsenter", "util-linux"), "--target", str(self.init)]
        # All but cgroup and user: the first is refused without root, the second is ours already.
        return [*nsenter, "--mount", "--uts", "--ipc", "--net", "--pid", "--root", "--wd", "--", *argv]

    def run(self, argv: Sequence[str], *, timeout: float, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run a command in the machine and return what came of it.

        Raises:
            TimedOut: the command took longer than ``timeout`` seconds.
            LabError: it is off or frozen.
        """
        try:
            return subprocess.run(
                self.enter(argv), input=stdin, capture_output=True, timeout=timeout, env=ENVIRONMENT, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise TimedOut(f"{' '.join(argv)} took more than {timeout:g} s on {self.spec.name}") from error


def _signal(pid: int, number: int) -> None:
    """Send a signal; a process that has ended meanwhile needs none."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _in_first_user_namespace() -> bool:
    """Are our user ids the machine's own? Its map then covers all 32 bits."""
    return Path("/proc/self/uid_map").read_text().split() == ["0", "0", "4294967295"]
