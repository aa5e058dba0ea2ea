"""Large labs start in two stages: corosync everywhere, then the rest node by node.

On a small machine the daemons of some dozen nodes, all starting at once, leave corosync too little time to agree on its
members; and each pmxcfs that joins makes all others compare their trees. One after another they cost little.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from lab.errors import LabError
from lab.machine import Machine
from lab.site import Site

_WANTS = Path("etc/systemd/system/multi-user.target.wants")
_FIRST = frozenset({"ssh.service", "corosync.service"})
_PAUSE = 0.25
_START_SECONDS = 60.0
Lacking = Callable[[Machine], str]


def hold_back(site: Site) -> tuple[str, ...]:
    """Keep everything but sshd and corosync from starting at boot; return the names of those units.

    Args:
        site: the lab; no machine has been started.
    """
    held: dict[str, None] = {}
    for machine in site.machines.values():
        for link in sorted((machine.root / _WANTS).iterdir()):
            if link.name not in _FIRST:
                link.unlink()
                held[link.name] = None
    return tuple(held)


def bring_up(site: Site, units: tuple[str, ...], lacking: Lacking, *, limit: float) -> None:
    """Wait until corosync is whole, then start *units* on one node after another, for this boot and all later ones.

    Args:
        site: the lab; its machines are booting.
        units: what :func:`hold_back` returned.
        lacking: what a node lacks of its membership, or nothing.
        limit: how many seconds corosync may take.

    Raises:
        LabError: corosync did not become whole, or a unit did not start; says which node and what.
    """
    end = time.monotonic() + limit
    for machine in site.machines.values():
        while lack := lacking(machine):
            if time.monotonic() > end:
                raise LabError(f"{machine.spec.name} {lack}")
            time.sleep(_PAUSE)
    first = "pve-cluster.service"
    for machine in site.machines.values():
        for names in ((first,), tuple(unit for unit in units if unit != first)):
            done = machine.run(["systemctl", "enable", "--now", *names], timeout=_START_SECONDS)
            if done.returncode != 0:
                said = done.stderr.decode(errors="replace").strip()
                raise LabError(f"{machine.spec.name} does not start {', '.join(names)}: {said}")
