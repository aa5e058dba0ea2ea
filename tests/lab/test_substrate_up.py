"""What a running lab offers: nodes, commands in them, SSH to them, and no trace on the machine."""

from __future__ import annotations

import socket
import tomllib
from pathlib import Path

import paramiko
import pytest

from lab.bmc import fingerprint
from lab.client import Lab
from lab.errors import LabError

pytestmark = pytest.mark.lab


def test_every_node_runs_and_shows_its_pid_on_this_machine(lab: Lab) -> None:
    rows = lab.status()["nodes"]

    assert [(row["name"], row["state"]) for row in rows] == [
        ("pve01", "running"),
        ("pve02", "running"),
        ("pve03", "running"),
    ]
    for row in rows:
        numbers = Path(f"/proc/{row['pid']}/status").read_text()
        assert [line.split()[-1] for line in numbers.splitlines() if line.startswith("NSpid")] == ["1"]


def test_the_cluster_is_quorate_on_every_node(lab: Lab) -> None:
    for node in lab.names:
        status, out, _ = lab.exec(node, ["corosync-quorumtool", "-s"])
        assert status == 0
        assert b"Total votes:      3" in out


def test_both_links_of_every_node_are_connected(lab: Lab) -> None:
    for node in lab.names:
        _, out, _ = lab.exec(node, ["corosync-cfgtool", "-n"])
        assert out.count(b"enabled connected") == 4


def test_a_command_gets_its_input_and_gives_back_output_errors_and_status(lab: Lab) -> None:
    status, out, err = lab.exec("pve02", ["sh", "-c", "cat; uname -n; echo bad >&2; exit 7"], stdin=b"given\n")

    assert (status, out, err) == (7, b"given\npve02\n", b"bad\n")


def test_a_command_killed_by_a_signal_has_the_shells_status(lab: Lab) -> None:
    status, _, _ = lab.exec("pve01", ["sh", "-c", "kill -9 $$"])

    assert status == 128 + 9


def test_a_command_that_takes_too_long_is_killed(lab: Lab) -> None:
    with pytest.raises(TimeoutError):
        lab.exec("pve01", ["sleep", "4711"], timeout=0.5)

    status, _, _ = lab.exec(
        "pve01", ["sh", "-c", "for n in $(seq 50); do pgrep -f '^sleep 4711' || exit 0; sleep 0.1; done; exit 1"]
    )
    assert status == 0


def test_an_unknown_node_is_refused_with_the_names_there_are(lab: Lab) -> None:
    with pytest.raises(LabError, match=r"no node 'pve9': it has pve01, pve02, pve03"):
        lab.exec("pve9", ["true"])


@pytest.mark.parametrize("link", [0, 1])
@pytest.mark.parametrize("number", [0, 2])
def test_ssh_leads_to_the_node_of_that_address_and_its_key_is_known_by_name(lab: Lab, number: int, link: int) -> None:
    node = lab.spec.members[number]
    known = paramiko.HostKeys(str(lab.known_hosts))

    with socket.create_connection((node.outside(link), 2222), timeout=10) as connection:
        transport = paramiko.Transport(connection)
        transport.start_client(timeout=10)
        try:
            assert known.check(node.name, transport.get_remote_server_key())
            transport.auth_publickey("root", paramiko.Ed25519Key.from_private_key_file(str(lab.identity)))
            channel = transport.open_session(timeout=10)
            channel.exec_command("uname -n")
            assert channel.makefile().read() == f"{node.name}\n".encode()
        finally:
            transport.close()


def test_the_inventory_has_every_node_with_both_ways_in_and_its_links(lab: Lab) -> None:
    inventory = tomllib.loads(lab.hosts_toml.read_text())
    block = lab.spec.block

    assert inventory["clusters"]["lab"]["nodes"]["pve03"] == {
        "address": f"127.{block}.1.3:2222",
        "alternatives": [f"127.{block + 1}.1.3:2222"],
        "links": ["10.77.0.3", "10.78.0.3"],
        "bmc": {
            "type": "redfish",
            "address": f"127.{block}.2.3:8443",
            "user": "fleet",
            "password": {"file": "bmc-password"},
            "fingerprint": f"SHA256:{fingerprint(lab.state)}",
            "system": "1",
        },
    }
    for key in (inventory["known_hosts"], inventory["clusters"]["lab"]["identity"]):
        assert (lab.hosts_toml.parent / key).is_file()


def test_the_identity_is_for_its_owner_only(lab: Lab) -> None:
    assert lab.identity.stat().st_mode & 0o777 == 0o600


def test_nothing_of_it_is_mounted_or_plugged_on_this_machine(lab: Lab) -> None:
    assert str(lab.state.path) not in Path("/proc/self/mountinfo").read_text()
    assert list(lab.state.mount_point.iterdir()) == []
    assert not [device for device in Path("/sys/class/net").iterdir() if device.name.startswith(("port", "bridge"))]


def test_a_node_sees_its_own_disk_devices_and_processes_only(lab: Lab) -> None:
    _, out, _ = lab.exec("pve01", ["sh", "-c", "stat -f -c %T / /dev /run; ps -e -o args=; ls /dev/shm"])
    text = out.decode()

    assert text.splitlines()[:3] == ["overlayfs", "tmpfs", "tmpfs"]
    assert "lab.bubble" not in text
