"""From facts and probes to evidence: who counts as a vantage point, what each of them saw, what the watchdog did."""

from __future__ import annotations

from dataclasses import replace

import pytest

from parsers.lrm_status import LrmStatus
from pvefleet.model.bmc import BmcMachine, Power, PowerReading
from pvefleet.model.errors import TimedOut, UnreachableReason
from pvefleet.model.evidence import HERE, Evidence, Level, Look, Sign
from pvefleet.model.evidence_probe import Probed, Suspect
from pvefleet.model.facts import ClusterFacts
from pvefleet.model.inventory import Endpoint, NodeEntry
from pvefleet.model.observation import Seen
from pvefleet.model.section import Section
from pvefleet.rules.evidence import judge, signs_of_life
from pvefleet.rules.evidence_record import evidence, suspect
from tests.support.ha_world import HaWorld

ENTRY = NodeEntry("pve02", "pve02", "lab", Endpoint("192.0.2.2", 22), links=((0, "10.77.0.2"), (1, "10.78.0.2")))


def world() -> HaWorld:
    """Three nodes, a guest under HA on pve02, which has been dead for five minutes."""
    made = HaWorld(3)
    made.add("vm:100", "pve02")
    made.die("pve02", seconds=300)
    return made


def facts_of(made: HaWorld) -> ClusterFacts:
    return made.facts(Section.HA)


def nothing_heard(where: Suspect, *names: str, unchanged: float | None = 300.0) -> dict[str, Probed]:
    """Probes of a node that answers nowhere, from this machine and the named peers."""
    probed = {}
    for name in (HERE, *names):
        places = where.from_here if name == HERE else where.from_peers
        looks = tuple(Look(name, way, at, Sign.SILENT, "no answer") for one in places for way, at in one.paths)
        probed[name] = Probed(looks, unchanged=None if name == HERE else unchanged)
    return probed


def gathered(made: HaWorld, *, entry: NodeEntry = ENTRY, without: str = "", **more: object) -> Evidence:
    facts = facts_of(made)
    peers = [node.name for node in facts.seen if node.name not in (entry.name, without)]
    return evidence(entry, facts, nothing_heard(suspect(entry, facts), *peers), **more)  # type: ignore[arg-type]


def level(found: Evidence) -> Level:
    return judge(found, Level.E4).level


class TestWhereItIsLookedFor:
    def test_from_here_at_its_addresses_and_also_at_its_links(self) -> None:
        places = suspect(replace(ENTRY, alternatives=(Endpoint("192.0.2.22", 22),)), facts_of(world())).from_here
        assert [(str(one.endpoint), one.needed) for one in places] == [
            ("192.0.2.2:22", True),
            ("192.0.2.22:22", True),
            ("10.77.0.2:22", False),
            ("10.78.0.2:22", False),
        ]

    def test_from_peers_at_its_links_by_corosync_conf_too(self) -> None:
        places = suspect(replace(ENTRY, links=()), facts_of(world())).from_peers
        assert [str(one.endpoint) for one in places] == ["10.77.0.2:22", "10.78.0.2:22", "192.0.2.2:22"]

    def test_behind_a_forwarder_its_own_sshd_has_the_usual_port(self) -> None:
        entry = replace(ENTRY, endpoint=Endpoint("127.0.0.2", 2222))
        where = suspect(entry, facts_of(world()))
        assert [str(one.endpoint) for one in where.from_here] == ["127.0.0.2:2222"]
        assert [str(one.endpoint) for one in where.from_peers] == ["10.77.0.2:22", "10.78.0.2:22"]

    def test_behind_a_gateway_this_machine_cannot_look(self) -> None:
        assert suspect(replace(ENTRY, gateway="bastion"), facts_of(world())).from_here == ()


