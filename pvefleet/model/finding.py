"""Findings: what is wrong, how bad it is, what shows it and what to do about it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How bad a finding is. CRITICAL ends a status with 5, WARNING with 4, INFO changes nothing."""

    CRITICAL = "critical"
    WARNING = "warning"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be.

    Attributes:
        code: stable identifier from the catalogue, such as ``QUO-E-0001``; never reused.
        severity: how bad it is.
        subject: what it is about: a node, a link (``pve02/link1``), a guest, or the cluster's name.
        message: one sentence for the operator.
        evidence: what was seen, and where: lines of native output or ``node: value``.
        fix: what to do next; empty where nothing needs doing.
        acceptable: may an operator take this risk by name (``--accept``)?
    """

    code: str
    severity: Severity
    subject: str
    message: str
    evidence: tuple[str, ...] = ()
    fix: str = ""
    acceptable: bool = False
