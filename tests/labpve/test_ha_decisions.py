"""What HA decides: guests taken up, moved, recovered, given up; nodes fenced, drained, disarmed. In genuine seconds."""

from __future__ import annotations

import pytest

from lab.pve.ha.crm import ERROR
from lab.pve.ha.lrm import active_services
from lab.pve.ha.placement import Affinities, Preference
from tests.labpve.ha_cluster import Cluster


@pytest.fixture
def cluster() -> Cluster:
    return Cluster().settled()


def test_a_new_guest_is_taken_up_and_confirmed_by_its_node() -> None:
    cluster = Cluster()
    cluster.until("vm:100", "started")
    assert cluster.until("ct:101", "started") <= 10
    cluster.run(30)
    assert cluster.status["service_status"]["vm:100"]["running"] == 1


def test_a_stopped_guest_that_is_to_run_is_started(cluster: Cluster) -> None:
    cluster.machines["pve01"].running.clear()
    cluster.run(30)
    assert "vm:100" in cluster.machines["pve01"].running


def test_only_nodes_with_guests_of_ha_hold_a_watchdog(cluster: Cluster) -> None:
    assert {name: one.watchdog for name, one in cluster.machines.items()} == {
        "pve01": True,
        "pve02": True,
        "pve03": False,
    }


def test_a_guest_that_is_to_stop_is_stopped_and_stays_so(cluster: Cluster) -> None:
    cluster.resources["vm:100"]["state"] = "stopped"
    cluster.until("vm:100", "stopped")
    assert "vm:100" not in cluster.machines["pve01"].running


def test_the_order_to_stop_is_written_into_the_configuration(cluster: Cluster) -> None:
    cluster.orders.append("stop vm:100 0")
    cluster.until("vm:100", "stopped")
    assert cluster.resources["vm:100"]["state"] == "stopped"


def test_a_vm_migrates_and_a_container_relocates(cluster: Cluster) -> None:
    cluster.orders += ["migrate vm:100 pve03", "migrate ct:101 pve03"]
    cluster.until("vm:100", "migrate")
    assert cluster.state("ct:101") == "relocate"
    cluster.until("vm:100", "started")
    cluster.run(30)
    assert cluster.machines["pve03"].running == {"vm:100", "ct:101"}


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ("migrate vm:100 pve09", "crm command error - node not online: migrate vm:100 pve09"),
        ("migrate vm:777 pve02", "crm command error - no such service: migrate vm:777 pve02"),
        ("migrate vm:100 pve01", "ignore crm command - service already on target node: migrate vm:100 pve01"),
        ("arm-ha", "ignoring arm-ha command - HA stack is not disarmed"),
        ("dance", "unable to parse crm command: dance"),
    ],
)
def test_what_cannot_be_done_is_told_to_the_journal_alone(cluster: Cluster, order: str, said: str) -> None:
    before = {sid: one["node"] for sid, one in cluster.status["service_status"].items()}
    cluster.orders.append(order)
    cluster.run(20)
    assert said in cluster.journal
    assert {sid: one["node"] for sid, one in cluster.status["service_status"].items()} == before


def test_a_dead_nodes_guest_is_started_elsewhere_after_two_minutes(cluster: Cluster) -> None:
    cluster.pull_plug("pve02")
    died = cluster.now
    cluster.until("ct:101", "fence")
    assert cluster.now - died >= 60
    cluster.until("ct:101", "started")
    assert 120 <= cluster.now - died <= 150
    assert cluster.place("ct:101") in ("pve01", "pve03")
    cluster.run(30)
    assert "fencing: acknowledged - got agent lock for node 'pve02'" in cluster.journal
    assert f"recover service 'ct:101' from fenced node 'pve02' to node '{cluster.place('ct:101')}'" in cluster.journal


def test_a_node_that_is_back_before_a_minute_is_not_fenced(cluster: Cluster) -> None:
    cluster.machines["pve02"].connected = False
    cluster.run(40)
    assert cluster.status["node_status"]["pve02"] == "unknown"
    cluster.machines["pve02"].connected = True
    cluster.run(120)
    assert cluster.status["node_status"]["pve02"] == "online"
    assert cluster.place("ct:101") == "pve02"
    assert not any("fence" in line for line in cluster.journal)


def test_an_agent_without_quorum_keeps_its_watchdog_open_and_silent(cluster: Cluster) -> None:
    cluster.machines["pve02"].connected = False
    cluster.run(20)
    assert cluster.agents["pve02"].state == "lost_agent_lock"
    assert cluster.machines["pve02"].watchdog


def test_without_a_node_to_go_to_a_guest_waits_in_recovery(cluster: Cluster) -> None:
    cluster.affinities = Affinities({"ct:101": Preference({"pve02": 0}, strict=True)})
    cluster.pull_plug("pve02")
    cluster.until("ct:101", "recovery")
    cluster.run(100)
    assert cluster.state("ct:101") == "recovery"
    assert "recovering service 'ct:101' from fenced node 'pve02' failed, no recovery node found" in cluster.journal


def test_one_guest_without_configuration_stops_every_decision(cluster: Cluster) -> None:
    cluster.pull_plug("pve02")
    cluster.until("ct:101", "fence")
    del cluster.owners["ct:101"]
    with pytest.raises(ValueError, match="does not exist"):
        cluster.run(200)


