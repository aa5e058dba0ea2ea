"""Changes of corosync.conf on real corosync: undisturbed, killed and resumed, and put back by the nodes themselves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lab.client import Lab
from lab.launch import free_block
from parsers import corosync_conf
from pvefleet.model.procedure import Step
from pvefleet.model.totem import ConfEdit
from pvefleet.procedures import fallback
from pvefleet.procedures.write_corosync_conf import Premise, digest, steps
from pvefleet.rules.corosync_edit import edits
from pvefleet.rules.link_edit import with_link, without_link
from pvefleet.rules.timers import configured, timers
from tests.support.labs import shared
from tests.system.conftest import ROOT, Operator

pytestmark = [pytest.mark.lab, pytest.mark.timeout(400)]

SLOW = pytest.mark.slow
NODES = ("pve01", "pve02", "pve03")
FIRST_BLOCK = 165
COMES_BACK = 120.0
"""Seconds in which a fallback has to have healed a cluster, its own waiting included."""


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """Three nodes without guests, for this module alone."""

    def start() -> Lab:
        folder = tmp_path_factory.mktemp("changes")
        return Lab.up(folder, nodes=3, block=free_block(FIRST_BLOCK), ha=False, guests=0, tied=True)

    return shared("changes", start)


@pytest.fixture
def operator(changed: Lab) -> Operator:
    """An operator whose cluster is well."""
    somebody = Operator(changed.hosts_toml)
    assert somebody.until().exit == 0
    return somebody


def text(lab: Lab, node: str, *argv: str) -> str:
    """Return what a command prints on a node."""
    return lab.exec(node, list(argv))[1].decode()


def conf(lab: Lab, node: str = "pve01") -> str:
    return text(lab, node, "cat", "/etc/pve/corosync.conf")


def state(lab: Lab) -> list[tuple[int, ...]]:
    """Return each node's versions: in /etc/pve, in /etc/corosync, running; -1 where there is none."""
    found = []
    for node in NODES:
        copies = (conf(lab, node), text(lab, node, "cat", "/etc/corosync/corosync.conf"))
        running = text(lab, node, "corosync-cmapctl", "-g", "totem.config_version").rpartition("= ")[2].strip()
        versions = [corosync_conf.read(copy).config_version if copy else -1 for copy in copies]
        found.append((*versions, int(running) if running.isdecimal() else -1))
    return found


def left_behind(lab: Lab) -> list[str]:
    """Return what is still there of a fallback, an edit or a lock, on any node."""
    look = (
        "ls -d /var/lib/pvefleet/fallback* /etc/systemd/system/pvefleet* /etc/systemd/system/*/pvefleet* "
        "/etc/pve/corosync.conf.* /etc/pve/priv/lock/* /var/lib/pvefleet/lease /var/lib/pvefleet/file-* 2>/dev/null"
    )
    return [f"{node}: {line}" for node in NODES for line in text(lab, node, "sh", "-c", look).splitlines()]


