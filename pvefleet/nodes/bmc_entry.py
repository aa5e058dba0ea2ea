"""The ``bmc`` of a node in hosts.toml: what its values mean together."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from pvefleet.model.inventory import BmcEntry, PasswordSource
from pvefleet.nodes.addresses import parse_endpoint
from pvefleet.nodes.hosts_schema import BmcTable, PasswordTable, SchemaError

_TYPES: dict[str, Literal["ipmitool", "redfish"]] = {"ipmitool": "ipmitool", "redfish": "redfish"}
_PORTS = {"ipmitool": 623, "redfish": 443}
_PRINT = re.compile(r"(?:sha256[:=])?((?:[0-9a-f]{2}:?){31}[0-9a-f]{2})\Z", re.IGNORECASE)
_SYSTEM = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*\Z")


def read_bmc(keys: tuple[str, ...], table: BmcTable, file: Callable[[tuple[str, ...], str], Path]) -> BmcEntry:
    """Return the record of a decoded table.

    Args:
        keys: the keys that lead to it.
        table: what hosts.toml says.
        file: turns keys and text into a path relative to hosts.toml.

    Raises:
        SchemaError: a value is not allowed.
    """
    kind = _TYPES.get(table.type)
    if kind is None:
        raise SchemaError((*keys, "type"), f"{table.type!r} is not known", 'it is "ipmitool" or "redfish"')
    try:
        endpoint = parse_endpoint(table.address, _PORTS[kind])
    except ValueError as error:
        raise SchemaError((*keys, "address"), str(error), "HOST, HOST:PORT or [IPv6]:PORT") from error
    if not table.user or table.user.startswith("-"):
        raise SchemaError((*keys, "user"), f"{table.user!r} is not a login name")
    for name in ("cafile", "fingerprint", "system"):
        if kind != "redfish" and getattr(table, name) is not None:
            raise SchemaError((*keys, name), "only Redfish has that", "leave the key out")
    if table.cafile is not None and table.fingerprint is not None:
        raise SchemaError(keys, "both cafile and fingerprint are set", "keep one of them")
    if table.system is not None and not _SYSTEM.match(table.system):
        raise SchemaError((*keys, "system"), f"{table.system!r} is not the id of a system", "such as 1, or Self")
    return BmcEntry(
        type=kind,
        endpoint=endpoint,
        user=table.user,
        password=_password((*keys, "password"), table.password, file),
        cafile=None if table.cafile is None else file((*keys, "cafile"), table.cafile),
        fingerprint="" if table.fingerprint is None else _fingerprint((*keys, "fingerprint"), table.fingerprint),
        system=table.system or "",
    )


def _password(
    keys: tuple[str, ...], table: PasswordTable, file: Callable[[tuple[str, ...], str], Path]
) -> PasswordSource:
    if table.env is not None:
        if not table.env.isidentifier():
            raise SchemaError((*keys, "env"), "is not the name of an environment variable")
        return PasswordSource("env", (table.env,))
    if table.file is not None:
        return PasswordSource("file", (str(file((*keys, "file"), table.file)),))
    if table.command is not None:
        if not table.command:
            raise SchemaError((*keys, "command"), "is empty", 'a program and its arguments: ["pass", "show", "bmc"]')
        return PasswordSource("command", table.command)
    return PasswordSource()


def _fingerprint(keys: tuple[str, ...], text: str) -> str:
    match = _PRINT.match(text)
    if match is None:
        hint = "64 hex digits, as openssl x509 -fingerprint -sha256 prints them"
        raise SchemaError(keys, "is not the SHA-256 of a certificate", hint)
    return match[1].replace(":", "").lower()
