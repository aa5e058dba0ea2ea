"""A check as a Nagios plugin prints it: one line, and an exit code of its own."""

from __future__ import annotations

from pvefleet.model.check import CheckReport, NagiosCode, NagiosReport
from pvefleet.model.errors import PvefleetError
from pvefleet.model.finding import Severity


def nagios_report(report: CheckReport) -> NagiosReport:
    """Return the plugin's line for *report*."""
    critical = [one for one in report.findings if one.severity is Severity.CRITICAL]
    warnings = [one for one in report.findings if one.severity is Severity.WARNING]
    perf = f"critical={len(critical)} warning={len(warnings)} nodes_read={report.nodes_read}"
    if report.nodes_read == 0:
        return _line(NagiosCode.UNKNOWN, "no node could be read", perf)
    code = NagiosCode.CRITICAL if critical else NagiosCode.WARNING if warnings else NagiosCode.OK
    said = "; ".join(f"{one.message} [{one.code}]" for one in critical + warnings) or "nothing wrong was found"
    return _line(code, said, perf)


def nagios_unknown(error: PvefleetError) -> NagiosReport:
    """Return the plugin's line for a check that could not be made."""
    return _line(NagiosCode.UNKNOWN, error.message, "")


def _line(code: NagiosCode, said: str, perf: str) -> NagiosReport:
    text = said.replace("|", "/").replace("\n", " ")
    return NagiosReport(f"PVEFLEET {code.name} - {text}" + (f" | {perf}" if perf else ""), code)
