"""What an operator reads of HA: the dashboard at 80 columns, every width, one line for the cluster's report."""

from __future__ import annotations

import io
import json
import time

import pytest

from pvefleet.facts.cluster import assemble
from pvefleet.model.section import Section
from pvefleet.rules.ha import ha_groups_report, ha_report, ha_rules_report, ha_summary
from pvefleet.rules.membership import membership
from pvefleet.views.ha import ha_text
from pvefleet.views.present import present
from tests.support.ha_world import HaWorld


def text(report: object, monkeypatch: pytest.MonkeyPatch, width: int = 80) -> str:
    monkeypatch.setenv("COLUMNS", str(width))
    out = io.StringIO()
    present(report, as_json=False, out=out)
    return out.getvalue()


def troubled() -> HaWorld:
    world = HaWorld(3)
    world.add("vm:100", "pve01", comment="Web server principal")
    world.add("vm:104", "pve01", max_restart=3, max_relocate=3)
    world.add("vm:105", "pve02")
    world.add("vm:200", "pve02", state="error")
    world.add("vm:201", "pve02", state="migrate", service={"target": "pve03"})
    world.add("ct:1001", "pve01")
    world.resource_affinity("db-separate", "negative", "vm:104,vm:105")
    world.resource_affinity("web-together", "positive", "vm:100,ct:1001")
    world.node_affinity("prefer-pve03", "vm:201", "pve03:2,pve01:1")
    world.maintenance("pve03", drained=False)
    world.ha.datacenter = "ha: shutdown_policy=migrate\n"
    world.journal["pve01"] = (
        "1794990000.500000 pve01 pve-ha-crm[9]: recover service 'vm:104' from fenced node 'pve02' to node 'pve01'\n"
    )
    return world


