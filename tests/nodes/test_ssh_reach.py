"""Finding a way: alternatives, gateways, stepping stones, and never longer than allowed."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from pvefleet.model.errors import Unreachable, UnreachableReason
from pvefleet.model.inventory import Endpoint, GatewayEntry, Inventory
from pvefleet.nodes.ssh.connect import shown_host_key
from pvefleet.nodes.ssh.node import SshNode
from pvefleet.nodes.ssh.reach import inner_addresses, outer_addresses
from tests.nodes.conftest import HOST_KEYS, Site

Reason = UnreachableReason
SLACK = 2.0
"""Seconds that a busy machine may add; what is asserted with it would otherwise take much longer, or for ever."""
ROOT = Path(__file__).parents[2]
LINK = Endpoint("10.77.0.1", 22)


def closed_port() -> Endpoint:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return Endpoint("127.0.0.1", listener.getsockname()[1])


def reached(node: SshNode) -> float:
    start = time.monotonic()
    assert node.run(("true",), timeout=5).exit == 0
    return time.monotonic() - start


def refusal(node: SshNode) -> tuple[Unreachable, float]:
    start = time.monotonic()
    with pytest.raises(Unreachable) as caught:
        node.run(("true",), timeout=5)
    return caught.value, time.monotonic() - start


class TestAddresses:
    def test_from_here_the_links_come_last_with_the_port_of_the_sshd(self, site: Site) -> None:
        entry = site.entry("n", Endpoint("n.example", 2022), Endpoint("b", 22), links=("10.0.2.1", "n.example"))
        assert outer_addresses(entry) == (Endpoint("n.example", 2022), Endpoint("b", 22), Endpoint("10.0.2.1", 2022))

    def test_from_another_node_the_links_come_first(self, site: Site) -> None:
        entry = site.entry("n", Endpoint("n.example", 2022), links=("10.0.2.1",))
        assert inner_addresses(entry) == (Endpoint("10.0.2.1", 2022), Endpoint("n.example", 2022))

    @pytest.mark.parametrize("here", ["127.77.1.1", "localhost", "::1"])
    def test_behind_a_forwarder_on_this_machine_links_are_for_other_nodes_only(self, site: Site, here: str) -> None:
        entry = site.entry("n", Endpoint(here, 2222), links=("10.77.0.1",))
        assert outer_addresses(entry) == (Endpoint(here, 2222),)
        assert inner_addresses(entry) == (LINK,)


class TestAlternatives:
    def test_the_first_address_is_used_if_it_works(self, site: Site) -> None:
        first, second = site.server(), site.server()
        node = site.connect(site.entry("pve01", first.endpoint, second.endpoint))[0]
        reached(node)
        assert (node.via, second.busiest) == (str(first.endpoint), 0)

    def test_one_that_refuses_frees_the_next_at_once(self, site: Site) -> None:
        server = site.server()
        node = site.connect(site.entry("pve01", closed_port(), closed_port(), server.endpoint))[0]
        assert reached(node) < SLACK
        assert node.via == str(server.endpoint)

    def test_one_that_says_nothing_delays_the_next_by_half_a_second(self, site: Site) -> None:
        mute, server = site.server(greeting="silent"), site.server()
        node = site.connect(site.entry("pve01", mute.endpoint, server.endpoint))[0]
        assert 0.4 < reached(node) < 0.5 + SLACK
        assert node.via == str(server.endpoint)

    def test_one_that_is_closed_in_our_face_is_tried_once_more(self, site: Site) -> None:
        full = site.server(full=1)
        reached(site.node(full))
        overfull = site.server(full=2)
        error, _ = refusal(site.node(overfull))
        assert error.reason is Reason.CLOSED
        assert overfull.logins == 0

    def test_one_that_has_introduced_itself_holds_the_others_back(self, site: Site) -> None:
        hanging, other = site.server(login="hang"), site.server()
        node = site.connect(site.entry("pve01", hanging.endpoint, other.endpoint), seconds=2.5)[0]
        error, _ = refusal(node)
        assert error.reason is Reason.AUTH_TIMEOUT
        assert other.busiest == 0

    @pytest.mark.parametrize("login", ["reject"])
    def test_a_judgement_on_the_key_is_final(self, site: Site, login: str) -> None:
        strict, other = site.server(login=login), site.server()
        error, took = refusal(site.connect(site.entry("pve01", strict.endpoint, other.endpoint))[0])
        assert error.reason is Reason.AUTH_REJECTED
        assert error.tried == (str(strict.endpoint),)
        assert other.busiest == 0
        assert took < SLACK

    def test_a_changed_host_key_is_final(self, site: Site) -> None:
        stranger, other = site.server("stranger"), site.server()
        error, _ = refusal(site.connect(site.entry("pve01", stranger.endpoint, other.endpoint))[0])
        assert error.reason is Reason.HOST_KEY_CHANGED
        assert other.busiest == 0

    def test_the_most_telling_failure_is_told_and_all_addresses_are_named(self, site: Site) -> None:
        refusing, mute = closed_port(), site.server(greeting="silent").endpoint
        error, _ = refusal(site.connect(site.entry("pve01", refusing, mute), seconds=1)[0])
        assert error.reason is Reason.NO_BANNER
        assert error.message.endswith(f"(tried too: {refusing})")
        assert error.tried == (str(refusing), str(mute))

    def test_losers_of_the_race_are_hung_up_on(self, site: Site) -> None:
        slow, fast = site.server(greeting="silent"), site.server()
        reached(site.connect(site.entry("pve01", slow.endpoint, fast.endpoint))[0])
        (client,) = slow._sockets
        client.settimeout(2)
        assert client.recv(100).startswith(b"SSH-")
        assert client.recv(100) == b""


class TestGateway:
    def gateway(self, site: Site, endpoint: Endpoint) -> GatewayEntry:
        return GatewayEntry("bastion", endpoint, "ops", site.identity)

    def test_nodes_behind_it_share_one_login_there(self, site: Site) -> None:
        names = ("pve01", "pve02", "pve03")
        inside = {name: Endpoint(f"10.0.1.{number}", 22) for number, name in enumerate(names, 1)}
        servers = {name: site.server(name) for name in names}
        routes = {(inside[name].host, 22): servers[name].endpoint for name in names}
        bastion = site.server("bastion", forwards=routes)
        entries = [site.entry(name, inside[name], gateway="bastion") for name in names]
        nodes = site.connect(*entries, gateways=(self.gateway(site, bastion.endpoint),))
        with ThreadPoolExecutor(3) as pool:
            assert [result.exit for result in pool.map(lambda n: n.run(("true",), timeout=5), nodes)] == [0, 0, 0]
        assert bastion.logins == 1
        assert [node.via for node in nodes] == [f"{inside[name]} via bastion" for name in names]

    def test_the_nodes_own_host_key_is_checked_through_it(self, site: Site) -> None:
        stranger = site.server("stranger")
        bastion = site.server("bastion", forwards={("10.0.1.1", 22): stranger.endpoint})
        entry = site.entry("pve01", Endpoint("10.0.1.1", 22), gateway="bastion")
        error, _ = refusal(site.connect(entry, gateways=(self.gateway(site, bastion.endpoint),))[0])
        assert error.reason is Reason.HOST_KEY_CHANGED

    def test_its_own_host_key_is_checked_too(self, site: Site) -> None:
        stranger = site.server("stranger")
        entry = site.entry("pve01", Endpoint("10.0.1.1", 22), gateway="bastion")
        error, _ = refusal(site.connect(entry, gateways=(self.gateway(site, stranger.endpoint),))[0])
        assert error.reason is Reason.GATEWAY
        assert "bastion cannot be reached" in error.message
        assert stranger.logins == 0

    def test_all_nodes_behind_one_that_is_gone_hear_of_it_at_the_same_time(self, site: Site) -> None:
        mute = site.server("bastion", greeting="silent")
        entries = [site.entry(f"pve0{n}", Endpoint(f"10.0.1.{n}", 22), gateway="bastion") for n in (1, 2, 3)]
        nodes = site.connect(*entries, gateways=(self.gateway(site, mute.endpoint),), seconds=0.8)
        start = time.monotonic()
        with ThreadPoolExecutor(3) as pool:
            errors = [error for error, _ in pool.map(refusal, nodes)]
        assert time.monotonic() - start < 0.8 + SLACK
        assert {error.reason for error in errors} == {Reason.GATEWAY}
        assert len(mute._sockets) <= 2

    def test_no_more_than_8_logins_go_through_it_at_the_same_time(self, site: Site) -> None:
        server = site.server("pve01")
        key = HOST_KEYS["pve01"]
        names = [f"n{number:02}" for number in range(16)]
        with site.known_hosts.open("a") as file:
            file.writelines(f"{name} {key.get_name()} {key.get_base64()}\n" for name in names)
        bastion = site.server("bastion", forwards={(f"10.0.1.{n}", 22): server.endpoint for n in range(16)})
        entries = [site.entry(f"n{n:02}", Endpoint(f"10.0.1.{n}", 22), gateway="bastion") for n in range(16)]
        nodes = site.connect(*entries, gateways=(self.gateway(site, bastion.endpoint),), seconds=30)
        with ThreadPoolExecutor(16) as pool:
            assert [result.exit for result in pool.map(lambda n: n.run(("true",), timeout=20), nodes)] == [0] * 16
        assert 1 < server.busiest <= 8
        assert bastion.logins == 1

    def test_host_keys_are_fetched_through_it(self, site: Site) -> None:
        server = site.server()
        bastion = site.server("bastion", forwards={("10.0.1.1", 22): server.endpoint})
        entry = site.entry("pve01", Endpoint("10.0.1.1", 22), gateway="bastion")
        gateways = (self.gateway(site, bastion.endpoint),)
        inventory = Inventory(site.folder / "hosts.toml", (), (), gateways, site.known_hosts)
        key = shown_host_key(entry, inventory, passphrase=lambda _path: None)
        assert key.base64 == HOST_KEYS["pve01"].get_base64()
        assert (server.logins, bastion.logins) == (0, 1)

    def test_closing_the_last_node_closes_it(self, site: Site) -> None:
        server = site.server()
        bastion = site.server("bastion", forwards={("10.0.1.1", 22): server.endpoint})
        entry = site.entry("pve01", Endpoint("10.0.1.1", 22), gateway="bastion")
        node = site.connect(entry, gateways=(self.gateway(site, bastion.endpoint),))[0]
        reached(node)
        node.close()
        bastion._transports[0].join(5)
        assert not bastion._transports[0].is_active()


class TestSteppingStones:
    def test_a_node_is_reached_through_one_that_is_connected(self, site: Site) -> None:
        target = site.server("pve01")
        stone = site.server("pve02", forwards={(LINK.host, LINK.port): target.endpoint})
        cut_off = site.entry("pve01", closed_port(), links=(LINK.host,))
        node, peer = site.connect(cut_off, site.entry("pve02", stone.endpoint))
        reached(peer)
        reached(node)
        assert node.via == "10.77.0.1:22 via pve02"
        assert stone.logins == 1

    def test_one_that_nobody_asked_yet_is_woken_for_it(self, site: Site) -> None:
        target = site.server("pve01")
        stone = site.server("pve02", forwards={(LINK.host, LINK.port): target.endpoint})
        cut_off = site.entry("pve01", closed_port(), links=(LINK.host,))
        (node,) = site.connect(cut_off, peers=(cut_off, site.entry("pve02", stone.endpoint)))
        reached(node)
        assert node.via == "10.77.0.1:22 via pve02"
        node.close()
        stone._transports[0].join(5)
        assert not stone._transports[0].is_active()

    def test_nobody_is_woken_for_a_node_that_answers(self, site: Site) -> None:
        server, stone = site.server("pve01"), site.server("pve02")
        node, _ = site.connect(site.entry("pve01", server.endpoint), site.entry("pve02", stone.endpoint))
        reached(node)
        assert stone.busiest == 0

    def test_its_host_key_is_checked_by_its_own_name(self, site: Site) -> None:
        other = site.server("pve03")
        stone = site.server("pve02", forwards={(LINK.host, LINK.port): other.endpoint})
        cut_off = site.entry("pve01", closed_port(), links=(LINK.host,))
        node, peer = site.connect(cut_off, site.entry("pve02", stone.endpoint))
        reached(peer)
        error, _ = refusal(node)
        assert error.reason is Reason.HOST_KEY_CHANGED
        assert other.logins == 0

    def test_when_nobody_can_help_it_is_known_at_once(self, site: Site) -> None:
        entries = [
            site.entry(name, closed_port(), links=(f"10.77.0.{n}",)) for n, name in enumerate(("pve01", "pve02"))
        ]
        nodes = site.connect(*entries)
        with ThreadPoolExecutor(2) as pool:
            results = list(pool.map(refusal, nodes))
        assert {error.reason for error, _ in results} == {Reason.REFUSED}
        assert max(took for _, took in results) < SLACK

    def test_one_that_forbids_forwarding_is_no_help(self, site: Site) -> None:
        stone = site.server("pve02", forwards=None)
        cut_off = site.entry("pve01", closed_port(), links=(LINK.host,))
        node, peer = site.connect(cut_off, site.entry("pve02", stone.endpoint))
        reached(peer)
        error, took = refusal(node)
        assert error.reason is Reason.REFUSED
        assert took < SLACK

    def test_the_way_that_was_tried_is_named(self, site: Site) -> None:
        stone = site.server("pve02")
        place = closed_port()
        node, peer = site.connect(site.entry("pve01", place, links=(LINK.host,)), site.entry("pve02", stone.endpoint))
        reached(peer)
        error, _ = refusal(node)
        assert error.tried == (str(place), "10.77.0.1:22 via pve02")
        assert error.reason is Reason.REFUSED


class TestTimeAllowed:
    def test_a_frozen_node_with_alternatives_and_stepping_stones_takes_no_longer(self, site: Site) -> None:
        mute = [site.server("pve01", greeting="silent") for _ in range(3)]
        stone = site.server("pve02", forwards={(LINK.host, LINK.port): mute[2].endpoint})
        frozen = site.entry("pve01", mute[0].endpoint, mute[1].endpoint, links=(LINK.host,))
        node, peer = site.connect(frozen, site.entry("pve02", stone.endpoint), seconds=2)
        reached(peer)
        error, took = refusal(node)
        assert error.reason is Reason.NO_BANNER
        assert error.tried == (*map(str, (mute[0].endpoint, mute[1].endpoint)), "10.77.0.1:22 via pve02")
        assert 1.8 < took < 2 + SLACK

    def test_waiting_for_somebody_elses_attempt_counts(self, site: Site) -> None:
        node = site.node(site.server(greeting="silent"), seconds=1)
        with ThreadPoolExecutor(4) as pool:
            start = time.monotonic()
            results = list(pool.map(refusal, [node] * 4))
        assert time.monotonic() - start < 1 + SLACK
        assert {error.reason for error, _ in results} <= {Reason.NO_BANNER, Reason.TIMEOUT}

    def test_a_process_that_gave_up_on_a_frozen_node_ends_at_once_and_says_nothing_else(self, site: Site) -> None:
        entry = site.entry("pve01", site.server(greeting="silent").endpoint)
        hosts = site.folder / "hosts.toml"
        hosts.write_text(
            f'[clusters.lab]\nidentity = "{site.identity}"\npolicy.connect_seconds = 0.5\n'
            f'nodes.pve01.address = "{entry.endpoint}"\n'
        )
        program = (
            "import sys, time\n"
            "from pathlib import Path\n"
            "from pvefleet.model.errors import Unreachable\n"
            "from pvefleet.nodes.inventory import load\n"
            "from pvefleet.nodes.ssh.connect import ssh_nodes\n"
            "inventory = load(Path(sys.argv[1]))\n"
            "node, = ssh_nodes(inventory.nodes, inventory, passphrase=lambda path: None)\n"
            "try:\n"
            "    node.run(('true',), timeout=5)\n"
            "except Unreachable as error:\n"
            "    print(error.reason, time.monotonic())\n"
        )
        ended = subprocess.run(
            [sys.executable, "-c", program, str(hosts)], cwd=ROOT, capture_output=True, text=True, timeout=30
        )
        reason, gave_up = ended.stdout.split()
        assert (reason, ended.returncode, ended.stderr) == ("no-banner", 0, "")
        assert time.monotonic() - float(gave_up) < SLACK
