"""The sample guests of a lab: virtual machines and containers spread over the nodes, some of them running."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lab.errors import LabError
from lab.machine import Machine
from lab.site import Site

FIRST_VMID = 100
_NAMES = ("web", "db", "mail", "dns", "proxy", "ci", "files", "chat")
_TEMPLATE = "local:vztmpl/debian-13-standard_13.1-2_amd64.tar.zst"
_VM_REST = ("--ostype", "l26", "--net0", "virtio,bridge=vmbr0", "--scsi0", "local-zfs:8")
_CT_REST = ("--unprivileged", "1", "--net0", "name=eth0,bridge=vmbr0,ip=dhcp", "--rootfs", "local-zfs:4")


@dataclass(frozen=True, slots=True)
class SampleGuest:
    """One guest to be made.

    Attributes:
        vmid: its number.
        kind: ``qm`` or ``pct``, the command that makes it.
        name: its name.
        running: is it started?
    """

    vmid: int
    kind: str
    name: str
    running: bool

    def commands(self) -> Iterator[list[str]]:
        """The native commands that make it."""
        if self.kind == "qm":
            yield ["qm", "create", str(self.vmid), "--name", self.name, "--cores", "2", "--memory", "1024", *_VM_REST]
        else:
            yield ["pct", "create", str(self.vmid), _TEMPLATE, "--hostname", self.name, "--memory", "512", *_CT_REST]
        if self.running:
            yield [self.kind, "start", str(self.vmid)]


def sample(count: int) -> tuple[SampleGuest, ...]:
    """The first ``count`` sample guests: two virtual machines to one container, two of three running."""
    return tuple(
        SampleGuest(
            vmid=FIRST_VMID + number,
            kind="pct" if number % 3 == 2 else "qm",
            name=f"{_NAMES[number % len(_NAMES)]}{number // len(_NAMES) + 1:02}",
            running=number % 3 != 1,
        )
        for number in range(count)
    )


def create(site: Site) -> int:
    """Make the sample guests, each node's in order, the nodes side by side; return how many.

    Raises:
        LabError: a command failed.
    """
    order = sample(site.spec.guests)
    machines = list(site.machines.values())
    mine = {machine.spec.name: order[number :: len(machines)] for number, machine in enumerate(machines)}

    def make(machine: Machine) -> None:
        for guest in mine[machine.spec.name]:
            for argv in guest.commands():
                done = machine.run(argv, timeout=60)
                if done.returncode != 0:
                    said = done.stderr.decode(errors="replace").strip()
                    raise LabError(f"{' '.join(argv)} failed on {machine.spec.name}: {said}")

    site.on_all(make)
    return len(order)
