"""Addresses as an operator writes them in hosts.toml: ``HOST``, ``HOST:PORT``, ``IPv6``, ``[IPv6]:PORT``."""

from __future__ import annotations

import ipaddress
import re

from pvefleet.model.inventory import Endpoint

_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)\Z")
_BRACKETED = re.compile(r"\[([^\]]*)\](?::(.*))?\Z", re.DOTALL)


def parse_endpoint(text: str, default_port: int) -> Endpoint:
    """Read *text* as an address with an optional port.

    Args:
        text: what hosts.toml says.
        default_port: the port where *text* names none.

    Returns:
        The host and the port.

    Raises:
        ValueError: it is none of the known forms; the message is the reason.
    """
    if is_ip(text):
        return Endpoint(text, default_port)
    bracketed = _BRACKETED.match(text)
    if bracketed:
        host, port = bracketed.group(1), bracketed.group(2)
        if not is_ip(host) or ":" not in host:
            raise ValueError(f"[{host}] is not an IPv6 address")
        return Endpoint(host, default_port if port is None else _port(port))
    host, colon, port = text.partition(":")
    check_host(host)
    return Endpoint(host, _port(port) if colon else default_port)


def check_host(text: str) -> None:
    """Check that *text* is an IP address or a resolvable form of name, without a port.

    Raises:
        ValueError: it is not; the message is the reason.
    """
    if is_ip(text):
        return
    if "@" in text:
        raise ValueError("a user name does not belong into an address, it has a key of its own: user")
    labels = text.removesuffix(".").split(".")
    if len(text) > 253 or not all(_LABEL.match(label) for label in labels) or labels[-1].isdigit():
        raise ValueError(f"{text!r} is neither an IP address nor a host name")


def is_ip(text: str) -> bool:
    """Tell whether *text* is an IPv4 or IPv6 address (an IPv6 one may carry a ``%zone``)."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_loopback(host: str) -> bool:
    """Tell whether *host* is this very machine: then a forwarder or tunnel stands there, not the node itself."""
    return Endpoint(host, 0).is_loopback


def check_port(number: int) -> None:
    """Check that *number* can be a TCP port.

    Raises:
        ValueError: it cannot.
    """
    if not 1 <= number <= 65535:
        raise ValueError(f"{number} is not a TCP port (1 to 65535)")


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5):
        raise ValueError(f"{text!r} is not a TCP port (1 to 65535)")
    number = int(text)
    check_port(number)
    return number
