"""Standing overrides: what somebody set for a time and has not put back, out of the findings that say so."""

from __future__ import annotations

from collections.abc import Sequence

from pvefleet.model.finding import Finding
from pvefleet.model.status import Override, OverrideKind

_KINDS = {
    "QUO-W-0003": OverrideKind.EXPECTED_VOTES,
    "HAV-W-0008": OverrideKind.HA_DISARMED,
    "HAV-W-0009": OverrideKind.MAINTENANCE,
    "REP-W-0005": OverrideKind.REPLICATION_DISABLED,
}


def overrides(findings: Sequence[Finding]) -> tuple[Override, ...]:
    """Return one override per kind and message; replication jobs that are disabled share one."""
    found: list[Override] = []
    for code, kind in _KINDS.items():
        mine = [one for one in findings if one.code == code]
        if kind is OverrideKind.REPLICATION_DISABLED and len(mine) > 1:
            jobs = tuple(one.subject for one in mine)
            found.append(Override(kind, jobs, f"{len(jobs)} replication jobs are disabled: {', '.join(jobs)}"))
        else:
            found += [Override(kind, (one.subject,), one.message) for one in mine]
    return tuple(found)
