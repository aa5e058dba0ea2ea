"""ha.status, ha.rules and ha.groups on a lab cluster: the genuine way from files on nodes to a report."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator

import pytest

from lab.client import Lab
from tests.system.conftest import Operator, Ran

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]

RESOURCES = "/etc/pve/ha/resources.cfg"
RULES = "/etc/pve/ha/rules.cfg"


def read(lab: Lab, path: str) -> str:
    rc, out, _ = lab.exec("pve01", ["cat", path])
    return out.decode() if rc == 0 else ""


def write(lab: Lab, name: str, path: str, text: str) -> None:
    rc, _, err = lab.exec(name, ["sh", "-c", 'cat >"$1"', "sh", path], stdin=text.encode())
    assert rc == 0, err


class Ha:
    """HA on the lab: its own where it has guests under HA, else files as the HA stack writes them.

    Attributes:
        sids, rules: what the cluster's files name.
    """

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.written = not read(lab, RESOURCES)
        if self.written:
            self._lay_out()
        self.sids = {f"{kind}:{vmid}" for kind, vmid in re.findall(r"^(vm|ct): (\d+)", read(lab, RESOURCES), re.M)}
        self.rules = set(re.findall(r"^[a-z]+-affinity: (\S+)", read(lab, RULES), re.M))

    def _lay_out(self) -> None:
        owners = json.loads(read(self.lab, "/etc/pve/.vmlist"))["ids"]
        kinds = {"qemu": "vm", "lxc": "ct"}
        self.places = {f"{kinds[one['type']]}:{vmid}": one["node"] for vmid, one in sorted(owners.items())}
        text = "".join(f"{sid.replace(':', ': ')}\n\tstate started\n\n" for sid in self.places)
        first, second = list(self.places)[:2]
        rules = (
            f"node-affinity: stays\n\tnodes {self.places[first]}:2,pve03:1\n\tresources {first}\n\tstrict 1\n\n"
            f"resource-affinity: apart\n\taffinity negative\n\tresources {first},{second}\n\n"
        )
        write(self.lab, "pve01", RESOURCES, text)
        write(self.lab, "pve01", RULES, rules)

    def beat(self, *alive: str) -> None:
        """Let manager and agents report now, where nobody does it for us."""
        if not self.written:
            return
        now = int(time.time())
        services = {
            sid: {"node": node, "state": "started", "running": 1, "uid": f"uid-{sid}"}
            for sid, node in self.places.items()
        }
        manager = {
            "master_node": alive[0],
            "timestamp": now,
            "node_status": {name: "online" if name in alive else "unknown" for name in self.lab.names},
            "service_status": services,
        }
        write(self.lab, alive[0], "/etc/pve/ha/manager_status", json.dumps(manager))
        agent = json.dumps({"mode": "active", "results": {}, "state": "active", "timestamp": now})
        for name in alive:
            write(self.lab, name, f"/etc/pve/nodes/{name}/lrm_status", agent)
            self.lab.exec(name, ["mkdir", "-p", "/run/watchdog-mux.active"])

    def clear(self) -> None:
        """Take away what was written here."""
        if self.written:
            for name in self.lab.names:
                self.lab.exec(name, ["rm", "-rf", "/run/watchdog-mux.active", f"/etc/pve/nodes/{name}/lrm_status"])
            for path in (RESOURCES, RULES, "/etc/pve/ha/manager_status"):
                self.lab.exec("pve01", ["rm", "-f", path])


@pytest.fixture
def ha(operator: Operator, lab: Lab) -> Iterator[Ha]:
    made = Ha(lab)
    try:
        yield made
    finally:
        lab.restore()
        lab.wait_quorate(lab.names)
        made.clear()


def codes(ran: Ran) -> set[str]:
    return {code for code, _ in ran.findings}


def test_the_dashboard_shows_what_the_files_hold(operator: Operator, lab: Lab, ha: Ha) -> None:
    ha.beat(*lab.names)

    ran = operator.fab("ha.status", "--json")

    assert ran.exit in (0, 4), ran.findings
    document = ran.document
    assert document["summary"]["state"] == "armed"
    assert document["manager"]["state"] == "active"
    assert {row["sid"] for row in document["services"]} == ha.sids
    assert {row["node"] for row in document["services"]} <= set(lab.names)
    assert "?" not in {row["state"] for row in document["services"]}
    assert {row["name"] for row in document["rules"]} == ha.rules
    assert "unknown" not in {row["verdict"] for row in document["rules"]}
    assert {row["name"]: row["agent"] in ("active", "idle") for row in document["nodes"]} == dict.fromkeys(
        lab.names, True
    )
    assert None not in {row["watchdog_armed"] for row in document["nodes"]}
    assert all(-2 < row["agent_age_seconds"] < 30 for row in document["nodes"])


def test_the_text_names_every_guest_and_rule(operator: Operator, lab: Lab, ha: Ha) -> None:
    ha.beat(*lab.names)

    ran = operator.fab("ha.status", COLUMNS="80")

    assert all(re.search(rf"^{sid} ", ran.out, re.M) for sid in ha.sids)
    assert all(re.search(rf"^{name} ", ran.out, re.M) for name in ha.rules)
    assert max(len(line) for line in ran.out.splitlines()) <= 80


def test_rules_and_groups(operator: Operator, lab: Lab, ha: Ha) -> None:
    ha.beat(*lab.names)

    rules = operator.fab("ha.rules", "--json")
    groups = operator.fab("ha.groups", "--json")

    assert {row["name"] for row in rules.document["rules"]} == ha.rules
    assert groups.document["groups"] == []
    assert groups.document["migrated"] is True
    assert {rules.exit, groups.exit} <= {0, 4}


def test_a_dead_node_keeps_its_guests_in_the_report(operator: Operator, lab: Lab, ha: Ha) -> None:
    ha.beat(*lab.names)
    lab.kill("pve03")
    operator.until(("NOD-E-0001", "pve03"), seconds=20)
    ha.beat("pve01", "pve02")

    ran = operator.fab("ha.status", "--json")

    assert ran.exit == 5
    assert ("NOD-E-0001", "pve03") in ran.findings
    assert {row["sid"] for row in ran.document["services"]} == ha.sids
    assert ran.node("pve03")["watchdog_armed"] is None
    assert ran.node("pve01")["watchdog_armed"] is not None


def test_without_quorum_the_files_still_speak_and_a_running_watchdog_is_critical(
    operator: Operator, lab: Lab, ha: Ha
) -> None:
    ha.beat(*lab.names)
    lab.partition(["pve01"], ["pve02"], ["pve03"])

    ran = operator.fab("ha.status", "--json")
    end = time.monotonic() + 30
    while "QUO-E-0001" not in codes(ran) and time.monotonic() < end:
        ran = operator.fab("ha.status", "--json")

    assert ran.exit == 5
    assert "QUO-E-0001" in codes(ran)
    assert {row["sid"] for row in ran.document["services"]} == ha.sids
    assert "HAV-E-0001" not in codes(ran)
    armed = {row["name"] for row in ran.document["nodes"] if row["watchdog_armed"]}
    assert {subject for code, subject in ran.findings if code == "HAV-E-0006"} == armed


def test_a_hung_cluster_file_system_costs_that_nodes_copy_alone(operator: Operator, lab: Lab, ha: Ha) -> None:
    ha.beat(*lab.names)
    lab.hang("pve01")

    ran = operator.fab("ha.status", "--json")

    assert ran.document["manager"]["seen_by"] != "pve01"
    assert {row["sid"] for row in ran.document["services"]} == ha.sids
