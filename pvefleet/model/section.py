"""Sections of facts: what a command may ask the nodes for."""

from __future__ import annotations

from enum import StrEnum


class Section(StrEnum):
    """One group of sources that are read together."""

    BASE = "base"
    """Machine, corosync, its configuration, pmxcfs, the guest list: read by every command."""
    COROSYNC = "corosync"
    """Which start of corosync runs, and whether it would start again with the file it has."""
    FALLBACK = "fallback"
    """What is staged and armed to put an old corosync.conf back by itself."""
    GUESTS = "guests"
    """The node's own guests with their state, and every guest that runs there."""
    GUEST_CONFIGS = "guest-configs"
    """Every guest's configuration file in the cluster, snapshots included, also of nodes that are down."""
    HA = "ha"
    """HA resources, rules and groups, the manager's and every LRM's state, the watchdog's markers."""
    HA_HISTORY = "ha-history"
    """The last failovers, by the journal of every HA manager; only together with HA."""
    REPLICATION = "replication"
    """Replication jobs, and the state that the node keeps of those it runs."""
    EVIDENCE = "evidence"
    """Proofs that the nodes that are away are down: gathered from every vantage point, not by the facts script."""
    HEALTH = "health"
    """What the checks look at beyond that: keys, certificates, time, names, services, sshd."""
