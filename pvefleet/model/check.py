"""The report of ``cluster.check``: every finding, those that are waived apart."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

from pvefleet.model.errors import ExitCode
from pvefleet.model.finding import Finding


@dataclass(frozen=True, slots=True)
class Waiver:
    """A finding that somebody knows of and lives with, for a time.

    Attributes:
        code: which kind of finding.
        subject: about what; empty for every subject.
        owner: who answers for it.
        reason: why it is all right.
        expires: the last day on which it holds, ISO 8601.
    """

    code: str
    subject: str
    owner: str
    reason: str
    expires: str


@dataclass(frozen=True, slots=True)
class Waived:
    """A finding with the waiver that covers it."""

    finding: Finding
    waiver: Waiver


@dataclass(frozen=True, slots=True)
class CheckReport:
    """Everything that is not as it should be.

    Attributes:
        cluster: its name.
        taken_at: when the nodes were read, UTC ISO 8601.
        here: the node that looked at itself alone, or empty.
        nodes_total, nodes_read: how many there are, how many answered.
        only: the codes that were asked for; empty for all.
        findings: the worst first.
        waived: findings that a waiver covers; they do not count.
        idle_waivers: waivers that cover nothing, or have expired.
        exit_code: by the findings that are not waived.
    """

    cluster: str
    taken_at: str
    here: str
    nodes_total: int
    nodes_read: int
    only: tuple[str, ...]
    findings: tuple[Finding, ...]
    waived: tuple[Waived, ...]
    idle_waivers: tuple[Waiver, ...]
    exit_code: ExitCode


class NagiosCode(IntEnum):
    """The exit codes of a Nagios plugin, which are not ours."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


@dataclass(frozen=True, slots=True)
class NagiosReport:
    """One line for a monitoring system.

    Attributes:
        line: state, text and performance data.
        exit_code: the plugin's exit code.
    """

    line: str
    exit_code: NagiosCode
