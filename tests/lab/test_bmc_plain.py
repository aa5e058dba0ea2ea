"""What a BMC of the lab answers, without a lab: the paths, the logins, and each of its faults."""

from __future__ import annotations

import base64
import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.bmc import BmcService
from lab.errors import LabError
from lab.spec import LabSpec
from lab.state import BMC_USER, hosts_toml_text
from tests.support.tls import write_self_signed

SYSTEM = "/redfish/v1/Systems/1"
RESET = f"{SYSTEM}/Actions/ComputerSystem.Reset"


class Bmc:
    """One node's BMC, asked without a network."""

    def __init__(self, folder: Path) -> None:
        self.power = "on"
        self.service = BmcService(self._switch, write_self_signed(folder / "bmc.pem"))
        self.service.serve("pve01", socket.create_server(("127.0.0.1", 0)))

    def _switch(self, _node: str, action: str) -> str:
        if action != "status":
            self.power = action
        return self.power

    def ask(self, method: str, path: str, body: object = None, *, password: str = "") -> tuple[int, dict[str, object]]:
        pair = f"{BMC_USER}:{password or self.service.password}".encode()
        login = f"Basic {base64.b64encode(pair).decode()}"
        return self.service.answer("pve01", method, path, login, json.dumps(body).encode())


@pytest.fixture
def bmc(tmp_path: Path) -> Iterator[Bmc]:
    one = Bmc(tmp_path)
    yield one
    one.service.stop()


def test_the_root_is_open_and_nothing_else(bmc: Bmc) -> None:
    assert bmc.service.answer("pve01", "GET", "/redfish/v1/", "", b"")[0] == 200
    for path in ("/redfish/v1/Systems", SYSTEM, RESET):
        assert bmc.ask("GET", path, password="guess")[0] == 401


def test_it_leads_from_the_collection_to_the_power(bmc: Bmc) -> None:
    _, systems = bmc.ask("GET", "/redfish/v1/Systems")
    assert systems["Members"] == [{"@odata.id": SYSTEM}]
    _, system = bmc.ask("GET", SYSTEM)
    assert (system["PowerState"], system["HostName"]) == ("On", "pve01")
    assert bmc.ask("POST", RESET, {"ResetType": "ForceOff"}) == (204, {})
    assert (bmc.power, bmc.ask("GET", SYSTEM)[1]["PowerState"]) == ("off", "Off")
    assert bmc.ask("POST", RESET, {"ResetType": "On"}) == (204, {})
    assert bmc.power == "on"


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/redfish/v1/Systems/2", None, 404),
        ("POST", SYSTEM, {}, 404),
        ("POST", RESET, {}, 400),
        ("POST", RESET, ["ForceOff"], 400),
        ("POST", RESET, {"ResetType": "GracefulShutdown"}, 400),
    ],
)
def test_what_it_does_not_know(bmc: Bmc, method: str, path: str, body: object, status: int) -> None:
    assert bmc.ask(method, path, body)[0] == status
    assert bmc.power == "on"


def test_one_that_lies_says_off_and_obeys_in_words_only(bmc: Bmc) -> None:
    bmc.service.break_("pve01", "lie")
    assert bmc.ask("POST", RESET, {"ResetType": "ForceOff"})[0] == 204
    assert (bmc.power, bmc.ask("GET", SYSTEM)[1]["PowerState"]) == ("on", "Off")


def test_one_that_denies_knows_no_login(bmc: Bmc) -> None:
    bmc.service.break_("pve01", "deny")
    assert bmc.ask("GET", SYSTEM)[0] == 401
    bmc.service.break_("pve01", "ok")
    assert bmc.ask("GET", SYSTEM)[0] == 200


def test_an_unknown_fault_is_refused(bmc: Bmc) -> None:
    with pytest.raises(LabError, match="a BMC can be ok, hang, deny, lie, not 'explode'"):
        bmc.service.break_("pve01", "explode")


def test_the_inventory_names_it_only_with_its_fingerprint() -> None:
    assert "bmc" not in hosts_toml_text(LabSpec())
    assert hosts_toml_text(LabSpec(), "ab" * 32).count(f'fingerprint = "SHA256:{"ab" * 32}"') == 3
