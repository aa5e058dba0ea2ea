"""Which view renders which report."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

from rich.console import Console

_VIEWS = {
    "StatusReport": "pvefleet.views.status:print_status",
    "NodesReport": "pvefleet.views.status:print_nodes",
    "LinksReport": "pvefleet.views.status:print_links",
    "CorosyncReport": "pvefleet.views.corosync:print_corosync",
    "CheckReport": "pvefleet.views.check:print_check",
    "NagiosReport": "pvefleet.views.check:print_nagios",
    "HaReport": "pvefleet.views.ha:print_ha",
    "HaRulesReport": "pvefleet.views.ha:print_ha_rules",
    "HaGroupsReport": "pvefleet.views.ha:print_ha_groups",
    "GuestListReport": "pvefleet.views.guests:print_guest_list",
    "SnapshotListReport": "pvefleet.views.snapshots:print_snapshot_list",
    "LogsReport": "pvefleet.views.logs:print_logs",
    "ReplicationReport": "pvefleet.views.replication:print_replication",
    "ReplicationListReport": "pvefleet.views.replication:print_list",
    "ReplicationLogReport": "pvefleet.views.replication:print_logs",
    "ScheduleReport": "pvefleet.views.replication:print_schedule",
    "ExecReport": "pvefleet.views.execution:print_execution",
    "TrustReport": "pvefleet.views.trust:print_trust",
    "PlanReport": "pvefleet.views.run:print_plan",
    "RunReport": "pvefleet.views.run:print_run",
    "ShownRun": "pvefleet.views.run:print_run",
    "RunListReport": "pvefleet.views.run:print_runs",
    "RunNoteReport": "pvefleet.views.run:print_note",
    "EvidenceReport": "pvefleet.views.evidence:print_evidence",
    "PowerReport": "pvefleet.views.power:print_power",
    "PrepareReport": "pvefleet.views.prepare:print_prepare",
}


def view_of(report: Any) -> Callable[[Any, Console], None]:
    """Return the function that prints *report* on a console.

    Raises:
        KeyError: no view is registered for its class.
    """
    module, _, function = _VIEWS[type(report).__name__].partition(":")
    view: Callable[[Any, Console], None] = getattr(import_module(module), function)
    return view
