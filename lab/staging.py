"""Large labs start in stages: corosync in groups, then the rest node by node.

On a small machine the daemons of some dozen nodes, all starting at once, leave corosync too little time to agree on its
members: a join message that differs from what a node knows makes it send its own, to all, and with dozens of nodes that
know different things this never ends. A group that joins a ring that stands costs one round. Each pmxcfs that joins
makes all others compare their trees; one after another they cost little.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

from lab.errors import LabError
from lab.machine import Machine
from lab.site import Site

_WANTS = Path("etc/systemd/system/multi-user.target.wants")
_FIRST = frozenset({"ssh.service"})
_COROSYNC, _CLUSTER = "corosync.service", "pve-cluster.service"
_GROUP = 4
_PAUSE = 0.25
_START_SECONDS = 60.0
Lacking = Callable[[Machine, int], str]
"""Tells what a node lacks of a membership of so many nodes, or nothing."""


def hold_back(site: Site) -> tuple[str, ...]:
    """Keep everything but sshd from starting at boot; return the names of those units.

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
    """Start corosync group by group, then the other *units* node by node, for this boot and all later ones.

    Args:
        site: the lab; its machines are booting.
        units: what :func:`hold_back` returned.
        lacking: what tells that a node is part of a membership.
        limit: how many seconds corosync may take.

    Raises:
        LabError: corosync did not become whole, or a unit did not start; says which node and what.
    """
    end = time.monotonic() + limit
    machines = list(site.machines.values())
    for machine in machines:
        _wait(partial(_booting, machine), machine.spec.name, end)
    for first in range(0, len(machines), _GROUP):
        group = machines[first : first + _GROUP]
        with ThreadPoolExecutor(_GROUP) as pool:
            list(pool.map(lambda machine: _start(machine, [_COROSYNC]), group))
        for machine in group:
            _wait(partial(lacking, machine, first + len(group)), machine.spec.name, end)
    for machine in machines:
        _start(machine, [_CLUSTER])
        _start(machine, [unit for unit in units if unit not in (_CLUSTER, _COROSYNC)])


def _booting(machine: Machine) -> str:
    ready = machine.run(["systemctl", "is-active", *_FIRST], timeout=_START_SECONDS).returncode == 0
    return "" if ready else "is still booting"


def _wait(lacking: Callable[[], str], name: str, end: float) -> None:
    while lack := lacking():
        if time.monotonic() > end:
            raise LabError(f"{name} {lack}")
        time.sleep(_PAUSE)


def _start(machine: Machine, units: Sequence[str]) -> None:
    done = machine.run(["systemctl", "enable", "--now", *units], timeout=_START_SECONDS)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise LabError(f"{machine.spec.name} does not start {', '.join(units)}: {said}")
