"""Another process goes on with a run that a first one left: from the journal on the nodes, with an empty folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from pvefleet.model.run import RunReport
from pvefleet.procedures.engine import copies, runs
from pvefleet.procedures.engine.journal import last_epoch
from tests.support.stage import Process

SWEPT: Counter[str] = Counter()
"""What the sweeps of this test run went through, by name: printed at its end."""


def take_up(
    process: Process, procedure: type[Any], how: Callable[..., RunReport] = runs.resume, *, sweep: str = "resumed"
) -> RunReport | None:
    """Resume, undo or clean whatever run is open, as the command does; None where none was begun.

    Args:
        process: a process that did not begin it.
        procedure: the type of the procedure.
        how: ``runs.resume``, ``runs.undo`` or ``runs.clean``.
        sweep: what it counts as.
    """
    SWEPT[f"{procedure.name} {sweep}"] += 1
    site = process.site()
    known = copies.look(site)
    open_runs = [one for one in known.runs if not one.closed]
    if not open_runs:
        return None
    (found,) = open_runs
    epoch = max([last_epoch(found.entries), *(one.epoch for one in known.leases)]) + 1
    found_procedure = runs.procedure_of(found.header, procedure)
    return how(found, found_procedure, site, epoch, [site.nodes[name] for name in found.header.nodes])


def give_up_stray_leases(process: Process) -> None:
    """What ``run.clean`` does where a process died before it wrote what it was going to do."""
    from pvefleet.procedures.engine.lease import Lease, release, take

    site = process.site()
    leases = copies.look(site).leases
    if leases:
        mine = Lease(leases[0].run, max(one.epoch for one in leases) + 1, site.owner)
        there = [site.nodes[one.node] for one in leases]
        take(mine, there, quorate=())
        release(mine, list(site.nodes.values()))
