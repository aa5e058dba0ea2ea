"""What the two daemons of HA share: rounds, signals, the journal."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import syslog
import time
from collections.abc import Callable

from lab.pve.cfs import CommandError

Log = Callable[[str], None]


class Rounds:
    """Calls a daemon's round again and again, each time after as many seconds as the one before returned.

    `stopping` is set by SIGTERM, which also ends a wait.
    """

    def __init__(self, name: str) -> None:
        self.stopping = False
        self._wake, waker = os.pipe()
        os.set_blocking(self._wake, False)
        os.set_blocking(waker, False)
        signal.set_wakeup_fd(waker)
        signal.signal(signal.SIGTERM, self._stop)
        syslog.openlog(name, syslog.LOG_PID, syslog.LOG_DAEMON)

    def _stop(self, _number: int, _frame: object) -> None:
        if not self.stopping:
            self.log("received signal TERM")
        self.stopping = True

    def log(self, message: str, *, warning: bool = False) -> None:
        """A line of the daemon's journal."""
        syslog.syslog(syslog.LOG_WARNING if warning else syslog.LOG_INFO, message)

    def run(self, step: Callable[[], float | None]) -> None:
        """Go on until a round returns None. An error costs the round alone, and is told."""
        self.log("starting server")
        began = time.monotonic()
        while True:
            try:
                seconds = step()
            except (OSError, ValueError, KeyError, CommandError) as error:
                self.log(f"got unexpected error - {error}", warning=True)
                seconds = 1.0
            if seconds is None:
                break
            # from begin to begin: what a round takes does not make the next one late
            self._wait(began + seconds - time.monotonic())
            began = max(began + seconds, time.monotonic() - seconds)
        self.log("server stopped")

    def _wait(self, seconds: float) -> None:
        ready, _, _ = select.select([self._wake], [], [], max(seconds, 0.05))
        if ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake, 64)
