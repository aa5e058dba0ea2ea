"""A small cluster in memory that answers the facts script as genuine nodes would: the double at the Node edge."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from pvefleet.facts import cluster as cluster_facts
from pvefleet.model.errors import NodeError, Unreachable, UnreachableReason
from pvefleet.model.facts import ClusterFacts
from pvefleet.model.inventory import Endpoint, NodeEntry
from pvefleet.model.node import CommandResult
from pvefleet.model.outcome import Outcome
from pvefleet.model.section import Section
from tests.support.device import Device

T = TypeVar("T")

NOW = 1_795_000_000.0


@dataclass
class WorldNode:
    """One node: what is wrong with it, and what it would say."""

    name: str
    nodeid: int
    unreachable: UnreachableReason | None = None
    corosync: str = "running"
    """running, stopped, frozen or absent (no configuration at all)."""
    pmxcfs: str = "running"
    """running, stopped, hung or read-only."""
    part: int = 0
    started: int = 1000
    """The kernel's start tick of its corosync."""
    config_version: int = 3
    file_version: int = 3
    record_version: int = 3
    clock: float = 0.0
    version: str = "9.2.11"
    hostname: str = ""
    vms: dict[int, str] = field(default_factory=dict)
    containers: dict[int, str] = field(default_factory=dict)
    ghosts: set[int] = field(default_factory=set)
    """Virtual machines that run here without a configuration."""
    breaks_off: bool = False
    """Is it reached, and its answer cut short?"""
    overrides: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    """Source name to exit, stdout, stderr: what a broken command would say instead."""


