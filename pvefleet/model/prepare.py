"""The report of ``node.prepare``: whether logins on each node work with pmxcfs stopped or hung."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pvefleet.model.errors import ExitCode, worst_exit


class PrepareState(StrEnum):
    """What became of one node."""

    PREPARED = "prepared"
    """The key is installed and a second login has proven it."""
    ALREADY = "already"
    """It was so before; nothing was changed."""
    WOULD = "would"
    """A plan: it would be changed."""
    REFUSED = "refused"
    """Nothing was changed, for the reason in the note."""
    REVERTED = "reverted"
    """It was changed, the proof failed, and it was put back."""
    NEEDS_HANDS = "needs-hands"
    """It was changed, and putting it back could not be proven; the note says what stands."""
    NOT_TRIED = "not-tried"
    """An earlier node failed."""


_CODES = {
    PrepareState.REFUSED: ExitCode.REFUSED,
    PrepareState.REVERTED: ExitCode.STOPPED_MIDWAY,
    PrepareState.NEEDS_HANDS: ExitCode.NEEDS_HANDS,
}


@dataclass(frozen=True, slots=True)
class PrepareRow:
    """One node."""

    node: str
    state: PrepareState
    note: str


@dataclass(frozen=True, slots=True)
class PrepareReport:
    """All nodes in order.

    Attributes:
        cluster: its name.
        key: fingerprint or comment of the operator's key.
        nodes: one row each.
        planned: is this a plan only?
    """

    cluster: str
    key: str
    nodes: tuple[PrepareRow, ...]
    planned: bool

    @property
    def exit_code(self) -> ExitCode:
        """0 where every node is prepared or would be; else 3, 20 or 21, by the worst node."""
        changed = any(row.state in (PrepareState.PREPARED, PrepareState.REVERTED) for row in self.nodes)
        codes = [_CODES[row.state] for row in self.nodes if row.state in _CODES]
        if changed and ExitCode.REFUSED in codes:
            codes.append(ExitCode.STOPPED_MIDWAY)
        return worst_exit(codes)
