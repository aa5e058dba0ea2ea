"""node.prepare and cluster.trust on real sshd: what they change, prove, refuse and put back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.client import Lab
from pvefleet.procedures.prepare_node import DROP_IN, KEYS, REVERT_UNIT
from tests.system.conftest import Operator

pytestmark = [pytest.mark.lab, pytest.mark.timeout(240)]


@pytest.fixture
def bare(operator: Operator, lab: Lab) -> Iterator[Operator]:
    """An operator whose nodes are as Proxmox VE installs them, also afterwards."""
    yield operator
    for name in ("pve01", "pve02"):
        lab.exec(name, ["systemctl", "stop", f"{REVERT_UNIT}.timer"])
        lab.exec(name, ["sh", "-c", "rm -rf /etc/ssh/pvefleet /etc/ssh/sshd_config.d/*pvefleet*"])
        lab.exec(name, ["systemctl", "reload", "ssh"])


def sshd_files(lab: Lab, name: str) -> list[str]:
    text = lab.exec(name, ["sshd", "-T", "-C", "user=root,host=localhost,addr=127.0.0.1"])[1].decode()
    return next(line for line in text.splitlines() if line.startswith("authorizedkeysfile ")).split()[1:]


def exists(lab: Lab, name: str, path: str) -> bool:
    return lab.exec(name, ["test", "-e", path])[0] == 0


def test_a_plan_changes_nothing(bare: Operator, lab: Lab) -> None:
    ran = bare.fab("-H", "pve01", "node.prepare", "--plan", "--json")

    assert ran.exit == 0
    assert ran.node("pve01")["state"] == "would"
    assert ran.document["planned"] is True
    assert not exists(lab, "pve01", DROP_IN)


def test_without_a_terminal_and_without_yes_it_is_refused(bare: Operator, lab: Lab) -> None:
    ran = bare.fab("-H", "pve01", "node.prepare")

    assert ran.exit == 3
    assert "--yes" in ran.err
    assert not exists(lab, "pve01", DROP_IN)


def test_it_is_done_once_and_proven(bare: Operator, lab: Lab) -> None:
    ran = bare.fab("-H", "pve01,pve02", "node.prepare", "--yes", "--json")

    assert ran.exit == 0
    assert [row["state"] for row in ran.document["nodes"]] == ["prepared", "prepared"]
    for name in ("pve01", "pve02"):
        assert sshd_files(lab, name) == [KEYS, ".ssh/authorized_keys", ".ssh/authorized_keys2"]
        key = lab.identity.with_name("id_ed25519.pub").read_text().split()[1]
        assert key in lab.exec(name, ["cat", KEYS.replace("%u", "root")])[1].decode()
        assert lab.exec(name, ["systemctl", "is-active", f"{REVERT_UNIT}.timer"])[0] != 0, "the revert is disarmed"

    again = bare.fab("-H", "pve01,pve02", "node.prepare", "--yes", "--json")
    assert [row["state"] for row in again.document["nodes"]] == ["already", "already"]


def test_other_users_are_not_opened_to_the_key(bare: Operator, lab: Lab) -> None:
    assert bare.fab("-H", "pve01", "node.prepare", "--yes").exit == 0

    lab.exec("pve01", ["useradd", "-m", "guest1"])
    assert not exists(lab, "pve01", KEYS.replace("%u", "guest1"))


def test_a_broken_sshd_configuration_is_refused_before_anything_changes(bare: Operator, lab: Lab) -> None:
    lab.exec("pve01", ["sh", "-c", "echo 'NoSuchKeyword yes' >/etc/ssh/sshd_config.d/zz-broken-pvefleet-test.conf"])

    ran = bare.fab("-H", "pve01", "node.prepare", "--yes", "--json")

    assert ran.exit == 3
    assert ran.node("pve01")["state"] == "refused"
    assert not exists(lab, "pve01", DROP_IN)


def test_where_sshd_would_not_read_the_file_first_everything_is_put_back(bare: Operator, lab: Lab) -> None:
    stronger = "/etc/ssh/sshd_config.d/00-a-pvefleet-test.conf"
    lab.exec("pve01", ["sh", "-c", f"echo 'AuthorizedKeysFile .ssh/authorized_keys' >{stronger}"])

    ran = bare.fab("-H", "pve01", "node.prepare", "--yes", "--json")

    assert ran.exit == 3
    assert not exists(lab, "pve01", DROP_IN)
    assert "Include" in ran.node("pve01")["note"]


def test_a_failed_second_login_puts_the_node_back(bare: Operator, lab: Lab) -> None:
    """A setting that waits in the configuration, and holds from the reload on, refuses every new login."""
    lab.exec("pve01", ["sh", "-c", "echo 'DenyUsers root' >/etc/ssh/sshd_config.d/51-pvefleet-test.conf"])

    ran = bare.fab("-H", "pve01", "node.prepare", "--yes", "--json")

    assert ran.exit == 20
    assert ran.node("pve01")["state"] == "reverted"
    assert not exists(lab, "pve01", DROP_IN)


def test_trust_pins_a_key_under_the_nodes_name_by_its_fingerprint(
    operator: Operator, lab: Lab, inventory: Path
) -> None:
    known = inventory.with_name("known_hosts")
    before = known.read_text()
    known.write_text(
        "# a comment that stays\n" + "".join(x for x in before.splitlines(True) if not x.startswith("pve02 "))
    )
    shown = lab.exec("pve02", ["ssh-keygen", "-lf", "/etc/ssh/ssh_host_ed25519_key.pub"])[1].decode().split()[1]
    somebody = Operator(inventory)

    asked = somebody.fab("-H", "pve02", "cluster.trust", "--json")
    assert asked.exit == 3, "nobody is there to be asked"
    assert asked.node("pve02")["fingerprint"] == shown

    wrong = somebody.fab("-H", "pve02", "cluster.trust", "--fingerprint", "SHA256:AAAA", "--json")
    assert (wrong.exit, wrong.node("pve02")["state"]) == (3, "mismatch")
    assert "pve02 " not in known.read_text()

    added = somebody.fab("-H", "pve02", "cluster.trust", "--fingerprint", shown, "--json")
    assert (added.exit, added.node("pve02")["state"]) == (0, "added")
    assert known.read_text().startswith("# a comment that stays\n")
    assert somebody.status().exit == 0


def test_trust_never_replaces_a_key_that_has_changed(operator: Operator, inventory: Path) -> None:
    known = inventory.with_name("known_hosts")
    lines = {line.split()[0]: line.split(maxsplit=1)[1] for line in known.read_text().splitlines() if line.strip()}
    known.write_text(f"pve02 {lines['pve01']}\n")

    ran = Operator(inventory).fab("-H", "pve02", "cluster.trust", "--yes", "--json")

    assert (ran.exit, ran.node("pve02")["state"]) == (3, "changed")
    assert known.read_text() == f"pve02 {lines['pve01']}\n"


def test_trust_of_a_dead_node(operator: Operator, lab: Lab, inventory: Path) -> None:
    lab.kill("pve02")

    ran = Operator(inventory).fab("-H", "pve02", "cluster.trust", "--yes", "--json")

    assert (ran.exit, ran.node("pve02")["state"]) == (11, "unreachable")
