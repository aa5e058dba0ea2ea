"""Nodes of a lab: a real sshd, real faults, and what is said about them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import paramiko
import pytest

from lab.client import Lab
from lab.launch import free_block
from pvefleet.model import remote_files
from pvefleet.model.errors import NodeError, OutcomeUnknown, TimedOut, Unreachable, UnreachableReason
from pvefleet.model.node import Node
from pvefleet.nodes.fanout import fan_out
from pvefleet.nodes.inventory import load
from pvefleet.nodes.ssh import hostkeys
from pvefleet.nodes.ssh.connect import ssh_nodes
from pvefleet.nodes.ssh.node import SshNode
from tests.support.labs import shared

pytestmark = pytest.mark.lab

Reason = UnreachableReason
CONNECT_SECONDS = 7.0
SLACK = 2.0


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """A lab of this module's own."""

    def start() -> Lab:
        return Lab.up(tmp_path_factory.mktemp("lab"), guests=0, block=free_block(107), tied=True)

    return shared("nodes", start)


@pytest.fixture
def lab(running: Lab) -> Iterator[Lab]:
    """The lab, whole and healthy; whatever the test breaks is mended afterwards."""
    yield running
    running.restore()


@pytest.fixture
def nodes(lab: Lab) -> Iterator[tuple[SshNode, ...]]:
    """Its nodes, not yet connected to."""
    inventory = load(lab.hosts_toml)
    made = ssh_nodes(inventory.nodes, inventory, passphrase=lambda _path: None)
    yield made
    for node in made:
        node.close()


def refused(kind: type[NodeError], node: Node, *argv: str, timeout: float = 5) -> tuple[NodeError, float]:
    start = time.monotonic()
    with pytest.raises(kind) as caught:
        node.run(argv or ("true",), timeout=timeout)
    return caught.value, time.monotonic() - start


def test_every_node_answers_side_by_side_by_its_own_name(nodes: tuple[SshNode, ...]) -> None:
    outcomes = fan_out(nodes, lambda node: node.run(("uname", "-n"), timeout=5).text.strip(), limit=8, seconds=10)
    assert [outcome.value for outcome in outcomes] == [node.name for node in nodes]


def test_the_host_keys_are_those_that_the_lab_pinned(lab: Lab) -> None:
    for entry in load(lab.hosts_toml).nodes:
        shown = hostkeys.fetch(entry)
        assert shown.base64 in {key.base64 for key in hostkeys.known(lab.known_hosts, entry.name)}


def test_binary_output_and_input_pass_unchanged(nodes: tuple[SshNode, ...]) -> None:
    data = bytes(range(256)) * 40_000
    assert nodes[0].run(("cat",), timeout=30, stdin=data).stdout == data


def test_files_are_written_and_read(nodes: tuple[SshNode, ...]) -> None:
    remote_files.write(nodes[0], "/root/it's here", b"\x00\xff\n")
    assert remote_files.read(nodes[0], "/root/it's here") == b"\x00\xff\n"


def test_the_other_address_is_used_when_the_first_is_cut(lab: Lab, nodes: tuple[SshNode, ...]) -> None:
    lab.cut("pve01", link=0, outside=True)
    assert nodes[0].run(("true",), timeout=5).exit == 0
    assert nodes[0].via == str(nodes[0].entry.alternatives[0])


def test_a_node_cut_off_from_here_is_reached_through_another(lab: Lab, nodes: tuple[SshNode, ...]) -> None:
    lab.cut("pve01", outside=True)
    outcomes = fan_out(nodes, lambda node: node.run(("uname", "-n"), timeout=5).text.strip(), limit=8, seconds=20)
    assert [outcome.value for outcome in outcomes] == ["pve01", "pve02", "pve03"]
    assert outcomes[0].via.endswith((" via pve02", " via pve03"))
    assert outcomes[0].seconds < CONNECT_SECONDS


