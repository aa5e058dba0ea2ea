"""GUESTS: the native guest lists of one node."""

from __future__ import annotations

from parsers import pct_list, qm_list
from pvefleet.facts.sources import Answers, Source
from pvefleet.model.facts import LocalGuests
from pvefleet.model.observation import Seen

SOURCES = (
    Source("qm-list", "qm list", 6, needs_pmxcfs=True),
    Source("pct-list", "pct list", 6, needs_pmxcfs=True),
)


def guests_here(answers: Answers) -> Seen[LocalGuests]:
    """Return ``qm list`` and ``pct list``, which know the node's own guests only; empty output is an empty list."""
    vms = answers.read("qm-list", "qm list", qm_list.read)
    containers = answers.read("pct-list", "pct list", pct_list.read)
    if vms.value is None:
        return Seen("qm list", problem=vms.problem)
    if containers.value is None:
        return Seen("pct list", problem=containers.problem)
    return Seen("qm list, pct list", LocalGuests(vms.value, containers.value))