def test_a_guest_that_starts_nowhere_ends_in_error_and_leaves_it_disabled(cluster: Cluster) -> None:
    for machine in cluster.machines.values():
        machine.works["vm:100", "started"] = ERROR
    cluster.machines["pve01"].running.clear()
    cluster.until("vm:100", "error")
    assert cluster.status["service_status"]["vm:100"]["failed_nodes"][0] == "pve01"
    assert len(cluster.status["service_status"]["vm:100"]["failed_nodes"]) == 2
    cluster.resources["vm:100"]["state"] = "disabled"
    cluster.until("vm:100", "stopped", seconds=20)


def test_a_configuration_moved_by_hand_ends_in_error(cluster: Cluster) -> None:
    cluster.owners["ct:101"] = "pve03"
    cluster.until("ct:101", "error", seconds=90)
    assert cluster.place("ct:101") == "pve02"


def test_maintenance_drains_a_node_and_its_guests_come_back(cluster: Cluster) -> None:
    cluster.orders.append("enable-node-maintenance pve02")
    cluster.until("ct:101", "relocate")
    assert cluster.status["node_status"]["pve02"] == "maintenance"
    cluster.until("ct:101", "started")
    cluster.run(30)
    assert cluster.place("ct:101") != "pve02"
    assert cluster.status["service_status"]["ct:101"]["maintenance_node"] == "pve02"
    assert (cluster.agents["pve02"].mode, cluster.machines["pve02"].watchdog) == ("maintenance", False)
    assert active_services(cluster.status, "pve02") == 0

    cluster.orders.append("disable-node-maintenance pve02")
    cluster.run(60)
    assert cluster.place("ct:101") == "pve02"
    assert "maintenance_node" not in cluster.status["service_status"]["ct:101"]


def test_a_stopping_agent_has_its_guests_frozen_and_leaves_in_good_order(cluster: Cluster) -> None:
    cluster.agents["pve01"].stop = "restart"
    cluster.run(30)
    assert cluster.state("vm:100") == "freeze"
    assert cluster.reports["pve01"]["mode"] == "restart"
    assert (cluster.machines["pve01"].watchdog, cluster.machines["pve01"].lock) == (False, False)
    assert "vm:100" in cluster.machines["pve01"].running


def test_a_rebooting_node_stops_its_guests_and_a_frozen_guest_is_not_recovered(cluster: Cluster) -> None:
    cluster.agents["pve01"].stop = "reboot"
    cluster.run(40)
    assert cluster.machines["pve01"].running == set()
    cluster.pull_plug("pve01")
    cluster.run(300)
    assert (cluster.state("vm:100"), cluster.place("vm:100")) == ("freeze", "pve01")


def test_disarming_freezes_lets_every_watchdog_go_and_arming_restores(cluster: Cluster) -> None:
    cluster.orders.append("disarm-ha freeze")
    began = cluster.now
    while (cluster.manager.disarm or {}).get("state") != "disarmed":
        cluster.step()
    assert cluster.now - began <= 40
    assert {agent.mode for agent in cluster.agents.values()} == {"disarm"}
    assert not any(machine.watchdog for machine in cluster.machines.values())
    assert cluster.state("vm:100") == "freeze"

    cluster.orders += ["migrate vm:100 pve03", "enable-node-maintenance pve03", "disarm-ha ignore"]
    cluster.run(30)
    assert "ignoring maintenance command for node pve03 - HA stack is disarmed" in cluster.journal
    assert "ignoring disarm-ha command - already in disarm state (disarmed)" in cluster.journal
    assert (cluster.state("vm:100"), cluster.place("vm:100")) == ("freeze", "pve01")

    cluster.orders.append("arm-ha")
    cluster.settled()
    assert cluster.place("vm:100") == "pve01"
    assert cluster.machines["pve01"].watchdog


def test_disarming_waits_for_a_guest_that_moves(cluster: Cluster) -> None:
    cluster.orders.append("migrate vm:100 pve03")
    cluster.until("vm:100", "migrate")
    cluster.orders.append("disarm-ha freeze")
    cluster.run(60)
    assert "deferring disarm - service 'vm:100' is in 'migrate' state" in cluster.journal
    assert (cluster.state("vm:100"), cluster.place("vm:100")) == ("freeze", "pve03")
    assert cluster.manager.disarm == {"mode": "freeze", "state": "disarmed"}


def test_the_node_with_the_larger_priority_is_preferred_and_returned_to(cluster: Cluster) -> None:
    cluster.affinities = Affinities({"vm:100": Preference({"pve01": 1, "pve03": 2}, strict=False)})
    cluster.run(60)
    assert cluster.place("vm:100") == "pve03"


def test_without_failback_a_guest_stays_where_it_is(cluster: Cluster) -> None:
    cluster.resources["vm:100"]["failback"] = "0"
    cluster.affinities = Affinities({"vm:100": Preference({"pve01": 1, "pve03": 2}, strict=False)})
    cluster.run(60)
    assert cluster.place("vm:100") == "pve01"


def test_guests_that_must_be_apart_are_kept_apart_and_together_together(cluster: Cluster) -> None:
    both = frozenset({"vm:100", "ct:101"})
    cluster.affinities = Affinities(together=(both,))
    cluster.run(60)
    assert cluster.place("vm:100") == cluster.place("ct:101")
    cluster.affinities = Affinities(apart=(both,))
    cluster.run(60)
    assert cluster.place("vm:100") != cluster.place("ct:101")


def test_a_guest_taken_out_of_ha_goes_on_running(cluster: Cluster) -> None:
    del cluster.resources["vm:100"]
    cluster.run(20)
    assert "vm:100" not in cluster.status["service_status"]
    assert "vm:100" in cluster.machines["pve01"].running
