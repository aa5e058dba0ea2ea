"""Which guests a selector means: precise, strict, and never more than was asked for."""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvefleet.model.errors import ExitCode
from pvefleet.rules.selector import Candidate, Kind, SelectorError, Universe, parse, select

NODES = (("pve01", "one"), ("pve02", "two"), ("one", "one"), ("two", "two"), ("three", "three"))


def guest(
    vmid: int,
    name: str | None = "",
    node: str = "one",
    running: bool | None = False,
    tags: Sequence[str] | None = (),
    pool: str | None = "",
) -> Candidate:
    return Candidate(vmid, name, node, running, None if tags is None else frozenset(tags), pool)


GUESTS = (
    guest(100, "web01", running=True, tags=["prod", "web"], pool="prod"),
    guest(101, "web02", "two", tags=["prod"], pool="prod"),
    guest(105, "db01", "two", running=True, tags=["prod", "db"], pool="prod/db"),
    guest(120, "Web03", tags=["test"]),
    guest(200, "10-20-30", running=True),
    guest(201, "", tags=["web"]),
    guest(900, "dns.example", "two"),
)
POOLS = ("prod", "prod/db", "empty")
ALL = (100, 101, 105, 120, 200, 201, 900)


def universe(guests: Sequence[Candidate] = GUESTS, pools: Sequence[str] | None = POOLS) -> Universe:
    return Universe(guests, NODES, pools)


def chosen(text: str, guests: Sequence[Candidate] = GUESTS, pools: Sequence[str] | None = POOLS) -> tuple[int, ...]:
    return select(parse(text), universe(guests, pools)).vmids


def refusal(text: str, guests: Sequence[Candidate] = GUESTS, pools: Sequence[str] | None = POOLS) -> tuple[str, str]:
    with pytest.raises(SelectorError) as caught:
        chosen(text, guests, pools)
    assert caught.value.exit_code is ExitCode.USAGE
    return caught.value.message, caught.value.hint


@pytest.mark.parametrize(
    ("text", "vmids"),
    [
        ("100", (100,)),
        ("100,105", (100, 105)),
        (" 105 , 100 ", (100, 105)),
        ("100-120", (100, 101, 105, 120)),
        ("101-101", (101,)),
        ("100-120,101", (100, 101, 105, 120)),
        ("web01", (100,)),
        ("web*", (100, 101)),
        ("web0?", (100, 101)),
        ("*01", (100, 105)),
        ("*", (100, 101, 105, 120, 200, 900)),
        ("dns.example", (900,)),
        ("10-20-30", (200,)),
        ("@all", ALL),
        ("@running", (100, 105, 200)),
        ("@stopped", (101, 120, 201, 900)),
        ("@node-two", (101, 105, 900)),
        ("@node-pve02", (101, 105, 900)),
        ("@tag-prod", (100, 101, 105)),
        ("@pool-prod", (100, 101)),
        ("@pool-prod/db", (105,)),
        ("@all,-100", (101, 105, 120, 200, 201, 900)),
        ("-100,@all", (101, 105, 120, 200, 201, 900)),
        ("@all,-100-120", (200, 201, 900)),
        ("@all,-web*,-@running", (120, 201, 900)),
        ("@tag-prod,-@node-two", (100,)),
        ("100,-@node-three", (100,)),
        ("@tag-web,-@pool-empty", (100, 201)),
        ("100,101,-100", (101,)),
    ],
)
def test_what_a_selector_means(text: str, vmids: tuple[int, ...]) -> None:
    assert chosen(text) == vmids


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("", "the selector of guests is empty", "100, 100-120"),
        (" ", "the selector of guests is empty", "100, 100-120"),
        ("100,", "a term of '100,' is empty", "100, 100-120"),
        ("100,,101", "a term of '100,,101' is empty", "100, 100-120"),
        ("100,-", "a term of '100,-' is empty", "100, 100-120"),
        ("-100", "'-100' only excludes: nothing is selected", "@all,-100"),
        ("120-100", "the range 120-100 runs backwards", "did you mean 100-120?"),
        ("0100", "'0100': numbers of guests have no leading zero", ""),
        ("1-9999999999", "'1-9999999999': numbers of guests go up to 999999999", ""),
        ("--100", "'--100' is no number, range, name or group of guests", "100, 100-120"),
        ("web 01", "'web 01' is no number, range, name or group of guests", "100, 100-120"),
        ("web[01]", "'web[01]' is no number, range, name or group of guests", "100, 100-120"),
        ("１００", "'１００' is no number, range, name or group of guests", "100, 100-120"),
        ("@runing", "'@runing' is no group of guests", "did you mean @running?"),
        ("@tags-prod", "'@tags-prod' is no group of guests", "did you mean @tag-X?"),
        ("@node-", "'@node-' is no group of guests", "did you mean @node-X?"),
        ("@", "'@' is no group of guests", "100, 100-120"),
        ("@tag-pro*", "'@tag-pro*': wildcards stand for names of guests only", ""),
    ],
)
def test_what_is_not_well_formed_is_refused_before_anything_is_read(text: str, message: str, hint: str) -> None:
    with pytest.raises(SelectorError) as caught:
        parse(text)
    assert caught.value.message == message
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("102", "there is no guest 102", "did you mean"),
        ("300-400", "'300-400' matches no guest", ""),
        ("web1", "there is no guest called 'web1'", "did you mean web01 or web02"),
        ("all", "there is no guest called 'all'", "did you mean @all?"),
        ("node", "there is no guest called 'node'", "did you mean @node-X?"),
        ("100--120", "there is no guest called '100--120'", ""),
        ("WEB01", "there is no guest called 'WEB01'", ""),
        ("mail*", "'mail*' matches no guest", ""),
        ("@node-three", "'@node-three' matches no guest", ""),
        ("@node-tow", "'@node-tow': the cluster has no such node", "did you mean two"),
        ("@tag-prdo", "'@tag-prdo': no guest has this tag", "did you mean prod"),
        ("@pool-prd", "'@pool-prd': there is no such pool", "did you mean prod"),
        ("@pool-empty", "'@pool-empty' matches no guest", ""),
        ("@all,-web9", "there is no guest called 'web9'", ""),
        ("@all,-300-400", "'-300-400' matches no guest", ""),
        ("@all,-@tag-prdo", "'-@tag-prdo': no guest has this tag", "did you mean prod"),
        ("100,102", "there is no guest 102", ""),
        ("100,-web01", "the exclusions of '100,-web01' leave nothing of what it selects", ""),
    ],
)
def test_every_term_must_match_and_the_error_names_it(text: str, message: str, hint: str) -> None:
    said, helped = refusal(text)
    assert said == message
    assert hint in helped


