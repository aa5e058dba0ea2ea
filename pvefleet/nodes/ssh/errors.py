"""The one place where paramiko's, the socket's and the resolver's errors become the operator's sentences."""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass

from paramiko.common import OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED
from paramiko.ssh_exception import (
    AuthenticationException,
    ChannelException,
    IncompatiblePeer,
    SSHException,
)

from pvefleet.model.errors import NodeError, OutcomeUnknown, TimedOut, Unreachable, UnreachableReason
from pvefleet.nodes.ssh.connection import ConnectionDroppedError, HostKeyChangedError, HostKeyUnknownError
from pvefleet.nodes.ssh.dial import Stage
from pvefleet.nodes.ssh.identity import KeyFileError
from pvefleet.nodes.ssh.known_hosts import KnownHosts
from pvefleet.nodes.ssh.runner import LostError, NotRunError, OverdueError

Reason = UnreachableReason

FINAL = frozenset(
    {
        Reason.HOST_KEY_UNKNOWN,
        Reason.HOST_KEY_CHANGED,
        Reason.AUTH_REJECTED,
        Reason.AUTH_TIMEOUT,
        Reason.KEY_FILE,
        Reason.GATEWAY,
    }
)
"""Reasons that another address cannot change: the same sshd, or this side, would say the same again."""

_TELLING = (
    Reason.KEY_FILE,
    Reason.HOST_KEY_CHANGED,
    Reason.HOST_KEY_UNKNOWN,
    Reason.AUTH_REJECTED,
    Reason.AUTH_TIMEOUT,
    Reason.NO_BANNER,
    Reason.CLOSED,
    Reason.REFUSED,
    Reason.TIMEOUT,
    Reason.NO_ROUTE,
    Reason.NAME,
    Reason.GATEWAY,
)
"""The most telling first: of several addresses' failures, this one says most about the node."""

_HINTS = {
    Reason.NAME: "check the address in hosts.toml, and name resolution on this machine",
    Reason.REFUSED: "the machine lives: on its console, `systemctl start ssh`",
    Reason.TIMEOUT: "it may be off or cut off: look at its console or BMC",
    Reason.NO_ROUTE: "check this machine's network; `alternatives` in hosts.toml names further addresses",
    Reason.NO_BANNER: "it is frozen or overloaded: look at its console or BMC",
    Reason.CLOSED: "its sshd turns logins away (too many at once, or too many that failed: wait a minute), or nothing "
    "stands behind a forwarder: look at its console or BMC",
    Reason.HOST_KEY_UNKNOWN: "`fab -H {node} cluster.trust` shows its key and pins it",
    Reason.AUTH_REJECTED: "put the public key into its authorized_keys; while pmxcfs is stopped that file is missing, "
    "unless `fab -H {node} node.prepare` was run before",
    Reason.AUTH_TIMEOUT: "pmxcfs hangs there, and the authorized keys with it: on its console, `systemctl restart "
    "pve-cluster`; `fab node.prepare` beforehand keeps a key outside of it",
    Reason.GATEWAY: "check the gateway in hosts.toml: `ssh` to it by hand",
    Reason.NO_SESSION: "its sshd is frozen or out of sessions: look at its console or BMC",
}


@dataclass(frozen=True, slots=True)
class Failure:
    """Why one attempt to log in failed.

    Attributes:
        reason: the kind.
        text: continues a sentence that starts with the address.
        hint: what to do, where it is not the reason's usual one.
    """

    reason: UnreachableReason
    text: str
    hint: str = ""


def login_failure(error: BaseException, stage: Stage) -> Failure:
    """Say why an attempt failed.

    Args:
        error: what was raised.
        stage: how far the attempt had come.
    """
    match error:
        case KeyFileError():
            return Failure(Reason.KEY_FILE, str(error), error.hint)
        case Unreachable():
            return Failure(Reason.GATEWAY, f"is behind a gateway, and {error.message}", error.hint)
        case HostKeyUnknownError():
            return key_unknown(error.known)
        case HostKeyChangedError():
            return _key_changed(error)
        case ConnectionDroppedError():
            return Failure(Reason.CLOSED, "was given up")
        case socket.gaierror():
            return Failure(Reason.NAME, f"does not resolve: {error.strerror}")
        case ConnectionRefusedError():
            return Failure(Reason.REFUSED, "refuses the connection: no sshd listens there")
        case ChannelException(code=code) if code == OPEN_FAILED_ADMINISTRATIVELY_PROHIBITED:
            return Failure(Reason.NO_ROUTE, "is not let through: no forwarding there (AllowTcpForwarding)")
        case ChannelException():
            return Failure(Reason.NO_ROUTE, "cannot be reached from there")
        case TimeoutError() if stage <= Stage.CONNECTING:
            return Failure(Reason.TIMEOUT, "does not answer")
        case OSError() if stage <= Stage.CONNECTING:
            return _no_route(error)
    if stage is Stage.LOGIN:
        return _refused_login(error)
    return _no_greeting(error, stage)


def overrun(stage: Stage) -> Failure:
    """Say why an attempt that was still under way at the end of its time did not get further."""
    if stage is Stage.LOGIN:
        return Failure(Reason.AUTH_TIMEOUT, "does not decide whether to accept the key")
    if stage is Stage.GREETING:
        return Failure(Reason.NO_BANNER, "accepts the connection, but its sshd does not speak")
    if stage is Stage.CONNECTING:
        return Failure(Reason.TIMEOUT, "does not answer")
    if stage is Stage.GATEWAY:
        return Failure(Reason.GATEWAY, "is behind a gateway that does not answer")
    return Failure(Reason.NAME, "does not resolve in time")


