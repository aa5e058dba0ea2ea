"""The report of ``cluster.corosync``: the configuration, where it differs, and the timers that follow from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pvefleet.model.errors import ExitCode
from pvefleet.model.finding import Finding
from pvefleet.model.status import LinkAddress
from pvefleet.model.totem import Timers


class Waits(StrEnum):
    """What it takes until a difference is gone."""

    COPY = "copy"
    """/etc/corosync/corosync.conf is not what the newest /etc/pve/corosync.conf says."""
    RELOAD = "reload"
    """corosync runs with another value than its file holds."""
    NEXT_RELOAD = "next-reload"
    """Link timers: corosync takes them up with the reload after the one that changed the token."""
    RESTART = "restart"
    """The key is read when corosync starts."""
    REFUSED = "refused"
    """An address that changed in place: corosync refuses the reload, and everything else in it."""


class Reload(StrEnum):
    """How the node's last reload ended, by ``config.reload_status``."""

    OK = "ok"
    REFUSED = "refused"
    NONE = "none"
    """There was none since corosync started."""
    UNKNOWN = "unknown"


class Origin(StrEnum):
    """Where the value of a timer comes from."""

    SET = "set"
    DEFAULT = "default"
    COMPUTED = "computed"
    """corosync works it out of others."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting of the configuration, by its path: ``totem.token``, ``totem.interface.1.knet_link_priority``."""

    key: str
    value: str


@dataclass(frozen=True, slots=True)
class MemberRow:
    """One node of the nodelist.

    Attributes:
        name: its name in hosts.toml, or in the cluster where hosts.toml does not list it.
        nodeid: corosync's id.
        votes: its votes.
        addresses: link number and address.
    """

    name: str
    nodeid: int
    votes: int
    addresses: tuple[LinkAddress, ...]


@dataclass(frozen=True, slots=True)
class CopyRow:
    """One node's copies of the configuration.

    Attributes:
        name: its name in hosts.toml.
        cluster_version: of /etc/pve/corosync.conf there; None where it was not read.
        local_version: of /etc/corosync/corosync.conf; None where it was not read.
        running_version: what its corosync runs; None where it does not, or was not asked.
        same: have both files the same bytes? None where one was not read.
        reload: see :class:`Reload`.
        note: why something is missing, one line.
    """

    name: str
    cluster_version: int | None
    local_version: int | None
    running_version: int | None
    same: bool | None
    reload: Reload
    note: str


@dataclass(frozen=True, slots=True)
class DriftRow:
    """One setting that is not the same everywhere; None stands for *not written*.

    For link timers that follow late, ``local`` is what the file comes to.

    Attributes:
        key: its path.
        waits: see :class:`Waits`.
        nodes: where it is so.
        record: by the newest configuration that was read.
        local: by /etc/corosync/corosync.conf of these nodes.
        running: what their corosync works with.
    """

    key: str
    waits: Waits
    nodes: tuple[str, ...]
    record: str | None
    local: str | None
    running: str | None


@dataclass(frozen=True, slots=True)
class NodeValue:
    """What one node runs with."""

    node: str
    value: int


@dataclass(frozen=True, slots=True)
class TimerRow:
    """One effective timer.

    Attributes:
        key: as corosync.conf calls it.
        value: what the nodes run with, the longest where they differ; None where no node could say.
        configured: what the newest configuration comes to; None where it is not understood or was not read.
        unit: ``ms``, or empty for a count.
        origin: see :class:`Origin`; by the configuration.
        how: the sum, in words: ``1000 + 1 x 125``.
        differing: the nodes' own values, where they differ.
    """

    key: str
    value: int | None
    configured: int | None
    unit: str
    origin: Origin
    how: str
    differing: tuple[NodeValue, ...]


@dataclass(frozen=True, slots=True)
class CorosyncReport:
    """The whole of ``cluster.corosync``.

    Attributes:
        cluster: the cluster's name.
        taken_at: when the nodes were read, UTC ISO 8601.
        here: the node that looked at itself alone; empty for a look at all nodes.
        nodes_total, nodes_read: how many there are, how many answered.
        config_version: of the newest configuration that was read; None where none was.
        settings: that configuration but for the nodelist, in the order of the file.
        members: its nodelist.
        copies: one row per node.
        drift: settings that differ.
        timers: the effective timers.
        times: what they come to, in seconds; None where nothing was seen.
        findings: the worst first.
        exit_code: what the command ends with.
    """

    cluster: str
    taken_at: str
    here: str
    nodes_total: int
    nodes_read: int
    config_version: int | None
    settings: tuple[Setting, ...]
    members: tuple[MemberRow, ...]
    copies: tuple[CopyRow, ...]
    drift: tuple[DriftRow, ...]
    timers: tuple[TimerRow, ...]
    times: Timers | None
    findings: tuple[Finding, ...]
    exit_code: ExitCode
