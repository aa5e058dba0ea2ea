"""Risks taken by name: what stands in the way, and what an accept does to that."""

from __future__ import annotations

from pvefleet.model.finding import Finding, Severity
from pvefleet.rules.acceptance import Accept, weigh

RISK = Finding("RST-W-0001", Severity.WARNING, "pve02", "armed", acceptable=True)
OTHER = Finding("RST-W-0001", Severity.WARNING, "pve03", "armed", acceptable=True)
FATAL = Finding("EVD-E-0001", Severity.CRITICAL, "pve02", "alive")
REMARK = Finding("VER-W-0001", Severity.WARNING, "lab", "versions differ")


def test_critical_findings_and_risks_stand_in_the_way_and_remarks_do_not() -> None:
    weighed = weigh([RISK, FATAL, REMARK], [])

    assert weighed.refusing == (RISK, FATAL)


def test_a_risk_is_taken_for_its_subject_alone() -> None:
    weighed = weigh([RISK, OTHER], [Accept("RST-W-0001", "pve02", "why not")])

    assert [(one.subject, one.reason) for one in weighed.taken] == [("pve02", "why not")]
    assert weighed.refusing == (OTHER,)


def test_without_a_subject_every_subject_is_meant() -> None:
    assert weigh([RISK, OTHER], [Accept("RST-W-0001", "", "why not")]).refusing == ()


def test_what_can_never_be_accepted_stays() -> None:
    accept = Accept("EVD-E-0001", "", "I am sure")
    weighed = weigh([FATAL], [accept])

    assert weighed.forbidden == (accept,)
    assert weighed.refusing == (FATAL,)


def test_an_accept_of_something_that_is_not_there_is_an_error() -> None:
    accepts = [Accept("RST-W-0001", "pve09", "why not"), Accept("VER-W-0001", "lab", "old")]

    assert weigh([RISK, REMARK], accepts).useless == tuple(accepts)


def test_a_code_can_stand_in_the_way_whatever_its_severity() -> None:
    assert weigh([REMARK], [], always={"VER-W-0001"}).refusing == (REMARK,)
