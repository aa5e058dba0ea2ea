"""Looking for silent nodes: what each answer of a socket or a ping means, and what the script really does."""

from __future__ import annotations

import json
import re
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from pvefleet.facts.evidence import ask, question
from pvefleet.model.errors import OutcomeUnknown
from pvefleet.model.evidence import HERE, Sign, Way
from pvefleet.model.evidence_probe import Place, Suspect
from pvefleet.model.inventory import Endpoint
from pvefleet.model.node import CommandResult
from pvefleet.nodes.local import LocalNode

OUTSIDE, LINK = Endpoint("127.0.0.9", 2222), Endpoint("10.77.0.2", 22)
PVE02 = Suspect("alias02", "pve02", (Place(OUTSIDE),), (Place(LINK),))
NOW = 1_795_000_000.0


@dataclass
class Scripted:
    """A vantage point whose sources answer what they are told to; what is not told is silent."""

    answers: dict[str, tuple[str, str, str]] = field(default_factory=dict)
    name: str = "pve01"
    via: str = ""
    broken: bool = False

    def run(self, argv: tuple[str, ...], *, timeout: float, stdin: bytes = b"") -> CommandResult:
        names = re.search(rb"^names='?([^'\n]*?)'? jobs=", stdin, re.M)
        assert names
        out = ""
        for source in names[1].decode().split():
            status, text, said = self.answers.get(source, ("124", "", ""))
            out += f"\n@{argv[-1]} {source} {status}\n{text}\n@{argv[-1]} stderr\n{said}"
        end = "" if self.broken else f"\n@{argv[-1]} end {NOW - 3} {NOW}\n"
        return CommandResult(0, (out + end).encode(), b"")

    def close(self) -> None:
        """Nothing is open."""


def seen(way: Way, status: str, text: str = "", said: str = "", *, peer: bool = True) -> tuple[Sign, str]:
    """What one answer is taken for."""
    node = Scripted({f"{way.value}-0-0": (status, text, said)})
    probed = ask(node, question([PVE02], peer=peer), vantage="pve01", nonce="feedface")["alias02"]
    (look,) = (one for one in probed.looks if one.way is way)
    return look.sign, look.why


@pytest.mark.parametrize(
    ("status", "text", "said", "sign"),
    [
        ("0", "connected\ngreeting SSH-2.0-OpenSSH_10.0p2\n", "", Sign.ALIVE),
        ("0", "connected\nsilent\n", "", Sign.ALIVE),
        ("124", "connected\n", "", Sign.ALIVE),
        ("0", "connected\nclosed\n" * 3, "", Sign.ALIVE),
        ("1", "", "tcp: connect: Connection refused", Sign.ALIVE),
        ("124", "", "", Sign.SILENT),
        ("lost", "", "", Sign.SILENT),
        ("1", "", "tcp: connect: Connection timed out", Sign.SILENT),
        ("1", "", "tcp: connect: No route to host", Sign.SILENT),
        ("1", "", "tcp: connect: Network is unreachable", Sign.UNKNOWN),
        ("1", "", "tcp: pve02: Name or service not known", Sign.UNKNOWN),
        ("127", "", "/bin/sh: 1: exec: bash: not found", Sign.UNKNOWN),
        ("0", "", "", Sign.UNKNOWN),
    ],
)
def test_a_connection_from_a_peer(status: str, text: str, said: str, sign: Sign) -> None:
    assert seen(Way.TCP, status, text, said)[0] is sign


@pytest.mark.parametrize(
    ("status", "text", "said", "sign"),
    [
        ("0", "connected\ngreeting SSH-2.0-OpenSSH_10.0p2\n", "", Sign.ALIVE),
        ("0", "connected\nsilent\n", "", Sign.SILENT),
        ("0", "connected\nclosed\nconnected\nsilent\n", "", Sign.SILENT),
        ("124", "connected\n", "", Sign.SILENT),
        ("0", "connected\nclosed\n" * 3, "", Sign.UNKNOWN),
        ("1", "", "tcp: connect: Connection refused", Sign.UNKNOWN),
    ],
)
def test_behind_a_forwarder_only_the_greeting_counts(status: str, text: str, said: str, sign: Sign) -> None:
    assert seen(Way.TCP, status, text, said, peer=False)[0] is sign


