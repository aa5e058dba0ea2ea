"""What is true now, as far as anybody saw it: one record per node, each value with its source or its problem."""

from __future__ import annotations

from dataclasses import dataclass

from parsers.corosync_cfgtool_n import Reachability
from parsers.corosync_cfgtool_s import LinkStatus
from parsers.corosync_cmapctl import CmapDump
from parsers.corosync_conf import CorosyncConf
from parsers.corosync_qdevice_tool import QdeviceStatus
from parsers.corosync_quorumtool import QuorumStatus
from parsers.pmxcfs_members import Members
from parsers.pmxcfs_vmlist import VmList
from parsers.pveversion import PveVersion
from pvefleet.model.corosync_facts import CorosyncFacts
from pvefleet.model.errors import NodeError
from pvefleet.model.evidence import Proof
from pvefleet.model.fallback_facts import FallbackFacts
from pvefleet.model.guest_facts import GuestFacts
from pvefleet.model.ha_facts import HaFacts
from pvefleet.model.health_facts import HealthFacts
from pvefleet.model.observation import Seen
from pvefleet.model.replication_facts import ReplicationFacts


@dataclass(frozen=True, slots=True)
class Machine:
    """Who the machine says it is.

    Attributes:
        hostname: ``uname -n``.
        boot_id: the kernel's id of this boot.
        uptime: seconds since boot.
        clock: its own time when it was read, seconds since the epoch.
        clock_offset: its clock minus ours in seconds, at best knowledge.
        clock_doubt: how far off that may be: half of the round trip, in seconds.
    """

    hostname: str
    boot_id: str
    uptime: float
    clock: float
    clock_offset: float
    clock_doubt: float


@dataclass(frozen=True, slots=True)
class ConfFile:
    """One copy of corosync.conf.

    Attributes:
        digest: SHA-256 of its bytes, in hex.
        conf: its content.
    """

    digest: str
    conf: CorosyncConf


@dataclass(frozen=True, slots=True)
class Pmxcfs:
    """The state of the cluster file system on one node.

    Attributes:
        mounted: is /etc/pve a mount point?
        writable: does pmxcfs itself allow writes (the write bit of ``/etc/pve/local``)?
    """

    mounted: bool
    writable: bool


@dataclass(frozen=True, slots=True)
class LocalGuest:
    """One guest whose configuration a node has.

    Attributes:
        vmid: its number.
        name: its name; empty without one.
        status: ``running`` or ``stopped``.
    """

    vmid: int
    name: str
    status: str


@dataclass(frozen=True, slots=True)
class LocalGuests:
    """The guests whose configuration one node has, by number."""

    vms: tuple[LocalGuest, ...]
    containers: tuple[LocalGuest, ...]


@dataclass(frozen=True, slots=True)
class GuestProcesses:
    """Numbers of the guests that run on one node, whoever has their configuration."""

    vms: frozenset[int]
    containers: frozenset[int]

    def of(self, kind: str) -> frozenset[int]:
        """Return those of a type, ``qemu`` or ``lxc``."""
        return self.vms if kind == "qemu" else self.containers


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """What one node said of itself and of the cluster.

    Attributes:
        name: its name in hosts.toml.
        pve_name: its name in the cluster.
        via: how it was reached; empty where it was not.
        error: why it was not read; None where it was.
        seconds: how long reading it took.

    The parts that belong to a section which was not asked for, or to a node that was not read, are None.
    """

    name: str
    pve_name: str
    via: str
    error: NodeError | None
    seconds: float
    machine: Seen[Machine]
    version: Seen[PveVersion]
    quorum: Seen[QuorumStatus]
    links: Seen[LinkStatus]
    reach: Seen[Reachability]
    cmap: Seen[CmapDump]
    conf_running_file: Seen[ConfFile]
    """``/etc/corosync/corosync.conf``: what corosync reads at its next start or reload."""
    conf_cluster_file: Seen[ConfFile]
    """``/etc/pve/corosync.conf``: the file of record."""
    pmxcfs: Seen[Pmxcfs]
    members: Seen[Members]
    guests_owned: Seen[VmList]
    qdevice: Seen[QdeviceStatus] | None = None
    """The node's QDevice; None where its corosync.conf has none."""
    guests_here: Seen[LocalGuests] | None = None
    guest_processes: Seen[GuestProcesses] | None = None
    corosync: CorosyncFacts | None = None
    fallback: Seen[FallbackFacts] | None = None
    health: HealthFacts | None = None
    guests: GuestFacts | None = None
    ha: HaFacts | None = None
    replication: ReplicationFacts | None = None

    @property
    def read(self) -> bool:
        """Did the node answer at all?"""
        return self.error is None


@dataclass(frozen=True, slots=True)
class ClusterFacts:
    """Every node of one cluster, as hosts.toml lists them.

    Attributes:
        cluster: the cluster's name in hosts.toml; empty for a node that looks at itself.
        taken_at: when, as UTC ISO 8601 text.
        nodes: in the order of hosts.toml.
        clock_limit: seconds by which a node's clock may differ from ours.
        here: the node that is looking at itself alone, or empty for a look from outside.
        proofs: what is proven of the nodes that are away; only where the EVIDENCE section was asked for.
    """

    cluster: str
    taken_at: str
    nodes: tuple[NodeFacts, ...]
    clock_limit: float = 1.0
    here: str = ""
    proofs: tuple[Proof, ...] = ()

    @property
    def seen(self) -> tuple[NodeFacts, ...]:
        """The nodes that answered."""
        return tuple(node for node in self.nodes if node.read)
