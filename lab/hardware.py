"""What the machines do by themselves: a watchdog device that is not written to resets them, a reboot starts again."""

from __future__ import annotations

import sys
import threading
import time

from lab.errors import LabError
from lab.machine import Machine
from lab.site import Site

_POLL_SECONDS = 0.5
# Ten seconds on genuine machines. A small one that runs a whole lab is sometimes late: five at least.
_WATCHDOG_SECONDS = 10.0
_WATCHDOG_LEAST = 5.0


def attend(site: Site) -> None:
    """Begin to look after the machines of a lab, in a thread."""
    limit = max(_WATCHDOG_LEAST, _WATCHDOG_SECONDS * site.spec.ha_scale)
    threading.Thread(target=_attend, args=(site, limit), name="hardware", daemon=True).start()


def _attend(site: Site, limit: float) -> None:
    while True:
        time.sleep(_POLL_SECONDS)
        for machine in site.machines.values():
            try:
                _look_at(machine, limit)
            except LabError as error:
                print(f"{machine.spec.name}: {error}", file=sys.stderr, flush=True)


def _look_at(machine: Machine, limit: float) -> None:
    if machine.wants_reset(limit):
        why = "reboots" if machine.asks_for_reboot else "is reset by its watchdog"
        print(f"{machine.spec.name} {why}", file=sys.stderr, flush=True)
        machine.reset(limit)