def test_the_dashboard_at_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    assert text(ha_report(troubled().ha_facts()), monkeypatch) == (
        """\
Cluster        lab
Quorum         yes (3 of 3 votes, 2 needed)
HA             armed
Manager        pve01, active, 4s ago
Guests         6: 4 started, 1 error, 1 migrate
Placement      4 satisfied, 1 best effort
Last failover  vm:104 pve02 -> pve01, 2026-11-18T08:20:00Z
Node shutdown  migrate: guests are moved away first; placement basic
Read           3 of 3 nodes, 2026-11-21T03:21:04Z; files as on pve01

GUEST    STATE    NODE            WANTED   PLACE        RULES
vm:100   started  pve01           started  satisfied    web-together
vm:104   started  pve01           started  satisfied    db-separate
vm:105   started  pve02           started  satisfied    db-separate
vm:200   error    pve02           started  -            -
vm:201   migrate  pve02 -> pve03  started  best effort  prefer-pve03
ct:1001  started  pve01           started  satisfied    web-together

RULE          SAYS                       VERDICT
db-separate   vm:104 vm:105 apart        satisfied
web-together  vm:100 ct:1001 together    satisfied
prefer-pve03  vm:201 on pve03:2 pve01:1  best effort
prefer-pve03: vm:201 on pve02 is moving to pve03

NODE   STATUS       AGENT             REPORTED  MAINTENANCE  GUESTS  WATCHDOG
pve01  online       active            3s ago    no                3  armed
pve02  online       active            3s ago    no                3  armed
pve03  maintenance  maintenance mode  3s ago    draining          0  released

1 critical finding, 1 warning
CRITICAL  vm:200 is in error on pve02  [HAV-E-0003]
          fix: Find the cause in journalctl -u pve-ha-lrm of its node and -u
          pve-ha-crm of the manager's, then: ha-manager set vm:200 --state
          disabled, repair, --state started. Disabling stops a guest that still
          runs.
WARNING   pve03: maintenance, not drained yet  [HAV-W-0009]
          active guests of HA: 1
          fix: When the work is done: ha-manager crm-command node-maintenance
          disable pve03
"""
    )


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("build", [ha_report, ha_rules_report, ha_groups_report])
def test_no_line_is_wider_than_the_terminal(build: object, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    world = troubled()
    world.group("production", "pve01:2,pve02:1")
    world.add("vm:300", "pve03", group="production")
    lines = text(build(world.ha_facts()), monkeypatch, width).splitlines()  # type: ignore[operator]

    assert max(len(line) for line in lines) <= width
    assert not [line for line in lines if line != line.rstrip()]


def test_a_wide_terminal_shows_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = text(ha_report(troubled().ha_facts()), monkeypatch, 200)

    assert "Web server principal" in printed
    assert "Software Watchdog" in printed
    assert "node-affinity" in printed


def test_rules_say_for_each_guest_why(monkeypatch: pytest.MonkeyPatch) -> None:
    world = troubled()
    world.node_affinity("license", "vm:105", "pve01", strict=True)

    printed = text(ha_rules_report(world.ha_facts()), monkeypatch)

    assert "license       vm:105 only on pve01" in printed
    assert "vm:105   pve02           license       violated     may be on pve01 only" in printed


def test_groups_of_an_older_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    world = HaWorld(3)
    for node in world.nodes.values():
        node.version = "8.4.1"
    world.add("vm:104", "pve02", group="database")
    world.group("database", "pve03:2,pve02:1", more="\trestricted 1\n\tnofailback 1\n")

    printed = text(ha_groups_report(world.ha_facts()), monkeypatch)

    assert printed == (
        """\
GROUP     NODES            RESTRICTED  FAILBACK  GUESTS  VERDICT
database  pve03:2 pve02:1  yes         no             1  best effort

GUEST   NODE   GROUP     VERDICT      WHY
vm:104  pve02  database  best effort  prefers pve03, available, but failback is…

Nothing wrong was found.
"""
    )


def test_no_groups_points_to_rules_where_there_are_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    world = HaWorld(3)
    assert "ha.rules" in text(ha_groups_report(world.ha_facts()), monkeypatch)

    for node in world.nodes.values():
        node.version = "8.4.1"
    assert "There are no HA groups.\n" in text(ha_groups_report(world.ha_facts()), monkeypatch)

    for node in world.nodes.values():
        node.pmxcfs = "stopped"
    assert "No copy of the HA groups was read." in text(ha_groups_report(world.ha_facts()), monkeypatch)
    assert "No copy of the HA rules was read." in text(ha_rules_report(world.ha_facts()), monkeypatch)


def test_what_was_not_seen_is_a_question_mark(monkeypatch: pytest.MonkeyPatch) -> None:
    world = troubled()
    for name in world.nodes:
        world[name].overrides["ha-journal"] = (124, "", "")
    printed = text(ha_report(world.ha_facts(here="pve01")), monkeypatch)

    assert "Last failover  ?" in printed
    assert "pve02  online       active            3s ago    no                3  ?" in printed
    assert "View           of pve01 alone" in printed

    for node in world.nodes.values():
        node.pmxcfs = "stopped"
    unseen = text(ha_report(world.ha_facts()), monkeypatch)
    assert "HA             unknown: no node could say" in unseen
    assert "Guests         not seen" in unseen


def line(world: HaWorld) -> str:
    facts = world.facts(Section.HA)
    return ha_text(ha_summary(facts, membership(facts))).plain


def test_ha_in_one_line() -> None:
    assert line(HaWorld(3)) == "never used"
    assert line(troubled()) == "armed, manager pve01, active, 4s ago, 6 guests: 4 started, 1 error, 1 migrate"

    world = troubled()
    world.ha.manager["disarm"] = {"mode": "freeze", "state": "disarmed"}
    world.node_affinity("license", "vm:105", "pve01", strict=True)
    assert line(world).startswith("DISARMED (guests: freeze), manager pve01, active")
    assert line(world).endswith(", 1 against a rule")


def test_json_is_one_document_with_every_key_and_null_for_the_unknown() -> None:
    world = troubled()
    world.kill("pve02")
    out = io.StringIO()
    present(ha_report(world.ha_facts()), as_json=True, out=out)

    document = json.loads(out.getvalue())
    assert (document["kind"], document["exit_code"]) == ("HaReport", 5)
    dead = next(row for row in document["nodes"] if row["name"] == "pve02")
    assert (dead["watchdog_armed"], dead["lrm"], dead["agent"]) == (None, None, "active")
    moving = next(row for row in document["services"] if row["sid"] == "vm:201")
    assert moving["placements"] == [
        {
            "name": "prefer-pve03",
            "kind": "node-affinity",
            "verdict": "best-effort",
            "reason": "is moving to pve03",
        }
    ]


def thousand() -> HaWorld:
    """A thousand guests on sixteen nodes, each in a rule or two."""
    world = HaWorld(16)
    names = list(world.nodes)
    for at in range(1000):
        world.add(f"vm:{1000 + at}", names[at % 16], comment="one of many")
    for at in range(0, 1000, 2):
        world.resource_affinity(f"apart{at}", "negative", f"vm:{1000 + at},vm:{1001 + at}")
        world.node_affinity(f"on{at}", f"vm:{1000 + at}", "pve01,pve02")
    return world


@pytest.mark.usefixtures("own_heap")
def test_a_thousand_guests_take_less_than_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    look = thousand().look(Section.HA, Section.HA_HISTORY)

    # The processor's time, not the wall's: other work on the machine is not ours.
    began = time.process_time()
    report = ha_report(assemble(look))
    text(report, monkeypatch)
    present(report, as_json=True, out=io.StringIO())
    took = time.process_time() - began

    assert len(report.services) == 1000
    assert took < 2.0


@pytest.mark.usefixtures("own_heap")
def test_a_rule_over_a_thousand_guests_that_breaks_every_other_rule_stays_readable() -> None:
    world = thousand()
    world.resource_affinity("crowd", "positive", ",".join(f"vm:{1000 + at}" for at in range(1000)))
    look = world.look(Section.HA, Section.HA_HISTORY)

    began = time.process_time()
    report = ha_report(assemble(look))
    took = time.process_time() - began

    assert {row.verdict.value for row in report.rules} == {"ignored"}
    assert max(len(reason) for row in report.rules for reason in row.reasons) < 200
    assert took < 2.0
