"""Risks taken by name: which findings stand in the way of a change, and what ``--accept`` does to that."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from pvefleet.model.finding import Finding, Severity
from pvefleet.model.run import TakenRisk


@dataclass(frozen=True, slots=True)
class Accept:
    """One ``--accept CODE[:SUBJECT]=REASON``.

    Attributes:
        code: of the finding.
        subject: of the finding; empty for every subject.
        reason: the operator's own words.
    """

    code: str
    subject: str
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Is this about that finding?"""
        return self.code == finding.code and self.subject in ("", finding.subject)

    @property
    def key(self) -> str:
        """As it was written, without the reason."""
        return f"{self.code}:{self.subject}" if self.subject else self.code


@dataclass(frozen=True, slots=True)
class Weighed:
    """What the findings and the accepts amount to.

    Attributes:
        taken: the risks that were taken.
        refusing: the findings that stand in the way.
        useless: accepts that match no finding that stands in the way; an error of the command line.
        forbidden: accepts of findings that can never be accepted; an error, too.
    """

    taken: tuple[TakenRisk, ...]
    refusing: tuple[Finding, ...]
    useless: tuple[Accept, ...]
    forbidden: tuple[Accept, ...]


def weigh(findings: Sequence[Finding], accepts: Sequence[Accept], *, always: Collection[str] = ()) -> Weighed:
    """Weigh findings against what the operator accepts.

    A critical finding stands in the way; so does one whose risk may be accepted, until it is. Warnings and remarks that
    are neither are shown and no more.

    Args:
        findings: everything that was found.
        accepts: the operator's.
        always: codes that stand in the way whatever their severity.
    """
    refusing = [one for one in findings if one.severity is Severity.CRITICAL or one.acceptable or one.code in always]
    taken, left = [], []
    used: set[Accept] = set()
    forbidden: list[Accept] = []
    for finding in refusing:
        match = next((accept for accept in accepts if accept.covers(finding)), None)
        if match is not None and not finding.acceptable and match not in forbidden:
            forbidden.append(match)
        if match is not None and finding.acceptable:
            used.add(match)
            taken.append(TakenRisk(finding.code, finding.subject, match.reason))
        else:
            left.append(finding)
    useless = tuple(one for one in accepts if one not in used and one not in forbidden)
    return Weighed(tuple(taken), tuple(left), useless, tuple(forbidden))
