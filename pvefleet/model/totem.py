"""Corosync's timers as they work, the times that follow from them, and changes of ``totem`` settings."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class LinkTimers:
    """The timers of one knet link, in milliseconds.

    Attributes:
        link: its number.
        ping_interval: between two pings.
        ping_timeout: a link without an answer for so long is down.
        pong_count: answers in a row until it is up again.
    """

    link: int
    ping_interval: int
    ping_timeout: int
    pong_count: int


@dataclass(frozen=True, slots=True)
class TotemTimers:
    """What corosync works with, times in milliseconds.

    Attributes:
        nodes: in the nodelist; the token grows with it.
        token: the effective token timeout: ``token + (nodes - 2) * token_coefficient`` from three nodes on.
        consensus: how long a new membership may take to be agreed.
        join: how long a node waits for join messages.
        hold: how long a node may hold the token of an idle ring.
        token_retransmit: after which a token that was not answered is sent again.
        token_retransmits_before_loss_const: how often, before it counts as lost.
        links: each knet link.
    """

    nodes: int
    token: int
    consensus: int
    join: int
    hold: int
    token_retransmit: int
    token_retransmits_before_loss_const: int
    links: tuple[LinkTimers, ...]


@dataclass(frozen=True, slots=True)
class Timers:
    """How long things take on this cluster, in seconds: what procedures wait for. docs/corosync.md has the formulas.

    Attributes:
        token, consensus: the effective values.
        worst_case: token and consensus: until those who are left have agreed to go on without a silent node.
        node_loss: until the loss of a node shows in membership and quorum of the others, at most.
        link_loss: until a link that carries nothing any more shows as down, at most.
        link_return: until a link that works again, or is new, shows as connected, at most.
        restart: what ``systemctl restart corosync`` may take until it returns, at most.
        rejoin: from the restart of corosync until the node is a member again and its /etc/pve takes writes, at most.
        ha_return: what the HA manager may need beyond that until it counts the node as online again.
        reload: from the rename of corosync.conf until every member runs the new version, at most.
        cut_shows: after a reload: from then on a cluster that it has cut shows itself. Until then quorum and the
            write bit are green on all nodes, whatever happened.
    """

    token: float
    consensus: float
    worst_case: float
    node_loss: float
    link_loss: float
    link_return: float
    restart: float
    rejoin: float
    ha_return: float
    reload: float
    cut_shows: float


class Applies(StrEnum):
    """When a changed setting takes effect."""

    LIVE = "live"
    """With the reload."""
    RESTART = "restart"
    """When corosync has been restarted, node by node."""


@dataclass(frozen=True, slots=True)
class SettingChange:
    """One setting that changes.

    Attributes:
        key: as ``--set`` names it: ``token``, ``interface.1.knet_link_priority``.
        old, new: the values in the file; None where it is not written and the default holds.
        applies: when it takes effect.
        unit: ``ms`` or another unit of the values; empty where there is none.
    """

    key: str
    old: str | None
    new: str | None
    applies: Applies
    unit: str


@dataclass(frozen=True, slots=True)
class ConfEdit:
    """One new corosync.conf, whole: what one reload applies.

    Attributes:
        what: in a few words: ``remove link 1``.
        version: its config_version.
        text: what is written.
        revert: the content before it, with a version that is higher by one: what undoes exactly this edit.
        diff: unified, without its two head lines.
    """

    what: str
    version: int
    text: str
    revert: str
    diff: tuple[str, ...]
