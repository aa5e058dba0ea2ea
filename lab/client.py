"""The lab from outside: start it, ask it, break it, end it. For tests and for the ``lab.*`` tasks."""

from __future__ import annotations

import contextlib
import os
import re
import select
import signal
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lab import host, processes, rootfs
from lab.control import Client
from lab.errors import LabError
from lab.launch import Bubble, Listeners, launch, open_listeners
from lab.spec import LINKS, LabSpec
from lab.state import StateDir

_DOWN_SECONDS = 15.0


def _exit_of(pid: int, opened: contextlib.ExitStack) -> Callable[[float], object]:
    """A function that waits, for at most so many seconds, until the process that has this pid now has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return lambda _seconds: None
    opened.callback(os.close, descriptor)
    return lambda seconds: select.select([descriptor], [], [], seconds)


class Lab:
    """A running lab.

    Attributes:
        state: its folder.
        spec: what it looks like.
    """

    def __init__(self, folder: StateDir, spec: LabSpec, bubble: Bubble | None = None) -> None:
        self.state = folder
        self.spec = spec
        self._bubble = bubble
        self._client = Client(folder.control)

    @classmethod
    def up(
        cls,
        state_dir: Path,
        *,
        nodes: int = 3,
        pve: str = "9.2",
        blank: bool = False,
        guests: int = 6,
        token: int | None = None,
        block: int = 77,
        prefix: str = "pve",
        scale: float = 0.25,
        ha: bool = True,
        tied: bool = False,
        report: Callable[[str], None] = lambda _line: None,
    ) -> Lab:
        """Start a lab and wait until its cluster has formed.

        Args:
            state_dir: its folder on this machine.
            nodes: how many.
            pve: the Proxmox VE release, a key of ``lab.spec.RELEASES``.
            blank: leave the nodes alone, without a cluster.
            guests: how many sample guests.
            token: corosync's token timeout in milliseconds; None takes what suits the size, 1000 up to 8 nodes.
            block: 127.BLOCK.1.N and the block after it lead to the nodes; labs side by side need different ones.
            prefix: what node names start with.
            scale: factor on the emulated delays.
            ha: put sample guests under HA, where the lab has no more than 8 nodes.
            tied: end the lab when this process ends, however it ends.
            report: is told each step in a line.

        Raises:
            LabError: something is missing on this machine, a lab is running there, or it did not come up.
        """
        spec = LabSpec(nodes, pve, blank, guests, token, block, prefix, scale, ha)
        host.check()
        base = rootfs.ensure(spec.suite, rootfs.cache_dir(), report)
        folder = StateDir(Path(state_dir).absolute())
        lock = folder.claim()
        listeners: Listeners = []
        try:
            listeners = open_listeners(spec)
            bubble = launch(folder, spec, base, lock, listeners, report)
        finally:
            os.close(lock)
            for _, _, listener in listeners:
                listener.close()
        if not tied:
            bubble.release()
        return cls(folder, spec, bubble)

    @classmethod
    def attach(cls, state_dir: Path) -> Lab:
        """The lab that runs in a folder.

        Raises:
            LabError: none does.
        """
        folder = StateDir(Path(state_dir).absolute())
        if not folder.alive():
            raise LabError("no lab is running here: start one with `inv lab.up`")
        return cls(folder, LabSpec.from_json(folder.spec_file.read_text()))

    @staticmethod
    def lives_in(state_dir: Path) -> bool:
        """Does a lab run in that folder?"""
        return StateDir(Path(state_dir).absolute()).alive()

    @property
    def hosts_toml(self) -> Path:
        """The inventory of this lab."""
        return self.state.hosts_toml

    @property
    def known_hosts(self) -> Path:
        """The nodes' host keys, by node name."""
        return self.state.known_hosts

    @property
    def identity(self) -> Path:
        """The private key that every node accepts for root."""
        return self.state.identity

    @property
    def names(self) -> tuple[str, ...]:
        """The nodes' names in order."""
        return tuple(node.name for node in self.spec.members)

    def down(self) -> None:
        """End the lab, by force if it does not answer, and wait until nothing of it is left."""
        outer = self.state.pid()
        with contextlib.ExitStack() as opened:
            exited = _exit_of(outer, opened)
            with contextlib.suppress(LabError, TimeoutError):
                self._client.ask("down", within=5)
            if not self.state.wait_gone(_DOWN_SECONDS):
                os.kill(outer, signal.SIGKILL)
                if not self.state.wait_gone(_DOWN_SECONDS):
                    raise LabError(f"the lab in {self.state.path} (pid {outer}) does not end")
            # A process gives up its locks an instant before it has ended.
            exited(_DOWN_SECONDS)
        if self._bubble is not None:
            self._bubble.release()
            self._bubble.process.wait()

    def status(self) -> dict[str, Any]:
        """The lab as it is; pids are this machine's, so that ``ps`` and ``nsenter`` understand them."""
        status = self._client.ask("status")
        outer = self.state.pid()
        seen = {process.pids[1]: pid for pid, process in processes.descendants(outer).items() if len(process.pids) > 1}
        status["pid"] = outer
        del status["bubble"]
        for node in status["nodes"]:
            node["pid"] = seen.get(node["pid"])
        return dict(status)

    def exec(
        self, node: str, argv: Sequence[str], *, stdin: bytes = b"", timeout: float = 60.0
    ) -> tuple[int, bytes, bytes]:
        """Run a command in a node, past SSH; return exit status, standard output, standard error.

        Raises:
            TimeoutError: it took longer than ``timeout`` seconds; it has been killed.
            LabError: the node is off or frozen.
        """
        with tempfile.TemporaryFile() as source, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            source.write(stdin)
            source.seek(0)
            streams = (source.fileno(), out.fileno(), err.fileno())
            status = self._client.execute(node, argv, streams, seconds=timeout)
            out.seek(0)
            err.seek(0)
            return status, out.read(), err.read()

    def exec_here(self, node: str, argv: Sequence[str]) -> int:
        """Run a command in a node on our own standard streams; return its exit status."""
        return self._client.execute(node, argv, (0, 1, 2), seconds=None, term=os.environ.get("TERM", ""))

    def kill(self, node: str) -> None:
        """Pull a node's plug: it falls silent without a goodbye."""
        self._client.ask("kill", node=node)

    def start(self, node: str) -> None:
        """Power a node on, with the disk it had. Returns while it still boots."""
        self._client.ask("start", node=node)

    def freeze(self, node: str) -> None:
        """Stop every process of a node; its kernel still answers."""
        self._client.ask("freeze", node=node)

    def thaw(self, node: str) -> None:
        """Let a frozen node run on."""
        self._client.ask("thaw", node=node)

    def cut(self, node: str, *, link: int | None = None, outside: bool = False) -> None:
        """Cut a node's link to the other nodes, or its way from this machine (``outside``); all without ``link``."""
        self._client.ask("cut", node=node, links=_links(link), outside=outside)

    def heal(self, node: str, *, link: int | None = None, outside: bool = False) -> None:
        """Undo ``cut``."""
        self._client.ask("heal", node=node, links=_links(link), outside=outside)

    def partition(self, *groups: Sequence[str]) -> None:
        """Part groups of nodes from each other on every link; nodes in no group form one together."""
        self._client.ask("partition", groups=[list(group) for group in groups])

    def join(self) -> None:
        """Undo ``partition``."""
        self._client.ask("join")

    def hang(self, node: str) -> None:
        """Stop a node's cluster file system: every access to /etc/pve waits."""
        self._client.ask("hang", node=node)

    def unhang(self, node: str) -> None:
        """Let a hung cluster file system run on."""
        self._client.ask("unhang", node=node)

    def bmc(self, node: str, action: str = "status") -> str:
        """Ask a node's management controller: ``status``, ``on`` or ``off``; return ``on`` or ``off``."""
        return str(self._client.ask("bmc", node=node, action=action))

    def bmc_fault(self, node: str, fault: str) -> None:
        """Make a node's management controller faulty: ``hang``, ``deny`` or ``lie``; ``ok`` ends it."""
        self._client.ask("bmc_fault", node=node, fault=fault)

    def skew(self, node: str, seconds: float) -> None:
        """Have a node's `date`, and nothing else, be off by so many seconds; 0 ends it."""
        self._client.ask("skew", node=node, seconds=seconds)

    def latency(self, node: str, milliseconds: float | None) -> None:
        """Have a node's `ping`, and nothing else, show this round trip; None ends it."""
        self._client.ask("latency", node=node, milliseconds=milliseconds)

    def settle(self, *, seconds: float = 120.0) -> None:
        """Wait until every node is ready: sees every vote, all links connected, writes to /etc/pve, answers on SSH.

        Raises:
            LabError: a node is off or frozen, or it took too long; says which node lacks what.
        """
        self._client.ask("settle", within=seconds + 5, limit=seconds)

    def restore(self, *, seconds: float = 120.0) -> None:
        """Undo every fault and wait until every node is ready again."""
        now = self.status()
        if now["partition"]:
            self.join()
        for row in now["nodes"]:
            name = row["name"]
            if row["cut"]:
                self.heal(name)
            if row["outside_cut"]:
                self.heal(name, outside=True)
            if row["state"] == "off":
                self.start(name)
            if row["state"] == "frozen":
                self.thaw(name)
            if row["hung"]:
                self.unhang(name)
            if row["bmc"] != "ok":
                self.bmc_fault(name, "ok")
            if row["date_skew"]:
                self.skew(name, 0.0)
            if row["ping_ms"] is not None:
                self.latency(name, None)
        self.settle(seconds=seconds)

    def wait_quorate(self, nodes: Sequence[str] | None = None, *, seconds: float = 60.0) -> None:
        """Wait until each of these nodes (all, if none is named) sees quorum with at least these members.

        Raises:
            LabError: it took too long.
        """
        wanted = tuple(nodes) if nodes is not None else self.names
        end = time.monotonic() + seconds
        for node in wanted:
            while not self._sees_quorum(node, len(wanted)):
                if time.monotonic() > end:
                    raise LabError(f"{node} did not see quorum with {len(wanted)} votes within {seconds:g} s")
                time.sleep(0.1)

    def _sees_quorum(self, node: str, votes: int) -> bool:
        _, out, _ = self.exec(node, ["corosync-quorumtool", "-s"], timeout=20)
        text = out.decode(errors="replace")
        total = re.search(r"^Total votes:\s+(\d+)", text, re.MULTILINE)
        return "Quorate:          Yes" in text and total is not None and int(total[1]) >= votes


def _links(link: int | None) -> list[int]:
    return list(LINKS) if link is None else [link]
