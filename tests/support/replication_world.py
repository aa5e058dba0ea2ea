"""A cluster in memory with replication jobs: what genuine nodes keep in replication.cfg, state files and logs."""

from __future__ import annotations

import base64
import json
import zoneinfo
from pathlib import Path
from typing import Any

from pvefleet.model.facts import ClusterFacts
from pvefleet.model.section import Section
from tests.support.guest_world import GuestWorld
from tests.support.world import NOW, WorldNode

ABSENT = 44
MINUTE, HOUR, DAY = 60, 3600, 86400
STORAGES = (
    "dir: local\n\tpath /var/lib/vz\n\tcontent iso,vztmpl\n\nzfspool: local-zfs\n\tpool rpool/data\n\n"
    "lvmthin: local-lvm\n\tthinpool data\n\tvgname pve\n\nnfs: nas\n\tpath /mnt/pve/nas\n\tserver 192.0.2.9\n\n"
)
PREFIX = (
    "command '/usr/bin/ssh -e none -o 'BatchMode=yes' -o 'HostKeyAlias=pve02' root@10.77.0.2 -- pvesr prepare-local-job"
)


def zone_answer(name: str) -> str:
    """What the facts script prints for a node in zone *name*."""
    path = next(Path(place) / name for place in zoneinfo.TZPATH if (Path(place) / name).exists())
    return f"/usr/share/zoneinfo/{name}\n{base64.b64encode(path.read_bytes()).decode()}"


class ReplicationWorld(GuestWorld):
    """A world whose jobs are what :meth:`job` makes of them. Every node is in Berlin."""

    def __init__(self, count: int = 3, **options: Any) -> None:
        super().__init__(count, **options)
        self.cfg: str | None = None
        self.cfg_age = DAY
        self.cfgs: dict[str, str] = {}
        """Nodes that hold another copy than the rest."""
        self.states: dict[str, dict[str, dict[str, dict[str, Any]]]] = {}
        self.logs: dict[str, dict[str, str]] = {}
        self.processes: dict[str, list[tuple[int, int]]] = {}
        self.zones: dict[str, str] = {}

    def job(
        self,
        id: str,
        target: str,
        *,
        on: str = "pve01",
        source: str | None = "",
        schedule: str | None = "*/15",
        synced: float | None = 300,
        tried: float | None = None,
        took: float | None = 3.25,
        fails: int = 0,
        error: str = "",
        log: str = "",
        exists: bool = True,
        pid: int = 0,
        **options: object,
    ) -> None:
        """Add a job and the state its owner keeps of it.

        Args:
            id: its id.
            target: where to.
            on: the node that owns the guest.
            source: what the file says; empty: the owner; None: nothing.
            schedule: None: none.
            synced, tried: age of the last good and the last run in seconds; None: never, and as *synced*.
            took: seconds of the last run.
            fails, error: failures in a row, and the last one's error.
            log: the last run's log, each line without its head.
            exists: has the guest a configuration file?
            pid: the process of a run in progress.
            options: further options in the file; True for a bare one.
        """
        vmid = int(id.partition("-")[0])
        lines = {"target": target, "schedule": schedule, "source": on if source == "" else source, **options}
        text = "".join(
            f"\t{key}\n" if value is True else f"\t{key} {value}\n" for key, value in lines.items() if value is not None
        )
        self.cfg = (self.cfg or "") + f"local: {id}\n{text}\n"
        if exists and vmid not in self[on].vms:
            self.vm(vmid, on, f"scsi0: local-zfs:vm-{vmid}-disk-0,size=4G\n")
        tried = synced if tried is None else tried
        now = NOW + self[on].clock
        if tried is not None:
            state: dict[str, Any] = {
                "last_sync": 0 if synced is None else int(now - synced),
                "last_try": int(now - tried),
                "last_iteration": int(now - tried),
                "fail_count": fails,
                "duration": took,
                "last_node": on,
                "storeid_list": ["local-zfs"],
            }
            if error:
                state["error"] = error
            if pid:
                state |= {"pid": pid, "ptime": str(pid * 10)}
            self.states.setdefault(on, {}).setdefault(str(vmid), {})[f"local/{target}"] = state
        if log:
            self.logs.setdefault(on, {})[id] = "".join(
                f"2026-11-18 12:00:01 {id}: {line}\n" for line in log.splitlines()
            )

    def replication(self, *sections: Section, here: str = "") -> ClusterFacts:
        """Read the cluster with replication and the guests' configurations."""
        return self.facts(Section.REPLICATION, Section.GUEST_CONFIGS, *sections, here=here)

    def _replication_cfg(self, node: WorldNode) -> tuple[int, str, str]:
        text = self.cfgs.get(node.name, self.cfg)
        if text is None:
            return ABSENT, "", ""
        return 0, f"{int(NOW + node.clock - self.cfg_age)}\n{text}", ""

    def _replication_storages(self, _node: WorldNode) -> tuple[int, str, str]:
        return 0, STORAGES, ""

    def _replication_state(self, node: WorldNode) -> tuple[int, str, str]:
        return (0, json.dumps(self.states[node.name]), "") if node.name in self.states else (ABSENT, "", "")

    def _replication_running(self, node: WorldNode) -> tuple[int, str, str]:
        stats = (
            f"{pid} S 1 {pid} {pid} 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 {started} 1 1\n"
            for pid, started in self.processes.get(node.name, [])
        )
        return 0, "".join(stats), ""

    def _replication_logs(self, node: WorldNode) -> tuple[int, str, str]:
        logs = self.logs.get(node.name, {})
        return 0, "".join(f"{job}\t{line}\n" for job, text in logs.items() for line in text.splitlines()[-12:]), ""

    def _replication_zone(self, node: WorldNode) -> tuple[int, str, str]:
        return 0, zone_answer(self.zones.get(node.name, "Europe/Berlin")), ""
