"""The faults a lab can have, each as the other nodes and as this machine see it."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from collections.abc import Callable, Iterator

import pytest

from lab.client import Lab
from lab.errors import LabError

pytestmark = pytest.mark.lab


def eventually(holds: Callable[[], object], *, seconds: float = 20.0) -> None:
    """Watch until ``holds`` is true."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came true"
        time.sleep(0.05)


def votes(lab: Lab, node: str) -> int:
    _, out, _ = lab.exec(node, ["corosync-quorumtool", "-s"])
    return int(out.partition(b"Total votes:")[2].split()[0]) if b"Total votes:" in out else 0


def quorate(lab: Lab, node: str) -> bool:
    status, _, _ = lab.exec(node, ["corosync-quorumtool", "-s"])
    return status == 0


def connected_links(lab: Lab, node: str) -> int:
    _, out, _ = lab.exec(node, ["corosync-cfgtool", "-n"])
    return out.count(b"enabled connected")


def ring(lab: Lab, node: str) -> bytes:
    _, out, _ = lab.exec(node, ["corosync-quorumtool", "-s"])
    return out.partition(b"Ring ID:")[2].split()[0]


@contextlib.contextmanager
def dialled(lab: Lab, node: str, *, link: int = 0) -> Iterator[socket.socket]:
    spec = lab.spec.members[lab.names.index(node)]
    with socket.create_connection((spec.outside(link), 2222), timeout=10) as connection:
        connection.settimeout(5)
        yield connection


def is_silent(connection: socket.socket) -> bool:
    """Nothing comes within a second: no byte, no end, no reset."""
    connection.settimeout(1)
    try:
        connection.recv(1)
    except TimeoutError:
        return True
    return False


def greets(lab: Lab, node: str, *, link: int = 0) -> bool:
    with dialled(lab, node, link=link) as connection:
        try:
            return connection.recv(4) == b"SSH-"
        except OSError:
            return False


def test_a_killed_node_leaves_the_membership_and_comes_back_with_its_disk(lab: Lab) -> None:
    boots = lab.status()["nodes"][2]["boots"]
    lab.exec("pve03", ["sh", "-c", "echo kept > /var/lib/mark; echo lost > /run/mark"])

    lab.kill("pve03")

    assert lab.status()["nodes"][2]["state"] == "off"
    assert lab.status()["nodes"][2]["pid"] is None
    eventually(lambda: votes(lab, "pve01") == 2)
    lab.start("pve03")
    lab.wait_quorate()
    assert lab.exec("pve03", ["cat", "/var/lib/mark"])[1] == b"kept\n"
    assert lab.exec("pve03", ["test", "-e", "/run/mark"])[0] == 1
    assert lab.status()["nodes"][2]["boots"] == boots + 1


def test_a_killed_node_says_no_goodbye(lab: Lab) -> None:
    with dialled(lab, "pve02") as connection:
        assert connection.recv(4) == b"SSH-"
        while not is_silent(connection):
            pass

        lab.kill("pve02")

        assert is_silent(connection)


def test_a_dead_node_accepts_no_command_and_is_not_killed_twice(lab: Lab) -> None:
    lab.kill("pve02")

    with pytest.raises(LabError, match="pve02 is off"):
        lab.exec("pve02", ["true"])
    with pytest.raises(LabError, match="pve02 is off"):
        lab.kill("pve02")
    with pytest.raises(LabError, match="pve01 is running already"):
        lab.start("pve01")


def test_a_connection_to_a_dead_node_hangs(lab: Lab) -> None:
    lab.kill("pve02")

    with dialled(lab, "pve02") as connection:
        assert is_silent(connection)


def test_a_connection_to_a_node_without_sshd_is_reset(lab: Lab) -> None:
    lab.exec("pve02", ["systemctl", "stop", "ssh"])
    try:
        # The reset may come before the dialling has returned.
        with pytest.raises(ConnectionResetError), dialled(lab, "pve02") as connection:
            connection.recv(1)
    finally:
        lab.exec("pve02", ["systemctl", "start", "ssh"])


