"""One piece of work on many nodes side by side: bounded, in order, and never held up by one node."""

from __future__ import annotations

import heapq
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from pvefleet.model.errors import NodeError, PvefleetError, TimedOut
from pvefleet.model.node import Node
from pvefleet.model.outcome import Outcome

T = TypeVar("T")


def fan_out(nodes: Sequence[Node], work: Callable[[Node], T], *, limit: int, seconds: float) -> tuple[Outcome[T], ...]:
    """Do *work* on every node.

    A node that is still busy *seconds* after its own start is given up on: its place goes to the next one, and its
    thread, a daemon, does not keep the process from ending.

    Args:
        nodes: where.
        work: what; called in a thread of its own for each node.
        limit: how many nodes at the same time.
        seconds: how long one node may take.

    Returns:
        One outcome per node, in the order given. Whatever *work* raises is that node's error: a NodeError as it is,
        another PvefleetError with its own exit code, anything else as a bug with exit code 1 (its cause attached).
    """
    if limit < 1:
        raise ValueError(f"limit must be at least 1, not {limit}")
    finished: queue.SimpleQueue[tuple[int, Outcome[T]]] = queue.SimpleQueue()
    outcomes: dict[int, Outcome[T]] = {}
    running: list[tuple[float, int]] = []
    waiting = list(enumerate(nodes))[::-1]
    while len(outcomes) < len(nodes):
        running = [entry for entry in running if entry[1] not in outcomes]
        heapq.heapify(running)
        while waiting and len(running) < limit:
            number, node = waiting.pop()
            heapq.heappush(running, (time.monotonic() + seconds, number))
            threading.Thread(
                target=_one, args=(number, node, work, finished), name=f"fan-out-{node.name}", daemon=True
            ).start()
        try:
            number, outcome = finished.get(timeout=max(0.0, running[0][0] - time.monotonic()))
        except queue.Empty:
            number = running[0][1]
            outcome = _given_up(nodes[number], seconds)
        outcomes.setdefault(number, outcome)
    return tuple(outcomes[number] for number in range(len(nodes)))


def _one(
    number: int, node: Node, work: Callable[[Node], T], finished: queue.SimpleQueue[tuple[int, Outcome[T]]]
) -> None:
    start = time.monotonic()
    value: T | None = None
    error: NodeError | None = None
    try:
        value = work(node)
    except NodeError as problem:
        error = problem
    except PvefleetError as problem:
        error = NodeError(node.name, problem.message, hint=problem.hint)
        error.exit_code = problem.exit_code
        error.__cause__ = problem
    except Exception as problem:
        error = NodeError(node.name, f"this is a bug: {type(problem).__name__}: {problem}")
        error.__cause__ = problem
    finished.put((number, Outcome(node.name, value, error, time.monotonic() - start, node.via)))


def _given_up(node: Node, seconds: float) -> Outcome[T]:
    error = TimedOut(node.name, f"{node.name} was still busy after {seconds:g} s and was given up on", seconds=seconds)
    return Outcome(node.name, None, error, seconds, node.via)
