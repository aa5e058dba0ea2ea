"""Times commands over one open connection of ours and over OpenSSH's master connection, in turns; prints JSON."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pvefleet.model.node import Node
from pvefleet.nodes.inventory import load, select
from pvefleet.nodes.ssh.connect import ssh_nodes
from pvefleet.nodes.ssh.wire import request

_BYTES = 100_000_000
_LIMIT = 60.0


def main() -> None:
    """Do what the order in the first argument says."""
    order = json.loads(sys.argv[1])
    inventory = load(Path(order["hosts"]))
    (node,) = ssh_nodes(select(inventory, [order["node"]]), inventory, passphrase=lambda _path: None)
    subprocess.run(order["master"], check=True, timeout=_LIMIT, stdin=subprocess.DEVNULL)
    try:
        print(json.dumps(_times(node, order)))
    finally:
        subprocess.run(order["end"], check=False, timeout=_LIMIT, capture_output=True)
        node.close()


def _times(node: Node, order: dict[str, Any]) -> dict[str, list[float]]:
    line = request(("true",), _LIMIT).line
    output = ("head", "-c", str(_BYTES), "/dev/zero")
    through = order["through"]
    trips: dict[str, Callable[[], int]] = {
        "ours": lambda: len(node.run(("true",), timeout=_LIMIT).stdout),
        "wrapped": lambda: _ssh(through, line),
        "master": lambda: _ssh(through, "true"),
    }
    outputs: dict[str, Callable[[], int]] = {
        "our_output": lambda: len(node.run(output, timeout=_LIMIT).stdout),
        "master_output": lambda: _ssh(through, " ".join(output)),
    }
    return _in_turns(trips, order["trips"], expected=0) | _in_turns(outputs, order["outputs"], expected=_BYTES)


def _ssh(through: list[str], line: str) -> int:
    done = subprocess.run([*through, line], check=True, timeout=_LIMIT, stdin=subprocess.DEVNULL, capture_output=True)
    return len(done.stdout)


def _in_turns(calls: dict[str, Callable[[], int]], rounds: int, *, expected: int) -> dict[str, list[float]]:
    took: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 1):
        for name, call in calls.items():
            began = time.perf_counter()
            length = call()
            seconds = time.perf_counter() - began
            if length != expected:
                raise SystemExit(f"{name}: {length} bytes instead of {expected}")
            if number:
                took[name].append(seconds)
    return took


main()
