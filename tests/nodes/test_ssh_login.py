"""Logging in: every way in which a node can refuse, and the sentence and advice that each one earns."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import paramiko
import pytest

from pvefleet.model.errors import Unreachable, UnreachableReason
from pvefleet.model.inventory import Endpoint
from pvefleet.nodes.ssh import hostkeys
from pvefleet.nodes.ssh.node import SshNode
from tests.nodes.conftest import HOST_KEYS, Site
from tests.nodes.ssh_server import SshServer

Reason = UnreachableReason
SLACK = 2.0
"""Seconds that a busy machine may add; what is asserted with it would otherwise take much longer, or for ever."""


def refusal(node: SshNode) -> tuple[Unreachable, float]:
    start = time.monotonic()
    with pytest.raises(Unreachable) as caught:
        node.run(("true",), timeout=5)
    return caught.value, time.monotonic() - start


def closed_port() -> Endpoint:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return Endpoint("127.0.0.1", listener.getsockname()[1])


class TestHostKeys:
    def test_nothing_is_connected_to_before_the_first_command(self, site: Site) -> None:
        server = site.server()
        node = site.node(server)
        assert (node.via, server.busiest) == ("", 0)
        node.run(("true",), timeout=5)
        assert node.via == str(server.endpoint)

    def test_an_unknown_key_ends_it_before_any_connection(self, site: Site) -> None:
        server = site.server()
        site.known_hosts.write_text("# nothing yet\n")
        error, _ = refusal(site.node(server))
        assert error.reason is Reason.HOST_KEY_UNKNOWN
        assert error.message == f"pve01 cannot be reached: its host key is not in {site.known_hosts}"
        assert "`fab -H pve01 cluster.trust`" in error.hint
        assert server.busiest == 0

    def test_a_key_pinned_for_another_name_does_not_count(self, site: Site) -> None:
        server = site.server("pve02")
        error, _ = refusal(site.node(server, "pve01"))
        assert error.reason is Reason.HOST_KEY_CHANGED
        assert server.logins == 0

    def test_a_changed_key_shows_both_and_which_line_to_remove(self, site: Site) -> None:
        server = site.server("stranger")
        error, took = refusal(site.node(server))
        assert error.reason is Reason.HOST_KEY_CHANGED
        assert HOST_KEYS["stranger"].fingerprint in error.message
        assert f"{HOST_KEYS['pve01'].fingerprint} (ecdsa-sha2-nistp256, line 1)" in error.message
        assert f"remove line 1 of {site.known_hosts}" in error.hint
        assert "`fab -H pve01 cluster.trust`" in error.hint
        assert server.logins == 0
        assert took < SLACK

    def test_a_revoked_key(self, site: Site) -> None:
        server = site.server()
        key = HOST_KEYS["pve01"]
        with site.known_hosts.open("a") as file:
            file.write(f"@revoked * {key.get_name()} {key.get_base64()}\n")
        error, _ = refusal(site.node(server))
        assert error.reason is Reason.HOST_KEY_CHANGED
        assert "revokes" in error.message

    def test_a_broken_line_is_named_where_the_key_is_missing(self, site: Site) -> None:
        site.known_hosts.write_text("pve01 ssh-ed25519 nonsense\n")
        error, _ = refusal(site.node(site.server()))
        assert error.reason is Reason.HOST_KEY_UNKNOWN
        assert "line 1: the key is not" in error.message

    def test_a_broken_line_elsewhere_does_no_harm(self, site: Site) -> None:
        site.known_hosts.write_text("nonsense\n" + site.known_hosts.read_text())
        assert site.node(site.server()).run(("true",), timeout=5).exit == 0

    def test_the_pinned_type_is_asked_for_first(self, site: Site) -> None:
        server = site.server()
        rsa = paramiko.RSAKey.generate(2048)
        site.known_hosts.write_text(f"pve01 {rsa.get_name()} {rsa.get_base64()}\n")
        with_both = SshServer(rsa)
        site.servers.append(with_both)
        assert site.node(with_both).run(("true",), timeout=5).exit == 0
        error, _ = refusal(site.node(server))
        assert error.reason is Reason.HOST_KEY_CHANGED


def test_no_configuration_but_hosts_toml_has_a_say(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    home = site.folder / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh/config").write_text("Host *\n  User nobody\n  HostName 127.0.0.2\n  ProxyCommand false\n")
    (home / ".fabric.yaml").write_text("run:\n  pty: true\n  dry: true\ngateway: nowhere\nuser: nobody\n")
    monkeypatch.setenv("HOME", str(home))
    server = site.server()
    node = site.node(server)
    assert node.run(("echo", "plain"), timeout=5).stdout == b"plain\n"
    assert node.standing is not None
    assert node.standing.transport.get_username() == "root"


def test_a_cipher_that_authenticates_in_the_same_pass_is_preferred(site: Site) -> None:
    node = site.node(site.server())
    node.run(("true",), timeout=5)
    assert node.standing is not None
    assert node.standing.transport.remote_cipher == "aes128-gcm@openssh.com"


class TestTrust:
    def test_fetch_pin_connect(self, site: Site) -> None:
        server = site.server()
        site.known_hosts.unlink()
        key = hostkeys.fetch(site.entry("pve01", server.endpoint))
        assert (key.name, key.fingerprint) == ("pve01", HOST_KEYS["pve01"].fingerprint)
        assert hostkeys.append(site.known_hosts, key)
        assert site.node(server).run(("true",), timeout=5).exit == 0
        assert server.logins == 1

    def test_fetching_takes_an_alternative_address_too(self, site: Site) -> None:
        entry = site.entry("pve01", closed_port(), site.server().endpoint)
        assert hostkeys.fetch(entry).base64 == HOST_KEYS["pve01"].get_base64()

    def test_nobody_there(self, site: Site) -> None:
        with pytest.raises(Unreachable) as caught:
            hostkeys.fetch(site.entry("pve01", closed_port()))
        assert caught.value.reason is Reason.REFUSED


class TestRefusals:
    def test_no_sshd(self, site: Site) -> None:
        place = closed_port()
        error, took = refusal(site.connect(site.entry("pve01", place))[0])
        assert error.reason is Reason.REFUSED
        assert error.message == f"pve01 cannot be reached: {place} refuses the connection: no sshd listens there"
        assert error.tried == (str(place),)
        assert "systemctl start ssh" in error.hint
        assert took < SLACK

    def test_a_name_that_does_not_resolve(self, site: Site) -> None:
        error, _ = refusal(site.connect(site.entry("pve01", Endpoint("no-such-host.invalid", 22)))[0])
        assert error.reason is Reason.NAME
        assert "no-such-host.invalid:22 does not resolve" in error.message

    def test_no_answer_to_tcp(self, site: Site) -> None:
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            place = Endpoint("127.0.0.1", full.getsockname()[1])
            fillers = [socket.socket() for _ in range(4)]
            for filler in fillers:
                filler.setblocking(False)
                filler.connect_ex((place.host, place.port))
            error, took = refusal(site.connect(site.entry("pve01", place), seconds=0.6)[0])
            for filler in fillers:
                filler.close()
        assert error.reason is Reason.TIMEOUT
        assert f"{place} does not answer" in error.message
        assert "console or BMC" in error.hint
        assert 0.5 < took < 0.6 + SLACK

    @pytest.mark.parametrize(
        ("greeting", "reason", "says"),
        [
            ("silent", Reason.NO_BANNER, "accepts the connection, but its sshd does not speak"),
            ("close", Reason.CLOSED, "closes the connection before a login"),
        ],
    )
    def test_no_greeting(self, site: Site, greeting: str, reason: Reason, says: str) -> None:
        error, took = refusal(site.node(site.server(greeting=greeting), seconds=0.8))
        assert error.reason is reason
        assert says in error.message
        assert took < 0.8 + SLACK

    @pytest.mark.parametrize(
        ("login", "seconds", "reason", "says", "advises"),
        [
            ("reject", 5.0, Reason.AUTH_REJECTED, "does not accept the key", "node.prepare"),
            ("hang", 1.5, Reason.AUTH_TIMEOUT, "does not decide whether to accept the key", "pmxcfs hangs"),
            ("close", 5.0, Reason.CLOSED, "closes the connection during the login", "console or BMC"),
        ],
    )
    def test_no_login(self, site: Site, login: str, seconds: float, reason: Reason, says: str, advises: str) -> None:
        error, took = refusal(site.node(site.server(login=login), seconds=seconds))
        assert error.reason is reason
        assert says in error.message
        assert advises in error.hint
        assert took < seconds + SLACK

    def test_a_private_key_that_is_missing_ends_it_before_any_connection(self, site: Site) -> None:
        server = site.server()
        site.identity.unlink()
        error, _ = refusal(site.node(server))
        assert error.reason is Reason.KEY_FILE
        assert error.message == f"pve01 cannot be reached: the private key {site.identity} does not exist"
        assert server.busiest == 0

    def test_an_encrypted_key_is_asked_for_once_for_all_nodes(self, site: Site) -> None:
        key = paramiko.ECDSAKey.generate()
        key.write_private_key_file(str(site.identity), password="open sesame")
        asked: list[Path] = []

        def passphrase(path: Path) -> str:
            asked.append(path)
            return "open sesame"

        entries = [site.entry(name, site.server(name).endpoint) for name in ("pve01", "pve02", "pve03")]
        nodes = site.connect(*entries, passphrase=passphrase)
        assert asked == [site.identity]
        assert [node.run(("true",), timeout=5).exit for node in nodes] == [0, 0, 0]
        assert asked == [site.identity]

    def test_the_same_refusal_goes_to_all_who_waited_for_the_login(self, site: Site) -> None:
        node = site.node(site.server(login="reject"))
        first, _ = refusal(node)
        again, _ = refusal(node)
        assert first.reason is again.reason is Reason.AUTH_REJECTED
