"""A BMC that speaks Redfish: JSON over HTTPS, by the standard library alone.

Nothing, the password least of all, is sent before the certificate is known to be the right one. Every request has a
connection of its own and one limit over all of it, however slowly the other side drips.
"""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from pvefleet.model.bmc import BmcError, BmcMachine, Power, PowerReading
from pvefleet.model.errors import OutcomeUnknown
from pvefleet.model.inventory import BmcEntry

_SECONDS = 8.0
"""For one request, from the first packet to the last byte; a BMC is a slow little computer."""

_MOST = 1 << 20
_SYSTEMS = "/redfish/v1/Systems"
_RESET = "#ComputerSystem.Reset"
_POWER = {"Off": Power.OFF, "On": Power.ON, "PoweringOn": Power.ON, "PoweringOff": Power.ON, "Paused": Power.ON}


class RedfishBmc:
    """One node's BMC.

    Args:
        node: the node's name.
        entry: what hosts.toml says.
        password: called once, before the first request.
        clock: our own time in seconds, for the readings.
        seconds: limit of one request.
    """

    def __init__(
        self,
        node: str,
        entry: BmcEntry,
        password: Callable[[], str],
        clock: Callable[[], float],
        *,
        seconds: float = _SECONDS,
    ) -> None:
        self._node = node
        self._entry = entry
        self._password = password
        self._clock = clock
        self._seconds = seconds
        self._login = ""
        self._path = f"{_SYSTEMS}/{entry.system}" if entry.system else ""

    @property
    def node(self) -> str:
        """The node's name."""
        return self._node

    @property
    def where(self) -> str:
        """``redfish HOST:PORT``."""
        return f"redfish {self._entry.endpoint}"

    def status(self) -> PowerReading:
        """Read the system's ``PowerState``; see :meth:`pvefleet.model.bmc.Bmc.status`."""
        system = self._system()
        state = system.get("PowerState")
        power = _POWER.get(state, Power.UNKNOWN) if isinstance(state, str) else Power.UNKNOWN
        machine = BmcMachine(
            host_name=_text(system, "HostName"),
            model=" ".join(filter(None, (_text(system, "Manufacturer"), _text(system, "Model")))),
            serial=_text(system, "SerialNumber"),
            uuid=_text(system, "UUID"),
        )
        return PowerReading(self._clock(), power, f"PowerState {json.dumps(state)} by {self.where}", machine)

    def off(self) -> None:
        """Order ``ForceOff``; see :meth:`pvefleet.model.bmc.Bmc.off`."""
        action = _table(_table(self._system(), "Actions"), _RESET)
        target = action.get("target")
        if not isinstance(target, str) or not target.startswith("/"):
            raise self._problem("offers no reset of the system")
        allowed = action.get("ResetType@Redfish.AllowableValues")
        if isinstance(allowed, list) and "ForceOff" not in allowed:
            raise self._problem(f"cannot cut the power; it offers {', '.join(map(str, allowed))}")
        self._ask("POST", target, {"ResetType": "ForceOff"})

    def _system(self) -> Mapping[str, Any]:
        if not self._path:
            members = self._ask("GET", _SYSTEMS).get("Members")
            paths = [str(one.get("@odata.id")) for one in members or () if isinstance(one, dict)]
            if len(paths) != 1 or not paths[0].startswith(f"{_SYSTEMS}/"):
                known = ", ".join(path.removeprefix(f"{_SYSTEMS}/") for path in paths) or "none"
                hint = "name the right one in hosts.toml: system = ..."
                raise self._problem(f"has {len(paths)} systems ({known}), not one", hint)
            self._path = paths[0]
        return self._ask("GET", self._path)

    def _ask(self, method: str, path: str, body: Mapping[str, str] | None = None) -> Mapping[str, Any]:
        """Make one request and return the JSON object that answers it; empty where the answer has no body."""
        login = self._authorization()
        connection = self._connection()
        with self._limited(connection):
            try:
                connection.connect()
            except ssl.SSLCertVerificationError as error:
                hint = "compare its certificate on its console, then set fingerprint or cafile in hosts.toml"
                raise self._problem(f"is not the one it should be: {_distrust(error)}", hint) from error
            except (OSError, http.client.HTTPException) as error:
                raise self._problem(f"does not answer: {connection.why(error)}") from error
            try:
                status, content = self._converse(connection, method, path, body, login)
            except (OSError, http.client.HTTPException) as error:
                if method != "GET":
                    message = f"the BMC of {self._node} took the order and did not answer: {connection.why(error)}"
                    raise OutcomeUnknown(self._node, message, hint="read its status") from error
                raise self._problem(f"does not answer: {connection.why(error)}") from error
        return self._understood(status, content, path)

    def _connection(self) -> _PinnedConnection:
        try:
            return _PinnedConnection(self._entry, self._seconds)
        except OSError as error:
            raise self._problem(f"cannot be trusted: {self._entry.cafile}: {_why(error)}") from error

    @staticmethod
    def _converse(
        connection: http.client.HTTPSConnection, method: str, path: str, body: Mapping[str, str] | None, login: str
    ) -> tuple[int, bytes]:
        headers = {"Accept": "application/json", "Authorization": login, "Connection": "close"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        connection.request(method, path, body=None if body is None else json.dumps(body), headers=headers)
        response = connection.getresponse()
        return response.status, response.read(_MOST)

    def _authorization(self) -> str:
        if not self._login:
            pair = f"{self._entry.user}:{self._password()}".encode()
            self._login = f"Basic {base64.b64encode(pair).decode('ascii')}"
        return self._login

    def _understood(self, status: int, content: bytes, path: str) -> Mapping[str, Any]:
        if status in (401, 403):
            raise self._problem("refuses our login", "user and password in hosts.toml; what may that user do?")
        try:
            document = json.loads(content) if content.strip() else {}
        except ValueError as error:
            raise self._problem(f"answers {path} with something that is not JSON (HTTP {status})") from error
        if not 200 <= status < 300:
            said = _text(_table(document, "error"), "message")[:200] if isinstance(document, dict) else ""
            raise self._problem(f"answers {path} with HTTP {status}" + (f": {said}" if said else ""))
        if not isinstance(document, dict):
            raise self._problem(f"answers {path} with something that is no object")
        return document

    def _problem(self, what: str, hint: str = "") -> BmcError:
        return BmcError(self._node, f"the BMC of {self._node} ({self.where}) {what}", hint=hint)

    @contextmanager
    def _limited(self, connection: _PinnedConnection) -> Iterator[None]:
        """Hang up when the time is over, whatever the connection is doing then, and in any case at the end."""
        alarm = threading.Timer(self._seconds, connection.give_up)
        alarm.daemon = True
        alarm.start()
        try:
            yield
        finally:
            alarm.cancel()
            connection.close()


class _PinnedConnection(http.client.HTTPSConnection):
    """A connection that is closed again, with nothing sent, where the certificate is another than the pinned one."""

    def __init__(self, entry: BmcEntry, seconds: float) -> None:
        context = ssl.create_default_context(cafile=None if entry.cafile is None else str(entry.cafile))
        if entry.fingerprint:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        super().__init__(entry.endpoint.host, entry.endpoint.port, timeout=seconds, context=context)
        self._fingerprint = entry.fingerprint
        self._given_up = False

    def connect(self) -> None:
        super().connect()
        if not self._fingerprint:
            return
        shown = hashlib.sha256(self.sock.getpeercert(binary_form=True) or b"").hexdigest()
        if shown != self._fingerprint:
            self.close()
            raise ssl.SSLCertVerificationError(f"its certificate has the fingerprint SHA256:{shown}")

    def give_up(self) -> None:
        """Hang up, which wakes whoever reads or writes here."""
        self._given_up = True
        with suppress(OSError, AttributeError):
            self.sock.shutdown(socket.SHUT_RDWR)

    def why(self, error: Exception) -> str:
        """Say in a few words what *error* on this connection means."""
        return "no answer in time" if self._given_up or isinstance(error, TimeoutError) else _why(error)


def _distrust(error: ssl.SSLCertVerificationError) -> str:
    # OpenSSL's own errors carry a message; ours is their text.
    return str(getattr(error, "verify_message", "") or error.args[-1])


def _why(error: Exception) -> str:
    return str(getattr(error, "strerror", "") or error) or type(error).__name__


def _table(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _text(document: Mapping[str, Any], key: str) -> str:
    value = document.get(key)
    return value.strip() if isinstance(value, str) else ""
