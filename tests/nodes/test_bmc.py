"""BMCs: asked by Redfish and by ipmitool, off for real; nothing is sent to a stranger, and no password shows."""

from __future__ import annotations

import hashlib
import json
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from lab.bmc import BmcService
from lab.state import BMC_USER
from pvefleet.model.bmc import Bmc, BmcError, BmcMachine, Power
from pvefleet.model.errors import OutcomeUnknown
from pvefleet.model.inventory import BmcEntry, Endpoint
from pvefleet.nodes.bmc import open_bmc
from pvefleet.nodes.bmc_redfish import RedfishBmc
from tests.support.tls import write_self_signed

FAKE = Path(__file__).resolve().parents[1] / "support/fake_ipmitool.py"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for 127.0.0.1, with its key."""
    return write_self_signed(tmp_path_factory.mktemp("bmc") / "bmc.pem")


def fingerprint(certificate: Path) -> str:
    text = certificate.read_text()
    der = ssl.PEM_cert_to_DER_cert(text[text.index("-----BEGIN CERTIFICATE-----") :])
    return hashlib.sha256(der).hexdigest()


class Machine:
    """One node with a BMC of the lab's."""

    def __init__(self, certificate: Path) -> None:
        self.power = "on"
        self.service = BmcService(self._switch, certificate)
        listener = socket.create_server(("127.0.0.1", 0))
        self.service.serve("pve02", listener)
        endpoint = Endpoint("127.0.0.1", listener.getsockname()[1])
        self.entry = BmcEntry("redfish", endpoint, BMC_USER, fingerprint=fingerprint(certificate))

    def _switch(self, _node: str, action: str) -> str:
        if action != "status":
            self.power = action
        return self.power

    def bmc(self, password: Callable[[], str] | None = None, *, path: str = "", **changes: object) -> Bmc:
        entry = replace(self.entry, **changes)  # type: ignore[arg-type]
        return open_bmc(
            "pve02", entry, password=password or (lambda: self.service.password), clock=time.time, path=path
        )


@pytest.fixture(scope="module")
def running(certificate: Path) -> Iterator[Machine]:
    one = Machine(certificate)
    yield one
    one.service.stop()


@pytest.fixture
def machine(running: Machine) -> Machine:
    """A machine that has power, and a BMC that is well."""
    running.power = "on"
    running.service.break_("pve02", "ok")
    return running


class TestRedfish:
    def test_it_says_what_the_power_is_and_whose(self, machine: Machine) -> None:
        reading = machine.bmc().status()
        assert reading.power is Power.ON
        assert reading.machine == BmcMachine("pve02", "pvelab Bubble", "LAB-pve02", "")

    def test_it_cuts_the_power(self, machine: Machine) -> None:
        bmc = machine.bmc()
        bmc.off()
        assert (machine.power, bmc.status().power) == ("off", Power.OFF)

    def test_the_only_system_need_not_be_named(self, machine: Machine) -> None:
        assert machine.bmc(system="").status().power is Power.ON
        assert machine.bmc(system="1").status().power is Power.ON

    def test_a_system_that_it_has_not(self, machine: Machine) -> None:
        with pytest.raises(BmcError, match="HTTP 404: The resource at the URI"):
            machine.bmc(system="9").status()

    def test_a_certificate_of_its_own_authority(self, machine: Machine, certificate: Path) -> None:
        assert machine.bmc(fingerprint="", cafile=certificate).status().power is Power.ON

    @pytest.mark.parametrize("changes", [{"fingerprint": "00" * 32}, {"fingerprint": ""}])
    def test_a_stranger_is_sent_nothing(self, machine: Machine, changes: dict[str, object]) -> None:
        # One that was asked anything would not answer: another error.
        machine.service.break_("pve02", "hang")
        with pytest.raises(BmcError, match="is not the one it should be") as caught:
            machine.bmc(**changes).status()  # type: ignore[arg-type]
        assert "fingerprint or cafile" in caught.value.hint

    def test_another_login_is_refused_and_told_without_the_password(self, machine: Machine) -> None:
        with pytest.raises(BmcError, match="refuses our login") as caught:
            machine.bmc(lambda: "hunter2").status()
        assert "hunter2" not in caught.value.message + caught.value.hint

    def test_the_password_is_fetched_once(self, machine: Machine) -> None:
        asked: list[int] = []

        def password() -> str:
            asked.append(1)
            return machine.service.password

        bmc = machine.bmc(password)
        assert asked == []
        bmc.status()
        bmc.off()
        assert asked == [1]

    def test_one_that_lies_obeys_in_words_only(self, machine: Machine) -> None:
        machine.service.break_("pve02", "lie")
        bmc = machine.bmc()
        bmc.off()
        assert (machine.power, bmc.status().power) == ("on", Power.OFF)

    def test_nobody_there(self, machine: Machine) -> None:
        with socket.create_server(("127.0.0.1", 0)) as closed:
            endpoint = Endpoint(*closed.getsockname())
        with pytest.raises(BmcError, match="does not answer: Connection refused"):
            machine.bmc(endpoint=endpoint).status()

    def test_an_authority_that_is_not_there(self, machine: Machine, tmp_path: Path) -> None:
        with pytest.raises(BmcError, match=r"cannot be trusted: .*nowhere"):
            machine.bmc(fingerprint="", cafile=tmp_path / "nowhere").status()


