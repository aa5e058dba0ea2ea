"""The nodes' management controllers (BMC): a Redfish service over TLS for each, that really cuts a node's power.

Served in the lab's own process on loopback addresses of this machine, so that they live when their node is dead.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import secrets
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from lab import host
from lab.errors import LabError
from lab.spec import BMC_FAULTS
from lab.state import BMC_USER, StateDir

_ROOT = "/redfish/v1"
_SYSTEM = f"{_ROOT}/Systems/1"
_RESET = f"{_SYSTEM}/Actions/ComputerSystem.Reset"
_ACTIONS = {"ForceOff": "off", "On": "on"}
_HANDSHAKE_SECONDS = 10.0
_CERTIFICATE = "-----BEGIN CERTIFICATE-----"

Power = Callable[[str, str], str]
"""Node and ``status``, ``on`` or ``off`` to ``on`` or ``off``."""


class BmcService:
    """The BMCs of all nodes.

    Attributes:
        password: what logs in as ``fleet``.
    """

    def __init__(self, power: Power, certificate: Path) -> None:
        """Prepare the service.

        Args:
            power: reads and switches a node's power.
            certificate: PEM file with certificate and key.
        """
        self.password = secrets.token_urlsafe(12)
        self._power = power
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._faults: dict[str, str] = {}
        self._servers: list[ThreadingHTTPServer] = []
        self._ended = threading.Event()

    def serve(self, node: str, listener: socket.socket) -> None:
        """Begin to answer for a node on a socket that listens already."""
        self._faults[node] = "ok"
        server = _Server(listener, self._context, self._handler(node))
        self._servers.append(server)
        threading.Thread(target=server.serve_forever, name=f"bmc-{node}", daemon=True).start()

    def stop(self) -> None:
        """Answer nobody any more; a hung request ends."""
        self._ended.set()
        for server in self._servers:
            server.shutdown()
            server.server_close()

    def fault(self, node: str) -> str:
        """What is wrong with a node's BMC: ``ok`` or another of ``BMC_FAULTS``."""
        return self._faults[node]

    def break_(self, node: str, fault: str) -> None:
        """Make a node's BMC faulty, or well again.

        Raises:
            LabError: there is no such fault.
        """
        if fault not in BMC_FAULTS:
            raise LabError(f"a BMC can be {', '.join(BMC_FAULTS)}, not {fault!r}")
        self._faults[node] = fault

    def _handler(self, node: str) -> type[BaseHTTPRequestHandler]:
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = _HANDSHAKE_SECONDS

            def do_GET(self) -> None:
                self._reply(*service.answer(node, "GET", self.path, self.headers.get("Authorization", ""), b""))

            def do_POST(self) -> None:
                body = self.rfile.read(min(int(self.headers.get("Content-Length") or 0), 1 << 16))
                self._reply(*service.answer(node, "POST", self.path, self.headers.get("Authorization", ""), body))

            def _reply(self, status: int, document: dict[str, Any]) -> None:
                content = json.dumps(document).encode() if document else b""
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("OData-Version", "4.0")
                self.send_header("Content-Length", str(len(content)))
                if status == 401:
                    self.send_header("WWW-Authenticate", 'Basic realm="bmc"')
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_args: Any) -> None:
                """Say nothing: every request would be a line in the lab's log."""

        return Handler

    def answer(self, node: str, method: str, path: str, login: str, body: bytes) -> tuple[int, dict[str, Any]]:
        """What a node's BMC answers: HTTP status and document."""
        fault = self._faults[node]
        if fault == "hang":
            self._ended.wait()
        path = path.rstrip("/")
        if path == _ROOT and method == "GET":
            return 200, _root()
        expected = f"Basic {base64.b64encode(f'{BMC_USER}:{self.password}'.encode()).decode()}"
        if fault == "deny" or not hmac.compare_digest(login.encode(), expected.encode()):
            return 401, _error("Base.1.8.NoValidSession", "There is no valid session established.")
        if method == "GET" and path == f"{_ROOT}/Systems":
            members = [{"@odata.id": _SYSTEM}]
            return 200, {"@odata.id": f"{_ROOT}/Systems", "Members@odata.count": 1, "Members": members}
        if method == "GET" and path == _SYSTEM:
            return 200, _system(node, "off" if fault == "lie" else self._power(node, "status"))
        if method == "POST" and path == _RESET:
            return self._reset(node, body, obeys=fault != "lie")
        return 404, _error("Base.1.8.ResourceMissingAtURI", f"The resource at the URI {path} was not found.")

    def _reset(self, node: str, body: bytes, *, obeys: bool) -> tuple[int, dict[str, Any]]:
        try:
            wanted = json.loads(body)["ResetType"]
        except (ValueError, KeyError, TypeError):
            return 400, _error("Base.1.8.ActionParameterMissing", "The parameter ResetType is missing.")
        if wanted not in _ACTIONS:
            return 400, _error("Base.1.8.ActionParameterValueNotInList", f"The value {wanted!r} is not in the list.")
        if obeys:
            self._power(node, _ACTIONS[wanted])
        return 204, {}