def test_a_name_that_several_guests_have_is_refused_in_both_directions() -> None:
    twins = (*GUESTS, guest(901, "web01"))

    assert refusal("web01", twins) == ("2 guests are called 'web01': 100, 901", "say which, by number")
    assert refusal("@all,-web01", twins)[0] == "2 guests are called 'web01': 100, 901"
    assert chosen("web01*", twins) == (100, 901)


def test_a_cluster_without_guests_has_no_guest_at_all_and_that_is_no_error() -> None:
    assert chosen("@all", ()) == ()
    assert refusal("@running", ())[0] == "'@running' matches no guest"


def test_exclusions_by_state_may_find_nothing() -> None:
    stopped = tuple(one for one in GUESTS if not one.running)

    assert chosen("@all,-@running", stopped) == (101, 120, 201, 900)


def test_what_was_not_seen_is_never_selected_and_never_spared() -> None:
    dead = (*GUESTS, guest(300, "app", "three", None, None, None), guest(301, None, "three", None, None, None))
    for text, term in (("@running", "@running"), ("@stopped", "@stopped"), ("@tag-prod", "@tag-prod")):
        selection = select(parse(text), universe(dead))
        assert not {300, 301} & set(selection.vmids)
        assert {(300, term), (301, term)} <= set(selection.unsure)
    for term in ("-@running", "-@stopped", "-@tag-prod", "-@pool-prod"):
        selection = select(parse(f"@all,{term}"), universe(dead))
        assert not {300, 301} & set(selection.vmids), "it may be the very guest that was to be spared"
        assert {(300, term), (301, term)} <= set(selection.unsure)
    assert 301 not in chosen("@all,-web01", dead)
    assert 300 in chosen("@all,-web01", dead)


def test_a_guest_that_another_term_selects_for_sure_is_in_no_doubt() -> None:
    dead = (*GUESTS, guest(300, "app", "three", None))

    selection = select(parse("@running,300"), universe(dead))

    assert 300 in selection.vmids
    assert selection.unsure == ()


def test_a_term_that_matches_nothing_for_lack_of_knowledge_says_so() -> None:
    dead = (guest(300, "app", "three", None, None),)

    assert refusal("@running", dead) == (
        "'@running' matches no guest",
        "not known of 1 guest, because nobody could say: 300",
    )
    assert "nobody could say: 300" in refusal("@tag-prod", dead)[1]


def test_pools_that_nobody_could_read_cannot_be_asked_for() -> None:
    assert refusal("@pool-prod", pools=None) == (
        "'@pool-prod': no node could say which pools there are",
        "select by number or name",
    )
    assert chosen("@all", pools=None) == ALL


def test_a_selector_knows_what_has_to_be_read_for_it() -> None:
    assert parse("@all,-@running").asks_for(Kind.RUNNING, Kind.STOPPED)
    assert not parse("@all,-100").asks_for(Kind.RUNNING, Kind.STOPPED)