@pytest.mark.parametrize(
    ("status", "said", "sign"),
    [
        ("0", "", Sign.ALIVE),
        ("1", "", Sign.SILENT),
        ("124", "", Sign.SILENT),
        ("2", "ping: connect: Network is unreachable", Sign.UNKNOWN),
        ("127", "ping: not found", Sign.UNKNOWN),
    ],
)
def test_a_ping(status: str, said: str, sign: Sign) -> None:
    assert seen(Way.PING, status, "", said)[0] is sign


def test_a_forwarder_is_not_pinged() -> None:
    assert [way for way, _ in Place(OUTSIDE).paths] == [Way.TCP]


class TestPeer:
    def test_it_reads_the_agent_again_and_when_members_last_changed(self) -> None:
        agent = json.dumps({"state": "active", "mode": "active", "timestamp": 17, "results": {}})
        journal = f"{NOW - 200:.6f} pve01 corosync[9]:   [TOTEM ] A new membership (1.d) was formed. Members left: 2\n"
        node = Scripted({"agent-0": ("0", agent, ""), "membership-journal": ("0", journal, "")})
        probed = ask(node, question([PVE02], peer=True), vantage="pve01", nonce="feedface")["alias02"]
        assert probed.agent is not None
        assert probed.agent.value is not None
        assert (probed.agent.value.timestamp, probed.unchanged) == (17, 200.0)

    @pytest.mark.parametrize(
        "journal", ["", "-- No entries --\n", f"{NOW + 60:.6f} pve01 corosync[9]: later than now\n"]
    )
    def test_when_members_changed_may_not_be_known(self, journal: str) -> None:
        node = Scripted({"membership-journal": ("0", journal, "")})
        assert ask(node, question([PVE02], peer=True), vantage="pve01", nonce="n")["alias02"].unchanged is None

    def test_several_nodes_cost_one_round_trip(self) -> None:
        other = Suspect("pve03", "pve03", (), (Place(Endpoint("10.77.0.3", 22)),))
        node = Scripted({"ping-1-0": ("0", "", "")})
        probed = ask(node, question([PVE02, other], peer=True), vantage="pve01", nonce="feedface")
        signs = {name: [(one.place, one.sign) for one in found.looks] for name, found in probed.items()}
        assert signs == {
            "alias02": [("10.77.0.2:22", Sign.SILENT), ("10.77.0.2", Sign.SILENT)],
            "pve03": [("10.77.0.3:22", Sign.SILENT), ("10.77.0.3", Sign.ALIVE)],
        }

    def test_an_answer_that_breaks_off_is_none(self) -> None:
        with pytest.raises(OutcomeUnknown):
            ask(Scripted(broken=True), question([PVE02], peer=True), vantage="pve01", nonce="feedface")


@contextmanager
def listening(greeting: bytes, *, hang_up: str = "") -> Iterator[Endpoint]:
    """Something that takes connections: it greets, is silent, or hangs up politely or with a reset."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        held: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                client.sendall(greeting)
                if hang_up == "reset":
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                if hang_up:
                    client.close()
                else:
                    held.append(client)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield Endpoint(*listener.getsockname())
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)
        for client in held:
            client.close()


class TestTheScriptItself:
    @pytest.mark.parametrize(
        ("greeting", "hang_up", "sign", "why"),
        [
            (b"SSH-2.0-lab\r\n", "", Sign.ALIVE, "answers: SSH-2.0-lab"),
            (b"", "", Sign.SILENT, "nothing behind the forwarder"),
            (b"", "politely", Sign.UNKNOWN, "the forwarder hangs up"),
            (b"", "reset", Sign.UNKNOWN, "the forwarder hangs up"),
        ],
    )
    def test_on_this_machine(self, greeting: bytes, hang_up: str, sign: Sign, why: str) -> None:
        with listening(greeting, hang_up=hang_up) as endpoint:
            suspect = Suspect("pve02", "pve02", (Place(endpoint),), ())
            probed = ask(LocalNode(HERE), question([suspect], peer=False), vantage=HERE, nonce="feedface")["pve02"]
        assert [(one.vantage, one.sign, one.why) for one in probed.looks] == [(HERE, sign, why)]

    def test_where_nobody_listens(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            endpoint = Endpoint(*closed.getsockname())
        suspect = Suspect("pve02", "pve02", (Place(endpoint),), ())
        (look,) = ask(LocalNode(HERE), question([suspect], peer=False), vantage=HERE, nonce="n")["pve02"].looks
        assert (look.sign, look.why) == (Sign.UNKNOWN, "no forwarder listens")
