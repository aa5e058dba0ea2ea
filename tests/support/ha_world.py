"""A cluster in memory with guests under HA: manager, agents and watchdogs as genuine nodes would write them."""

from __future__ import annotations

import io
import json
import tarfile
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from pvefleet.model.facts import ClusterFacts
from pvefleet.model.section import Section
from tests.support.world import NOW, World, WorldNode


@dataclass
class HaState:
    """The HA files of the cluster; ages are seconds before NOW."""

    resources: str = ""
    groups: str | None = None
    rules: str | None = None
    manager: dict[str, Any] = field(default_factory=dict)
    manager_age: float = 4
    agents: dict[str, dict[str, Any]] = field(default_factory=dict)
    agent_ages: dict[str, float] = field(default_factory=dict)
    commands: str = ""
    commands_age: float = 3
    datacenter: str = ""
    fence: bool = False


class HaWorld(World):
    """A world whose manager is on pve01 and whose guests are where :meth:`add` puts them."""

    def __init__(self, count: int = 3, **options: Any) -> None:
        super().__init__(count, **options)
        self.ha = HaState()
        self.copies: dict[str, HaState] = {}
        """Nodes that hold other files than the rest."""
        self.armed: set[str] = set()
        self.journal: dict[str, str] = {}
        for name in self.nodes:
            self.ha.agents[name] = {"mode": "active", "state": "wait_for_agent_lock", "results": {}}

    def add(
        self,
        sid: str,
        node: str,
        *,
        state: str | None = "started",
        wanted: str = "started",
        running: bool = True,
        exists: bool = True,
        on: str = "",
        service: dict[str, Any] | None = None,
        **options: object,
    ) -> None:
        """Put a guest under HA.

        Args:
            sid: its name.
            node: where the manager has it.
            state: the manager's word; None: the manager does not know it.
            wanted: the configured state; empty: it is not configured any more.
            running: does the agent say that it runs?
            exists: has it a configuration file?
            on: where that stands, if not on *node*.
            service: further keys of the manager's entry.
            options: further options of the configuration.
        """
        kind, _, number = sid.partition(":")
        if wanted:
            lines = "".join(f"\t{key} {value}\n" for key, value in {"state": wanted, **options}.items())
            self.ha.resources += f"{kind}: {number}\n{lines}\n"
        if not self.ha.manager:
            online = dict.fromkeys(self.nodes, "online")
            self.ha.manager = {"master_node": "pve01", "node_status": online, "service_status": {}}
            self.armed.add("pve01")
        if state is not None:
            entry = {"node": node, "state": state, "uid": f"uid{number}", **(service or {})}
            if running and state == "started":
                entry["running"] = 1
            self.ha.manager["service_status"][sid] = entry
            if state == "started":
                self.ha.agents[node]["state"] = "active"
                self.armed.add(node)
        if exists:
            guests = self[on or node].vms if kind == "vm" else self[on or node].containers
            guests[int(number)] = "running" if running else "stopped"

    def node_affinity(self, name: str, resources: str, nodes: str, *, strict: bool = False, more: str = "") -> None:
        """Write a node affinity rule."""
        strictly = "\tstrict 1\n" if strict else ""
        text = f"node-affinity: {name}\n\tnodes {nodes}\n\tresources {resources}\n{strictly}{more}\n"
        self.ha.rules = (self.ha.rules or "") + text

    def resource_affinity(self, name: str, affinity: str, resources: str, *, more: str = "") -> None:
        """Write a rule among guests."""
        text = f"resource-affinity: {name}\n\taffinity {affinity}\n\tresources {resources}\n{more}\n"
        self.ha.rules = (self.ha.rules or "") + text

    def group(self, name: str, nodes: str, *, more: str = "") -> None:
        """Write a group."""
        self.ha.groups = (self.ha.groups or "") + f"group: {name}\n\tnodes {nodes}\n{more}\n"

    def maintenance(self, name: str, *, drained: bool = True) -> None:
        """Put a node into maintenance, as its agent has taken it up."""
        self.ha.agents[name] |= {"mode": "maintenance", "state": "maintenance"}
        self.ha.manager["node_status"][name] = "maintenance"
        self.ha.manager.setdefault("node_request", {})[name] = {"maintenance": 1}
        if drained:
            self.armed.discard(name)

    def die(self, name: str, *, seconds: float = 60, state: str = "unknown") -> None:
        """The machine is gone since *seconds*; the manager calls it *state*."""
        self.kill(name)
        self.ha.agent_ages[name] = seconds
        self.ha.manager["node_status"][name] = state
        self.armed.discard(name)

    def copy(self, name: str) -> HaState:
        """Give a node its own copy of the HA files, to differ from the others'."""
        return self.copies.setdefault(name, deepcopy(self.ha))

    def ha_facts(self, *sections: Section, here: str = "") -> ClusterFacts:
        """Read the cluster with HA and its history."""
        return self.facts(Section.HA, Section.HA_HISTORY, *sections, here=here)

    def _ha_files(self, node: WorldNode) -> tuple[int, str, str]:
        ha = self.copies.get(node.name, self.ha)
        files: dict[str, tuple[str, float]] = {}
        if ha.resources:
            files["ha/resources.cfg"] = (ha.resources, 3600)
        if ha.groups is not None:
            files["ha/groups.cfg"] = (ha.groups, 3600)
        if ha.rules is not None:
            files["ha/rules.cfg"] = (ha.rules, 3600)
        if ha.manager:
            files["ha/manager_status"] = (json.dumps(ha.manager | self._stamp("pve01", ha.manager_age)), 0)
        if ha.commands:
            files["ha/crm_commands"] = (ha.commands, ha.commands_age)
        for name, agent in ha.agents.items():
            age = ha.agent_ages.get(name, 3)
            files[f"nodes/{name}/lrm_status"] = (json.dumps(agent | self._stamp(name, age)), 0)
        return 0, files_answer(files, NOW + node.clock, datacenter=ha.datacenter, fence=ha.fence), ""

    def _stamp(self, name: str, age: float) -> dict[str, int]:
        return {"timestamp": int(NOW + self.nodes[name].clock - age)}

    def _ha_watchdog(self, node: WorldNode) -> tuple[int, str, str]:
        return 0, f"{'armed' if node.name in self.armed else 'released'}\nSoftware Watchdog\n", ""

    def _ha_journal(self, node: WorldNode) -> tuple[int, str, str]:
        text = self.journal.get(node.name, "")
        return (0 if text else 1), text, ""


def files_answer(
    files: dict[str, tuple[str, float]], clock: float, *, datacenter: str = "", fence: bool = False
) -> str:
    """Return what the facts script prints for files: path below /etc/pve to content and age in seconds."""
    listed = [*files, *(["ha/fence.cfg"] if fence else [])]
    head = f"clock {clock:.9f}\n{datacenter}" + "".join(f"file ./{name}\n" for name in listed)
    packed = io.BytesIO()
    if files:
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT) as tar:
            for name, (text, age) in files.items():
                content = text.encode()
                member = tarfile.TarInfo(f"./{name}")
                member.size, member.mtime = len(content), int(clock - age)
                tar.addfile(member, io.BytesIO(content))
    return f"{head}\n{packed.getvalue().decode()}"
