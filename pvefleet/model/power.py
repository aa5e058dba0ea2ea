"""Power by a node's BMC: cutting it with proof, and the report of ``node.power``."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pvefleet.model.bmc import Power, PowerReading
from pvefleet.model.errors import ExitCode
from pvefleet.model.finding import Finding


class PowerOutcome(StrEnum):
    """What became of it."""

    READ = "read"
    """Only the state was asked for."""
    WOULD = "would"
    """A plan: the power would be cut once the text is typed."""
    ALREADY = "already"
    """It read off twice before anything was done."""
    OFF = "off"
    """The power was cut, and read off twice after that."""
    STILL_ON = "still-on"
    """The BMC took the order, and the machine still has power."""
    NOT_PROVEN = "not-proven"
    """The order was given; whether the power is off could not be read."""


@dataclass(frozen=True, slots=True)
class PowerCut:
    """What cutting the power brought.

    Attributes:
        outcome: ``OFF``, ``STILL_ON`` or ``NOT_PROVEN``.
        readings: what the BMC said after the order, in order.
        note: what went wrong with the order itself; empty where nothing did.
    """

    outcome: PowerOutcome
    readings: tuple[PowerReading, ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class PowerReport:
    """The report of ``node.power``.

    Attributes:
        cluster: its name.
        node: the node's name in hosts.toml.
        pve_name: its name in the cluster.
        bmc: protocol and address of its BMC.
        member: who counts the node as a member of a cluster with quorum; empty where nobody does.
        guests: its guests, by the cluster's list: ``100 (qemu)``.
        confirmation: the text that has to be typed; empty where nothing would be done.
        outcome: what became of it.
        readings: what the BMC said, in order.
        note: what else there is to say.
        findings: what speaks against it.
    """

    cluster: str
    node: str
    pve_name: str
    bmc: str
    outcome: PowerOutcome
    readings: tuple[PowerReading, ...]
    member: tuple[str, ...] = ()
    guests: tuple[str, ...] = ()
    confirmation: str = ""
    note: str = ""
    findings: tuple[Finding, ...] = ()

    @property
    def power(self) -> Power:
        """What the BMC said last."""
        return self.readings[-1].power

    @property
    def exit_code(self) -> ExitCode:
        """0 known, off or would run; 3 refused; 13 the state was not understood; 21 still on; 22 not proven."""
        codes = {PowerOutcome.STILL_ON: ExitCode.NEEDS_HANDS, PowerOutcome.NOT_PROVEN: ExitCode.OUTCOME_UNKNOWN}
        if self.outcome in codes:
            return codes[self.outcome]
        if any(not one.acceptable for one in self.findings):
            return ExitCode.REFUSED
        unread = self.outcome is PowerOutcome.READ and self.power is Power.UNKNOWN
        return ExitCode.NOT_UNDERSTOOD if unread else ExitCode.OK
