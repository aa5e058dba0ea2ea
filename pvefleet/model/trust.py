"""The report of ``cluster.trust``: which host keys were seen, and what became of each."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pvefleet.model.errors import ExitCode


class TrustState(StrEnum):
    """What became of a host key."""

    KNOWN = "known"
    """It was trusted already."""
    ADDED = "added"
    """It is trusted now."""
    DECLINED = "declined"
    """The operator said no, or was not there to be asked."""
    CHANGED = "changed"
    """Another key is on record under this name; nothing was replaced."""
    MISMATCH = "mismatch"
    """It is not the fingerprint that was given; nothing was added."""
    UNREACHABLE = "unreachable"
    """No key could be fetched."""


_REFUSED = frozenset({TrustState.DECLINED, TrustState.CHANGED, TrustState.MISMATCH})


@dataclass(frozen=True, slots=True)
class TrustRow:
    """One node's host key.

    Attributes:
        node: the node's name; the key is pinned under it.
        state: see :class:`TrustState`.
        key_type: such as ``ssh-ed25519``.
        fingerprint: ``SHA256:…``.
        note: what an operator should know.
    """

    node: str
    state: TrustState
    key_type: str
    fingerprint: str
    note: str


@dataclass(frozen=True, slots=True)
class TrustReport:
    """All nodes, in the order they were named; *known_hosts* is the file that pins the keys."""

    known_hosts: str
    nodes: tuple[TrustRow, ...]

    @property
    def exit_code(self) -> ExitCode:
        """3 where a key was not taken, 11 where no key could be fetched at all, 20 where some could not, else 0."""
        states = {row.state for row in self.nodes}
        if states & _REFUSED:
            return ExitCode.REFUSED
        if states == {TrustState.UNREACHABLE}:
            return ExitCode.NO_NODE_READ
        return ExitCode.STOPPED_MIDWAY if TrustState.UNREACHABLE in states else ExitCode.OK