def test_the_management_controller_switches_the_power(lab: Lab) -> None:
    assert lab.bmc("pve03") == "on"
    assert lab.bmc("pve03", "off") == "off"
    assert lab.status()["nodes"][2]["state"] == "off"
    assert lab.bmc("pve03", "off") == "off"
    assert lab.bmc("pve03", "on") == "on"
    assert lab.status()["nodes"][2]["state"] == "running"
    with pytest.raises(LabError, match="a BMC does status, on, off, not 'reset'"):
        lab.bmc("pve03", "reset")


def test_a_frozen_node_stops_wholly_and_runs_on(lab: Lab) -> None:
    lab.exec(
        "pve03", ["sh", "-c", "(while :; do date +%s.%N > /run/tick; sleep 0.01; done) >/dev/null 2>&1 </dev/null &"]
    )

    lab.freeze("pve03")

    assert lab.status()["nodes"][2]["state"] == "frozen"
    eventually(lambda: votes(lab, "pve01") == 2)
    with pytest.raises(LabError, match="pve03 is frozen"):
        lab.exec("pve03", ["true"])
    with dialled(lab, "pve03") as connection:
        assert is_silent(connection)
    lab.thaw("pve03")
    assert lab.status()["nodes"][2]["state"] == "running"
    lab.wait_quorate()
    tick = lab.exec("pve03", ["cat", "/run/tick"])[1]
    eventually(lambda: lab.exec("pve03", ["cat", "/run/tick"])[1] != tick)
    lab.exec("pve03", ["pkill", "-f", "run/tick"])


def test_a_cut_link_costs_the_link_and_not_the_membership(lab: Lab) -> None:
    before = ring(lab, "pve01")

    lab.cut("pve02", link=1)

    assert lab.status()["nodes"][1]["cut"] == [1]
    eventually(lambda: connected_links(lab, "pve01") == 3)
    eventually(lambda: connected_links(lab, "pve02") == 2)
    assert ring(lab, "pve01") == before
    assert not greets_within_a_second(lab, "pve02", link=1)
    assert greets(lab, "pve02", link=0)
    lab.heal("pve02", link=1)
    eventually(lambda: connected_links(lab, "pve02") == 4)
    assert ring(lab, "pve01") == before


def greets_within_a_second(lab: Lab, node: str, *, link: int) -> bool:
    with dialled(lab, node, link=link) as connection:
        return not is_silent(connection)


def test_a_node_with_both_links_cut_is_alone_and_a_cut_outlasts_a_restart(lab: Lab) -> None:
    lab.cut("pve03")
    eventually(lambda: not quorate(lab, "pve03"))
    eventually(lambda: votes(lab, "pve01") == 2)

    lab.kill("pve03")
    lab.start("pve03")

    eventually(lambda: votes(lab, "pve03") == 1)
    assert votes(lab, "pve01") == 2
    lab.heal("pve03")
    lab.wait_quorate()


def test_a_node_cut_off_from_here_stays_a_member_and_old_connections_survive(lab: Lab) -> None:
    with dialled(lab, "pve01") as connection:
        assert connection.recv(4) == b"SSH-"
        while not is_silent(connection):
            pass
        connection.sendall(b"SSH-2.0-test\r\n")
        while not is_silent(connection):
            pass

        lab.cut("pve01", outside=True)

        assert lab.status()["nodes"][0]["outside_cut"] == [0, 1]
        assert not greets_within_a_second(lab, "pve01", link=0)
        assert not greets_within_a_second(lab, "pve01", link=1)
        # Not an SSH packet: sshd ends the connection as soon as it reads this.
        connection.sendall(struct.pack(">II", 1 << 30, 0))
        assert is_silent(connection)
        assert votes(lab, "pve01") == 3
        lab.heal("pve01", outside=True)
        assert not is_silent(connection)


def test_a_connection_begun_while_cut_off_from_here_works_once_healed(lab: Lab) -> None:
    lab.cut("pve01", link=0, outside=True)
    assert greets(lab, "pve01", link=1)

    with dialled(lab, "pve01", link=0) as connection:
        assert is_silent(connection)
        lab.heal("pve01", link=0, outside=True)
        connection.settimeout(5)
        assert connection.recv(4) == b"SSH-"


