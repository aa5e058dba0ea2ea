"""A BMC that speaks IPMI, by the program ``ipmitool``: its password is in that process's environment, nowhere else."""

from __future__ import annotations

from collections.abc import Callable

from pvefleet.model.bmc import BmcError, Power, PowerReading
from pvefleet.model.errors import OutcomeUnknown, TimedOut, Unreachable
from pvefleet.model.inventory import BmcEntry
from pvefleet.model.node import CommandResult
from pvefleet.nodes.local import LocalNode

_SECONDS = 12.0
_ONCE = ("-N", "2", "-R", "2")
"""Seconds that a packet is waited for, and how often it is sent: ipmitool's own limits come before ours."""

_STATES = {"Chassis Power is on": Power.ON, "Chassis Power is off": Power.OFF}
_NOT_FOUND = 127


class IpmitoolBmc:
    """One node's BMC.

    Args:
        node: the node's name.
        entry: what hosts.toml says.
        password: called once, before the first command.
        clock: our own time in seconds, for the readings.
        path: where programs are looked for.
    """

    def __init__(
        self, node: str, entry: BmcEntry, password: Callable[[], str], clock: Callable[[], float], *, path: str
    ) -> None:
        self._node = node
        self._entry = entry
        self._password = password
        self._clock = clock
        self._path = path
        self._secret: str | None = None

    @property
    def node(self) -> str:
        """The node's name."""
        return self._node

    @property
    def where(self) -> str:
        """``ipmitool HOST:PORT``."""
        return f"ipmitool {self._entry.endpoint}"

    def status(self) -> PowerReading:
        """Run ``chassis power status``; see :meth:`pvefleet.model.bmc.Bmc.status`."""
        try:
            said = self._run("status").text.strip()
        except TimedOut as error:
            raise BmcError(self._node, f"the BMC of {self._node} ({self.where}) does not answer") from error
        power = _STATES.get(said, Power.UNKNOWN)
        line = said.splitlines()[0][:200] if said else "ipmitool said nothing"
        return PowerReading(self._clock(), power, f"{line} by {self.where}")

    def off(self) -> None:
        """Run ``chassis power off``; see :meth:`pvefleet.model.bmc.Bmc.off`."""
        try:
            self._run("off")
        except TimedOut as error:
            message = f"the BMC of {self._node} took the order and did not answer in time"
            raise OutcomeUnknown(self._node, message, hint="read its status") from error

    def _run(self, action: str) -> CommandResult:
        place = ("-H", self._entry.endpoint.host, "-p", str(self._entry.endpoint.port), "-U", self._entry.user)
        argv = ("ipmitool", "-I", "lanplus", *place, "-E", *_ONCE, "chassis", "power", action)
        if self._secret is None:
            self._secret = self._password()
        environment = {"PATH": self._path, "LC_ALL": "C.UTF-8", "HOME": "/", "IPMI_PASSWORD": self._secret}
        try:
            result = LocalNode("this machine", environment).run(argv, timeout=_SECONDS)
        except Unreachable as error:
            raise BmcError(self._node, f"ipmitool cannot be started: {error.message}") from error
        if result.exit == 0:
            return result
        if result.exit == _NOT_FOUND:
            hint = "install it (apt install ipmitool), or speak Redfish: docs/hosts.md"
            raise BmcError(self._node, "ipmitool is not installed on this machine", hint=hint)
        said = (result.error_text + result.text).replace(self._secret or "\0", "***").strip().splitlines()
        why = said[0][:200] if said else f"ipmitool exited {result.exit}"
        raise BmcError(self._node, f"the BMC of {self._node} ({self.where}) did not do it: {why}")
