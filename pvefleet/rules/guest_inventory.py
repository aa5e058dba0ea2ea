"""Every guest of the cluster once: who owns it, what its configuration says and by whose copy, what it is doing.

Ownership is what ``.vmlist`` says on a node that speaks for the cluster (the quorate side first). A configuration is
taken from such a node too, the owner itself before others; a copy that is not understood gives way to one that is.
States come from the owner alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from parsers.guest_conf import GuestConf
from pvefleet.model.facts import ClusterFacts, NodeFacts
from pvefleet.model.guest_facts import ConfigFile
from pvefleet.model.status import GuestState
from pvefleet.rules.membership import Membership, membership

Place = tuple[str, str]
"""The node that owns a guest, by its name in the cluster, and the guest's type."""

_STATES = {"running": GuestState.RUNNING, "stopped": GuestState.STOPPED}
_CLONES = frozenset({"qmclone", "vzclone"})


@dataclass(frozen=True, slots=True)
class Guest:
    """One guest.

    Attributes:
        vmid: its number.
        type: ``qemu`` or ``lxc``.
        node: its owner, by the name in hosts.toml.
        name: its name; empty where it has none, None where nobody could say.
        state: what it is doing, by its owner.
        detail: the native word for that.
        conf: its configuration; None where none was read or understood.
        problem: why the configuration was not understood; empty where it was, or where there was none to read.
        config_from: the node whose copy that is; empty without one.
        looked_for: without a copy: was its place looked at, and nothing found?
        pool: its pool; empty where it is in none, None where nobody could say.
        ha_managed: is it under HA? None where nobody could say.
        at_work: does a task work on it? None where its owner's tasks were not seen.
        owner_down: is its owner no member for any node that was read?
    """

    vmid: int
    type: str
    node: str
    name: str | None
    state: GuestState
    detail: str
    conf: GuestConf | None
    problem: str
    config_from: str
    looked_for: bool
    pool: str | None
    ha_managed: bool | None
    at_work: bool | None
    owner_down: bool

    @property
    def lock(self) -> str | None:
        """Its lock; empty without one, None where no configuration was read."""
        return None if self.conf is None else self.conf.get("lock") or ""


@dataclass(frozen=True, slots=True)
class Dispute:
    """A guest of which nodes say different things.

    Attributes:
        vmid: its number.
        apart: do nodes of different partitions disagree? Else it may just have changed while they were read.
        views: node name and what it says, a line each.
    """

    vmid: int
    apart: bool
    views: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GuestInventory:
    """The guests, and what the nodes do not agree on.

    Attributes:
        guests: by number.
        known: did at least one node say which guests there are?
        pools: every pool; None where no node could say.
        owners: guests whose owner is disputed.
        copies: guests whose configuration is not the same everywhere.
        twice: guests that run on several nodes, with these.
        ghosts: guests that run on a node which does not have their configuration, with that node.
    """

    guests: tuple[Guest, ...]
    known: bool
    pools: tuple[str, ...] | None
    owners: tuple[Dispute, ...]
    copies: tuple[Dispute, ...]
    twice: tuple[tuple[int, tuple[str, ...]], ...]
    ghosts: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class _Copy:
    reader: str
    own: bool
    file: ConfigFile


def guest_inventory(facts: ClusterFacts) -> GuestInventory:
    """Return the guests of *facts*, which hold GUEST_CONFIGS, and GUESTS where states are wanted."""
    return _Resolver(facts, membership(facts)).inventory()