def test_in_a_partition_the_larger_side_keeps_quorum(lab: Lab) -> None:
    lab.partition(["pve01", "pve02"], ["pve03"])

    assert lab.status()["partition"] == [["pve01", "pve02"], ["pve03"]]
    eventually(lambda: votes(lab, "pve03") == 1)
    eventually(lambda: votes(lab, "pve01") == 2)
    assert quorate(lab, "pve01")
    assert not quorate(lab, "pve03")
    assert greets(lab, "pve03")
    lab.join()
    lab.wait_quorate()


def test_a_partition_names_one_side_and_the_rest_is_the_other(lab: Lab) -> None:
    lab.partition(["pve02"])

    assert lab.status()["partition"] == [["pve02"], ["pve01", "pve03"]]
    eventually(lambda: votes(lab, "pve01") == 2)


@pytest.mark.parametrize(
    ("groups", "reason"),
    [
        ([["pve01", "pve02", "pve03"]], "needs two sides"),
        ([["pve01"], ["pve01", "pve02"]], "on one side"),
        ([["pve01"], ["pve7"]], "no node 'pve7'"),
    ],
)
def test_a_partition_that_parts_nothing_is_refused(lab: Lab, groups: list[list[str]], reason: str) -> None:
    with pytest.raises(LabError, match=reason):
        lab.partition(*groups)


def test_a_hung_cluster_file_system_answers_nobody_until_it_is_let_go(lab: Lab) -> None:
    lab.hang("pve02")

    assert lab.status()["nodes"][1]["hung"] is True
    with pytest.raises(TimeoutError):
        lab.exec("pve02", ["cat", "/etc/pve/.members"], timeout=1)
    assert votes(lab, "pve02") == 3
    lab.unhang("pve02")
    assert lab.exec("pve02", ["cat", "/etc/pve/.members"], timeout=10)[0] == 0


def test_a_thaw_leaves_a_hung_cluster_file_system_hung(lab: Lab) -> None:
    lab.hang("pve02")
    lab.freeze("pve02")
    lab.thaw("pve02")

    with pytest.raises(TimeoutError):
        lab.exec("pve02", ["cat", "/etc/pve/.members"], timeout=1)
    lab.unhang("pve02")


def test_a_node_with_a_hung_cluster_file_system_can_be_killed(lab: Lab) -> None:
    lab.hang("pve02")

    lab.kill("pve02")

    assert lab.status()["nodes"][1]["hung"] is False


def test_a_skewed_date_is_off_for_date_alone_and_right_again_afterwards(lab: Lab) -> None:
    def ahead() -> float:
        return float(lab.exec("pve02", ["date", "+%s.%N"])[1]) - time.time()

    lab.skew("pve02", 90.0)

    assert ahead() == pytest.approx(90, abs=2)
    assert lab.exec("pve02", ["date", "-u", "-d", "@0", "+%Y"])[1] == b"1970\n"
    assert lab.status()["nodes"][1]["date_skew"] == 90.0
    lab.skew("pve02", -90.0)
    assert ahead() == pytest.approx(-90, abs=2)
    lab.skew("pve02", 0.0)
    assert ahead() == pytest.approx(0, abs=2)
    assert lab.exec("pve02", ["sh", "-c", "head -c 4 /usr/bin/date; ls /usr/bin/date.real"])[1] == b"\x7fELF"


def test_a_latency_shows_in_ping_alone_and_whether_answers_come_is_real(lab: Lab) -> None:
    lab.latency("pve02", 12.5)

    status, out, _ = lab.exec("pve02", ["ping", "-c", "1", "-W", "1", "10.77.0.1"])
    assert status == 0
    assert b"time=12.5" in out
    assert lab.exec("pve02", ["ping", "-c", "1", "-W", "1", "10.77.0.99"])[0] == 1
    lab.latency("pve02", None)
    assert b"time=12.5" not in lab.exec("pve02", ["ping", "-c", "1", "10.77.0.1"])[1]


def test_a_lie_beyond_reason_is_refused(lab: Lab) -> None:
    with pytest.raises(LabError, match="at most ten years"):
        lab.skew("pve01", 1e12)
    with pytest.raises(LabError, match="0 to 60000 ms, not -1"):
        lab.latency("pve01", -1.0)