def test_five_thousand_guests_and_many_terms_take_no_time() -> None:
    many = tuple(
        guest(100 + n, f"guest{n}", ("one", "two")[n % 2], n % 3 == 0, ["a", f"t{n % 7}"]) for n in range(5000)
    )
    text = "@all,-@running,-@tag-t3," + ",".join(f"-guest{n}" for n in range(1, 600, 3)) + "," + "*a*" * 20
    started = time.process_time()

    with pytest.raises(SelectorError):
        chosen(text, many)
    with pytest.raises(SelectorError):
        chosen("guest12345", many)
    assert len(chosen("@all,-@running", many)) == 3333
    assert time.process_time() - started < 2


# -- properties -----------------------------------------------------------------------------------------------------

names = st.sampled_from(["web01", "web02", "db", "a", "b-1", ""])
guests = st.lists(
    st.builds(
        guest,
        st.integers(100, 130),
        names,
        st.sampled_from(["one", "two"]),
        st.sampled_from([True, False, None]),
        st.one_of(st.none(), st.lists(st.sampled_from(["x", "y"]), max_size=2)),
        st.sampled_from(["", "prod", "prod/db", None]),
    ),
    max_size=12,
    unique_by=lambda one: one.vmid,
)
bodies = st.one_of(
    st.integers(95, 135).map(str),
    st.tuples(st.integers(95, 135), st.integers(0, 20)).map(lambda pair: f"{pair[0]}-{sum(pair)}"),
    st.sampled_from(["web01", "web*", "*", "?", "b-?", "db", "@all", "@running", "@stopped"]),
    st.sampled_from(["@node-one", "@node-pve02", "@tag-x", "@tag-y", "@pool-prod", "@pool-prod/db"]),
)
terms = st.lists(st.tuples(st.booleans(), bodies).map(lambda pair: "-" * pair[0] + pair[1]), min_size=1, max_size=5)


def outcome(given_terms: Sequence[str], cluster: Sequence[Candidate]) -> tuple[int, ...] | None:
    try:
        return chosen(",".join(given_terms), cluster)
    except SelectorError:
        return None


def surely(body: str, one: Candidate) -> bool | None:
    """The meaning of a term, written down a second time and as plainly as can be; None is "nobody knows"."""
    group, _, value = body.partition("-")
    if body == "@all":
        return True
    if body in ("@running", "@stopped"):
        return None if one.running is None else one.running is (body == "@running")
    if group == "@node":
        return one.node == {"pve02": "two"}.get(value, value)
    if group == "@tag":
        return None if one.tags is None else value in one.tags
    if group == "@pool":
        return None if one.pool is None else one.pool == value
    if body.isdigit():
        return one.vmid == int(body)
    if group.isdigit() and value.isdigit():
        return int(group) <= one.vmid <= int(value)
    return bool(one.name) and fnmatch.fnmatchcase(one.name or "", body)


@given(guests, terms)
def test_the_selection_is_the_included_less_the_excluded(cluster: list[Candidate], given_terms: list[str]) -> None:
    found = outcome(given_terms, cluster)
    if found is None:
        return
    expected = tuple(
        sorted(
            one.vmid
            for one in cluster
            if any(surely(term, one) is True for term in given_terms if not term.startswith("-"))
            and all(surely(term[1:], one) is False for term in given_terms if term.startswith("-"))
        )
    )
    assert found == expected


@given(guests, terms, st.randoms(use_true_random=False))
def test_the_order_of_the_terms_plays_no_part(cluster: list[Candidate], given_terms: list[str], random: object) -> None:
    shuffled = list(given_terms)
    random.shuffle(shuffled)  # type: ignore[attr-defined]

    assert outcome(given_terms, cluster) == outcome(shuffled, cluster)


@given(guests, terms, bodies)
def test_one_more_exclusion_never_adds_a_guest(cluster: list[Candidate], given_terms: list[str], body: str) -> None:
    before, after = outcome(given_terms, cluster), outcome([*given_terms, f"-{body}"], cluster)

    if after is not None:
        assert before is not None
        assert set(after) <= set(before)


@given(guests, terms)
def test_a_selection_is_of_guests_that_exist_and_never_empty_but_for_all_of_none(
    cluster: list[Candidate], given_terms: list[str]
) -> None:
    found = outcome(given_terms, cluster)

    if found is not None:
        assert set(found) <= {one.vmid for one in cluster}
        assert found or not cluster


@given(st.text(max_size=30) | st.text("0123456789-,@*?. alnoprtudeg", max_size=30))
def test_any_text_is_a_selector_or_a_refusal(text: str) -> None:
    try:
        selector = parse(text)
    except SelectorError:
        return
    assert ",".join(term.text for term in selector.terms).replace(" ", "") == "".join(text.split()).replace(" ", "")