class World:
    """A cluster of *count* nodes named pve01.. with two links, all well until told otherwise."""

    def __init__(self, count: int = 3, *, links: int = 2, name: str = "lab") -> None:
        self.name = name
        self.links = links
        self.carried: dict[int, dict[str, str]] | None = None
        """Link to node to address, as corosync runs it; where not said, so many links with the usual addresses."""
        self.nodes = {f"pve{n:02d}": WorldNode(f"pve{n:02d}", n) for n in range(1, count + 1)}
        self.cut: set[tuple[str, int]] = set()
        self.listed = list(self.nodes)
        self.expected: int | None = None
        self.ring = 13
        self.device: Device | None = None
        self.apart: set[str] = set()
        """Nodes whose pmxcfs is not connected to the others'."""

    def __getitem__(self, name: str) -> WorldNode:
        return self.nodes[name]

    def kill(self, name: str) -> None:
        """The machine is gone: no answer, no membership."""
        self.nodes[name].unreachable = UnreachableReason.TIMEOUT
        self.nodes[name].corosync = "stopped"

    def facts(self, *sections: Section, here: str = "") -> ClusterFacts:
        """Read the cluster through the real facts code; GUESTS where no section is named."""
        return cluster_facts.assemble(self.look(*sections, here=here))

    def look(self, *sections: Section, here: str = "") -> cluster_facts.Look:
        """Look at the cluster as the tool does: what the answers are made of."""
        names = [here] if here else self.listed
        entries = [
            NodeEntry(n, n, "" if here else self.name, Endpoint(f"192.0.2.{i}", 22)) for i, n in enumerate(names, 1)
        ]

        def fan_out(work: Callable[[_Scripted], T]) -> Sequence[Outcome[T]]:
            return [self._outcome(name, work) for name in names]

        return cluster_facts.look_at(
            entries,
            cluster_facts.question(*(sections or (Section.GUESTS,))),
            fan_out,  # type: ignore[arg-type]
            cluster="" if here else self.name,
            taken_at="2026-11-21T03:21:04Z",
            nonce="feedface",
            clock=lambda: NOW,
            clock_limit=1.0,
            here=here,
        )

    def _outcome(self, name: str, work: Callable[[_Scripted], T]) -> Outcome[T]:
        try:
            return Outcome(name, work(_Scripted(self, name)), None, 0.1, "192.0.2.1:22")
        except NodeError as error:
            return Outcome(name, None, error, 0.1)

    def members(self, name: str) -> list[WorldNode]:
        """The nodes that *name*'s corosync counts as members."""
        me = self.nodes[name]
        return [n for n in self.nodes.values() if n.part == me.part and n.corosync == "running"]

    def answer(self, name: str, source: str) -> tuple[int, str | bytes, str]:
        """What *source* gives on *name*: exit, stdout, stderr."""
        node = self.nodes[name]
        if source in node.overrides:
            return node.overrides[source]
        kind = {"quorum": "corosync", "links": "corosync", "reach": "corosync", "cmap": "corosync"}.get(source)
        if kind and node.corosync in ("stopped", "absent"):
            return 1, "", "Cannot initialize CMAP service"
        if kind and node.corosync == "frozen":
            return 124, "", ""
        return getattr(self, "_" + source.replace("-", "_"))(node)

    def _machine(self, node: WorldNode) -> tuple[int, str, str]:
        return 0, f"{node.hostname or node.name}\n11111111-2222-3333-4444-555555555555\n86400.52 1000.00\n", ""

    def _pveversion(self, node: WorldNode) -> tuple[int, str, str]:
        return 0, f"pve-manager/{node.version}/14a22df35955d97d (running kernel: 6.14.8-2-pve)\n", ""

    def _quorum(self, node: WorldNode) -> tuple[int, str, str]:
        members = self.members(node.name)
        device = self.device
        expected = self.expected or len(self.nodes) + (device.votes if device else 0)
        needed = expected // 2 + 1
        cast = device.votes if device and device.casts_for(node.name) else 0
        total = len(members) + cast
        quorate = total >= needed
        blocked = "" if quorate else "Activity blocked"
        rows = "".join(
            f"{m.nodeid:10d}          1 {self._flags(m):>10} {m.name}{' (local)' if m is node else ''}\n"
            for m in members
        )
        if device:
            rows += f"         0 {cast:10d}            Qdevice{'' if cast else f' (votes {device.votes})'}\n"
        text = (
            "Quorum information\n------------------\nDate:             Sat Nov 21 03:21:04 2026\n"
            f"Quorum provider:  corosync_votequorum\nNodes:            {len(members)}\n"
            f"Node ID:          {node.nodeid}\n"
            f"Ring ID:          {members[0].nodeid}.{self.ring:x}\nQuorate:          {'Yes' if quorate else 'No'}\n\n"
            f"Votequorum information\n----------------------\n"
            f"Expected votes:   {expected}\nHighest expected: {expected}\n"
            f"Total votes:      {total}\nQuorum:           {needed} {blocked}\n"
            f"Flags:            {'Quorate ' if quorate else ''}{'Qdevice ' if device else ''}\n\n"
            "Membership information\n----------------------\n    Nodeid      Votes    Qdevice Name\n" + rows
        )
        return (0 if quorate else 2), text, ""

    def _flags(self, node: WorldNode) -> str:
        if self.device is None or self.device.states.get(node.name) == "stopped":
            return "NR"
        return f"A,{'V' if self.device.casts_for(node.name) else 'NV'},NMW"

    def _qdevice(self, node: WorldNode) -> tuple[int, str, str]:
        if self.device is None:
            return 97, "", ""
        ids = [n.nodeid for n in self.nodes.values()]
        return self.device.answer(self.name, node.name, node.nodeid, ids, [m.nodeid for m in self.members(node.name)])

    def _state(self, one: WorldNode, other: WorldNode, link: int) -> bool:
        cut = (one.name, link) in self.cut or (other.name, link) in self.cut
        return not cut and other in self.members(one.name)

    def running_links(self) -> dict[int, dict[str, str]]:
        """Link to node to address, as corosync runs it."""
        if self.carried is not None:
            return self.carried
        return {
            link: {n.name: f"10.{77 + link}.0.{n.nodeid}" for n in self.nodes.values()} for link in range(self.links)
        }

    def _links(self, node: WorldNode) -> tuple[int, str, str]:
        text = f"Local node ID {node.nodeid}, transport knet\n"
        for link, addresses in sorted(self.running_links().items()):
            text += f"LINK ID {link} udp\n\taddr\t= {addresses[node.name]}\n\tstatus:\n"
            for other in self.nodes.values():
                up = "connected" if self._state(node, other, link) else "disconnected"
                text += f"\t\tnodeid:{other.nodeid:11d}:\t{'localhost' if other is node else up}\n"
        return 0, text, ""

    def _reach(self, node: WorldNode) -> tuple[int, str, str]:
        text = f"Local node ID {node.nodeid}, transport knet\n"
        for other in self.members(node.name):
            if other is node:
                continue
            text += f"nodeid: {other.nodeid} reachable\n"
            for link, addresses in sorted(self.running_links().items()):
                up = "enabled connected" if self._state(node, other, link) else "enabled"
                way = f"{addresses[node.name]}->{addresses[other.name]}"
                text += f"   LINK: {link} udp ({way}) {up} mtu: 1397\n"
            text += "\n"
        return 0, text, ""

    def _cmap(self, node: WorldNode) -> tuple[int, str, str]:
        return 0, f"totem.config_version (u64) = {node.config_version}\ntotem.cluster_name (str) = {self.name}\n", ""

    def _conf(self, version: int) -> str:
        nodes = "".join(
            f"  node {{\n    name: {n.name}\n    nodeid: {n.nodeid}\n    quorum_votes: 1\n"
            + "".join(f"    ring{k}_addr: 10.{77 + k}.0.{n.nodeid}\n" for k in range(self.links))
            + "  }\n"
            for n in self.nodes.values()
        )
        device = ""
        if self.device:
            votes = "" if self.device.algorithm == "lms" else f"    votes: {self.device.votes}\n"
            device = (
                f"  device {{\n    model: net\n    net {{\n      algorithm: {self.device.algorithm}\n"
                f"      host: 192.0.2.100\n      tls: on\n    }}\n{votes}  }}\n"
            )
        interfaces = "".join(f"  interface {{\n    linknumber: {k}\n  }}\n" for k in range(self.links))
        return (
            f"nodelist {{\n{nodes}}}\n\nquorum {{\n{device}  provider: corosync_votequorum\n}}\n\n"
            f"totem {{\n  cluster_name: {self.name}\n  config_version: {version}\n{interfaces}  ip_version: ipv4-6\n"
            "  link_mode: passive\n  secauth: on\n  version: 2\n}\n\n"
        )

    def _conf_local(self, node: WorldNode) -> tuple[int, str, str]:
        if node.corosync == "absent":
            return 1, "", "cat: /etc/corosync/corosync.conf: No such file or directory"
        return 0, self._conf(node.file_version), ""

    def _conf_cluster(self, node: WorldNode) -> tuple[int, str, str]:
        if node.corosync == "absent":
            return 1, "", "cat: /etc/pve/corosync.conf: No such file or directory"
        return 0, self._conf(node.record_version), ""

    def _pmxcfs(self, node: WorldNode) -> tuple[int, str, str]:
        if node.pmxcfs == "hung":
            return 124, "", ""
        if node.pmxcfs == "stopped":
            return 3, "", ""
        quorate = node.corosync == "running" and self._quorum(node)[0] == 0
        writable = node.corosync == "absent" or (quorate and node.pmxcfs == "running")
        return 0, ("lrwxr-xr-x\n" if writable else "lr-xr-xr-x\n"), ""

    def _members(self, node: WorldNode) -> tuple[int, str, str]:
        if node.corosync != "running":
            return 0, f'{{\n"nodename": "{node.name}",\n"version": 3\n}}\n', ""
        members = self.members(node.name)
        online = [n for n in members if n.pmxcfs != "stopped" and (n is node or not {n.name, node.name} & self.apart)]
        rows = ",\n".join(
            f'  "{n.name}": {{ "id": {n.nodeid}, "online": {int(n in online)}, "ip": "10.77.0.{n.nodeid}"}}'
            for n in self.nodes.values()
        )
        quorate = int(self._quorum(node)[0] == 0)
        head = f'"name": "{self.name}", "version": {node.record_version}, "nodes": {len(self.nodes)}'
        cluster = f'"cluster": {{ {head}, "quorate": {quorate} }},\n"nodelist": {{\n{rows}\n  }}'
        return 0, f'{{\n"nodename": "{node.name}",\n"version": 3,\n{cluster}\n}}\n', ""

    def _vmlist(self, node: WorldNode) -> tuple[int, str, str]:
        rows = [
            f'"{vmid}": {{ "node": "{n.name}", "type": "{kind}", "version": 5 }}'
            for n in self.nodes.values()
            for kind, guests in (("qemu", n.vms), ("lxc", n.containers))
            for vmid in guests
        ]
        return 0, '{\n"version": 24,\n"ids": {\n' + ",\n".join(rows) + "}\n\n}\n", ""

    def _guest_processes(self, node: WorldNode) -> tuple[int, str, str]:
        lines = []
        for vmid in sorted(node.ghosts | {vmid for vmid, status in node.vms.items() if status == "running"}):
            pid = 4000 + vmid
            lines += [f"/run/qemu-server/{vmid}.pid:{pid}", f"/proc/{pid}/cmdline:-id", f"/proc/{pid}/cmdline-{vmid}"]
        lines += [f"@/var/lib/lxc/{vmid}/command" for vmid, status in node.containers.items() if status == "running"]
        return 0, "".join(f"{line}\n" for line in lines), ""

    def _guest_names(self, node: WorldNode) -> tuple[int, str, str]:
        paths = {f"./qemu-server/{vmid}.conf": f"name: vm{vmid}" for vmid in node.vms}
        paths |= {f"./lxc/{vmid}.conf": f"hostname: ct{vmid}" for vmid in node.containers}
        return 0, "".join(f"{path}\n" for path in paths) + "".join(f"{p}:{said}\n" for p, said in paths.items()), ""

    def _ha_files(self, node: WorldNode) -> tuple[int, str, str]:
        return 0, f"clock {NOW + node.clock:.9f}\n\n", ""

    def _ha_watchdog(self, node: WorldNode) -> tuple[int, str, str]:
        return 0, "released\nSoftware Watchdog\n", ""

    def _ha_units(self, node: WorldNode) -> tuple[int, str, str]:
        return 0, "active\nactive\nactive\n", ""

    def _ha_tasks(self, node: WorldNode) -> tuple[int, str, str]:
        return 0, "", ""

    def _ha_journal(self, node: WorldNode) -> tuple[int, str, str]:
        return 1, "", ""

    def _conf_test(self, node: WorldNode) -> tuple[int, str, str]:
        return 0, "", ""

    def _corosync_start(self, node: WorldNode) -> tuple[int, str, str]:
        if node.corosync != "running":
            return 1, "", "cat: /run/corosync.pid: No such file or directory"
        return 0, f"{node.started}\n", ""

    def _fallback(self, node: WorldNode) -> tuple[int, str, str]:
        return 0, "timer inactive\nservice inactive\n", ""

    def _corosync_version(self, node: WorldNode) -> tuple[int, str, str]:
        return 0, "Corosync Cluster Engine, version '3.1.9'\nCopyright (c) 2006-2021 Red Hat, Inc.\n", ""

    def _authkey(self, node: WorldNode) -> tuple[int, str, str]:
        return 0, "a" * 64 + "  /etc/corosync/authkey\n", ""

    def _names(self, node: WorldNode) -> tuple[int, str, str]:
        names = [node.name, *self.nodes]
        return 0, "".join(f"{name} 10.77.0.{self.nodes[name].nodeid}\n" for name in names), ""

    def _units(self, node: WorldNode) -> tuple[int, str, str]:
        return 0, "active\n" * 7, ""

    def _corosync_log(self, node: WorldNode) -> tuple[int, str, str]:
        return 0, "", ""

    def _knet(self, node: WorldNode) -> tuple[int, str, str]:
        text = ""
        for other in self.members(node.name):
            for link in self.running_links():
                key = f"stats.knet.node{other.nodeid}.link{link}"
                text += f"{key}.connected (u8) = 1\n{key}.down_count (u32) = 1\n{key}.enabled (u8) = 1\n"
                text += f"{key}.latency_ave (u32) = 310\n{key}.latency_max (u32) = 920\n{key}.mtu (u32) = 1397\n"
        return (0, text, "") if node.corosync == "running" else (1, "", "Failed to initialize the cmap API.")

    def _key_files(self, node: WorldNode) -> tuple[int, str, str]:
        return 0, "/etc/ssh/pvefleet/authorized_keys.%u .ssh/authorized_keys\n", ""

    def _certificates(self, node: WorldNode) -> tuple[int, str, str]:
        head = "file=/etc/pve/local/pve-ssl.pem\nsubject=CN = pve01\n"
        return 0, head + "notAfter=Nov 21 03:14:07 2028 GMT\n", ""

    def _ntp(self, node: WorldNode) -> tuple[int, str, str]:
        return 0, "yes\n", ""


