"""Commands on another node over ssh, as PVE runs them, and how long it takes until a dead one is given up."""

from __future__ import annotations

import json
import math
import re
import subprocess
import time
from collections.abc import Callable

from lab.pve.cfs import CommandError
from lab.pve.layout import ETC_PVE, NodeSettings

_CONNECT_SECONDS = 133.0
"""So long a genuine node's kernel tries to reach one that is off."""
_ALIVE_SECONDS = 300.0
"""So long, about, it takes to give up a connection whose other end died."""
_ALIVE_COUNT = 3
_UNREACHABLE = re.compile(r"(No route to host|Connection timed out)")

Say = Callable[[str], None]


def address(node: str) -> str:
    """A node's address.

    Raises:
        CommandError: it is unknown.
    """
    nodes = json.loads((ETC_PVE / ".members").read_text()).get("nodelist", {})
    ip = nodes.get(node, {}).get("ip")
    if not ip:
        raise CommandError(f"can't resolve node '{node}'")
    return str(ip)


class Remote:
    """One other node."""

    def __init__(self, node: str) -> None:
        self._node = node
        self._options = [
            "BatchMode=yes",
            f"HostKeyAlias={node}",
            f"UserKnownHostsFile=/etc/pve/nodes/{node}/ssh_known_hosts",
            "GlobalKnownHostsFile=none",
        ]
        self._login = f"root@{address(node)}"
        self._scale = NodeSettings.load().scale

    def argv(self, command: list[str]) -> list[str]:
        """What is really run: with the limits that make this node's patience what its scale says."""
        limits = [
            f"ConnectTimeout={max(1, math.ceil(_CONNECT_SECONDS * self._scale))}",
            f"ServerAliveInterval={max(1, math.ceil(_ALIVE_SECONDS * self._scale / _ALIVE_COUNT))}",
            f"ServerAliveCountMax={_ALIVE_COUNT}",
        ]
        options = [word for option in [*self._options, *limits] for word in ("-o", option)]
        return ["/usr/bin/ssh", "-e", "none", *options, self._login, "--", *command]

    def shown(self, command: list[str]) -> str:
        """The same as error messages show it."""
        options = " ".join(f"-o '{option}'" for option in self._options)
        return f"/usr/bin/ssh -e none {options} {self._login} -- {' '.join(command)}"

    def run(self, command: list[str], say: Say) -> str:
        """Run a command there; what it says on standard error is passed on.

        Returns:
            its output.

        Raises:
            CommandError: it failed, or the node was not reached.
        """
        began = time.monotonic()
        done = subprocess.run(self.argv(command), stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        errors = self.patience(done.stderr, began)
        for line in errors.splitlines():
            say(line)
        if done.returncode:
            raise CommandError(f"command '{self.shown(command)}' failed: exit code {done.returncode}")
        return done.stdout

    def patience(self, errors: str, began: float) -> str:
        """Where nobody answered, wait as long as a genuine node does, and say what it says then.

        On a switch of its own, as the lab's, nobody at an address shows after three seconds; across a router, or with
        the address still known, it is the time that TCP tries.
        """
        if _UNREACHABLE.search(errors):
            time.sleep(max(0.0, began + _CONNECT_SECONDS * self._scale - time.monotonic()))
        return _UNREACHABLE.sub("Connection timed out", errors)
