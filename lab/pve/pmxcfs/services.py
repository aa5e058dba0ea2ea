"""Keeps the connections to corosync: each is made anew some seconds after it was lost, as in the genuine one.

That wait is why /etc/pve becomes writable only seconds after corosync is quorate again.
"""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from typing import Protocol

from .corolib import CorosyncError

RETRY_SECONDS = 6.0
Log = Callable[[str, str, str], None]


class Connection(Protocol):
    """A connection to one of corosync's services."""

    @property
    def fd(self) -> int:
        """Readable when `dispatch` has something to do."""

    def dispatch(self) -> None:
        """Call back for what has come; CorosyncError when corosync is gone."""

    def close(self) -> None:
        """Disconnect."""


class Service:
    """One connection that is to be kept; `connect` makes it, `lost` is told when it is gone."""

    def __init__(self, name: str, connect: Callable[[], Connection], lost: Callable[[], None]) -> None:
        self.name = name
        self.connection: Connection | None = None
        self.next_try = 0.0
        self._connect, self._lost = connect, lost

    def try_connect(self, log: Log, retry_seconds: float) -> None:
        """Connect; a failure is logged and tried again later."""
        self.next_try = time.monotonic() + retry_seconds
        try:
            self.connection = self._connect()
            # what the service has to say first (the state of quorum, say) must not wait for its next change
            self.connection.dispatch()
        except CorosyncError as error:
            self.connection = None
            log(self.name, "crit", str(error))
            log(self.name, "crit", "can't initialize service")

    def dispatch(self, log: Log, retry_seconds: float) -> None:
        """Handle what has come; a lost connection is dropped."""
        if self.connection is None:
            return
        try:
            self.connection.dispatch()
        except CorosyncError as error:
            log(self.name, "crit", str(error))
            self.connection.close()
            self.connection = None
            self.next_try = time.monotonic() + retry_seconds
            self._lost()


class Loop:
    """The thread that talks to corosync."""

    def __init__(self, services: list[Service], log: Log, retry_seconds: float) -> None:
        self._services, self._log, self._retry = services, log, retry_seconds
        self._wake, self._waker = os.pipe()
        self._running = True

    def run(self) -> None:
        """Connect, dispatch, connect again, until `stop`."""
        while self._running:
            now = time.monotonic()
            for service in self._services:
                if service.connection is None and now >= service.next_try:
                    service.try_connect(self._log, self._retry)
            waiting = [service.next_try for service in self._services if service.connection is None]
            timeout = max(0.0, min(waiting) - time.monotonic()) if waiting else 30.0
            by_fd = {service.connection.fd: service for service in self._services if service.connection is not None}
            ready, _, _ = select.select([self._wake, *by_fd], [], [], timeout)
            # quorum first: whether messages count is asked before they are handled
            for service in self._services:
                if service.connection is not None and service.connection.fd in ready:
                    service.dispatch(self._log, self._retry)
        for service in self._services:
            if service.connection is not None:
                service.connection.close()

    def stop(self) -> None:
        """End `run` from another thread."""
        self._running = False
        os.write(self._waker, b"x")
