"""What the nodes of a lab that did not form say themselves: the state of corosync and the last lines of its log."""

from __future__ import annotations

from pathlib import Path

from lab.errors import LabError, TimedOut
from lab.machine import Machine
from lab.pve.journal import read
from lab.pve.layout import LOG_DIR
from lab.site import Site

_LINES = 12
_UNITS = ("corosync", "pve-cluster")


def written(site: Site, file: Path) -> str:
    """Write down what every node says of its units, for whoever has to find out why a lab did not come up.

    Args:
        site: the lab; its machines may run or not.
        file: where it goes.

    Returns:
        words for the end of an error message.
    """
    file.write_text("\n".join(line for machine in site.machines.values() for line in _of(machine)) + "\n")
    return f"what the nodes say is in {file}"


def _of(machine: Machine) -> list[str]:
    lines = [f"== {machine.spec.name}: {machine.state}"]
    lines += [f"   {line}" for line in _units(machine).splitlines()]
    folder = machine.root / LOG_DIR.relative_to("/")
    for unit in _UNITS:
        lines += [f"   {one.when:.3f} {one.ident}: {one.message}" for one in read((unit,), folder)[-_LINES:]]
    return lines


def _units(machine: Machine) -> str:
    show = "systemctl show -p ActiveState,SubState,MainPID,Result corosync; corosync-quorumtool -s; corosync-cfgtool -n"
    try:
        done = machine.run(["sh", "-c", show], timeout=20)
    except (LabError, TimedOut) as error:
        return str(error)
    return (done.stdout + done.stderr).decode(errors="replace")