class Odd:
    """A BMC that answers a request with given bytes, one at a time where *drip* says so."""

    def __init__(self, certificate: Path, answers: list[bytes], *, drip: float = 0.0) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(certificate)
        self._ended = threading.Event()
        self._drip = drip
        self._thread = threading.Thread(target=self._serve, args=(answers,), daemon=True)
        self._thread.start()
        endpoint = Endpoint("127.0.0.1", self._listener.getsockname()[1])
        entry = BmcEntry("redfish", endpoint, "u", fingerprint=fingerprint(certificate), system="1")
        self.bmc = RedfishBmc("pve02", entry, lambda: "p", time.time, seconds=1.0)

    def _serve(self, answers: list[bytes]) -> None:
        for answer in answers:
            raw, _ = self._listener.accept()
            try:
                with self._context.wrap_socket(raw, server_side=True) as client:
                    _whole_request(client)
                    for at in range(len(answer)) if self._drip else ():
                        client.sendall(answer[at : at + 1])
                        self._ended.wait(self._drip)
                    client.sendall(b"" if self._drip else answer)
            except OSError:
                continue

    def close(self) -> None:
        self._ended.set()
        self._thread.join(5)
        self._listener.close()


def _whole_request(client: ssl.SSLSocket) -> None:
    """Read a request to its end: to close with something unread would be a reset."""
    with client.makefile("rb") as lines:
        length = 0
        while (line := lines.readline()) not in (b"\r\n", b""):
            if line.lower().startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        lines.read(length)


def http(document: object, status: str = "200 OK") -> bytes:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


SYSTEM = {"PowerState": "On", "Actions": {"#ComputerSystem.Reset": {"target": "/reset"}}}


