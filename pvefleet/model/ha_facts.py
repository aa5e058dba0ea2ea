"""What one node says of high availability: the files of the HA stack, the watchdog, the daemons, the journal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from parsers.ha_groups_cfg import HaGroup
from parsers.ha_resources_cfg import HaResource
from parsers.ha_rules_cfg import HaRule
from parsers.lrm_status import LrmStatus
from parsers.manager_status import ManagerStatus
from pvefleet.model.observation import Seen


@dataclass(frozen=True, slots=True)
class HaOptions:
    """The lines of datacenter.cfg that HA goes by.

    Attributes:
        shutdown_policy: what happens to guests when their node shuts down; ``conditional`` where nothing is set.
        scheduling: how nodes are chosen: ``basic``, ``static``, ``dynamic``; ``basic`` where nothing is set.
    """

    shutdown_policy: str
    scheduling: str


@dataclass(frozen=True, slots=True)
class CrmCommands:
    """``/etc/pve/ha/crm_commands``: orders that the manager has not taken yet.

    Attributes:
        lines: one order each.
        changed_at: when the file was last written, in seconds since the epoch; None where there is no file.
    """

    lines: tuple[str, ...]
    changed_at: int | None


@dataclass(frozen=True, slots=True)
class HaFiles:
    """One node's copy of the HA files in the cluster file system.

    A file that does not exist is an empty configuration, proven by the listing of its directory.

    Attributes:
        clock: the node's own clock when they were read, in seconds since the epoch.
        present: the names of the files in ``/etc/pve/ha``.
        resources, groups, rules: the configuration files.
        manager: ``manager_status``.
        commands: ``crm_commands``.
        agents: ``lrm_status`` by the name of the node in the cluster.
        options: datacenter.cfg.
        digests: SHA-256 of each configuration file that is there, by its name.
    """

    clock: float
    present: tuple[str, ...]
    resources: Seen[tuple[HaResource, ...]]
    groups: Seen[tuple[HaGroup, ...]]
    rules: Seen[tuple[HaRule, ...]]
    manager: Seen[ManagerStatus]
    commands: Seen[CrmCommands]
    agents: tuple[tuple[str, Seen[LrmStatus]], ...]
    options: HaOptions
    digests: tuple[tuple[str, str], ...]

    @property
    def observations(self) -> tuple[Seen[Any], ...]:
        """Every file that is read for its content."""
        single = (self.resources, self.groups, self.rules, self.manager, self.commands)
        return (*single, *(seen for _, seen in self.agents))


@dataclass(frozen=True, slots=True)
class Watchdog:
    """The watchdog of one machine.

    Attributes:
        armed: does an HA daemon hold it? Then the machine resets itself within a minute of losing quorum.
        driver: what the kernel calls the device, such as ``Software Watchdog``; empty where there is none.
    """

    armed: bool
    driver: str


@dataclass(frozen=True, slots=True)
class HaUnits:
    """What systemd says of the daemons: ``active``, ``inactive``, ``failed`` …"""

    watchdog_mux: str
    crm: str
    lrm: str


@dataclass(frozen=True, slots=True)
class Moving:
    """A migration that runs on a node.

    Attributes:
        vmid: the guest.
        since: its start, in seconds since the epoch by the node's clock.
    """

    vmid: int
    since: int


@dataclass(frozen=True, slots=True)
class Failover:
    """A guest that HA started again elsewhere, by the journal of the manager that did it.

    Attributes:
        at: when, in seconds since the epoch.
        sid: the guest.
        source, target: from which node to which, by their names in the cluster.
    """

    at: float
    sid: str
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class HaFacts:
    """Everything one node says of HA.

    Attributes:
        clock: its own clock when it was asked, in seconds since the epoch.
        files: its copy of the cluster's HA files.
        watchdog: the marker of watchdog-mux and the device.
        units: the daemons.
        moving: migrations that run there.
        failovers: the last ones in its journal, the oldest first; None where the journal was not asked.
    """

    clock: float
    files: Seen[HaFiles]
    watchdog: Seen[Watchdog]
    units: Seen[HaUnits]
    moving: Seen[tuple[Moving, ...]]
    failovers: Seen[tuple[Failover, ...]] | None = None
