"""Starts the bubble from outside: opens the ways in, enters the namespaces, follows the start."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from lab import host
from lab.errors import LabError
from lab.spec import BMC_PORT, LINKS, MAX_BLOCK, OUTSIDE_PORT, LabSpec
from lab.state import StateDir

BMC = -1
"""Stands in a link's place for the way to a node's management controller."""

Listeners = list[tuple[str, int, socket.socket]]
_TREE = Path(__file__).resolve().parent.parent


@dataclass(slots=True)
class Bubble:
    """The lab's outer process, as its starter knows it; the lab ends when ``owner`` is closed unreleased."""

    process: subprocess.Popen[bytes]
    owner: int | None

    def release(self) -> None:
        """Let the lab live on without us."""
        if self.owner is not None:
            with contextlib.suppress(BrokenPipeError):
                os.write(self.owner, b"r")
            os.close(self.owner)
            self.owner = None


def open_listeners(spec: LabSpec) -> Listeners:
    """Open the loopback addresses that will lead to the nodes and their BMCs: name of the node, link, socket.

    Raises:
        LabError: another lab, or something else, has one of them.
    """
    with contextlib.ExitStack() as opened:
        listeners: Listeners = []
        for node in spec.members:
            ways = [(link, node.outside(link), OUTSIDE_PORT) for link in LINKS]
            for link, address, port in [*ways, (BMC, node.bmc, BMC_PORT)]:
                listener = opened.enter_context(socket.socket())
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    listener.bind((address, port))
                except OSError as error:
                    raise LabError(
                        f"{address}:{port} is taken ({error.strerror}): end the lab that has it, or choose another "
                        "--block"
                    ) from error
                listener.listen(128)
                listeners.append((node.name, link, listener))
        opened.pop_all()
        return listeners


def free_block(first: int) -> int:
    """An address block from ``first`` on that nothing on this machine uses just now."""
    for block in range(first, MAX_BLOCK + 1, len(LINKS)):
        try:
            listeners = open_listeners(LabSpec(block=block))
        except LabError:
            continue
        for _, _, listener in listeners:
            listener.close()
        return block
    raise LabError(f"no address block from {first} on is free")


def launch(
    folder: StateDir,
    spec: LabSpec,
    base: Path,
    lock: int,
    listeners: Listeners,
    report: Callable[[str], None],
) -> Bubble:
    """Start the bubble and follow it until it is ready."""
    read_end, report_end = os.pipe()
    owner_end, owner = os.pipe()
    config = {
        "spec": asdict(spec),
        "rootfs": str(base),
        "state": str(folder.path),
        "report": report_end,
        "owner": owner_end,
        "listeners": [(node, link, listener.fileno()) for node, link, listener in listeners],
    }
    namespaces = ["--net", "--mount", "--uts", "--ipc", "--pid", "--fork", "--kill-child", "--mount-proc"]
    argv = [host.tool("unshare", "util-linux"), *host.user_namespace(), *namespaces, "--"]
    path = f"{os.environ.get('PATH', '')}:{host.SEARCH_PATH}"
    with folder.log.open("wb") as log:
        bubble = subprocess.Popen(
            [*argv, sys.executable, "-m", "lab.bubble", json.dumps(config)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={"PATH": path, "PYTHONPATH": str(_TREE), "LANG": "C.UTF-8"},
            cwd=_TREE,
            pass_fds=[lock, report_end, owner_end, *(listener.fileno() for _, _, listener in listeners)],
            start_new_session=True,
        )
    os.close(report_end)
    os.close(owner_end)
    os.write(lock, f"{bubble.pid}\n".encode())
    folder.spec_file.write_text(spec.to_json() + "\n")
    try:
        _follow(read_end, folder, report)
    except BaseException:
        os.close(owner)
        bubble.kill()
        bubble.wait()
        raise
    return Bubble(bubble, owner)


def _follow(read_end: int, folder: StateDir, report: Callable[[str], None]) -> None:
    with os.fdopen(read_end) as lines:
        for line in lines:
            message = json.loads(line)
            if "error" in message:
                raise LabError(f"the lab did not come up: {message['error']}")
            if "ready" in message:
                return
            report(message["progress"])
    said = folder.log.read_text(errors="replace").strip().splitlines()
    raise LabError(f"the lab did not come up: {said[-1] if said else 'it said nothing'}")
