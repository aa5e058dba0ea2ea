"""Every reason against a new link, or against taking one away, is a finding; a sound change has none."""

from __future__ import annotations

from dataclasses import replace

import pytest

from parsers import corosync_conf
from parsers.corosync_conf import CorosyncConf
from pvefleet.model.finding import Finding
from pvefleet.rules.link_findings import LinkWorld, add_findings, change_findings, remove_findings
from pvefleet.rules.links import link_rows
from pvefleet.rules.membership import membership
from tests.support.corosync_world import CorosyncWorld, conf_text

NAMES = ("pve01", "pve02", "pve03")


def addresses(network: int = 79, **others: str) -> dict[str, str]:
    return {name: f"10.{network}.0.{n}" for n, name in enumerate(NAMES, 1)} | others


def conf(links: int = 2, **options: str) -> CorosyncConf:
    return corosync_conf.read(conf_text(links=links, **options))  # type: ignore[arg-type]


def world(*, links: int = 2, cut: set[tuple[str, int]] | None = None, **changes: object) -> LinkWorld:
    """Three nodes that have 10.77 to 10.81 on their interfaces and reach one another on all of them."""
    cluster = CorosyncWorld(3, links=links)
    cluster.cut = cut or set()
    facts = cluster.facts()
    has = {name: [f"10.{net}.0.{n}" for net in range(77, 82)] for n, name in enumerate(NAMES, 1)}
    seen = LinkWorld(
        configured=has,
        answered={(one, address) for one in NAMES for other in NAMES for address in has[other]},
        links=link_rows(facts, membership(facts)),
        versions=dict.fromkeys(NAMES, "3.1.9"),
        names={},
    )
    return replace(seen, **changes)  # type: ignore[arg-type]


def said(findings: object) -> list[tuple[str, str]]:
    return [(one.code, one.subject) for one in findings if isinstance(one, Finding)]  # type: ignore[attr-defined]


def test_a_sound_link_has_nothing_against_it() -> None:
    assert said(add_findings(conf(), 2, addresses(), world())) == []


@pytest.mark.parametrize(
    ("number", "given", "expected"),
    [
        (1, addresses(), [("EDT-E-0006", "link1")]),
        (8, addresses(), [("EDT-E-0006", "link8")]),
        (2, {"pve01": "10.79.0.1", "pve02": "10.79.0.2"}, [("EDT-E-0007", "link2")]),
        (2, addresses(pve09="10.79.0.9"), [("EDT-E-0007", "link2"), ("EDT-E-0010", "pve09")]),
        (2, addresses(pve02="pve02.example"), [("EDT-E-0008", "pve02")]),
        (2, addresses(pve02="10.79.0.256"), [("EDT-E-0008", "pve02")]),
        (2, addresses(pve02="127.0.0.1"), [("EDT-E-0008", "pve02")]),
        (2, addresses(pve02="224.0.0.1"), [("EDT-E-0008", "pve02")]),
        (2, addresses(pve02="0.0.0.0"), [("EDT-E-0008", "pve02")]),
        (2, addresses(pve02="fe80::1"), [("EDT-E-0008", "pve02")]),
        (2, addresses(pve02="10.78.0.2"), [("EDT-E-0009", "10.78.0.2")]),
        (2, addresses(pve02="10.79.0.1"), [("EDT-E-0009", "10.79.0.1"), ("EDT-E-0010", "pve02")]),
        (2, addresses(pve02="10.99.0.2"), [("EDT-E-0010", "pve02")]),
        (2, addresses(pve02="2001:db8::2"), [("EDT-E-0011", "link2"), ("EDT-E-0010", "pve02")]),
    ],
)
def test_addresses_that_cannot_work(number: int, given: dict[str, str], expected: list[tuple[str, str]]) -> None:
    found = said(add_findings(conf(), number, given, world()))
    assert [one for one in found if one[0] != "EDT-E-0012"] == expected


def test_an_address_in_another_spelling_is_the_same_address() -> None:
    v6 = {name: f"2001:db8::{n}" for n, name in enumerate(NAMES, 1)}
    spelt = {name: [f"2001:0db8:0::{n}"] for n, name in enumerate(NAMES, 1)}
    reached = {(one, spelt[other][0]) for one in NAMES for other in NAMES}
    assert said(add_findings(conf(), 2, v6, world(configured=spelt, answered=reached))) == []


def test_a_node_whose_addresses_were_not_seen_is_not_trusted() -> None:
    seen = world()
    less = {name: has for name, has in seen.configured.items() if name != "pve03"}
    assert said(add_findings(conf(), 2, addresses(), replace(seen, configured=less))) == [("EDT-E-0010", "pve03")]


