"""Links are added, removed and changed as whole configurations; nothing else of the file is ever lost."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from parsers import corosync_conf
from parsers.corosync_conf import Comment, CorosyncConf, Section
from pvefleet.model.totem import ConfEdit
from pvefleet.rules.corosync_edit import edit, edit_findings, next_version, revert_of, settled, with_version
from pvefleet.rules.link_edit import add_link, change_link, link_addresses, link_numbers, remove_link
from tests.support.corosync_world import conf_text

QUORUM = "two_node: 1\n# a third place\ndevice {\n  model: net\n  votes: 1\n}"


def conf(count: int = 3, *, links: int = 2, **options: str) -> CorosyncConf:
    return corosync_conf.read(conf_text(count, links=links, **options))  # type: ignore[arg-type]


def addresses(count: int, network: int) -> dict[str, str]:
    return {f"pve{n:02d}": f"10.{network}.0.{n}" for n in range(1, count + 1)}


def comments(of: CorosyncConf | Section) -> list[str]:
    found: list[str] = []
    for item in of.items:
        if isinstance(item, Comment):
            found.append(item.text)
        elif isinstance(item, Section):
            found += comments(item)
    return found


def confs(start: CorosyncConf, edits: tuple[ConfEdit, ...]) -> list[CorosyncConf]:
    return [start, *(corosync_conf.read(one.text) for one in edits)]


def test_a_link_is_added_with_one_address_a_node_and_an_interface_section() -> None:
    (made,) = add_link(conf(), 2, addresses(3, 79), priority=5)

    assert made.what == "add link 2"
    assert [line for line in made.diff if line[0] in "+-"] == [
        "+    ring2_addr: 10.79.0.1",
        "+    ring2_addr: 10.79.0.2",
        "+    ring2_addr: 10.79.0.3",
        "-  config_version: 3",
        "+  config_version: 4",
        "+  interface {",
        "+    linknumber: 2",
        "+    knet_link_priority: 5",
        "+  }",
    ]
    assert made.revert == conf_text(version=5)


def test_a_lower_link_stands_before_the_higher_ones() -> None:
    (gone,) = remove_link(conf(), 0)
    (back,) = add_link(corosync_conf.read(gone.text), 0, addresses(3, 77))
    assert [key for key, _ in corosync_conf.read(back.text).section("nodelist").sections("node")[0].settings()] == [
        "name",
        "nodeid",
        "quorum_votes",
        "ring0_addr",
        "ring1_addr",
    ]


def test_a_link_is_removed_with_its_interface_section() -> None:
    (made,) = remove_link(conf(), 1)
    after = corosync_conf.read(made.text)
    assert link_numbers(after) == (0,)
    assert [one.number for one in after.interfaces] == [0]


def test_an_address_changes_by_removing_the_link_and_adding_it_with_its_settings() -> None:
    text = conf_text().replace("linknumber: 1\n", "linknumber: 1\n    knet_link_priority: 20\n")
    start = corosync_conf.read(text)

    edits = change_link(start, 1, {"pve02": "10.90.0.2"})

    assert [one.what for one in edits] == [
        "remove link 1 with its old addresses",
        "add link 1 with its new addresses",
    ]
    _, without, done = confs(start, edits)
    assert link_numbers(without) == (0,)
    assert link_addresses(done, 1) == {"pve01": "10.78.0.1", "pve02": "10.90.0.2", "pve03": "10.78.0.3"}
    assert dict(done.interfaces[1].settings) == {"linknumber": "1", "knet_link_priority": "20"}


def test_a_single_link_changes_behind_a_second_one_in_three_reloads() -> None:
    start = conf(links=1)

    edits = change_link(start, 0, addresses(3, 90), aside=(1, addresses(3, 78)))

    assert [link_numbers(one) for one in confs(start, edits)] == [(0,), (0, 1), (1,), (0, 1)]
    assert link_addresses(corosync_conf.read(edits[-1].text), 0) == addresses(3, 90)


def test_no_step_on_the_way_changes_an_address_in_place_nor_does_its_revert() -> None:
    """corosync refuses that as a whole, whether the change or its revert does it."""
    start = conf(links=1)
    edits = change_link(start, 0, addresses(3, 90), aside=(1, addresses(3, 78)))

    for before, after in pairwise(confs(start, edits)):
        assert list(edit_findings(before, after, "lab")) == []
    for one in edits:
        assert list(edit_findings(corosync_conf.read(one.text), corosync_conf.read(one.revert), "lab")) == []


def test_no_version_ever_stands_for_two_contents_on_the_way() -> None:
    """A fallback that has fired on one node takes a version which the next step must not take for another content."""
    start = conf()
    edits = change_link(start, 1, addresses(3, 90), aside=(2, addresses(3, 79)))
    versions = [start.config_version]
    for one in edits:
        versions += [one.version, corosync_conf.read(one.revert).config_version]
    assert versions == [3, 4, 5, 6, 7, 8, 9]


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (lambda: add_link(conf(), 1, addresses(3, 79)), "link 1"),
        (lambda: add_link(conf(), 8, addresses(3, 79)), "link 8"),
        (lambda: add_link(conf(), 2, addresses(2, 79)), "address for each"),
        (lambda: add_link(conf(), 2, addresses(4, 79)), "address for each"),
        (lambda: remove_link(conf(), 5), "no link 5"),
        (lambda: remove_link(conf(links=1), 0), "last one"),
        (lambda: change_link(conf(links=1), 0, addresses(3, 90)), "last one"),
        (lambda: change_link(conf(), 4, addresses(3, 90)), "no link 4"),
    ],
)
def test_what_cannot_be_is_not_made(make: object, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        make()  # type: ignore[operator]


def test_the_version_follows_the_highest_that_was_seen_anywhere() -> None:
    assert next_version([3, 7, 5]) == 8
    old = conf()
    with pytest.raises(ValueError, match="does not follow"):
        edit("nothing", old, old)


def test_a_revert_is_the_old_text_but_for_its_version() -> None:
    old = conf()
    new = with_version(conf(links=1), 9)
    assert revert_of(old, new) == conf_text(version=10)


# ---- what no change may do, whoever wrote it


def edited(text: str) -> list[str]:
    old = conf(quorum="two_node: 1")
    return [one.code for one in edit_findings(old, corosync_conf.read(text), "lab")]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (("config_version: 4", "config_version: 3"), ["EDT-E-0001"]),
        (("nodeid: 2", "nodeid: 9"), ["EDT-E-0002"]),
        (("name: pve02", "name: other"), ["EDT-E-0002"]),
        (("quorum_votes: 1", "quorum_votes: 2"), ["EDT-E-0002"]),
        (("  two_node: 1\n", ""), ["EDT-E-0002"]),
        (("10.77.0.2", "10.77.0.99"), ["EDT-E-0003"]),
        (("    ring1_addr: 10.78.0.2\n", ""), ["EDT-E-0004"]),
        (("secauth: on", "secauth: on # safe"), ["EDT-E-0005"]),
        (("secauth: on", "secauth: off"), []),
    ],
)
def test_an_edit_that_touches_too_much_is_refused(change: tuple[str, str], expected: list[str]) -> None:
    text = conf_text(version=4, quorum="two_node: 1")
    assert edited(text) == []
    assert edited(text.replace(*change)) == expected


# ---- properties


def any_conf() -> st.SearchStrategy[CorosyncConf]:
    return st.builds(
        lambda count, links, version, votes, commented: corosync_conf.read(
            conf_text(count, links=links, version=version, votes=votes, quorum=QUORUM).replace(
                "    nodeid: 1\n", "    # the first\n    nodeid: 1\n" if commented else "    nodeid: 1\n"
            )
        ),
        st.integers(1, 6),
        st.integers(1, 7),
        st.integers(1, 10**6),
        st.integers(0, 3),
        st.booleans(),
    )


@given(any_conf(), st.integers(0, 7))
def test_adding_and_removing_a_link_gives_the_same_file_but_for_the_version(start: CorosyncConf, number: int) -> None:
    assume(number not in link_numbers(start))
    (added,) = add_link(start, number, {node.name or "": f"10.99.0.{node.nodeid}" for node in start.nodes})
    (removed,) = remove_link(corosync_conf.read(added.text), number)
    expected = with_version(start, removed.version)
    assert removed.text == corosync_conf.serialise(expected)


@given(any_conf(), st.data())
def test_any_edit_keeps_nodes_votes_quorum_and_comments_and_is_read_as_it_is(
    start: CorosyncConf, data: st.DataObject
) -> None:
    number = data.draw(st.sampled_from(link_numbers(start)))
    free = next(one for one in range(8) if one not in link_numbers(start))
    new = {node.name or "": f"10.99.0.{node.nodeid}" for node in start.nodes}
    other = {node.name or "": f"10.98.0.{node.nodeid}" for node in start.nodes}
    several = len(link_numbers(start)) > 1
    edits = data.draw(
        st.sampled_from(
            [
                add_link(start, free, new),
                change_link(start, number, new, aside=(free, other)),
                *([remove_link(start, number), change_link(start, number, new)] if several else []),
            ]
        )
    )

    assert edits
    for before, after in pairwise(confs(start, edits)):
        assert after.config_version > before.config_version
        assert [(one.name, one.nodeid, one.votes) for one in after.nodes] == [
            (one.name, one.nodeid, one.votes) for one in start.nodes
        ]
        assert (after.two_node, after.qdevice, after.cluster_name) == (start.two_node, start.qdevice, "lab")
        assert comments(after) == comments(start)
        assert link_numbers(after), "never without a link"
        assert settled(after) == after
        assert list(edit_findings(before, after, "lab")) == []
    for one in edits:
        assert corosync_conf.serialise(corosync_conf.read(one.text)) == one.text
        assert corosync_conf.read(one.revert).config_version == one.version + 1
