"""How the ladder of evidence and a node's power look, and that their documents fit the schemas."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from pvefleet.model.bmc import BmcMachine, Power, PowerReading
from pvefleet.model.evidence import HERE, Evidence, EvidenceReport, Level, Look, Sign, Vantage, Way, Word
from pvefleet.model.inventory import Endpoint, NodeEntry
from pvefleet.model.power import PowerOutcome, PowerReport
from pvefleet.rules.evidence import judge
from pvefleet.rules.power import findings
from pvefleet.views.present import present

SCHEMAS = Path(__file__).resolve().parents[2] / "docs/schemas"
PATH = ((Way.PING, "10.77.0.2"),)
OFF = tuple(PowerReading(at, Power.OFF, 'PowerState "Off" by redfish b:443') for at in (1.0, 4.0))
ON = PowerReading(1.0, Power.ON, 'PowerState "On" by redfish b:443', BmcMachine("pve02", "ACME R1", "X1"))


def evidence_report(sign: Sign, *, power: tuple[PowerReading, ...] = (), word: Word | None = None) -> EvidenceReport:
    vantages = tuple(Vantage(name, PATH) for name in (HERE, "pve01"))
    last = {Sign.SILENT: "no reply", Sign.ALIVE: "replies", Sign.UNKNOWN: "there is no ping"}[sign]
    looks = (
        Look(HERE, Way.PING, "10.77.0.2", Sign.SILENT, "no reply"),
        Look("pve01", Way.PING, "10.77.0.2", sign, last),
    )
    found = Evidence("pve02", vantages, looks, (), power, word)
    return EvidenceReport("lab", "2026-11-21T03:21:04Z", judge(found, Level.E4), vantages, looks, power)


def power_report(outcome: PowerOutcome, **more: Any) -> PowerReport:
    return PowerReport("lab", "pve02", "pve02", "redfish b:443", outcome, (ON,), **more)


def shown(report: object) -> str:
    out = io.StringIO()
    present(report, as_json=False, out=out, width=90)
    return out.getvalue()


def test_a_proven_death() -> None:
    assert (
        shown(evidence_report(Sign.SILENT, power=OFF))
        == """\
Cluster   lab
Node      pve02
Evidence  E4, asked for is E4

E1   yes  silent on every path from workstation and pve01
E2   no   it is not known to have reset itself
          no peer could tell
E3   no   nobody has stated: pve02 is off
E4   yes  its BMC read off twice, 3 s apart

FROM         WAY    TO         SIGN
workstation  ping   10.77.0.2  silent  no reply
pve01        ping   10.77.0.2  silent  no reply
BMC          power             off     PowerState "Off" by redfish b:443
BMC          power             off     PowerState "Off" by redfish b:443

pve02 is proven down
"""
    )


def test_a_sign_of_life() -> None:
    text = shown(evidence_report(Sign.ALIVE, power=OFF))
    assert "Evidence  alive\n" in text
    assert "E4   no   there is a sign of life\n" in text
    assert "pve01: ping 10.77.0.2: replies\n" in text


def test_what_is_missing_stands_under_its_rung() -> None:
    text = shown(evidence_report(Sign.UNKNOWN, word=Word("pve02 is off", "went there")))
    assert "E1   no   silent from workstation alone: it takes two vantage points\n" in text
    assert "          pve01: ping 10.77.0.2: there is no ping\n" in text


def test_a_plan_to_cut_the_power() -> None:
    entry = NodeEntry("pve02", "pve02", "lab", Endpoint("192.0.2.2", 22))
    viewers = ("pve01", "pve02")
    against = tuple(findings(entry, ON, viewers))
    report = power_report(
        PowerOutcome.WOULD, member=viewers, guests=("100 (qemu)",), confirmation="kill pve02", findings=against
    )
    assert shown(report).startswith(
        """\
Cluster  lab
Node     pve02
BMC      redfish b:443
Machine  pve02, ACME R1, serial X1
Power    on  PowerState "On" by redfish b:443
Member   for pve01, pve02, with quorum
Guests   100 (qemu)
Result   its power would be cut at once, without a shutdown
Consent  type 'kill pve02'
1 critical finding
"""
    )


@pytest.mark.parametrize(
    ("command", "report"),
    [
        ("node.evidence", evidence_report(Sign.SILENT, power=OFF)),
        ("node.evidence", evidence_report(Sign.ALIVE)),
        ("node.evidence", evidence_report(Sign.UNKNOWN)),
        ("node.power", power_report(PowerOutcome.READ)),
        ("node.power", power_report(PowerOutcome.WOULD, confirmation="pve02", note="a note")),
    ],
)
def test_documents_fit_their_schema(command: str, report: object) -> None:
    out = io.StringIO()
    present(report, as_json=True, out=out)
    schema = json.loads((SCHEMAS / f"{command}.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(json.loads(out.getvalue()))
