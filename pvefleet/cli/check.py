"""``cluster.check``: reads everything, judges it, applies the waivers."""

from __future__ import annotations

from pathlib import Path

from pvefleet.cli.fleet import Fleet, project_root
from pvefleet.cli.waivers import load_waivers
from pvefleet.model.check import CheckReport, NagiosReport
from pvefleet.model.errors import PvefleetError
from pvefleet.model.section import Section
from pvefleet.rules.check import check_report
from pvefleet.rules.nagios import nagios_report, nagios_unknown


def check(fleet: Fleet, *, only: str, waivers: str, nagios: bool) -> CheckReport | NagiosReport:
    """Return the check's report.

    Args:
        fleet: the cluster.
        only: comma-separated codes or beginnings of codes; empty for all.
        waivers: the waivers file; empty takes ``waivers.toml`` beside hosts.toml, where there is one.
        nagios: one line, and the exit codes of a plugin.

    Raises:
        UsageError: *only* names no code.
        InventoryError: the waivers file is not right.
    """
    if not nagios:
        return _check(fleet, only, waivers)
    try:
        return nagios_report(_check(fleet, only, waivers))
    except PvefleetError as error:
        return nagios_unknown(error)


def _check(fleet: Fleet, only: str, waivers: str) -> CheckReport:
    beside = fleet.environment.hosts_toml(project_root()).parent
    path = Path(waivers).expanduser() if waivers else beside / "waivers.toml"
    known = load_waivers(path, required=bool(waivers))
    codes = [one.strip() for one in only.split(",")] if only else []
    sections = [Section.GUESTS, Section.GUEST_CONFIGS, Section.HEALTH, Section.HA, Section.REPLICATION]
    return check_report(fleet.facts(*sections), only=codes, waivers=known, rpo_seconds=fleet.policy.rpo_seconds)
