"""The whole lab from inside the bubble: its machines, its switch, the ways in, and every fault they can have."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from lab import bmc, lies
from lab.errors import LabError
from lab.forward import Forwarder
from lab.machine import Machine
from lab.spec import LINKS, LabSpec, NodeSpec
from lab.state import StateDir
from lab.switch import Switch

_AT_A_TIME = 4


class Site:
    """Everything in the bubble. The working directory is the bubble's memory file system.

    Attributes:
        spec: what the lab looks like.
        machines: by node name, in order of the ids.
        bmc_fingerprint: SHA-256 of the certificate that the nodes' management controllers show.
    """

    _bmcs: bmc.BmcService
    bmc_fingerprint: str

    def __init__(self, spec: LabSpec, *, rootfs: Path, forwarder: Forwarder) -> None:
        self.spec = spec
        self._switch = Switch(rootfs)
        self._forwarder = forwarder
        self._rootfs = rootfs
        self._groups: tuple[tuple[str, ...], ...] = ()
        self._changing = threading.RLock()
        self.machines = {node.name: Machine(node, last_id=spec.nodes, switch=self._switch) for node in spec.members}

    def build(self) -> None:
        """Make the switch and every node's disk."""
        self._switch.build(self.spec.members)
        self.on_all(lambda machine: machine.insert_disk(self._rootfs))

    def on_all(self, work: Callable[[Machine], Any]) -> list[Any]:
        """Do something with every machine, several at a time; the first error is raised."""
        with ThreadPoolExecutor(_AT_A_TIME) as pool:
            return list(pool.map(work, self.machines.values()))

    def add_bmcs(self, listeners: Mapping[str, socket.socket], folder: StateDir) -> None:
        """Give every node its management controller, on sockets that listen already."""
        first = next(iter(self.machines.values()))
        addresses = [node.bmc for node in self.spec.members]
        self._bmcs = bmc.install(first.root, addresses, self.bmc, folder)
        self.bmc_fingerprint = bmc.fingerprint(folder)
        for node, listener in listeners.items():
            self._bmcs.serve(node, listener)

    def operations(self) -> dict[str, Callable[..., Any]]:
        """What the control socket offers, by name."""
        methods = (
            self.status,
            self.kill,
            self.start,
            self.freeze,
            self.thaw,
            self.hang,
            self.unhang,
            self.cut,
            self.heal,
            self.partition,
            self.join,
            self.bmc,
            self.bmc_fault,
            self.skew,
            self.latency,
        )
        return {method.__name__: method for method in methods}

    def machine(self, name: str) -> Machine:
        """The machine of that name.

        Raises:
            LabError: there is none.
        """
        if name not in self.machines:
            raise LabError(f"the lab has no node {name!r}: it has {', '.join(self.machines)}")
        return self.machines[name]

    def enter(self, node: str, argv: Sequence[str]) -> list[str]:
        """The command that runs ``argv`` in a node."""
        return self.machine(node).enter(argv)

    def status(self) -> dict[str, Any]:
        """The lab as it is: its spec, its partition, and per node state, pid (in the bubble), boots and faults."""
        return {
            "spec": asdict(self.spec),
            "bubble": os.getpid(),
            "partition": [list(group) for group in self._groups],
            "nodes": [self._node_status(machine) for machine in self.machines.values()],
        }

    def _node_status(self, machine: Machine) -> dict[str, Any]:
        spec = machine.spec
        return {
            "name": spec.name,
            "state": "running" if machine.restarts else machine.state,
            "pid": machine.pid,
            "boots": machine.boots,
            "cut": list(self._switch.cut_links(spec)),
            "outside_cut": list(self._forwarder.cut_links(spec.name)),
            "hung": machine.hung,
            "bmc": self._bmcs.fault(spec.name),
            **asdict(lies.told(machine.root)),
        }

    def kill(self, node: str) -> None:
        """Pull a node's plug."""
        self.machine(node).kill()

    def start(self, node: str) -> None:
        """Power a node on; it comes back with its disk, into the cables and partition as they are now."""
        self.machine(node).start()

    def freeze(self, node: str) -> None:
        """Stop every process of a node."""
        self.machine(node).freeze()

    def thaw(self, node: str) -> None:
        """Let a frozen node run on."""
        self.machine(node).thaw()

    def hang(self, node: str) -> None:
        """Stop a node's cluster file system."""
        self.machine(node).hang()

    def unhang(self, node: str) -> None:
        """Let a hung cluster file system run on."""
        self.machine(node).unhang()

    def bmc(self, node: str, action: str) -> str:
        """Do what a node's management controller does, and say the power's state: ``on`` or ``off``.

        Raises:
            LabError: no such action.
        """
        machine = self.machine(node)
        if action not in ("status", "on", "off"):
            raise LabError(f"a BMC does status, on, off, not {action!r}")
        with self._changing:
            power = "off" if machine.state == "off" else "on"
            if action != "status" and action != power:
                machine.start() if action == "on" else machine.kill()
                power = action
        return power

    def bmc_fault(self, node: str, fault: str) -> None:
        """Make a node's management controller faulty: one of ``lab.spec.BMC_FAULTS``, ``ok`` ends it."""
        self.machine(node)
        self._bmcs.break_(node, fault)

    def skew(self, node: str, seconds: float) -> None:
        """Have a node's `date` be off by so much; 0 ends it."""
        root = self.machine(node).root
        with self._changing:
            lies.tell(root, replace(lies.told(root), date_skew=seconds))

    def latency(self, node: str, milliseconds: float | None) -> None:
        """Have a node's `ping` show this round trip; None ends it."""
        root = self.machine(node).root
        with self._changing:
            lies.tell(root, replace(lies.told(root), ping_ms=milliseconds))

    def cut(self, node: str, links: Sequence[int], outside: bool) -> None:
        """Cut a node off: from the other nodes (switch ports down), or only from this machine (``outside``)."""
        spec, wanted = self.machine(node).spec, _checked(links)
        with self._changing:
            if outside:
                self._forwarder.set_cut(node, wanted, True)
            else:
                self._switch.cut(spec, wanted)

    def heal(self, node: str, links: Sequence[int], outside: bool) -> None:
        """Undo ``cut``."""
        spec, wanted = self.machine(node).spec, _checked(links)
        with self._changing:
            if outside:
                self._forwarder.set_cut(node, wanted, False)
            else:
                self._switch.heal(spec, wanted)

    def partition(self, groups: Sequence[Sequence[str]]) -> None:
        """Let groups of nodes not hear each other on any link; nodes in no group form one together.

        Raises:
            LabError: a node is named twice or does not exist, or nothing would be parted.
        """
        named = [node for group in groups for node in group]
        if len(set(named)) != len(named):
            raise LabError("a node can be on one side of a partition only")
        for node in named:
            self.machine(node)
        rest = [node for node in self.machines if node not in named]
        sides = [tuple(group) for group in [*groups, rest] if group]
        if len(sides) < 2:
            raise LabError("a partition needs two sides: pve01,pve02/pve03")
        with self._changing:
            self._switch.part([[self._spec(node) for node in side] for side in sides])
            self._groups = tuple(sides)

    def join(self) -> None:
        """Undo ``partition``."""
        with self._changing:
            self._switch.part([])
            self._groups = ()

    def _spec(self, node: str) -> NodeSpec:
        return self.machines[node].spec


def _checked(links: Sequence[int]) -> tuple[int, ...]:
    wanted = tuple(sorted(set(links))) or LINKS
    if not set(wanted) <= set(LINKS):
        raise LabError(f"the lab has the links {' and '.join(map(str, LINKS))}, not {', '.join(map(str, wanted))}")
    return wanted
