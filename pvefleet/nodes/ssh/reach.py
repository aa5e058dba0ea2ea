"""Finding a way to a node: its addresses one after the other with a short lead each, then the ways through other nodes.

All attempts together have one deadline, and it is kept whatever they do: each runs in a thread of its own that is left
behind when it is no longer wanted.
"""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from paramiko import Channel, Transport

from pvefleet.model.errors import UnreachableReason
from pvefleet.model.inventory import Endpoint, NodeEntry
from pvefleet.nodes.addresses import is_loopback
from pvefleet.nodes.ssh.dial import Deadline, Progress, Stage, dial, hang_up
from pvefleet.nodes.ssh.errors import FINAL, Failure, login_failure, overrun, unreachable

T = TypeVar("T")

LEAD = 0.5
"""Seconds an address has for itself before the next one is tried as well."""

_TICK = 0.1
_SSH_PORT = 22


@dataclass(frozen=True, slots=True)
class Route:
    """One way to a node's sshd.

    Attributes:
        endpoint: where the last hop connects to.
        label: how it is shown: ``host:port`` or ``host:port via PEER``.
        through: yields the connection whose far end connects on; None connects from here.
        place: held while the attempt is under way; bounds what goes through one gateway at a time.
    """

    endpoint: Endpoint
    label: str
    through: Callable[[Deadline], Transport] | None = None
    place: Callable[[], AbstractContextManager[Any]] = field(default=nullcontext)


Work = Callable[[socket.socket | Channel, Endpoint, Deadline, Progress], T]
"""What to do with a stream to the sshd: log in, or only look at the host key. Closes the stream itself if it fails."""


def outer_addresses(entry: NodeEntry) -> tuple[Endpoint, ...]:
    """Return the addresses at which *entry* may be reached from here, in the order to try them.

    The link addresses come last, unless a loopback address leads to the node: then a forwarder stands in front of it,
    and what a link address means on this side of it is anybody's guess.
    """
    stated = (entry.endpoint, *entry.alternatives)
    if is_loopback(entry.endpoint.host):
        return stated
    links = tuple(Endpoint(address, entry.endpoint.port) for _, address in entry.links)
    return tuple(dict.fromkeys((*stated, *links)))


def inner_addresses(entry: NodeEntry) -> tuple[Endpoint, ...]:
    """Return the addresses at which another node of the cluster may reach *entry*: its links first."""
    port = _SSH_PORT if is_loopback(entry.endpoint.host) else entry.endpoint.port
    links = tuple(Endpoint(address, port) for _, address in entry.links)
    stated = tuple(place for place in (entry.endpoint, *entry.alternatives) if not is_loopback(place.host))
    return tuple(dict.fromkeys((*links, *stated)))


def race(
    node: str,
    routes: Sequence[Route],
    work: Work[T],
    deadline: Deadline,
    *,
    detours: Callable[[], Sequence[Route] | None] = lambda: None,
) -> tuple[T, str]:
    """Do *work* over the first of *routes* on which it succeeds.

    An address gets a short lead before the next is tried beside it; one that fails frees the next at once, and one
    whose sshd has introduced itself holds the others back. One that is closed in our face is tried once more: an sshd
    that is short of places (MaxStartups) closes some at random.

    Args:
        node: the node's name, for the error.
        routes: the ways, best first.
        work: what to do.
        deadline: for all of it.
        detours: asked for more ways when *routes* are used up: some, an empty sequence (ask again) or None (no more).

    Returns:
        What *work* returned, and the label of the way it took.

    Raises:
        Unreachable: no way led there in time, or one failed for a reason that no other way can change.
    """
    if not deadline.left:
        raise unreachable(node, [("", overrun(Stage.CONNECTING))])
    waiting = deque(routes)
    running: list[_Attempt[T]] = []
    failures: dict[str, Failure | None] = {}
    finished: queue.SimpleQueue[_Attempt[T]] = queue.SimpleQueue()
    retried: list[Route] = []
    hope = True
    next_start = 0.0
    try:
        while deadline.left:
            now = time.monotonic()
            free = now >= next_start and not any(one.progress.greeted for one in running)
            if free and hope and not waiting:
                more = detours()
                waiting.extend(more or ())
                hope = more is not None and not more
            if free and waiting:
                attempt = _Attempt(waiting.popleft(), work, deadline, finished)
                failures[attempt.route.label] = None
                running.append(attempt)
                attempt.start()
                next_start = now + LEAD
            if not (running or waiting or hope):
                break
            try:
                ended = finished.get(timeout=min(deadline.left, _TICK if waiting or hope else deadline.left))
            except queue.Empty:
                continue
            running.remove(ended)
            if ended.error is None:
                return ended.value, ended.route.label  # type: ignore[return-value]
            failure = login_failure(ended.error, ended.progress.stage)
            failures[ended.route.label] = failure
            if failure.reason in FINAL:
                break
            next_start = 0.0
            if failure.reason is UnreachableReason.CLOSED and ended.route not in retried:
                retried.append(ended.route)
                next_start = 0.0 if waiting else time.monotonic() + LEAD
                waiting.append(ended.route)
    finally:
        for attempt in running:
            attempt.abandon()
    for attempt in running:
        failures[attempt.route.label] = overrun(attempt.progress.stage)
    raise unreachable(node, [(label, failure) for label, failure in failures.items() if failure is not None])


class _Attempt(Generic[T]):
    """One route being tried in a thread of its own."""

    def __init__(
        self, route: Route, work: Work[T], deadline: Deadline, finished: queue.SimpleQueue[_Attempt[T]]
    ) -> None:
        self.route = route
        self.progress = Progress()
        self.value: T | None = None
        self.error: BaseException | None = None
        self._work = work
        self._deadline = deadline
        self._finished = finished
        self._lock = threading.Lock()
        self._stream: socket.socket | Channel | None = None
        self._abandoned = False

    def start(self) -> None:
        threading.Thread(target=self._run, name=f"reach-{self.route.label}", daemon=True).start()

    def abandon(self) -> None:
        """Nobody waits for it any more: whatever it has open, or opens yet, is hung up."""
        with self._lock:
            self._abandoned = True
            stream = self._stream
        if stream is not None:
            hang_up(stream)

    def _through(self) -> Transport | None:
        if self.route.through is None:
            return None
        self.progress.stage = Stage.GATEWAY
        return self.route.through(self._deadline)

    def _run(self) -> None:
        try:
            with self.route.place():
                through = self._through()
                stream = dial(self.route.endpoint, self._deadline, self.progress, through)
                with self._lock:
                    self._stream = stream
                    abandoned = self._abandoned
                if abandoned:
                    hang_up(stream)
                    return
                self.value = self._work(stream, self.route.endpoint, self._deadline, self.progress)
        except Exception as error:
            self.error = error
        self._finished.put(self)
