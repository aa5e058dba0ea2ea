"""`pvescheduler`: every minute, on the minute, a worker that runs the replication jobs that are due."""

from __future__ import annotations

import os
import sys
import syslog
import time

from lab.pve import cfs, locking
from lab.pve.cfs import CommandError
from lab.pve.layout import NodeSettings

from . import pvesr

_MINUTE = 60.0


def main(_argv: list[str]) -> int:
    """Run until told to end. A minute is as long as the node's scale says."""
    period = max(1.0, _MINUTE * NodeSettings.load().scale)
    worker = 0
    while True:
        time.sleep(period - time.time() % period)
        if worker and os.waitpid(worker, os.WNOHANG) == (0, 0):
            # a pass that is not over yet, say towards a dead node, delays all others
            continue
        sys.stdout.flush()
        worker = os.fork()
        if worker == 0:
            os._exit(_pass())


def _pass() -> int:
    syslog.openlog("pvescheduler", syslog.LOG_PID, syslog.LOG_DAEMON)
    try:
        cfs.require()
        with locking.held(pvesr.LOCK, pvesr.LOCK_SECONDS):
            pvesr.iterate(fail=lambda text: syslog.syslog(syslog.LOG_ERR, text))
    except (CommandError, OSError, ValueError) as error:
        syslog.syslog(syslog.LOG_ERR, f"replication: {error}")
        return 1
    return 0