@pytest.mark.slow
def test_a_frozen_node_costs_no_more_than_its_time_while_the_others_answer(
    lab: Lab, nodes: tuple[SshNode, ...]
) -> None:
    lab.freeze("pve03")
    outcomes = fan_out(nodes, lambda node: node.run(("true",), timeout=5).exit, limit=8, seconds=30)
    assert [outcome.value for outcome in outcomes] == [0, 0, None]
    error = outcomes[2].error
    assert isinstance(error, Unreachable)
    assert error.reason in (Reason.NO_BANNER, Reason.TIMEOUT)
    assert any(" via " in place for place in error.tried)
    assert outcomes[2].seconds < CONNECT_SECONDS + SLACK
    assert max(outcome.seconds for outcome in outcomes[:2]) < CONNECT_SECONDS


def test_a_dead_node(lab: Lab, nodes: tuple[SshNode, ...]) -> None:
    lab.kill("pve02")
    error, took = refused(Unreachable, nodes[1])
    assert isinstance(error, Unreachable)
    assert error.reason in (Reason.TIMEOUT, Reason.CLOSED, Reason.NO_BANNER, Reason.REFUSED, Reason.NO_ROUTE)
    assert took < CONNECT_SECONDS + SLACK


@pytest.mark.slow
def test_a_node_that_dies_under_a_command_leaves_its_outcome_unknown(lab: Lab, nodes: tuple[SshNode, ...]) -> None:
    nodes[1].run(("true",), timeout=5)
    killer = threading.Timer(0.5, lab.kill, args=("pve02",))
    killer.start()
    error, took = refused(OutcomeUnknown, nodes[1], "sleep", "30", timeout=2)
    killer.join()
    assert "whether it took effect is not known" in error.message
    assert took < 10


def test_while_pmxcfs_is_stopped_new_logins_fail_and_open_ones_go_on(
    lab: Lab, nodes: tuple[SshNode, ...], another: Callable[[str], SshNode]
) -> None:
    nodes[0].run(("systemctl", "stop", "pve-cluster"), timeout=30)
    error, _ = refused(Unreachable, another("pve01"))
    assert isinstance(error, Unreachable)
    assert error.reason is Reason.AUTH_REJECTED
    assert "`fab -H pve01 node.prepare`" in error.hint
    assert nodes[0].run(("systemctl", "start", "pve-cluster"), timeout=30).exit == 0


@pytest.mark.slow
def test_while_pmxcfs_hangs_it_is_named_and_open_connections_go_on(
    lab: Lab, nodes: tuple[SshNode, ...], another: Callable[[str], SshNode]
) -> None:
    nodes[0].run(("true",), timeout=5)
    lab.hang("pve01")
    error, took = refused(Unreachable, another("pve01"))
    assert isinstance(error, Unreachable)
    assert error.reason is Reason.AUTH_TIMEOUT
    assert "pmxcfs hangs" in error.hint
    assert took < CONNECT_SECONDS + SLACK
    error, took = refused(TimedOut, nodes[0], "cat", "/etc/pve/.members", timeout=1)
    assert took < 6
    assert nodes[0].run(("uname", "-n"), timeout=5).text == "pve01\n"


@pytest.fixture
def another(lab: Lab) -> Iterator[Callable[[str], SshNode]]:
    """Make a fresh node, alone, with a connection of its own."""
    inventory = load(lab.hosts_toml)
    made: list[SshNode] = []

    def one(name: str) -> SshNode:
        entry = next(entry for entry in inventory.nodes if entry.name == name)
        made.extend(ssh_nodes((entry,), inventory, passphrase=lambda _path: None))
        return made[-1]

    yield one
    for node in made:
        node.close()


def test_a_private_key_that_the_node_does_not_know(lab: Lab, tmp_path: Path) -> None:
    stranger = tmp_path / "id"
    paramiko.ECDSAKey.generate().write_private_key_file(str(stranger))
    inventory = load(lab.hosts_toml)
    entry = replace(inventory.nodes[0], identity=stranger)
    (node,) = ssh_nodes((entry,), inventory, passphrase=lambda _path: None)
    error, _ = refused(Unreachable, node)
    assert isinstance(error, Unreachable)
    assert error.reason is Reason.AUTH_REJECTED
