"""The catalogue of findings: every code there is, what it means, what to do, and whether the risk may be accepted.

The entries stand in pvefleet/model/findings/, one module per area. docs/findings.md is generated from them. A code is
never given a new meaning and never used again.
"""

from __future__ import annotations

from collections.abc import Sequence

from pvefleet.model.finding import Finding
from pvefleet.model.findings import (
    architecture,
    changes,
    config,
    evidence,
    expected,
    guests,
    ha,
    health,
    links,
    node,
    output,
    pmxcfs,
    quorum,
    replication,
    restart,
    totem,
)
from pvefleet.model.findings.entry import Entry

CATALOGUE: tuple[Entry, ...] = (
    *node.ENTRIES,
    *quorum.ENTRIES,
    *links.ENTRIES,
    *config.ENTRIES,
    *totem.ENTRIES,
    *pmxcfs.ENTRIES,
    *health.ENTRIES,
    *ha.ENTRIES,
    *replication.ENTRIES,
    *guests.ENTRIES,
    *evidence.ENTRIES,
    *restart.ENTRIES,
    *expected.ENTRIES,
    *changes.ENTRIES,
    *architecture.ENTRIES,
    *output.ENTRIES,
)
"""Every kind of finding, by area."""

_BY_CODE = {entry.code: entry for entry in CATALOGUE}


def entry(code: str) -> Entry:
    """Return the catalogue's entry of *code*.

    Raises:
        KeyError: the catalogue has no such code.
    """
    return _BY_CODE[code]


def finding(code: str, subject: str, message: str, evidence: Sequence[str] = ()) -> Finding:
    """Return a finding of the catalogue's kind *code*.

    Args:
        code: a code of the catalogue.
        subject: what it is about.
        message: one sentence for the operator, without a trailing full stop.
        evidence: what was seen, and where.

    Raises:
        KeyError: the catalogue has no such code.
    """
    kind = entry(code)
    fix = kind.fix.replace("{subject}", subject)
    return Finding(code, kind.severity, subject, message, tuple(evidence), fix, kind.acceptable)
