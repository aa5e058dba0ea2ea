"""Quorum in a line, for every report that shows it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class QuorumRow:
    """Quorum, as the largest partition that was read sees it.

    Attributes:
        quorate: None where no node could say.
        total, expected, highest_expected, needed: votes.
        flags: votequorum's flags.
        qdevice_votes: votes the QDevice casts now; None without one.
        seen_by: names of the nodes whose views agree on this.
    """

    quorate: bool | None
    total: int | None
    expected: int | None
    highest_expected: int | None
    needed: int | None
    flags: tuple[str, ...]
    qdevice_votes: int | None
    seen_by: tuple[str, ...]
