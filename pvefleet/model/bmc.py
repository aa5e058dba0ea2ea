"""A node's management controller (BMC): what it says of the machine's power, and the little that is asked of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from pvefleet.model.errors import ExitCode, NodeError


class Power(StrEnum):
    """What a BMC says of its machine."""

    ON = "on"
    """Running, or on its way up or down: not off."""
    OFF = "off"
    UNKNOWN = "unknown"
    """It did not answer, or said something that is neither."""


@dataclass(frozen=True, slots=True)
class BmcMachine:
    """Which machine a BMC says it belongs to; what it does not tell is empty.

    Attributes:
        host_name: the name that the machine's system gave it.
        model: maker and model.
        serial: serial number.
        uuid: what ``dmidecode -s system-uuid`` prints on the machine.
    """

    host_name: str = ""
    model: str = ""
    serial: str = ""
    uuid: str = ""


@dataclass(frozen=True, slots=True)
class PowerReading:
    """One answer of a BMC.

    Attributes:
        at: when it came, in seconds by the reader's own clock; two readings are compared by it alone.
        power: what it said.
        why: where that comes from, or why nothing is known, in one line.
        machine: whose BMC it is by its own word; None where it does not tell.
    """

    at: float
    power: Power
    why: str
    machine: BmcMachine | None = None


class BmcError(NodeError):
    """A BMC did not do what it was asked: unreachable, not the pinned one, refused our login, not understood."""

    exit_code = ExitCode.NO_NODE_READ


class Bmc(Protocol):
    """One node's BMC. Nothing is connected before the first question."""

    @property
    def node(self) -> str:
        """The node's name in hosts.toml."""

    @property
    def where(self) -> str:
        """Protocol, address and machine, for the operator: ``redfish 10.0.9.11:443``."""

    def status(self) -> PowerReading:
        """Ask for the power.

        Returns:
            What it says; ``UNKNOWN`` with the reason where it said something else than on or off.

        Raises:
            BmcError: no answer was had.
        """

    def off(self) -> None:
        """Cut the machine's power at once. Returning proves nothing: read the status until it is off.

        Raises:
            BmcError: the order was not given, or was refused.
            OutcomeUnknown: it was given and no answer came.
        """