class TestOddAnswers:
    @pytest.fixture
    def odd(self, certificate: Path) -> Iterator[Callable[..., Odd]]:
        made: list[Odd] = []

        def make(*answers: bytes, drip: float = 0.0) -> Odd:
            made.append(Odd(certificate, list(answers), drip=drip))
            return made[-1]

        yield make
        for one in made:
            one.close()

    @pytest.mark.parametrize(
        ("state", "power"),
        [
            ("On", Power.ON),
            ("Off", Power.OFF),
            ("PoweringOff", Power.ON),
            ("PoweringOn", Power.ON),
            (None, Power.UNKNOWN),
            ("off", Power.UNKNOWN),
            (["Off"], Power.UNKNOWN),
        ],
    )
    def test_only_off_is_off(self, odd: Callable[..., Odd], state: object, power: Power) -> None:
        assert odd(http({"PowerState": state})).bmc.status().power is power

    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            (http(b"<html>"), "something that is not JSON"),
            (http([]), "something that is no object"),
            (http({"error": {"message": "busy"}}, "503 Service Unavailable"), "HTTP 503: busy"),
            (http({}, "302 Found"), "HTTP 302"),
            (http({}, "403 Forbidden"), "refuses our login"),
            (b"", "does not answer"),
            (b"SSH-2.0-x\r\n", "does not answer"),
        ],
    )
    def test_what_is_not_understood_is_an_error(self, odd: Callable[..., Odd], answer: bytes, message: str) -> None:
        with pytest.raises(BmcError, match=message):
            odd(answer).bmc.status()

    def test_one_that_drips_is_given_up_on(self, odd: Callable[..., Odd]) -> None:
        began = time.monotonic()
        with pytest.raises(BmcError, match="no answer in time"):
            odd(http(SYSTEM), drip=0.3).bmc.status()
        assert time.monotonic() - began < 3

    def test_an_order_without_an_answer_is_an_unknown_outcome(self, odd: Callable[..., Odd]) -> None:
        with pytest.raises(OutcomeUnknown, match="took the order and did not answer"):
            odd(http(SYSTEM), b"").bmc.off()

    def test_an_order_that_is_refused_is_none(self, odd: Callable[..., Odd]) -> None:
        with pytest.raises(BmcError, match="HTTP 409"):
            odd(http(SYSTEM), http({}, "409 Conflict")).bmc.off()

    @pytest.mark.parametrize(
        "reset", [{}, {"target": "https://elsewhere/"}, {"target": "/r", "ResetType@Redfish.AllowableValues": ["On"]}]
    )
    def test_no_way_to_cut_the_power(self, odd: Callable[..., Odd], reset: dict[str, object]) -> None:
        with pytest.raises(BmcError, match=r"offers no reset|cannot cut the power; it offers On"):
            odd(http({"Actions": {"#ComputerSystem.Reset": reset}})).bmc.off()

    def test_several_systems_have_to_be_told_apart(self, certificate: Path, odd: Callable[..., Odd]) -> None:
        members = [{"@odata.id": f"/redfish/v1/Systems/{name}"} for name in ("A", "B")]
        one = odd(http({"Members": members}))
        one.bmc = RedfishBmc("pve02", replace(one.bmc._entry, system=""), lambda: "p", time.time)
        with pytest.raises(BmcError, match=r"has 2 systems \(A, B\), not one"):
            one.bmc.status()


class TestIpmitool:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        """A folder with a program ipmitool in it."""
        program = tmp_path / "ipmitool"
        program.write_text(f"#!{sys.executable}\n{FAKE.read_text()}")
        program.chmod(0o755)
        return tmp_path

    def test_it_reads_and_cuts_the_power(self, machine: Machine, path: Path) -> None:
        bmc = machine.bmc(type="ipmitool", path=str(path))
        assert bmc.status().power is Power.ON
        bmc.off()
        assert (machine.power, bmc.status().power) == ("off", Power.OFF)

    def test_the_password_is_on_no_command_line(self, machine: Machine, path: Path) -> None:
        machine.bmc(type="ipmitool", path=str(path)).status()
        said = (path / "argv.log").read_text()
        assert machine.service.password not in said
        assert json.loads(said)[:3] == ["-I", "lanplus", "-H"]

    def test_a_refused_login(self, machine: Machine, path: Path) -> None:
        with pytest.raises(BmcError, match="Unable to establish IPMI v2"):
            machine.bmc(lambda: "hunter2", type="ipmitool", path=str(path)).status()

    def test_a_password_that_it_repeats_is_struck_out(self, machine: Machine, path: Path) -> None:
        (path / "ipmitool").write_text('#!/bin/sh\necho "bad password $IPMI_PASSWORD" >&2\nexit 1\n')
        with pytest.raises(BmcError, match=r"bad password \*\*\*") as caught:
            machine.bmc(lambda: "hunter2", type="ipmitool", path=f"{path}:/bin").status()
        assert "hunter2" not in caught.value.message

    def test_words_it_never_says(self, machine: Machine, path: Path) -> None:
        (path / "ipmitool").write_text("#!/bin/sh\necho Chassis Power is unclear\n")
        reading = machine.bmc(type="ipmitool", path=f"{path}:/bin").status()
        assert (reading.power, "unclear" in reading.why) == (Power.UNKNOWN, True)

    def test_it_is_not_installed(self, machine: Machine, tmp_path: Path) -> None:
        with pytest.raises(BmcError, match="ipmitool is not installed") as caught:
            machine.bmc(type="ipmitool", path=str(tmp_path)).status()
        assert "apt install ipmitool" in caught.value.hint