def unreachable(node: str, failures: list[tuple[str, Failure]]) -> Unreachable:
    """Sum up the failures of all addresses.

    Args:
        node: the node.
        failures: where (``host:port`` or ``host:port via PEER``) and why, in the order tried; not empty.
    """
    where, worst = min(failures, key=lambda item: _TELLING.index(item[1].reason))
    others = [place for place, _ in failures if place != where]
    also = f" (tried too: {', '.join(others)})" if others and worst.reason not in FINAL else ""
    subject = f"{where} " if where and worst.reason not in (Reason.KEY_FILE, Reason.HOST_KEY_UNKNOWN) else ""
    hint = (worst.hint or _HINTS.get(worst.reason, "")).replace("{node}", node)
    return Unreachable(
        node,
        f"{node} cannot be reached: {subject}{worst.text}{also}",
        reason=worst.reason,
        tried=tuple(place for place, _ in failures if place),
        hint=hint,
    )


def run_failure(node: str, program: str, error: BaseException, *, seconds: float, dropped: bool) -> NodeError:
    """Say what became of a command that gave no result.

    Args:
        node: the node.
        program: the command's name.
        error: what was raised.
        seconds: the command's limit.
        dropped: is the connection gone?
    """
    match error:
        case OverdueError(status=None, alive=True):
            text = f"{program} on {node} did not end within {seconds:g} s and cannot be killed there"
            hint = (
                "it waits for a disk or a file system; if for a hung pmxcfs, `systemctl restart pve-cluster` frees it"
            )
            return TimedOut(node, text, seconds=seconds, hint=hint)
        case OverdueError(status=None):
            text = f"{node} stopped answering while {program} ran; whether it took effect is not known"
            return OutcomeUnknown(node, text, hint="look again once the node answers")
        case OverdueError(status=status):
            text = f"{program} on {node} ended with {status}, but something it started kept its output open"
            return TimedOut(node, text, seconds=seconds)
        case NotRunError(refused=True):
            text = f"{node} accepts the login, but opens no command channel ({error})"
            return Unreachable(node, text, reason=Reason.NO_SESSION, hint=_HINTS[Reason.NO_SESSION])
        case NotRunError() if not dropped:
            text = f"{node} does not answer any more: {program} was not run"
            return Unreachable(node, text, reason=Reason.NO_SESSION, hint=_HINTS[Reason.NO_SESSION])
        case NotRunError() | ConnectionDroppedError():
            text = f"the connection to {node} was lost before {program} was run"
            return Unreachable(node, text, reason=Reason.CLOSED, hint="the next attempt connects anew")
        case LostError(status=int(status)):
            text = f"the connection to {node} was lost: {program} ended with {status}, but its output is incomplete"
            return OutcomeUnknown(node, text, hint="look again before repeating it")
    text = f"the connection to {node} was lost while {program} ran; whether it took effect is not known"
    return OutcomeUnknown(
        node, text, hint=f"look again before repeating it; {seconds:g} s after its start it is stopped there"
    )


def key_unknown(known: KnownHosts) -> Failure:
    """Say that nothing is pinned for a node; no connection is needed to know that."""
    text = f"its host key is not in {known.path}"
    if known.problems:
        text = f"{text}, or in a line that is not understood: {known.problems[0]}"
    return Failure(Reason.HOST_KEY_UNKNOWN, text)


def _key_changed(error: HostKeyChangedError) -> Failure:
    known = error.known
    shown = f"shows the host key {error.shown.fingerprint} ({error.shown.type})"
    if error.revoked:
        return Failure(Reason.HOST_KEY_CHANGED, f"{shown}, which {known.path} revokes", "do not log in there")
    pinned = known.keys(error.shown.name)
    expected = ", ".join(f"{key.fingerprint} ({key.type}, line {key.line})" for key in pinned)
    hint = (
        f"if the machine was reinstalled: remove line {pinned[0].line} of {known.path}, then "
        "`fab -H {node} cluster.trust`; otherwise another machine answers in its place"
    )
    return Failure(Reason.HOST_KEY_CHANGED, f"{shown}, not {expected} as in {known.path}", hint)


def _no_route(error: OSError) -> Failure:
    if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.EACCES, errno.EPERM, errno.EADDRNOTAVAIL):
        return Failure(Reason.NO_ROUTE, f"cannot be reached from here: {error.strerror}")
    if error.errno == errno.ETIMEDOUT:
        return Failure(Reason.TIMEOUT, "does not answer")
    return Failure(Reason.CLOSED, f"drops the connection: {error.strerror}")


def _no_greeting(error: BaseException, stage: Stage) -> Failure:
    if isinstance(error, IncompatiblePeer):
        return Failure(Reason.CLOSED, f"speaks no SSH that is known here: {error}")
    cause = error.__context__ if isinstance(error, SSHException) and error.__context__ else error
    if isinstance(cause, EOFError | ConnectionError):
        return Failure(Reason.CLOSED, "closes the connection before a login")
    return overrun(stage)


def _refused_login(error: BaseException) -> Failure:
    text = str(error)
    if "No authentication methods" in text:
        hint = "name a private key as `identity` in hosts.toml, or ssh-add one"
        return Failure(Reason.KEY_FILE, "there is no identity in hosts.toml, and the SSH agent has no key", hint)
    if isinstance(error, AuthenticationException) and "timeout" in text.lower():
        return overrun(Stage.LOGIN)
    if isinstance(error, AuthenticationException) and "saw EOF" not in text:
        return Failure(Reason.AUTH_REJECTED, "does not accept the key")
    return Failure(Reason.CLOSED, "closes the connection during the login")
