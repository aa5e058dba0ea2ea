"""Evidence that a node is down: what was looked at, by whom, and how far that proves it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pvefleet.model.bmc import PowerReading
from pvefleet.model.errors import ExitCode
from pvefleet.model.finding import Finding

HERE = "workstation"
"""The vantage point that is the machine this runs on; every other one is a node's name."""


class Level(StrEnum):
    """How far it is proven that a node is down."""

    E0 = "E0"
    """Not at all: a sign of life, or not looked at well enough."""
    E1 = "E1"
    """Silent on every path from two vantage points. A node that is only cut off is so too: never enough."""
    E2 = "E2"
    """E1, and its watchdog was armed and has had its time: it has reset itself."""
    E3 = "E3"
    """E1, and an operator states that it is off, and how that is known."""
    E4 = "E4"
    """E1, and its BMC read off twice."""

    @property
    def rank(self) -> int:
        """Its place on the ladder, from 0."""
        return int(self.value[1])


class Sign(StrEnum):
    """What one look says."""

    ALIVE = "alive"
    SILENT = "silent"
    UNKNOWN = "unknown"
    """It could not be looked at, or the answer means neither. Counts as not silent."""


class Way(StrEnum):
    """How a node was looked for."""

    LOGIN = "login"
    """The SSH login that every command begins with."""
    TCP = "tcp"
    """A TCP connection, and the greeting that follows: an answer of any kind, a refusal too, is a sign of life."""
    PING = "ping"
    LINK = "link"
    """The peer's corosync: is the link to the node connected?"""
    MEMBER = "member"
    """The peer's corosync: is the node a member?"""
    PMXCFS = "pmxcfs"
    """The peer's cluster file system: is the node online?"""
    AGENT = "ha-agent"
    """The node's HA agent, which writes the time of its last round into the cluster file system."""


@dataclass(frozen=True, slots=True)
class Look:
    """One thing that was looked at.

    Attributes:
        vantage: from where: ``workstation``, or a node's name.
        way: how.
        place: where to: an address with its port, the number of a link, or empty.
        sign: what it says.
        why: what was seen, in one line.
    """

    vantage: str
    way: Way
    place: str
    sign: Sign
    why: str


@dataclass(frozen=True, slots=True)
class Vantage:
    """A point from which a node was looked for.

    Attributes:
        name: ``workstation``, or a node's name.
        paths: everything that has to be silent from there, as way and place.
        deaf: why its silence says nothing (it hears nobody else either); empty where it does.
    """

    name: str
    paths: tuple[tuple[Way, str], ...]
    deaf: str = ""


@dataclass(frozen=True, slots=True)
class Fencing:
    """What one peer knows of the node's watchdog. Every age is by that peer's own clock; None is unknown.

    Attributes:
        peer: whose view this is.
        state, mode: the last words of the node's HA agent (``lrm_status``); None where it was not read.
        disarmed: is HA disarmed, or on its way there?
        quorum_elsewhere: could the nodes that the peer does not see have quorum among themselves?
        unchanged: seconds since the peer's corosync last saw members come or go.
        reported: seconds since the agent's last round. The agent wrote that time by its own clock, so it can only ever
            speak against the node being down.
    """

    peer: str
    state: str | None
    mode: str | None
    disarmed: bool | None
    quorum_elsewhere: bool | None
    unchanged: float | None
    reported: float | None


@dataclass(frozen=True, slots=True)
class Word:
    """What an operator states.

    Attributes:
        text: what was typed; it has to be exactly ``NODE is off``.
        reason: how that is known: "I pulled both plugs".
    """

    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Evidence:
    """Everything that was looked at for one node.

    Attributes:
        node: its name in hosts.toml.
        vantages: from where it was looked for, and what had to be looked at there.
        looks: what was seen.
        fencing: what peers know of its watchdog.
        power: what its BMC said, in order; empty where there is none, or nobody asked.
        word: what an operator states, or None.
    """

    node: str
    vantages: tuple[Vantage, ...]
    looks: tuple[Look, ...]
    fencing: tuple[Fencing, ...] = ()
    power: tuple[PowerReading, ...] = ()
    word: Word | None = None


@dataclass(frozen=True, slots=True)
class Rung:
    """One level, and whether it is reached.

    Attributes:
        level: which.
        holds: is it?
        why: what decides that, in one line.
        lines: what was seen, or is missing.
    """

    level: Level
    holds: bool
    why: str
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Proof:
    """What the evidence amounts to.

    Attributes:
        node: the node's name.
        alive: is there any sign of life? Then nothing suffices, and nothing can be accepted.
        level: the highest level that holds.
        minimum: the level that is asked for.
        suffices: is the node proven down at that level? Never by E1 alone.
        rungs: every level from E1 on.
        findings: why it does not suffice; empty where it does.
    """

    node: str
    alive: bool
    level: Level
    minimum: Level
    suffices: bool
    rungs: tuple[Rung, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class EvidenceReport:
    """The report of ``node.evidence``.

    Attributes:
        cluster: its name.
        taken_at: when, as UTC ISO 8601 text.
        proof: the ladder.
        vantages: from where the node was looked for.
        looks: everything that was looked at.
        power: what its BMC said.
    """

    cluster: str
    taken_at: str
    proof: Proof
    vantages: tuple[Vantage, ...]
    looks: tuple[Look, ...]
    power: tuple[PowerReading, ...]

    @property
    def exit_code(self) -> ExitCode:
        """0 proven down, 5 alive, 4 silent but not proven, 11 no other node could be asked."""
        if self.proof.suffices:
            return ExitCode.OK
        if self.proof.alive:
            return ExitCode.CRITICAL
        return ExitCode.WARNING if any(one.name != HERE for one in self.vantages) else ExitCode.NO_NODE_READ
