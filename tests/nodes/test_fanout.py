"""Work on many nodes side by side."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pvefleet.model.errors import ExitCode, NodeError, NotUnderstood, TimedOut, Unreachable, UnreachableReason
from pvefleet.model.node import Node
from pvefleet.nodes.fanout import fan_out
from pvefleet.nodes.local import LocalNode

NODES = [LocalNode(f"pve{number:02}") for number in range(1, 7)]


def test_outcomes_come_in_the_order_of_the_nodes_whoever_is_done_first() -> None:
    gates = {node.name: threading.Event() for node in NODES}
    gates[NODES[-1].name].set()

    def work(node: Node) -> str:
        gates[node.name].wait(5)
        before = [other.name for other in NODES].index(node.name) - 1
        if before >= 0:
            gates[NODES[before].name].set()
        return node.name.upper()

    outcomes = fan_out(NODES, work, limit=6, seconds=5)
    assert [(outcome.node, outcome.value) for outcome in outcomes] == [(n.name, n.name.upper()) for n in NODES]
    assert all(outcome.error is None and outcome.via == "local" for outcome in outcomes)


def test_never_more_than_the_limit_at_once_and_as_many_as_allowed() -> None:
    meeting = threading.Barrier(3)
    busy: set[str] = set()
    most = 0
    lock = threading.Lock()

    def work(node: Node) -> None:
        nonlocal most
        with lock:
            busy.add(node.name)
            most = max(most, len(busy))
        meeting.wait(5)
        with lock:
            busy.discard(node.name)

    assert all(outcome.error is None for outcome in fan_out(NODES, work, limit=3, seconds=5))
    assert most == 3


def test_one_nodes_error_is_its_own() -> None:
    unreachable = Unreachable("pve02", "pve02 cannot be reached", reason=UnreachableReason.TIMEOUT)

    def work(node: Node) -> int:
        if node.name == "pve02":
            raise unreachable
        if node.name == "pve03":
            raise NotUnderstood("what is this", hint="look at it")
        if node.name == "pve04":
            raise KeyError("x")
        return 1

    outcomes = {outcome.node: outcome for outcome in fan_out(NODES, work, limit=2, seconds=5)}
    assert outcomes["pve01"].value == 1
    assert outcomes["pve02"].error is unreachable
    strange, bug = outcomes["pve03"].error, outcomes["pve04"].error
    assert isinstance(strange, NodeError)
    assert (strange.message, strange.hint, strange.exit_code) == ("what is this", "look at it", ExitCode.NOT_UNDERSTOOD)
    assert isinstance(bug, NodeError)
    assert bug.exit_code is ExitCode.BUG
    assert "KeyError: 'x'" in bug.message
    assert isinstance(bug.__cause__, KeyError)


def test_a_stuck_node_is_given_up_on_and_its_place_goes_to_the_next() -> None:
    release = threading.Event()

    def work(node: Node) -> int:
        if node.name == "pve01":
            release.wait(30)
        return 1

    start = time.monotonic()
    try:
        stuck, *others = fan_out(NODES, work, limit=1, seconds=0.3)
    finally:
        release.set()
    assert isinstance(stuck.error, TimedOut)
    assert (stuck.value, stuck.error.seconds) == (None, 0.3)
    assert [outcome.value for outcome in others] == [1] * 5
    assert time.monotonic() - start < 3


def test_a_stuck_node_does_not_keep_the_process_from_ending() -> None:
    program = (
        "import threading\n"
        "from pvefleet.nodes.fanout import fan_out\n"
        "from pvefleet.nodes.local import LocalNode\n"
        "print(fan_out([LocalNode('x')], lambda n: threading.Event().wait(), limit=1, seconds=0.2)[0].error)\n"
    )
    root = Path(__file__).parents[2]
    ended = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, timeout=20)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "given up on" in ended.stdout


def test_no_nodes_no_outcomes() -> None:
    assert fan_out([], lambda _node: 1, limit=1, seconds=1) == ()


def test_a_limit_of_nothing_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        fan_out(NODES, lambda _node: 1, limit=0, seconds=1)