@dataclass
class _Scripted:
    world: World
    name: str
    via: str = ""

    def run(self, argv: tuple[str, ...], *, timeout: float, stdin: bytes = b"") -> CommandResult:
        node = self.world[self.name]
        if node.unreachable is not None:
            raise Unreachable(self.name, f"{self.name}: no answer", reason=node.unreachable, tried=("192.0.2.1:22",))
        if node.breaks_off:
            return CommandResult(0, b"", b"")
        nonce = argv[-1]
        names = re.search(rb"^names='([^']*)'", stdin, re.M)
        assert names, "not the facts script"
        out = b""
        # What needs pmxcfs is skipped by the script itself where the probe fails.
        every = [source for sources in cluster_facts.SOURCES.values() for source in sources]
        bound = {source.name for source in every if source.needs_pmxcfs}
        for source in names.group(1).decode().split():
            if source in bound and node.pmxcfs in ("hung", "stopped"):
                status, text, said = "skipped", "", ""
            else:
                code, text, said = self.world.answer(self.name, source)
                status = str(code)
            body = text if isinstance(text, bytes) else text.encode()
            out += f"\n@{nonce} {source} {status}\n".encode() + body + f"\n@{nonce} stderr\n{said}".encode()
        clock = NOW + node.clock
        return CommandResult(0, out + f"\n@{nonce} end {clock:.3f} {clock:.3f}\n".encode(), b"")

    def close(self) -> None:
        """Nothing is open."""
