"""HA on a lab: orders and their lies, a watchdog that really resets, guests recovered from a dead node."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from lab.client import Lab
from lab.launch import free_block
from tests.labpve.holding import Shell
from tests.support.labs import shared

pytestmark = [pytest.mark.lab, pytest.mark.slow, pytest.mark.timeout(300)]

FIRST_BLOCK = 131
MARKER = "/run/watchdog-mux.active"
STARTED = "ha-manager status | grep '^service' | { ! grep -v started; } && ha-manager status | grep -q '^service'"


class Ha:
    """The lab's HA, as `ha-manager` and the nodes show it."""

    def __init__(self, lab: Lab) -> None:
        self.lab, self.shell = lab, Shell(lab)

    def status(self, node: str = "pve01") -> str:
        return self.shell.out(node, "ha-manager status")

    def started(self) -> None:
        """Every guest of HA is started, and says so."""
        self.shell.until("pve01", STARTED, seconds=90)

    def armed(self) -> set[str]:
        return {name for name in self.lab.names if self.shell.ok(name, f"[ -d {MARKER} ]")}

    def boots(self) -> dict[str, int]:
        return {row["name"]: row["boots"] for row in self.lab.status()["nodes"]}

    def until(self, true: Callable[[], bool], *, seconds: float) -> None:
        end = time.monotonic() + seconds
        while not true():
            assert time.monotonic() < end, self.lab.status()
            time.sleep(0.2)

    def place(self, sid: str, node: str = "pve01") -> str:
        line = next(line for line in self.status(node).splitlines() if line.startswith(f"service {sid} "))
        return line.partition("(")[2].partition(",")[0]


@pytest.fixture(scope="module")
def formed(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return shared("labpve-ha", lambda: Lab.up(tmp_path_factory.mktemp("ha"), block=free_block(FIRST_BLOCK), tied=True))


@pytest.fixture
def ha(formed: Lab) -> Iterator[Ha]:
    """HA on a whole cluster: guests on pve01 and pve03, none on pve02."""
    made = Ha(formed)
    made.started()
    yield made
    formed.restore()


def test_disarmed_nobody_holds_a_watchdog_and_armed_again_all_is_as_before(ha: Ha) -> None:
    before = ha.status().splitlines()[-3:]
    assert {"pve01", "pve03"} <= ha.armed()

    ha.shell.out("pve02", "ha-manager crm-command disarm-ha freeze")
    ha.shell.until("pve01", "ha-manager status | grep '^fencing disarmed, resource mode: freeze'")

    assert ha.armed() == set()
    assert all(line.endswith("freeze)") for line in ha.status().splitlines()[-3:])
    assert ha.shell.out("pve01", "qm stop 100") == "Requesting HA stop for VM 100\n"
    ha.shell.out("pve02", "ha-manager crm-command node-maintenance enable pve03")
    ha.shell.until("pve01", "[ ! -s /etc/pve/ha/crm_commands ]")
    assert ha.shell.out("pve01", "qm status 100") == "status: running\n"
    assert "maintenance" not in ha.status()

    ha.shell.out("pve02", "ha-manager crm-command arm-ha")
    ha.started()
    assert ha.status().splitlines()[-3:] == before
    assert {"pve01", "pve03"} <= ha.armed()


def test_without_quorum_the_watchdog_resets_nodes_with_guests_of_ha_and_no_others(ha: Ha) -> None:
    ha.until(lambda: {"pve01", "pve03"} <= ha.armed(), seconds=30)
    before = ha.boots()

    ha.lab.partition(["pve01"], ["pve02"], ["pve03"])
    ha.until(lambda: all(ha.boots()[name] > before[name] for name in ("pve01", "pve03")), seconds=60)

    assert ha.boots()["pve02"] == before["pve02"]
    # where it was the manager that held one, it has let go by itself
    assert "pve02" not in ha.armed()

    ha.lab.join()
    ha.lab.settle()
    ha.started()


def test_a_dead_nodes_guest_runs_elsewhere_and_stays_there(ha: Ha) -> None:
    assert ha.place("ct:102") == "pve03"

    ha.lab.kill("pve03")
    ha.until(lambda: ha.place("ct:102") != "pve03", seconds=90)
    ha.started()

    taker = ha.place("ct:102")
    assert ha.shell.out(taker, "pct status 102") == "status: running\n"
    said = f"recover service 'ct:102' from fenced node 'pve03' to node '{taker}'"
    assert any(said in ha.shell.out(name, "journalctl -u pve-ha-crm") for name in ("pve01", "pve02"))

    ha.lab.start("pve03")
    ha.lab.settle()
    assert ha.place("ct:102") == taker
    assert "102" not in ha.shell.out("pve03", "pct list")