def eventually(holds: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            return False
        time.sleep(0.5)
    return True


def quorate(lab: Lab) -> bool:
    return all("Quorate:          Yes" in text(lab, node, "corosync-quorumtool", "-s") for node in NODES)


def fab(operator: Operator, *argv: str, folder: Path | None = None) -> tuple[int, str]:
    """Run a change to its end; it may take longer than a report."""
    done = process(operator, *argv, folder=folder)
    out, err = done.communicate(timeout=200)
    assert "Traceback" not in err, err
    return done.returncode, out + err


def process(operator: Operator, *argv: str, folder: Path | None = None) -> subprocess.Popen[str]:
    environment = {**os.environ, "PVEFLEET_HOSTS": str(operator.hosts)}
    if folder is not None:
        environment["PVEFLEET_STATE"] = str(folder)
    tool = Path(sys.executable).with_name("fab")
    pipe = subprocess.PIPE
    return subprocess.Popen([tool, *argv], cwd=ROOT, env=environment, stdout=pipe, stderr=pipe, text=True)


def test_a_setting_changes_everywhere_and_nothing_is_left_behind(changed: Lab, operator: Operator) -> None:
    before = state(changed)[0][0]

    exit_, said = fab(operator, "cluster.set-totem", "--set", "token=1200", "--yes")

    assert exit_ == 0, said
    assert state(changed) == [(before + 1,) * 3] * 3
    assert "+  token: 1200" in said
    assert left_behind(changed) == []


@pytest.mark.slow
def test_a_setting_that_waits_for_a_restart_says_so(changed: Lab, operator: Operator) -> None:
    exit_, said = fab(operator, "cluster.set-totem", "--set", "netmtu=1400", "--yes")

    assert exit_ == 0, said
    assert "fab cluster.restart-corosync" in said


def test_a_link_is_removed_and_added_again(changed: Lab, operator: Operator) -> None:
    exit_, said = fab(operator, "cluster.remove-link", "--link", "1", "--yes")
    assert exit_ == 0, said
    assert "ring1_addr" not in conf(changed)

    addresses = [word for n in (1, 2, 3) for word in ("--address", f"pve0{n}=10.78.0.{n}")]
    exit_, said = fab(operator, "cluster.add-link", "--link", "1", *addresses, "--yes")
    assert exit_ == 0, said
    assert conf(changed).count("ring1_addr") == 3
    assert left_behind(changed) == []


def test_a_link_changes_its_address_by_two_reloads(changed: Lab, operator: Operator) -> None:
    changed.exec("pve03", ["ip", "addr", "add", "10.78.0.13/24", "dev", "eth1"])

    exit_, said = fab(operator, "cluster.change-link", "--link", "1", "--address", "pve03=10.78.0.13", "--yes")

    assert exit_ == 0, said
    assert "ring1_addr: 10.78.0.13" in conf(changed)
    assert left_behind(changed) == []


def test_a_link_is_cut_on_one_node_and_comes_back(changed: Lab, operator: Operator) -> None:
    exit_, said = fab(operator, "cluster.test-link", "--link", "0", "--node", "pve02", "--yes")

    assert exit_ == 0, said
    assert "after" in said
    assert text(changed, "pve02", "nft", "list", "tables") == ""


@pytest.mark.slow
def test_the_packets_come_through_again_when_the_workstation_vanishes(
    changed: Lab, operator: Operator, tmp_path: Path
) -> None:
    running = process(
        operator, "cluster.test-link", "--link", "1", "--node", "pve02", "--yes", "--json", folder=tmp_path / "one"
    )
    assert eventually(lambda: text(changed, "pve02", "nft", "list", "tables") != "", 30)
    os.kill(running.pid, signal.SIGKILL)
    out, _err = running.communicate(timeout=10)

    assert eventually(lambda: text(changed, "pve02", "nft", "list", "tables") == "", 60)
    run = json.loads(out.splitlines()[0])["run"]
    exit_, said = fab(operator, "run.clean", run, "--yes", folder=tmp_path / "two")
    assert exit_ == 0, said


def test_a_node_that_slept_through_a_change_comes_back(changed: Lab, operator: Operator) -> None:
    changed.exec("pve03", ["systemctl", "stop", "corosync"])
    old = corosync_conf.read(conf(changed))
    new = conf(changed).replace(f"config_version: {old.config_version}", f"config_version: {old.config_version + 1}")
    put = "cat >/etc/pve/corosync.conf.new && mv /etc/pve/corosync.conf.new /etc/pve/corosync.conf"
    assert eventually(lambda: changed.exec("pve01", ["sh", "-c", put], stdin=new.encode())[0] == 0, 30)

    exit_, said = fab(operator, "cluster.refresh-node", "pve03", "--yes")

    assert exit_ == 0, said
    assert state(changed) == [(old.config_version + 1,) * 3] * 3
    assert left_behind(changed) == []


# Every run of the tests takes the one that is most dangerous; `make test-all` takes all of them.
@pytest.mark.parametrize("phase", ["write", *(pytest.param(one, marks=SLOW) for one in ("stage", "arm", "cancel"))])
def test_killed_and_resumed_from_elsewhere_it_ends_as_if_undisturbed(
    changed: Lab, operator: Operator, tmp_path: Path, phase: str
) -> None:
    token = 1100 + 10 * len(phase)
    running = process(
        operator, "cluster.set-totem", "--set", f"token={token}", "--yes", "--json", folder=tmp_path / "one"
    )
    assert running.stdout is not None
    run = ""
    for line in running.stdout:
        event = json.loads(line)
        run = event.get("run", run)
        if event.get("step", "").startswith(phase):
            break
    os.kill(running.pid, signal.SIGKILL)
    running.communicate(timeout=10)

    exit_, said = fab(operator, "run.resume", run, "--yes", folder=tmp_path / "two")

    assert exit_ == 0, said
    assert f"token: {token}" in conf(changed)
    assert len(set(state(changed))) == 1
    assert left_behind(changed) == []


def breaking(lab: Lab) -> tuple[Premise, ConfEdit]:
    """An edit that corosync takes and that cuts everybody from everybody: one link, over addresses nobody reaches."""
    now = corosync_conf.read(conf(lab))
    addresses = {name: f"10.99.{at}.1" for at, name in enumerate(NODES, 1)}
    for name, address in addresses.items():
        lab.exec(name, ["ip", "addr", "replace", f"{address}/32", "dev", "eth1"])
    made = with_link(now, 2, addresses)
    for link in {number for node in now.nodes for number, _ in node.addresses}:
        made = without_link(made, link)
    (edit,) = edits(now, [("cut everybody off", made)])
    times = timers(configured(now))
    return Premise("pve01", NODES, (1, 2, 3), digest(conf(lab)), (edit,), times), edit


def play(lab: Lab, *wanted: Step) -> None:
    """Do what steps do on the nodes, and nothing more: from then on there is no workstation."""
    for step in wanted:
        for command in step.act:
            code, out, err = lab.exec(command.node, list(command.argv), stdin=command.stdin, timeout=90)
            assert code == 0, (step.id, command.node, out, err)


def healed(lab: Lab, version: int) -> bool:
    return state(lab) == [(version,) * 3] * 3 and quorate(lab) and left_behind(lab) == []


def test_the_old_configuration_comes_back_on_all_nodes_when_nobody_is_there_any_more(
    changed: Lab, operator: Operator
) -> None:
    premise, edit = breaking(changed)
    stage, arm, write, _cancel = steps(premise, accepted=(), guarded=True)

    play(changed, stage, arm, write)

    assert eventually(lambda: not quorate(changed), 30)
    assert eventually(lambda: healed(changed, edit.version + 1), COMES_BACK), (state(changed), left_behind(changed))


@pytest.mark.slow
def test_it_comes_back_after_a_reboot(changed: Lab, operator: Operator) -> None:
    premise, edit = breaking(changed)
    stage, arm, write, _cancel = steps(premise, accepted=(), guarded=True)

    play(changed, stage, arm, write)
    changed.kill("pve02")
    changed.start("pve02")

    assert eventually(lambda: healed(changed, edit.version + 1), COMES_BACK), (state(changed), left_behind(changed))


@pytest.mark.slow
@pytest.mark.parametrize("cancelled", [(), ("pve03",)])
def test_a_fallback_that_finds_the_cluster_whole_changes_nothing(
    changed: Lab, operator: Operator, cancelled: tuple[str, ...]
) -> None:
    before = state(changed)
    now = corosync_conf.read(conf(changed))
    (edit,) = edits(now, [("nothing but the version", now)])
    rests_on = Premise("pve01", NODES, (1, 2, 3), digest(conf(changed)), (edit,), timers(configured(now)))
    stage, arm, write, _cancel = steps(rests_on, accepted=(), guarded=True)

    play(changed, stage, arm, write)
    for name in cancelled:
        changed.exec(name, list(fallback.cancel(name).argv), timeout=60)

    assert eventually(lambda: left_behind(changed) == [], COMES_BACK)
    assert state(changed) == [(before[0][0] + 1,) * 3] * 3