def test_each_direction_that_does_not_answer_is_named() -> None:
    seen = world()
    less = {pair for pair in seen.answered if pair != ("pve01", "10.79.0.3")}
    found = list(add_findings(conf(), 2, addresses(), replace(seen, answered=less)))
    assert said(found) == [("EDT-E-0012", "pve01-pve03")]
    assert found[0].acceptable, "ping may be filtered"


def test_mixed_versions_of_corosync_are_refused_unless_accepted() -> None:
    mixed = world(versions={"pve01": "3.1.9", "pve02": "3.1.10", "pve03": "3.1.9"})
    (one,) = remove_findings(conf(), 1, mixed)
    assert (one.code, one.acceptable) == ("EDT-E-0016", True)


def test_nothing_is_added_while_somebody_is_cut_off() -> None:
    found = said(add_findings(conf(), 2, addresses(), world(cut={("pve03", 0), ("pve03", 1)})))
    assert found == [("EDT-E-0013", "pve01-pve03"), ("EDT-E-0013", "pve02-pve03")]


def test_a_link_is_removed_only_while_another_one_connects_every_pair() -> None:
    assert said(remove_findings(conf(), 1, world())) == []
    assert said(remove_findings(conf(), 1, world(cut={("pve02", 1)}))) == [], "the broken link may go"
    found = list(remove_findings(conf(), 1, world(cut={("pve02", 0)})))
    assert said(found) == [("EDT-E-0013", "pve01-pve02"), ("EDT-E-0013", "pve02-pve03")]
    assert not any(one.acceptable for one in found), "an isolation is never accepted"


def test_the_last_link_stays() -> None:
    found = said(remove_findings(conf(links=1), 0, world(links=1)))
    assert {code for code, _ in found} == {"EDT-I-0015", "EDT-E-0013"}
    assert len([one for one in found if one[0] == "EDT-E-0013"]) == 3


@pytest.mark.parametrize(("source", "target"), [("pve01", "pve02"), ("pve02", "pve01")])
def test_a_link_seen_from_one_end_only_connects_nobody(source: str, target: str) -> None:
    seen = world()
    one_way = [row for row in seen.links if (row.link, row.source, row.target) != (0, source, target)]
    assert said(remove_findings(conf(), 1, replace(seen, links=one_way))) == [("EDT-E-0013", "pve01-pve02")]


def test_link_0_stays_with_a_qdevice() -> None:
    qdevice = "device {\n  model: net\n}"
    assert said(remove_findings(conf(quorum=qdevice), 0, world())) == [("EDT-E-0014", "link0")]
    assert said(change_findings(conf(quorum=qdevice), 0, addresses(), world())) == [("EDT-E-0014", "link0")]
    assert said(remove_findings(conf(), 0, world())) == [("EDT-I-0015", "link0")]


def test_addresses_are_changed_while_the_other_link_carries() -> None:
    assert said(change_findings(conf(), 1, {"pve02": "10.79.0.2"}, world())) == []
    found = said(change_findings(conf(), 1, addresses(), world(cut={("pve01", 0)})))
    assert found == [("EDT-E-0013", "pve01-pve02"), ("EDT-E-0013", "pve01-pve03")]
    assert said(change_findings(conf(), 5, addresses(), world())) == [("EDT-E-0006", "link5")]


def test_addresses_that_stay_need_no_new_proof_and_new_ones_do() -> None:
    seen = replace(world(), answered=())
    found = said(change_findings(conf(), 1, {"pve02": "10.79.0.2"}, seen))
    assert [subject for code, subject in found if code == "EDT-E-0012"] == [
        "pve01-pve02",
        "pve02-pve01",
        "pve02-pve03",
        "pve03-pve02",
    ]


def test_a_single_link_is_changed_only_behind_another_one() -> None:
    alone = world(links=1)
    assert {code for code, _ in said(change_findings(conf(links=1), 0, addresses(80), alone))} == {"EDT-E-0013"}
    assert said(change_findings(conf(links=1), 0, addresses(80), alone, aside=(1, addresses(81)))) == []
    shared = change_findings(conf(links=1), 0, addresses(80), alone, aside=(1, addresses(80)))
    assert {code for code, _ in said(shared)} == {"EDT-E-0009"}


def test_a_file_that_only_one_parser_takes_is_not_edited() -> None:
    broken = conf(totem="token: 5000 # more")
    assert [code for code, _ in said(add_findings(broken, 2, addresses(), world()))] == ["EDT-E-0005"]
