"""Reports of ``cluster.status``, ``cluster.nodes`` and ``cluster.links``: what table and JSON render."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pvefleet.model.errors import ExitCode, worst_exit
from pvefleet.model.finding import Finding, Severity
from pvefleet.model.ha_status import HaSummary
from pvefleet.model.qdevice import QdeviceRow
from pvefleet.model.quorum_row import QuorumRow
from pvefleet.model.replication import ReplicationSummary


class NodeState(StrEnum):
    """What is known of one node, by its own view and its peers'."""

    ONLINE = "online"
    """Reached, and a member of the partition that most nodes are in."""
    APART = "apart"
    """Reached, but in another partition or alone."""
    NO_COROSYNC = "no-corosync"
    """Reached, but its corosync does not run or does not answer."""
    NOT_CLUSTERED = "not-clustered"
    """Reached, and in no cluster."""
    UNREACHED = "unreached"
    """Not reached from here, but counted as a member by its peers."""
    OFFLINE = "offline"
    """Not reached, and no node that was read counts it as a member."""
    NOT_SEEN = "not-seen"
    """Not looked at from here; peers' views are shown where there are any."""


class LinkState(StrEnum):
    """One link in one direction, as the node at its start sees it."""

    CONNECTED = "connected"
    DOWN = "down"
    UNKNOWN = "unknown"
    """The node at its start was not read, or does not list the link."""


class GuestState(StrEnum):
    """What a guest is doing, by the node it is on."""

    RUNNING = "running"
    STOPPED = "stopped"
    OTHER = "other"
    """Another word of the native list; it is in ``detail``."""
    UNKNOWN = "unknown"
    """The owner was not read, or its guest lists were not."""


@dataclass(frozen=True, slots=True)
class LinkAddress:
    """A node's address on one corosync link."""

    link: int
    address: str


@dataclass(frozen=True, slots=True)
class NodeRow:
    """One node.

    Attributes:
        name: its name in hosts.toml.
        nodeid: corosync's id.
        state: see :class:`NodeState`.
        votes: its votes in the nodelist.
        quorate: does the node itself see quorum?
        member_of: node names of its partition, by its own view.
        addresses: link number and address, from the nodelist.
        version: the pve-manager version.
        uptime_seconds: since boot.
        config_version: the version its corosync runs.
        clock_offset_seconds: its clock minus ours.
        writable: does its /etc/pve take writes?
        via: how it was reached.
        vms, vms_running, containers, containers_running: its guests; the running ones None where that was not seen.
        note: why something is missing, one line.
    """

    name: str
    nodeid: int | None
    state: NodeState
    votes: int | None
    quorate: bool | None
    member_of: tuple[str, ...]
    addresses: tuple[LinkAddress, ...]
    version: str | None
    uptime_seconds: float | None
    config_version: int | None
    clock_offset_seconds: float | None
    writable: bool | None
    via: str
    vms: int | None
    vms_running: int | None
    containers: int | None
    containers_running: int | None
    note: str


@dataclass(frozen=True, slots=True)
class LinkRow:
    """One link from one node to another, by the first one's view."""

    link: int
    source: str
    target: str
    state: LinkState
    source_address: str
    target_address: str
    mtu: int | None


@dataclass(frozen=True, slots=True)
class GuestRow:
    """One guest.

    Attributes:
        vmid: its number.
        type: ``qemu`` or ``lxc``.
        name: its name, empty where the owner's list was not read.
        node: the node that owns its config.
        state: see :class:`GuestState`.
        detail: the native word for its state.
    """

    vmid: int
    type: str
    name: str
    node: str
    state: GuestState
    detail: str


class OverrideKind(StrEnum):
    """What somebody has set for a time, and has not put back."""

    EXPECTED_VOTES = "expected-votes"
    HA_DISARMED = "ha-disarmed"
    MAINTENANCE = "maintenance"
    REPLICATION_DISABLED = "replication-disabled"


@dataclass(frozen=True, slots=True)
class Override:
    """One standing override: it holds until somebody ends it.

    Attributes:
        kind: see :class:`OverrideKind`.
        subjects: what it is about: the cluster, nodes, jobs.
        message: what is set, in one line.
    """

    kind: OverrideKind
    subjects: tuple[str, ...]
    message: str


def exit_of(findings: tuple[Finding, ...], *, read: int, not_understood: bool = False) -> ExitCode:
    """Return a report's exit code: 11 where no node was read, 13 where output was not understood, else by severity."""
    codes: list[ExitCode] = []
    if read == 0:
        codes.append(ExitCode.NO_NODE_READ)
    if not_understood:
        codes.append(ExitCode.NOT_UNDERSTOOD)
    if any(finding.severity is Severity.CRITICAL for finding in findings):
        codes.append(ExitCode.CRITICAL)
    if any(finding.severity is Severity.WARNING for finding in findings):
        codes.append(ExitCode.WARNING)
    return worst_exit(codes)


@dataclass(frozen=True, slots=True)
class StatusReport:
    """The whole of ``cluster.status``.

    Attributes:
        cluster: the cluster's name.
        taken_at: when the nodes were read, UTC ISO 8601.
        here: the node that looked at itself alone; empty for a look at all nodes.
        nodes_total, nodes_read: how many there are, how many answered.
        config_version: the version of corosync.conf that the nodes run; None where they differ or none was seen.
        quorum: see :class:`QuorumRow`.
        qdevice: the device that votes from outside; None where none is configured.
        overrides: what was set for a time and stands.
        nodes, links, guests: one row each.
        ha: HA in a line; None where it was not asked for.
        replication: replication in a line; None where it was not asked for.
        findings: the worst first.
        exit_code: what the command ends with.
    """

    cluster: str
    taken_at: str
    here: str
    nodes_total: int
    nodes_read: int
    config_version: int | None
    quorum: QuorumRow
    qdevice: QdeviceRow | None
    overrides: tuple[Override, ...]
    nodes: tuple[NodeRow, ...]
    links: tuple[LinkRow, ...]
    guests: tuple[GuestRow, ...]
    ha: HaSummary | None
    replication: ReplicationSummary | None
    findings: tuple[Finding, ...]
    exit_code: ExitCode


@dataclass(frozen=True, slots=True)
class NodesReport:
    """The whole of ``cluster.nodes``: the nodes, and the findings that are about nodes."""

    cluster: str
    taken_at: str
    here: str
    nodes: tuple[NodeRow, ...]
    findings: tuple[Finding, ...]
    exit_code: ExitCode


@dataclass(frozen=True, slots=True)
class LinksReport:
    """The whole of ``cluster.links``: every link in both directions, and the findings that are about links."""

    cluster: str
    taken_at: str
    here: str
    node_names: tuple[str, ...]
    links: tuple[LinkRow, ...]
    findings: tuple[Finding, ...]
    exit_code: ExitCode