class _Resolver:
    """The indexes that make one pass over guests and nodes enough."""

    def __init__(self, facts: ClusterFacts, members: Membership) -> None:
        self._members = members
        self._aliases = {node.pve_name: node.name for node in facts.nodes}
        main = frozenset(members.main.viewers) if members.main else frozenset[str]()
        self._side = {viewer: number for number, part in enumerate(members.partitions) for viewer in part.viewers}
        self._nodes = sorted(facts.seen, key=lambda node: node.name not in main)
        self._lists = {
            node.name: {guest.vmid: (guest.node, guest.type) for guest in node.guests_owned.value.guests}
            for node in self._nodes
            if node.guests_owned.value
        }
        self._copies: dict[int, list[_Copy]] = {}
        self._everything = False
        self._looked: set[str] = set()
        for node in self._nodes:
            files = node.guests.files.value if node.guests else None
            if files is None:
                continue
            self._looked.add(node.pve_name)
            self._everything |= files.everything
            for file in files.files:
                copy = _Copy(node.name, node.pve_name == file.node, file)
                self._copies.setdefault(file.vmid, []).append(copy)
        self._states = {node.name: _listed(node) for node in self._nodes if node.guests_here and node.guests_here.value}
        self._processes = {
            node.name: node.guest_processes.value
            for node in self._nodes
            if node.guest_processes and node.guest_processes.value
        }
        self._tasks = {node.name: node.guests.tasks.value for node in self._nodes if node.guests}
        said = [node.guests for node in self._nodes if node.guests]
        self._pools = next((one.pools.value for one in said if one.pools.value is not None), None)
        self._pool_of = {vmid: pool.name for pool in reversed(self._pools or ()) for vmid in pool.vmids}
        managed = next((one.ha.value for one in said if one.ha.value is not None), None)
        self._ha = None if managed is None else {resource.vmid for resource in managed}
        every = [task for tasks in self._tasks.values() for task in tasks or ()]
        self._at_work = {int(task.upid.id) for task in every if task.upid.id.isdigit()}
        self._cloning = any(task.upid.type in _CLONES for task in every)

    def inventory(self) -> GuestInventory:
        places = self._places()
        return GuestInventory(
            guests=tuple(self._guest(vmid, *places[vmid]) for vmid in sorted(places)),
            known=bool(self._lists) or self._everything,
            pools=None if self._pools is None else tuple(pool.name for pool in self._pools),
            owners=tuple(self._disputed_owners()),
            copies=tuple(self._disputed_copies(places)),
            twice=tuple((vmid, names) for vmid, names in self._running() if len(names) > 1),
            ghosts=tuple((vmid, names[0]) for vmid, names in self._running() if self._is_ghost(vmid, names)),
        )

    def _places(self) -> dict[int, Place]:
        """Return where each guest is: by the lists, then by the files, then by what the nodes themselves run."""
        places: dict[int, Place] = {}
        for listed in self._lists.values():
            for vmid, place in listed.items():
                places.setdefault(vmid, place)
        for vmid, copies in self._copies.items():
            places.setdefault(vmid, (copies[0].file.node, copies[0].file.type))
        pve_names = {name: pve_name for pve_name, name in self._aliases.items()}
        for name, states in self._states.items():
            for vmid, (kind, _, _) in states.items():
                places.setdefault(vmid, (pve_names[name], kind))
        return places

    def _guest(self, vmid: int, pve_node: str, kind: str) -> Guest:
        node = self._aliases.get(pve_node, pve_node)
        copy = self._copy(vmid, pve_node, kind)
        conf = copy.file.conf if copy else None
        _, status, listed_name = self._states.get(node, {}).get(vmid, ("", "", None))
        if not status and node in self._processes and node not in self._states:
            status = "running" if vmid in self._processes[node].of(kind) else "stopped"
        name = listed_name if conf is None else conf.get("name" if kind == "qemu" else "hostname") or ""
        down = self._down(node)
        return Guest(
            vmid=vmid,
            type=kind,
            node=node,
            name=name,
            state=_STATES.get(status, GuestState.OTHER) if status else GuestState.UNKNOWN,
            detail=status,
            conf=conf,
            problem=copy.file.problem if copy else "",
            config_from=copy.reader if copy else "",
            looked_for=copy is None and (self._everything or pve_node in self._looked),
            pool=None if self._pools is None else self._pool_of.get(vmid, ""),
            ha_managed=None if self._ha is None else vmid in self._ha,
            at_work=self._works(vmid, node, conf),
            owner_down=down,
        )

    def _copy(self, vmid: int, pve_node: str, kind: str) -> _Copy | None:
        """Return the copy that counts. The copies are in the order of their readers' weight already."""
        copies = self._copies.get(vmid, [])
        main = self._side.get(copies[0].reader) if copies else None
        ranked = sorted(
            copies,
            key=lambda copy: (
                copy.file.conf is None,
                (copy.file.node, copy.file.type) != (pve_node, kind),
                self._side.get(copy.reader) != main,
                not copy.own,
            ),
        )
        return ranked[0] if ranked else None

    def _down(self, node: str) -> bool:
        if not self._members.partitions:
            return False
        peer = self._members.by_name(node)
        return peer is None or not any(peer.nodeid in part.members for part in self._members.partitions)

    def _works(self, vmid: int, node: str, conf: GuestConf | None) -> bool | None:
        if vmid in self._at_work:
            return True
        tasks = self._tasks.get(node)
        lock = conf.get("lock") if conf else None
        # One backup task can be of many guests, and a clone's task bears the number of the guest it is made of.
        if lock == "backup" and any(task.upid.type == "vzdump" and not task.upid.id.isdigit() for task in tasks or ()):
            return True
        if lock == "clone" and self._cloning:
            return True
        return None if tasks is None else False

    def _disputed_owners(self) -> Iterable[Dispute]:
        names = list(self._lists)
        if not names or all(self._lists[name] == self._lists[names[0]] for name in names[1:]):
            return
        for vmid in sorted({vmid for listed in self._lists.values() for vmid in listed}):
            views = {name: self._lists[name].get(vmid) for name in names}
            if len(set(views.values())) > 1:
                yield Dispute(
                    vmid, self._apart(views), tuple(f"{name}: {self._said(place)}" for name, place in views.items())
                )

    def _disputed_copies(self, places: Mapping[int, Place]) -> Iterable[Dispute]:
        for vmid in sorted(self._copies):
            # Only copies of the same file can differ; two places are a dispute about the owner.
            views = {
                copy.reader: copy.file.conf
                for copy in self._copies[vmid]
                if (copy.file.node, copy.file.type) == places[vmid] and copy.file.conf is not None
            }
            first = next(iter(views.values()), None)
            if any(conf is not first and conf != first for conf in views.values()):
                differ = [name for name, conf in views.items() if conf != first]
                same = [name for name, conf in views.items() if conf == first]
                line = f"{vmid}: the copy of {', '.join(differ)} is not that of {', '.join(same)}"
                yield Dispute(vmid, self._apart(views), (line,))

    def _apart(self, views: Mapping[str, object]) -> bool:
        """Do nodes of different partitions say different things, each partition being of one mind?"""
        by_side: dict[int | None, list[object]] = {}
        for name, said in views.items():
            by_side.setdefault(self._side.get(name), []).append(said)
        firsts = [said[0] for said in by_side.values()]
        return any(one != firsts[0] for one in firsts[1:])

    def _said(self, place: Place | None) -> str:
        return f"{place[1]} guest of {self._aliases.get(place[0], place[0])}" if place else "no such guest"

    def _running(self) -> Iterator[tuple[int, tuple[str, ...]]]:
        """Yield what runs and where. A guest that a task works on is passed over: one that moves runs on both ends."""
        running: dict[int, list[str]] = {}
        for name, found in self._processes.items():
            for vmid in found.vms | found.containers:
                running.setdefault(vmid, []).append(name)
        return ((vmid, tuple(names)) for vmid, names in sorted(running.items()) if vmid not in self._at_work)

    def _is_ghost(self, vmid: int, names: tuple[str, ...]) -> bool:
        return len(names) == 1 and names[0] in self._states and vmid not in self._states[names[0]]


def _listed(node: NodeFacts) -> dict[int, tuple[str, str, str]]:
    """Return type, state and name of each guest whose configuration the node has."""
    here = node.guests_here.value if node.guests_here else None
    if here is None:
        return {}
    rows = {vm.vmid: ("qemu", vm.status, vm.name) for vm in here.vms}
    return rows | {ct.vmid: ("lxc", ct.status, ct.name) for ct in here.containers}
