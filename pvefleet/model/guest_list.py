"""The report of ``guest.list``: what table and JSON render."""

from __future__ import annotations

from dataclasses import dataclass

from pvefleet.model.errors import ExitCode
from pvefleet.model.finding import Finding
from pvefleet.model.status import GuestState


@dataclass(frozen=True, slots=True)
class ListedGuest:
    """One guest. Whatever its configuration says is null where no copy of that was read.

    Attributes:
        vmid: its number.
        type: ``qemu`` or ``lxc``.
        name: its name; empty where it has none, null where nobody could say.
        node: the node that owns its configuration.
        state: what it is doing, by that node.
        detail: the native word for its state.
        config_from: the node whose copy of the configuration this is; empty where none was read.
        memory_mib: its memory in MiB.
        cores: its processor cores; null also for a container without a limit.
        tags: its tags, in the order of the configuration.
        pool: its pool; empty where it is in none.
        lock: its lock, such as ``backup``; empty without one.
        template: is it a template?
        ha_managed: is it under HA?
        snapshots: how many snapshots it has.
    """

    vmid: int
    type: str
    name: str | None
    node: str
    state: GuestState
    detail: str
    config_from: str
    memory_mib: int | None
    cores: int | None
    tags: tuple[str, ...] | None
    pool: str | None
    lock: str | None
    template: bool | None
    ha_managed: bool | None
    snapshots: int | None


@dataclass(frozen=True, slots=True)
class GuestListReport:
    """The whole of ``guest.list``.

    Attributes:
        cluster: the cluster's name.
        taken_at: when the nodes were read, UTC ISO 8601.
        here: the node that looked at itself alone; empty for a look at all nodes.
        nodes_total, nodes_read: how many there are, how many answered.
        selector: what was asked for.
        guests_total: how many guests the cluster has, as far as is known.
        guests: the selected ones, by number.
        findings: the worst first.
        exit_code: what the command ends with.
    """

    cluster: str
    taken_at: str
    here: str
    nodes_total: int
    nodes_read: int
    selector: str
    guests_total: int
    guests: tuple[ListedGuest, ...]
    findings: tuple[Finding, ...]
    exit_code: ExitCode