class TestVantagePoints:
    def test_a_dead_node_is_silent_from_all(self) -> None:
        found = gathered(world())
        assert [one.name for one in found.vantages] == [HERE, "pve01", "pve03"]
        assert judge(found, Level.E4).rungs[0].why == "silent on every path from workstation and pve01 and pve03"

    def test_a_peer_that_was_not_probed_does_not_count(self) -> None:
        rung = judge(gathered(world(), without="pve03"), Level.E4).rungs[0]
        assert rung.why == "silent on every path from workstation and pve01"

    def test_with_one_peer_left_it_takes_this_machine_as_well(self) -> None:
        made = world()
        made.die("pve03")
        assert level(gathered(made)) is Level.E1

    def test_a_peer_whose_corosync_does_not_answer_does_not_count(self) -> None:
        made = world()
        made["pve01"].corosync = "frozen"
        made["pve03"].corosync = "frozen"
        assert level(gathered(made)) is Level.E0

    def test_a_peer_that_is_cut_off_itself_does_not_count(self) -> None:
        made = world()
        made["pve03"].part = 1
        deaf = {one.name: one.deaf for one in gathered(made).vantages}
        assert deaf["pve03"] == "it hears no other node on any link"

    def test_the_last_node_standing_has_nobody_to_hear(self) -> None:
        made = world()
        made.die("pve03")
        assert all(one.deaf == "" for one in gathered(made).vantages)

    def test_a_machine_that_reaches_nobody_hears_nobody(self) -> None:
        facts = facts_of(world())
        detour = tuple(replace(node, via="10.77.0.1:22 via pve03") for node in facts.nodes)
        found = evidence(ENTRY, replace(facts, nodes=detour), nothing_heard(suspect(ENTRY, facts), "pve01", "pve03"))
        assert {one.name: bool(one.deaf) for one in found.vantages} == {HERE: True, "pve01": False, "pve03": False}

    def test_a_node_that_corosync_does_not_list_is_never_silent(self) -> None:
        stranger = replace(ENTRY, name="old", pve_name="old", links=())
        assert level(gathered(world(), entry=stranger)) is Level.E0


class TestGateway:
    ENTRY = replace(ENTRY, gateway="bastion")

    @pytest.mark.parametrize(
        ("reason", "via", "sign", "deaf"),
        [
            (UnreachableReason.TIMEOUT, "192.0.2.1:22 via bastion", Sign.SILENT, False),
            (UnreachableReason.NO_ROUTE, "192.0.2.1:22 via bastion", Sign.SILENT, False),
            (UnreachableReason.GATEWAY, "10.77.0.1:22 via pve03", Sign.UNKNOWN, True),
            (UnreachableReason.REFUSED, "192.0.2.1:22 via bastion", Sign.ALIVE, False),
        ],
    )
    def test_what_it_could_not_connect_to_is_its_look(
        self, reason: UnreachableReason, via: str, sign: Sign, deaf: bool
    ) -> None:
        made = world()
        made["pve02"].unreachable = reason
        facts = facts_of(made)
        nodes = tuple(replace(node, via=via) for node in facts.nodes)
        probed = nothing_heard(suspect(self.ENTRY, facts), "pve01", "pve03")
        found = evidence(self.ENTRY, replace(facts, nodes=nodes), probed)
        assert [one.sign for one in found.looks if one.vantage == "bastion"] == [sign]
        assert (found.vantages[0].name, bool(found.vantages[0].deaf)) == ("bastion", deaf)


