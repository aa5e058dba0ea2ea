"""`ha-manager` on a tree that stands for /etc/pve: what it writes, prints and refuses, by release."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from lab.pve.cfs import CommandError
from lab.pve.ha import cli
from lab.pve.ha.cli_context import Context
from lab.pve.ha.files import Files
from lab.pve.layout import NodeSettings
from parsers import ha_manager_status, ha_resources_cfg, ha_rules_cfg, lrm_status, manager_status
from tests.labpve.holding import Capture

NODES = ("pve1", "pve2", "pve3")
GUESTS = {"100": ("pve1", "qemu"), "101": ("pve1", "qemu"), "110": ("pve2", "lxc")}
TIME = re.compile(r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d [\d:]+ \d{4}")


class HaManager:
    """Somebody at the command line of a node of one release."""

    def __init__(self, root: Path, capsys: pytest.CaptureFixture[str], release: str) -> None:
        self.root, self._capsys = root, capsys
        for folder in ("priv/lock", "ha", *(f"nodes/{name}" for name in NODES)):
            (root / folder).mkdir(parents=True, exist_ok=True)
        members = {name: {"id": number, "online": 1} for number, name in enumerate(NODES, 1)}
        (root / ".members").write_text(json.dumps({"nodelist": members}))
        guests = {vmid: {"node": node, "type": kind} for vmid, (node, kind) in GUESTS.items()}
        (root / ".vmlist").write_text(json.dumps({"ids": guests}))
        (root / "local").symlink_to("nodes/pve1")
        self.files = Files(root)
        self.context = Context(NodeSettings("pve1", (), pve=release), self.files)

    def __call__(self, *argv: str) -> str:
        """What it prints; it must succeed."""
        assert cli.run(self.context, list(argv)) == 0
        return self._capsys.readouterr().out

    def refuses(self, *argv: str) -> tuple[str, int]:
        """What it says, and its exit code."""
        with pytest.raises(CommandError) as caught:
            cli.run(self.context, list(argv))
        return str(caught.value), caught.value.code

    def text(self, name: str) -> str:
        return self.files.text(name)

    def lose_quorum(self) -> None:
        (self.root / "local").unlink()


@pytest.fixture
def pve9(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> HaManager:
    return HaManager(tmp_path, capsys, "9.2")


@pytest.fixture
def pve8(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> HaManager:
    return HaManager(tmp_path, capsys, "8")


def genuine(case: str) -> list[str]:
    """The words of a captured command."""
    return re.findall(r'"[^"]*"|\S+', Capture.read(f"ha/{case}").command.replace('"', ""))[1:]


@pytest.mark.parametrize(
    "case",
    [
        "add-bad-format",
        "add-bad-state",
        "groupadd",
        "groupconfig",
        "maintenance-enable-unknown",
        "remove-missing",
        "set-missing",
    ],
)
def test_it_refuses_in_the_genuine_words_and_with_the_genuine_exit_code(pve9: HaManager, case: str) -> None:
    capture = Capture.read(f"ha/{case}")
    said, code = pve9.refuses(*genuine(case))
    assert (f"{said}\n", code) == (capture.err, capture.code)


def test_it_shows_what_is_set_explicitly_and_nothing_else(pve9: HaManager) -> None:
    pve9("add", "vm:100", "--state", "stopped")
    options = ["--max_restart", "2", "--max_relocate", "2", "--comment", "tiny guest"]
    pve9("add", "vm:101", "--state", "started", *options)
    assert pve9("config") == Capture.read("ha/config").out


def test_a_guest_added_without_a_state_is_one_that_runs(pve9: HaManager) -> None:
    pve9("add", "100")
    assert pve9.text("ha/resources.cfg") == "vm: 100\n\n"
    (resource,) = ha_resources_cfg.read(pve9.text("ha/resources.cfg"))
    assert (resource.sid, resource.state) == ("vm:100", None)


def test_what_it_prints_of_rules_is_a_table_without_their_nodes(pve9: HaManager) -> None:
    pve9("add", "vm:101")
    pve9(*genuine_rule())
    assert pve9("rules", "list") == Capture.read("ha/rules-list").out
    assert pve9("rules", "config") == Capture.read("ha/rules-config").out
    (rule,) = json.loads(pve9("rules", "config", "--output-format", "json"))
    assert (rule["nodes"], rule["resources"], rule["state"]) == ("pve1:2,pve2:1", "vm:101", "in use")


def genuine_rule() -> list[str]:
    command = "rules add node-affinity prefer12 --resources vm:101 --nodes pve1:2,pve2:1"
    return command.split()


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["add", "vm:888"], "resource 'vm:888' does not exist in cluster"),
        (["add", "888"], "unable to detect SID from VMID - VM/CT 888 does not exist"),
        (["add", "vm:110"], "resource 'vm:110' - guest with ID 110 is not a VM"),
        (["add", "vm:100", "--group", "g"], "invalid parameter 'group': ha groups have been migrated to rules"),
        (["migrate", "vm:101", "pve2"], "resource 'vm:101' is not HA managed"),
        (["rules", "remove"], "400 not enough arguments\nha-manager rules remove <rule>"),
    ],
)
def test_it_refuses(pve9: HaManager, argv: list[str], said: str) -> None:
    assert pve9.refuses(*argv)[0] == said


def test_a_guest_is_defined_once(pve9: HaManager) -> None:
    pve9("add", "vm:100")
    assert pve9.refuses("add", "vm:100")[0] == "create resource failed: resource ID 'vm:100' already defined"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (
            "location x1 --resources vm:100 --nodes pve1",
            "type: value 'location' does not have a value in the enumeration 'node-affinity, resource-affinity'",
        ),
        ("node-affinity x1 --resources vm:777 --nodes pve1", "cannot use unmanaged resource(s) vm:777."),
        ("node-affinity x1 --resources vm:100 --nodes pve9", "cannot use non-existent node(s) pve9."),
        ("node-affinity both --resources vm:100 --nodes pve1", "HA rule 'both' already defined"),
        (
            "node-affinity x1 --resources vm:101 --nodes pve1",
            "resource 'vm:101' is already used in another node affinity rule",
        ),
        (
            "resource-affinity x1 --resources vm:100 --affinity positive",
            "resources: rule is ineffective as there are less than two resources",
        ),
        (
            "resource-affinity x1 --resources vm:100,vm:101 --affinity positive",
            "resources are in node affinity rules with multiple priorities",
        ),
        (
            "resource-affinity x1 --resources vm:100,ct:110 --affinity positive --strict 1",
            "strict: property is not defined in schema and the schema does not allow additional properties",
        ),
        (
            "resource-affinity x1 --resources vm:100,ct:110",
            "oneOf[resource-affinity].affinity: property is missing and it is not optional",
        ),
    ],
)
def test_it_refuses_rules_that_cannot_hold(pve9: HaManager, rule: str, said: str) -> None:
    for sid in ("vm:100", "vm:101", "ct:110"):
        pve9("add", sid)
    pve9("rules", "add", "node-affinity", "both", "--resources", "vm:101", "--nodes", "pve1:2,pve2:1")
    assert said in pve9.refuses("rules", "add", *rule.split())[0]


def test_a_rule_is_switched_off_and_only_a_delete_switches_it_on(pve9: HaManager) -> None:
    pve9("add", "vm:101")
    pve9(*genuine_rule())
    pve9("rules", "set", "node-affinity", "prefer12", "--disable", "1", "--comment", "why: 100 %")
    (rule,) = ha_rules_cfg.read(pve9.text("ha/rules.cfg"))
    assert (rule.disabled, rule.comment) == (True, "why: 100 %")
    pve9("rules", "set", "node-affinity", "prefer12", "--disable", "0")
    assert ha_rules_cfg.read(pve9.text("ha/rules.cfg"))[0].disabled
    pve9("rules", "set", "node-affinity", "prefer12", "--delete", "disable")
    assert not ha_rules_cfg.read(pve9.text("ha/rules.cfg"))[0].disabled


def test_removing_a_guest_takes_it_out_of_its_rules_unless_told_not_to(pve9: HaManager) -> None:
    for sid in ("vm:100", "vm:101", "ct:110"):
        pve9("add", sid)
    pve9("rules", "add", "resource-affinity", "apart", "--resources", "vm:100,vm:101,ct:110", "--affinity", "negative")
    pve9("remove", "vm:100")
    pve9("remove", "vm:101", "--purge", "0")
    assert ha_rules_cfg.read(pve9.text("ha/rules.cfg"))[0].resources == ("vm:101", "ct:110")


def test_a_change_of_something_else_than_was_read_is_refused(pve9: HaManager) -> None:
    pve9("add", "vm:100")
    digest = pve9.files.digest("ha/resources.cfg")
    pve9("set", "vm:100", "--comment", "x", "--digest", digest)
    assert (
        "detected modified configuration" in pve9.refuses("set", "vm:100", "--state", "stopped", "--digest", digest)[0]
    )


def test_a_guest_in_error_can_only_be_disabled(pve9: HaManager) -> None:
    pve9("add", "vm:100")
    service = {"vm:100": {"state": "error", "node": "pve1", "uid": "x"}}
    pve9.files.write_manager_status({"node_status": {}, "service_status": service})
    said = "service 'vm:100' in error state, must be disabled and fixed first"
    assert pve9.refuses("set", "vm:100", "--state", "started")[0] == said
    assert pve9.refuses("migrate", "vm:100", "pve2")[0] == said
    pve9("set", "vm:100", "--state", "disabled")


def test_orders_are_queued_and_nothing_is_known_of_their_end(pve9: HaManager) -> None:
    pve9("add", "vm:100")
    for order in (
        "migrate vm:100 nowhere",
        "relocate vm:100 pve2",
        "stop vm:100 0",
        "node-maintenance enable pve2",
        "node-maintenance disable pve2",
        "disarm-ha freeze",
        "arm-ha",
    ):
        assert pve9("crm-command", *order.split()) == ""
    assert pve9.text("ha/crm_commands").splitlines() == [
        "migrate vm:100 nowhere",
        "relocate vm:100 pve2",
        "stop vm:100 0",
        "enable-node-maintenance pve2",
        "disable-node-maintenance pve2",
        "disarm-ha freeze",
        "arm-ha",
    ]


def test_an_order_against_affinity_is_refused_after_it_was_queued(pve9: HaManager) -> None:
    for sid in ("vm:100", "ct:110"):
        pve9("add", sid)
    pve9("rules", "add", "resource-affinity", "apart", "--resources", "vm:100,ct:110", "--affinity", "negative")
    service = {"ct:110": {"state": "started", "node": "pve2", "uid": "x"}}
    pve9.files.write_manager_status({"node_status": {}, "service_status": service})
    said, _ = pve9.refuses("migrate", "vm:100", "pve2")
    assert said.splitlines() == [
        "cannot migrate resource 'vm:100' to node 'pve2':",
        "",
        "- resource 'ct:110' on target node 'pve2' in negative affinity with resource 'vm:100'",
    ]
    assert pve9.text("ha/crm_commands") == "migrate vm:100 pve2\n"


@pytest.mark.parametrize("argv", ["add vm:100", "crm-command arm-ha", "rules remove x1", "set vm:100 --comment x"])
def test_without_quorum_nothing_is_written(pve9: HaManager, argv: str) -> None:
    pve9.lose_quorum()
    assert pve9.refuses(*argv.split())[0] == "cluster not ready - no quorum?"


def test_without_quorum_the_status_still_speaks(pve9: HaManager) -> None:
    pve9.lose_quorum()
    assert pve9("status") == Capture.read("ha/noquorum-status").out


def test_groups_are_for_proxmox_ve_8(pve8: HaManager) -> None:
    pve8("groupadd", "g1", "--nodes", "pve1:2,pve2:1", "--nofailback", "1")
    pve8("add", "vm:100", "--group", "g1")
    assert pve8("groupconfig") == "group: g1\n\tnodes pve1:2,pve2:1\n\tnofailback 1\n\n"
    assert pve8.refuses("groupadd", "g1", "--nodes", "pve1")[0] == (
        "create ha group failed: ha group ID 'g1' already defined"
    )
    assert pve8.refuses("groupremove", "g1")[0] == "delete ha group failed: ha group is used by service 'vm:100'"
    assert pve8.refuses("set", "vm:100", "--group", "nope")[0] == "HA group 'nope' does not exist"
    pve8("groupremove", "never-there")


def test_proxmox_ve_8_has_neither_rules_nor_disarming(pve8: HaManager) -> None:
    assert pve8.refuses("rules", "list")[1] == 255
    assert pve8.refuses("crm-command", "disarm-ha", "freeze")[1] == 255
    assert "disarm-ha" not in pve8("help", "crm-command")
    assert "rules" not in pve8("help")


def test_what_a_release_can_do_is_in_its_help(pve9: HaManager) -> None:
    assert "USAGE: ha-manager crm-command disarm-ha" in pve9("help", "crm-command")
    assert "USAGE: ha-manager rules add" in pve9("help", "rules")


def as_captured(manager: HaManager, case: str) -> None:
    """Put the files there that a captured `status --verbose` was made from, as if just written."""
    full = Capture.read("ha/status-verbose").out.partition("full cluster state:\n")[2]
    state = json.loads(full)
    now = 2_000_000_000
    state["manager_status"]["timestamp"] = now
    manager.files.write_manager_status(state["manager_status"])
    for node, agent in state["lrm_status"].items():
        manager.files.write_lrm_status(node, agent | {"timestamp": now})


def test_the_status_is_laid_out_as_the_genuine_one(pve9: HaManager, monkeypatch: pytest.MonkeyPatch) -> None:
    pve9("add", "vm:100", "--state", "stopped")
    pve9("add", "vm:101")
    as_captured(pve9, "status-verbose")
    monkeypatch.setattr("time.time", lambda: 2_000_000_001.0)
    shown = pve9("status", "--verbose", "1")
    stamps = re.compile(r'("timestamp" : )\d+')

    def masked(text: str) -> str:
        return stamps.sub(r"\1N", TIME.sub("TIME", text))

    assert masked(shown) == masked(Capture.read("ha/status-verbose").out)
    assert ha_manager_status.read(shown).full is not None
    assert manager_status.read(pve9.text("ha/manager_status")).master_node == "pve2"
    assert lrm_status.read(pve9.text("nodes/pve1/lrm_status")).state == "active"


def test_an_old_report_is_that_of_a_dead_daemon(pve9: HaManager, monkeypatch: pytest.MonkeyPatch) -> None:
    pve9("add", "vm:100")
    as_captured(pve9, "status-verbose")
    monkeypatch.setattr("time.time", lambda: 2_000_000_031.0)
    seen = ha_manager_status.read(pve9("status"))
    assert seen.master is not None
    assert seen.master.state == "old timestamp - dead?"
    assert {lrm.state for lrm in seen.lrms} == {"old timestamp - dead?"}
    assert seen.fencing is not None
    assert seen.fencing.state == "standby"
