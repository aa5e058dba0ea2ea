"""One kind of finding: its code, what it means, what to do."""

from __future__ import annotations

from dataclasses import dataclass

from pvefleet.model.finding import Severity

_SEVERITY = {"E": Severity.CRITICAL, "W": Severity.WARNING, "I": Severity.INFO}


@dataclass(frozen=True, slots=True)
class Entry:
    """One kind of finding.

    Attributes:
        code: ``AREA-S-NNNN``; S is E (critical), W (warning) or I (info).
        title: what it is, for the catalogue.
        meaning: what it means for the cluster.
        fix: what to do next; ``{subject}`` stands for the finding's subject.
        acceptable: may an operator take the risk by name?
    """

    code: str
    title: str
    meaning: str
    fix: str
    acceptable: bool = False

    @property
    def severity(self) -> Severity:
        """The severity that the code's letter states."""
        return _SEVERITY[self.code.split("-")[1]]
