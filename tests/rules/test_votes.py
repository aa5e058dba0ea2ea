"""Votes by every node's own view: who may stop, what pvecm expected takes, who is restarted first."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.corosync_quorumtool import Member, QdeviceRow, QuorumStatus
from pvefleet.model.errors import UnreachableReason
from pvefleet.model.facts import ClusterFacts
from pvefleet.rules.votes import (
    expected_findings,
    expected_range,
    least_risk_first,
    may_stop,
    stop_findings,
    votes_left,
)
from tests.support.corosync_world import CorosyncWorld


def status(
    votes: dict[int, int],
    *,
    expected: int | None = None,
    needed: int | None = None,
    qdevice: int = 0,
    flags: tuple[str, ...] = (),
) -> QuorumStatus:
    """What the node with the lowest id says: the members' votes, and the QDevice's."""
    total = sum(votes.values()) + qdevice
    expected = total if expected is None else expected
    needed = expected // 2 + 1 if needed is None else needed
    quorate = total >= needed
    me = min(votes)
    return QuorumStatus(
        date="",
        provider="corosync_votequorum",
        node_count=len(votes),
        nodeid=me,
        ring_id=f"{me}.d",
        quorate=quorate,
        expected_votes=expected,
        highest_expected=expected,
        total_votes=total,
        quorum=needed,
        blocked=not quorate,
        flags=(*(("Quorate",) if quorate else ()), *(("Qdevice",) if qdevice else ()), *flags),
        members=tuple(Member(one, number, "", one == me) for one, number in votes.items()),
        qdevice=QdeviceRow(qdevice, None, "Qdevice") if qdevice else None,
        extra=(),
    )


ONE = dict.fromkeys((1, 2, 3), 1)


@pytest.mark.parametrize(
    ("view", "stops", "left", "quorate"),
    [
        pytest.param(status(ONE), 3, 2, True, id="one of three"),
        pytest.param(status({1: 1, 2: 1}, expected=3), 2, 1, False, id="one of two left of three"),
        pytest.param(status({1: 1, 2: 1}), 2, 1, False, id="one of two"),
        pytest.param(status({1: 1, 2: 1}, needed=1, flags=("2Node",)), 2, 1, True, id="one of two, two_node"),
        pytest.param(status({1: 1, 2: 1}, qdevice=1), 2, 2, True, id="one of two, with a QDevice"),
        pytest.param(status({1: 1, 2: 1}, expected=3), 2, 1, False, id="one of two, the QDevice away"),
        pytest.param(status(dict.fromkeys(range(1, 5), 1)), 4, 3, True, id="one of four"),
        pytest.param(status({1: 1, 2: 1, 3: 1}, expected=4), 3, 2, False, id="a second of four"),
        pytest.param(
            status({1: 1, 2: 1, 3: 1}, expected=4, qdevice=1), 3, 3, True, id="four and a QDevice, lacking one"
        ),
        pytest.param(status({1: 3, 2: 1, 3: 1}), 1, 2, False, id="the heavy one"),
        pytest.param(status({1: 3, 2: 1, 3: 1}), 3, 4, True, id="a light one"),
        pytest.param(status({1: 1, 2: 1, 3: 0}), 3, 2, True, id="one without a vote"),
        pytest.param(replace(status(ONE), quorate=False), 3, 2, False, id="votes enough, but wait_for_all still waits"),
        pytest.param(status(ONE), 9, 3, True, id="a stranger takes no votes along"),
        pytest.param(
            status(ONE, expected=5, flags=("LastManStanding",)), 3, 2, False, id="last man standing lowers later"
        ),
    ],
)
def test_what_is_left_when_a_node_stops(view: QuorumStatus, stops: int, left: int, quorate: bool) -> None:
    after = votes_left(view, "pve01", stops)
    assert (after.left, after.quorate) == (left, quorate)
    assert after.present - after.leaving == after.left
    assert quorate or after.why


@pytest.mark.parametrize(
    ("stops", "kind", "quorate"), [(4, 1, True), (1, 1, False), (4, None, False), (4, 2, False), (4, 3, False)]
)
def test_a_tie_is_broken_only_by_a_rule_that_is_known(stops: int, kind: int | None, quorate: bool) -> None:
    """Four of six votes are needed; three are left, and the lowest node id wins a tie."""
    view = status(dict.fromkeys((1, 2, 3, 4), 1), expected=6, flags=("AutoTieBreaker",))
    assert votes_left(view, "pve02", stops, tie_breaker=kind).quorate is quorate


@given(st.dictionaries(st.integers(1, 40), st.integers(0, 5), min_size=2, max_size=16), st.integers(0, 3), st.data())
def test_quorum_after_a_stop_is_the_majority_of_what_is_expected(
    votes: dict[int, int], qdevice: int, data: st.DataObject
) -> None:
    expected = sum(votes.values()) + qdevice + data.draw(st.integers(0, 5))
    view = status(votes, expected=expected, qdevice=qdevice)
    gone = data.draw(st.sampled_from(sorted(votes)))

    after = votes_left(view, "any", gone)

    rest = sum(number for one, number in votes.items() if one != gone) + qdevice
    assert after.left == rest
    assert after.quorate == (rest * 2 > expected)
    assert not after.quorate or view.quorate, "nobody gains quorum by a loss"


def refused(facts: ClusterFacts, node: str) -> list[tuple[str, str]]:
    return [(one.code, one.subject) for one in stop_findings(facts, node)]


def test_one_of_three_may_stop_and_one_of_two_may_not() -> None:
    assert refused(CorosyncWorld(3).facts(), "pve02") == []
    assert may_stop(CorosyncWorld(3).facts(), node="pve02").met
    verdict = may_stop(CorosyncWorld(2).facts(), node="pve02")
    assert not verdict.met
    assert "pve01: 1 votes, 2 needed" in verdict.why


def test_no_second_one_stops_while_one_is_away() -> None:
    world = CorosyncWorld(3)
    world["pve03"].corosync = "stopped"
    assert refused(world.facts(), "pve02") == [("VOT-E-0002", "pve03"), ("VOT-E-0001", "pve02")]


def test_a_node_that_nobody_asked_could_be_the_one_that_loses() -> None:
    world = CorosyncWorld(5)
    world["pve04"].unreachable = UnreachableReason.TIMEOUT
    assert refused(world.facts(), "pve02") == [("VOT-E-0002", "pve04")]
    assert refused(world.facts(), "pve04") == [], "the one that stops need not be read"


def test_a_member_that_hosts_toml_does_not_list_was_not_seen() -> None:
    world = CorosyncWorld(3)
    world.listed = ["pve01", "pve02"]
    assert refused(world.facts(), "pve02") == [("VOT-E-0002", "pve03")]


def test_a_split_cluster_is_not_reckoned_with() -> None:
    world = CorosyncWorld(5)
    world["pve05"].part = 1
    assert refused(world.facts(), "pve01") == [("VOT-E-0003", "pve01")]


def test_a_stranger_is_refused() -> None:
    assert refused(CorosyncWorld(3).facts(), "pve09") == [("VOT-E-0002", "pve09")]


def test_an_unknown_feature_is_not_guessed_at() -> None:
    world = CorosyncWorld(3)
    world.flags = "Weighted "
    assert {code for code, _ in refused(world.facts(), "pve02")} == {"VOT-E-0005"}


def test_with_wait_for_all_nobody_restarts_while_one_is_away() -> None:
    world = CorosyncWorld(5)
    world.flags = "WaitForAll "
    assert refused(world.facts(), "pve01") == []
    world["pve05"].corosync = "stopped"
    assert ("VOT-E-0004", "pve01") in refused(world.facts(), "pve01")


def test_votes_that_are_no_risk_to_take_are_never_acceptable() -> None:
    assert not any(one.acceptable for one in stop_findings(CorosyncWorld(2).facts(), "pve01"))


# ---- pvecm expected


@pytest.mark.parametrize(
    ("view", "refuses", "takes"),
    [
        # Tried on corosync: three present, 1 and 7 refused, 5 taken.
        (status(ONE), (1, 2, 6, 7), (3, 4, 5)),
        # One of three: 1 brings quorum back; 2 is taken, to no use.
        (status({1: 1}, expected=3), (0, 2, 3), (1,)),
        (status({1: 1, 2: 1}, expected=5), (1, 4, 5), (2, 3)),
        (status({1: 1}, expected=3, qdevice=1), (1, 4), (2, 3)),
    ],
)
def test_the_range_of_expected_votes(view: QuorumStatus, refuses: tuple[int, ...], takes: tuple[int, ...]) -> None:
    for wanted in refuses:
        (one,) = expected_findings(view, wanted, "lab")
        assert one.code == "VOT-E-0006"
        assert one.evidence
    for wanted in takes:
        assert list(expected_findings(view, wanted, "lab")) == []


@given(st.dictionaries(st.integers(1, 40), st.integers(1, 5), min_size=1, max_size=8), st.integers(0, 60))
def test_every_number_of_the_range_makes_the_present_votes_a_majority(votes: dict[int, int], away: int) -> None:
    view = status(votes, expected=sum(votes.values()) + away)
    valid = expected_range(view, configured=view.expected_votes)
    for wanted in range(valid.lowest, valid.highest + 1):
        assert view.total_votes >= wanted // 2 + 1
    assert view.total_votes < (valid.highest + 1) // 2 + 1
    assert any(str(valid.lowest) in line for line in valid.explained())


# ---- order


def test_the_nodes_that_risk_least_are_restarted_first_and_the_manager_last() -> None:
    world = CorosyncWorld(4)
    world.add("vm:100", "pve02")
    # The manager is on pve01; pve02 carries a guest and is armed.
    facts = world.corosync_facts()
    assert least_risk_first(facts) == ("pve03", "pve04", "pve02", "pve01")
    assert least_risk_first(facts, ("pve01", "pve04")) == ("pve04", "pve01")
    assert least_risk_first(facts, ("pve01", "pve04", "pve01")) == ("pve04", "pve01")


def test_the_manager_comes_last_even_where_its_watchdog_is_released() -> None:
    world = CorosyncWorld(3)
    world.add("vm:100", "pve02")
    world.armed.discard("pve01")
    assert least_risk_first(world.corosync_facts()) == ("pve03", "pve02", "pve01")


def test_without_ha_the_order_is_that_of_the_nodelist() -> None:
    assert least_risk_first(CorosyncWorld(3).corosync_facts()) == ("pve01", "pve02", "pve03")


def test_a_watchdog_that_was_not_seen_counts_as_armed() -> None:
    world = CorosyncWorld(3)
    world["pve01"].unreachable = UnreachableReason.TIMEOUT
    assert least_risk_first(world.corosync_facts()) == ("pve02", "pve03", "pve01")
