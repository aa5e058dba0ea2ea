"""The errors of pvefleet and the exit code each one ends a command with.

Every error an operator can meet is a :class:`PvefleetError`. It carries a sentence that says what is wrong, a hint that
says what to do next, and the process exit code. The command line layer is the only place that turns one into an exit.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum


class ExitCode(IntEnum):
    """Exit codes of every command, whether started by ``fab``, ``inv`` or the node bundle."""

    OK = 0
    BUG = 1
    USAGE = 2
    REFUSED = 3
    WARNING = 4
    CRITICAL = 5
    NO_NODE_READ = 11
    NOT_UNDERSTOOD = 13
    STOPPED_MIDWAY = 20
    NEEDS_HANDS = 21
    OUTCOME_UNKNOWN = 22
    INTERRUPTED = 130


_PRECEDENCE = (
    ExitCode.BUG,
    ExitCode.OUTCOME_UNKNOWN,
    ExitCode.NEEDS_HANDS,
    ExitCode.STOPPED_MIDWAY,
    ExitCode.NOT_UNDERSTOOD,
    ExitCode.NO_NODE_READ,
    ExitCode.CRITICAL,
    ExitCode.WARNING,
)


def worst_exit(codes: list[ExitCode]) -> ExitCode:
    """Return the code that stands for all *codes*: 1, 22, 21, 20, 13, 11, 5, 4 in this order, else the first or 0."""
    for code in _PRECEDENCE:
        if code in codes:
            return code
    return codes[0] if codes else ExitCode.OK


class PvefleetError(Exception):
    """Root of all expected errors.

    Args:
        message: what is wrong, one sentence without a trailing full stop.
        hint: what to do next, or an empty string.
    """

    exit_code: ExitCode = ExitCode.BUG

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(PvefleetError):
    """The command line asks for what cannot be: an unknown name, targets of two clusters, a missing option."""

    exit_code = ExitCode.USAGE


class InventoryError(PvefleetError):
    """hosts.toml is missing, is not TOML, or holds a key or value that is not allowed."""

    exit_code = ExitCode.USAGE


class Refused(PvefleetError):
    """The command was refused or declined; nothing was changed."""

    exit_code = ExitCode.REFUSED


class Interrupted(PvefleetError):
    """The operator interrupted a change; the journal says how far it came."""

    exit_code = ExitCode.INTERRUPTED


class Superseded(PvefleetError):
    """Another process has taken the run over: this one may do nothing any more."""

    exit_code = ExitCode.STOPPED_MIDWAY


class NotUnderstood(PvefleetError):
    """A native command printed something that its parser does not understand."""

    exit_code = ExitCode.NOT_UNDERSTOOD


class UnreachableReason(StrEnum):
    """Why a node could not be asked. Nothing reached the node's shell in any of these cases."""

    NAME = "name"
    """The address does not resolve."""
    REFUSED = "refused"
    """The TCP connection was refused: the machine lives, no sshd listens."""
    TIMEOUT = "timeout"
    """No answer to TCP: dead, cut off, or a packet filter."""
    NO_ROUTE = "no-route"
    """The network says the machine cannot be reached."""
    NO_BANNER = "no-banner"
    """TCP connects, but no SSH greeting arrives: frozen, dead behind a forwarder, or overloaded."""
    CLOSED = "closed"
    """The connection was closed before a login was possible."""
    HOST_KEY_UNKNOWN = "host-key-unknown"
    HOST_KEY_CHANGED = "host-key-changed"
    AUTH_REJECTED = "auth-rejected"
    """The node does not accept the key (with pmxcfs stopped, it cannot: authorized_keys lives in /etc/pve)."""
    AUTH_TIMEOUT = "auth-timeout"
    """The node took too long to judge the key: typical of a hung pmxcfs."""
    KEY_FILE = "key-file"
    """The private key on this side is missing, unreadable, not a key, or encrypted without a passphrase."""
    GATEWAY = "gateway"
    """The gateway in front of the node failed."""
    NO_SESSION = "no-session"
    """Logged in, but no command channel could be opened."""


class NodeError(PvefleetError):
    """Something went wrong between us and one node.

    Args:
        node: the node's name in hosts.toml.
        message: what happened, one sentence.
        hint: what to do next.
    """

    def __init__(self, node: str, message: str, *, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.node = node


class Unreachable(NodeError):
    """The node could not be asked; nothing was run on it.

    Args:
        reason: see :class:`UnreachableReason`.
        tried: the addresses that were tried, in order, as ``host:port`` or ``host:port via PEER``.
    """

    exit_code = ExitCode.NO_NODE_READ

    def __init__(
        self, node: str, message: str, *, reason: UnreachableReason, tried: tuple[str, ...] = (), hint: str = ""
    ) -> None:
        super().__init__(node, message, hint=hint)
        self.reason = reason
        self.tried = tried


class TimedOut(NodeError):
    """The command did not end within its time and was stopped on the node.

    Args:
        seconds: the limit that was exceeded.
    """

    exit_code = ExitCode.OUTCOME_UNKNOWN

    def __init__(self, node: str, message: str, *, seconds: float, hint: str = "") -> None:
        super().__init__(node, message, hint=hint)
        self.seconds = seconds


class OutcomeUnknown(NodeError):
    """The connection was lost after the command had been handed over: it may or may not have run. Observe again."""

    exit_code = ExitCode.OUTCOME_UNKNOWN