class _Server(ThreadingHTTPServer):
    """Serves TLS on a socket that was opened by somebody else; each connection shakes hands in its own thread."""

    daemon_threads = True

    def __init__(self, listener: socket.socket, context: ssl.SSLContext, handler: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(listener.getsockname()[:2], handler, bind_and_activate=False)
        self.socket.close()
        self.socket = listener
        self._context = context

    def finish_request(self, request: Any, client_address: Any) -> None:
        request.settimeout(_HANDSHAKE_SECONDS)
        with self._context.wrap_socket(request, server_side=True) as secure:
            super().finish_request(secure, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves, or that does not like the certificate, is no error of ours."""


def _root() -> dict[str, Any]:
    systems = {"@odata.id": f"{_ROOT}/Systems"}
    return {"@odata.id": f"{_ROOT}/", "Name": "Root Service", "RedfishVersion": "1.6.0", "Systems": systems}


def _system(node: str, power: str) -> dict[str, Any]:
    return {
        "@odata.id": _SYSTEM,
        "@odata.type": "#ComputerSystem.v1_13_0.ComputerSystem",
        "Id": "1",
        "Name": "System",
        "HostName": node,
        "Manufacturer": "pvelab",
        "Model": "Bubble",
        "SerialNumber": f"LAB-{node}",
        "PowerState": power.capitalize(),
        "Actions": {
            "#ComputerSystem.Reset": {"target": _RESET, "ResetType@Redfish.AllowableValues": list(_ACTIONS)},
        },
    }


def _error(code: str, message: str) -> dict[str, Any]:
    return {"error": {"code": code, "message": message}}


def make_certificate(root: Path, addresses: Sequence[str]) -> str:
    """Make a key and a self-signed certificate for these IP addresses, with the openssl of a node; return both as PEM.

    Args:
        root: the node's disk.
        addresses: what the certificate is good for.

    Raises:
        LabError: openssl failed.
    """
    key, certificate = root / "root" / "bmc.key", root / "root" / "bmc.crt"
    made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3650"]
    names = ",".join(f"IP:{address}" for address in addresses)
    used = "keyUsage=critical,digitalSignature,keyCertSign"
    told = ["-subj", "/CN=lab BMC", "-addext", f"subjectAltName={names}", "-addext", used]
    argv = ["openssl", "req", "-x509", *made, *told, "-keyout", "/root/bmc.key", "-out", "/root/bmc.crt"]
    done = subprocess.run(
        [host.tool("chroot", "coreutils"), str(root), *argv],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        env={"PATH": host.SEARCH_PATH},
        check=False,
    )
    if done.returncode != 0:
        raise LabError(f"openssl failed: {done.stderr.strip()}")
    text = key.read_text() + certificate.read_text()
    key.unlink()
    certificate.unlink()
    return text


def install(root: Path, addresses: Sequence[str], power: Power, folder: StateDir) -> BmcService:
    """Make the BMCs of a lab: their certificate, their password, and what an inventory needs of both.

    Args:
        root: the disk of any node, for its openssl.
        addresses: where they will answer.
        power: reads and switches a node's power.
        folder: gets the certificate and the password.
    """
    text = make_certificate(root, addresses)
    pem = Path("bmc.pem")
    pem.write_text(text)
    service = BmcService(power, pem)
    pem.unlink()
    folder.bmc_certificate.write_text(text[text.index(_CERTIFICATE) :])
    descriptor = os.open(folder.bmc_password, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(f"{service.password}\n")
    return service


def fingerprint(folder: StateDir) -> str:
    """SHA-256 of the certificate of a lab's BMCs, in hex."""
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(folder.bmc_certificate.read_text())).hexdigest()