class TestSignsOfLife:
    def test_an_answer_to_a_command(self) -> None:
        made = HaWorld(3)
        assert any("it took commands" in sign for sign in signs_of_life(gathered(made)))

    @pytest.mark.parametrize(
        ("reason", "alive"),
        [
            (UnreachableReason.HOST_KEY_CHANGED, True),
            (UnreachableReason.HOST_KEY_UNKNOWN, True),
            (UnreachableReason.AUTH_REJECTED, True),
            (UnreachableReason.AUTH_TIMEOUT, True),
            (UnreachableReason.NO_SESSION, True),
            (UnreachableReason.REFUSED, True),
            (UnreachableReason.NO_BANNER, True),
            (UnreachableReason.CLOSED, True),
            (UnreachableReason.TIMEOUT, False),
            (UnreachableReason.NO_ROUTE, False),
            (UnreachableReason.NAME, False),
            (UnreachableReason.KEY_FILE, False),
        ],
    )
    def test_how_far_the_login_came(self, reason: UnreachableReason, alive: bool) -> None:
        made = world()
        made["pve02"].unreachable = reason
        assert bool(signs_of_life(gathered(made))) is alive

    @pytest.mark.parametrize("reason", [UnreachableReason.NO_BANNER, UnreachableReason.CLOSED])
    def test_a_forwarder_is_no_sign(self, reason: UnreachableReason) -> None:
        made = world()
        made["pve02"].unreachable = reason
        entry = replace(ENTRY, endpoint=Endpoint("127.0.0.2", 2222))
        assert signs_of_life(gathered(made, entry=entry)) == ()

    def test_an_answer_that_broke_off(self) -> None:
        facts = facts_of(world())
        broke = TimedOut("pve02", "pve02 did not answer in time", seconds=9)
        nodes = tuple(replace(node, error=broke) if node.name == "pve02" else node for node in facts.nodes)
        found = evidence(ENTRY, replace(facts, nodes=nodes), {})
        assert signs_of_life(found) == ("workstation: login: a login worked: pve02 did not answer in time",)

    def test_a_peer_counts_it_as_a_member_over_the_other_link(self) -> None:
        made = world()
        made["pve02"].corosync = "running"
        made.cut.add(("pve02", 0))
        signs = signs_of_life(gathered(made))
        assert "pve01: member: a member" in signs
        assert "pve03: link 1: connected" in signs
        assert not any("link 0" in sign for sign in signs)

    @pytest.mark.parametrize(("online", "alive"), [(1, True), (0, False)])
    def test_the_cluster_file_system_of_a_peer(self, online: int, alive: bool) -> None:
        made = world()
        members = (
            '{"nodename": "pve03", "version": 3, "cluster": {"name": "lab", "version": 3, "nodes": 1, "quorate": 1}, '
            f'"nodelist": {{"pve02": {{"id": 2, "online": {online}}}}}}}'
        )
        made["pve03"].overrides["members"] = (0, members, "")
        assert (signs_of_life(gathered(made)) == ("pve03: pmxcfs: online",)) is alive

    @pytest.mark.parametrize(("later", "alive"), [(0, False), (-5, False), (5, True)])
    def test_its_ha_agent_reports_between_two_readings(self, later: int, alive: bool) -> None:
        facts = facts_of(world())
        files = facts.nodes[0].ha and facts.nodes[0].ha.files.value
        assert files
        first = dict(files.agents)["pve02"].value
        assert first
        second: Seen[LrmStatus] = Seen("lrm_status", replace(first, timestamp=first.timestamp + later))
        probed = nothing_heard(suspect(ENTRY, facts), "pve01", "pve03")
        probed["pve01"] = replace(probed["pve01"], agent=second)
        signs = signs_of_life(evidence(ENTRY, facts, probed))
        assert signs == (("pve01: ha-agent: reported 5 s later",) if alive else ())


class TestWatchdog:
    def test_an_armed_node_that_had_its_time(self) -> None:
        found = gathered(world())
        assert (level(found), found.fencing[0].unchanged) == (Level.E2, 300.0)

    def test_the_time_of_the_membership_counts_not_that_of_the_agent(self) -> None:
        facts = facts_of(world())
        probed = nothing_heard(suspect(ENTRY, facts), "pve01", "pve03", unchanged=30.0)
        assert level(evidence(ENTRY, facts, probed)) is Level.E1

    def test_the_time_of_the_agent_can_only_speak_against_it(self) -> None:
        made = world()
        made.ha.agent_ages["pve02"] = 20
        assert level(gathered(made)) is Level.E1

    def test_a_node_without_guests_under_ha_has_no_watchdog(self) -> None:
        made = world()
        made.ha.agents["pve02"]["state"] = "wait_for_agent_lock"
        assert level(gathered(made)) is Level.E1

    def test_ha_that_is_disarmed_has_none(self) -> None:
        made = world()
        made.ha.manager["disarm"] = {"mode": "freeze", "state": "disarmed"}
        assert level(gathered(made)) is Level.E1

    def test_the_other_side_may_have_quorum(self) -> None:
        """Two of three nodes are silent: together they would have quorum, and no watchdog would fire."""
        made = world()
        made.die("pve03", seconds=300)
        found = gathered(made)
        assert (level(found), found.fencing[0].quorum_elsewhere) == (Level.E1, True)

    def test_expected_votes_set_by_hand_do_not_hide_that(self) -> None:
        made = world()
        made.die("pve03", seconds=300)
        made.expected = 1
        assert gathered(made).fencing[0].quorum_elsewhere is True


def test_readings_of_another_machines_bmc_count_for_nothing() -> None:
    readings = [PowerReading(at, Power.OFF, "PowerState Off", BmcMachine("pve03")) for at in (1.0, 9.0)]
    found = gathered(world(), power=readings)
    assert [one.power for one in found.power] == [Power.UNKNOWN, Power.UNKNOWN]
    assert level(found) is Level.E2
