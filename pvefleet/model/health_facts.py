"""HEALTH: what the checks look at on one node beyond the status."""

from __future__ import annotations

from dataclasses import dataclass

from parsers.corosync_cmapctl import KnetLink
from pvefleet.model.observation import Seen


@dataclass(frozen=True, slots=True)
class Verdict:
    """What ``corosync -t`` says of the node's corosync.conf: would a restart survive?

    Attributes:
        valid: does corosync accept it?
        said: its complaint; empty where it is valid.
    """

    valid: bool
    said: str


@dataclass(frozen=True, slots=True)
class Resolved:
    """What a name resolves to on a node.

    Attributes:
        name: the name that was looked up.
        addresses: the answers in order; empty where it does not resolve.
    """

    name: str
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Certificate:
    """One certificate file.

    Attributes:
        path: where it is, or should be.
        subject: whom it is for; empty where it is missing.
        ends: the end of its validity, seconds since the epoch; None where it is missing.
    """

    path: str
    subject: str
    ends: float | None


@dataclass(frozen=True, slots=True)
class LinkTrouble:
    """What corosync's log says of the last hour.

    Attributes:
        drops: how often each link was reported down: peer's node id, link number, times.
        retransmits: lines that report retransmitted messages.
    """

    drops: tuple[tuple[int, int, int], ...]
    retransmits: int


@dataclass(frozen=True, slots=True)
class HealthFacts:
    """One node's health.

    Attributes:
        conf_test: ``corosync -t``.
        corosync_version: ``corosync -v``.
        authkey: SHA-256 of /etc/corosync/authkey, in hex.
        names: the node's own name and every nodelist name, as this node resolves them.
        units: systemd unit to its state word.
        trouble: corosync's log of the last hour.
        knet: statistics of every link to every peer.
        key_files: the files in which sshd looks for root's keys, in order.
        certificates: pveproxy's and the node's certificate, and the cluster's authority.
        synchronised: is the clock kept by NTP, by the kernel's own word?
    """

    conf_test: Seen[Verdict]
    corosync_version: Seen[str]
    authkey: Seen[str]
    names: Seen[tuple[Resolved, ...]]
    units: Seen[tuple[tuple[str, str], ...]]
    trouble: Seen[LinkTrouble]
    knet: Seen[tuple[KnetLink, ...]]
    key_files: Seen[tuple[str, ...]]
    certificates: Seen[tuple[Certificate, ...]]
    synchronised: Seen[bool]
