"""What one node says of its corosync beyond the base facts: which start of it runs, and whether its file is valid."""

from __future__ import annotations

from dataclasses import dataclass

from pvefleet.model.health_facts import Verdict
from pvefleet.model.observation import Seen


@dataclass(frozen=True, slots=True)
class CorosyncFacts:
    """The daemon and its file.

    Attributes:
        started: the kernel's start tick of the running process: one start of it has the same all its life.
        conf_test: what ``corosync -t`` makes of ``/etc/corosync/corosync.conf``.
    """

    started: Seen[int]
    conf_test: Seen[Verdict]
