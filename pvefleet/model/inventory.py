"""Which machines there are and how to reach them: what hosts.toml says, validated."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from pvefleet.model.evidence import Level


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One place where an SSH server is expected.

    Attributes:
        host: an IP address or a resolvable name.
        port: the TCP port.
    """

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Is this our very own machine? Then a forwarder or tunnel stands there, not what is meant."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


@dataclass(frozen=True, slots=True)
class GatewayEntry:
    """A jump host in front of nodes.

    Attributes:
        name: its key under ``[gateways]``; also the name its host key is pinned under.
        endpoint: where its sshd listens.
        user: the login there.
        identity: private key file; None uses the agent.
    """

    name: str
    endpoint: Endpoint
    user: str
    identity: Path | None


@dataclass(frozen=True, slots=True)
class PasswordSource:
    """Where a password comes from. The password itself never stands in hosts.toml.

    Attributes:
        kind: an environment variable, a file, a program that prints it, or a question on the terminal.
        value: the variable's name, the file's path, or the program's argv; empty for a question.
    """

    kind: Literal["env", "file", "command", "prompt"] = "prompt"
    value: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BmcEntry:
    """A node's baseboard management controller.

    Attributes:
        type: how it is spoken to: by the program ``ipmitool``, or by Redfish over HTTPS.
        endpoint: its own address, which is never the node's.
        user: the login there.
        password: where its password comes from.
        cafile: Redfish: the authority that signed its certificate; None takes those of this machine.
        fingerprint: Redfish: SHA-256 of its certificate in lower-case hex; the certificate then needs no authority.
            Empty where none is pinned.
        system: Redfish: which of its systems the node is; empty where it has one only.
    """

    type: Literal["ipmitool", "redfish"]
    endpoint: Endpoint
    user: str
    password: PasswordSource = field(default_factory=PasswordSource)
    cafile: Path | None = None
    fingerprint: str = ""
    system: str = ""


@dataclass(frozen=True, slots=True)
class NodeEntry:
    """One Proxmox VE node.

    Attributes:
        name: its key in hosts.toml, unique over all clusters; what an operator types after ``-H``.
        pve_name: its name in the cluster (``uname -n``); the key unless stated.
        cluster: the name of the cluster that lists it.
        endpoint: the address that is tried first.
        alternatives: further addresses of the same sshd, in order; the link addresses come last, without being listed.
        links: corosync link number to address.
        user: the login, normally root.
        identity: private key file; None uses the agent.
        gateway: the jump host's name, or empty.
        bmc: the node's BMC, or None.
    """

    name: str
    pve_name: str
    cluster: str
    endpoint: Endpoint
    alternatives: tuple[Endpoint, ...] = ()
    links: tuple[tuple[int, str], ...] = ()
    user: str = "root"
    identity: Path | None = None
    gateway: str = ""
    bmc: BmcEntry | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """What an operator wants to be held to; every value has a default.

    Attributes:
        connect_seconds: how long reaching one node may take over all of its addresses.
        command_seconds: limit for a plain command of ``cluster.exec``.
        parallel: how many nodes are worked on at the same time.
        clock_skew_seconds: a node's clock may differ from ours by this much.
        rpo_seconds: a replica may be this old; None: not judged.
        evidence: how far it has to be proven that a node is down; None: by its BMC where it has one (E4), else by an
            operator's statement (E3).
    """

    connect_seconds: float = 7.0
    command_seconds: float = 60.0
    parallel: int = 32
    clock_skew_seconds: float = 1.0
    rpo_seconds: float | None = None
    evidence: Level | None = None


@dataclass(frozen=True, slots=True)
class ClusterEntry:
    """One cluster of hosts.toml.

    Attributes:
        name: its key under ``[clusters]``; must equal ``cluster_name`` in the cluster's corosync.conf.
        default: is it meant where a command names no node?
        nodes: its nodes in the order of hosts.toml.
        policy: its limits.
    """

    name: str
    default: bool
    nodes: tuple[NodeEntry, ...]
    policy: Policy = field(default_factory=Policy)


@dataclass(frozen=True, slots=True)
class Inventory:
    """All of hosts.toml.

    Attributes:
        path: the file it was read from; relative paths in it are relative to its folder.
        clusters: in the order of the file.
        groups: group name to node names; every cluster's name is a group too.
        gateways: jump hosts by name.
        known_hosts: file that pins the host keys, by node name.
    """

    path: Path
    clusters: tuple[ClusterEntry, ...]
    groups: tuple[tuple[str, tuple[str, ...]], ...]
    gateways: tuple[GatewayEntry, ...]
    known_hosts: Path

    @property
    def nodes(self) -> tuple[NodeEntry, ...]:
        """Every node of every cluster."""
        return tuple(node for cluster in self.clusters for node in cluster.nodes)
