"""corosync.conf is written back as it was read, changed only where it was to be changed."""

from __future__ import annotations

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers import corosync_conf
from parsers.errors import ParseError
from tests.parsers.cases import Case, understood
from tests.parsers.mutate import Mutation, mutated, some_mutations

CASES = understood("corosync_conf")
every_case = pytest.mark.parametrize("case", CASES, ids=str)


def changes(before: str, after: str) -> list[str]:
    """Return the lines that differ, with - and +."""
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm="")
    return [line for line in lines if not line.startswith(("---", "+++", "@@"))]


@every_case
def test_what_was_read_is_written_byte_for_byte(case: Case) -> None:
    assert corosync_conf.serialise(corosync_conf.read(case.text)) == case.text


@every_case
@pytest.mark.parametrize("end", ["\r\n", "\n\n\n", ""], ids=repr)
def test_line_ends_are_written_as_they_were(case: Case, end: str) -> None:
    text = case.text.replace("\n", "\r\n") if end == "\r\n" else case.text.rstrip("\n") + end
    assert corosync_conf.serialise(corosync_conf.read(text)) == text


@given(st.sampled_from([case.text for case in CASES]), some_mutations())
def test_whatever_is_understood_is_written_byte_for_byte(text: str, steps: list[Mutation]) -> None:
    text = mutated(text, steps)
    try:
        conf = corosync_conf.read(text)
    except ParseError:
        return
    assert corosync_conf.serialise(conf) == text


@every_case
def test_a_new_version_changes_one_line(case: Case) -> None:
    conf = corosync_conf.read(case.text)
    raised = conf.with_section(conf.section("totem").with_setting("config_version", str(conf.config_version + 1)))
    assert raised.config_version == conf.config_version + 1
    removed, added = changes(case.text, corosync_conf.serialise(raised))
    assert removed.removeprefix("-").replace(" ", "").strip() == f"config_version:{conf.config_version}"
    assert added == f"+  config_version: {conf.config_version + 1}"


def test_a_new_setting_stands_at_the_end_of_its_section_and_comments_stay() -> None:
    text = "# mine\ntotem {\n  cluster_name: a\n  # why 1\n  config_version: 1\n}\n" + NODELIST
    conf = corosync_conf.read(text)
    changed = conf.with_section(conf.section("totem").with_setting("token", "5000"))
    assert changes(text, corosync_conf.serialise(changed)) == ["+  token: 5000"]


def test_a_section_that_was_not_there_is_added() -> None:
    conf = corosync_conf.read(TOTEM + NODELIST)
    changed = conf.with_section(corosync_conf.Section("quorum", (corosync_conf.Setting("two_node", "1"),)))
    assert corosync_conf.serialise(changed) == TOTEM + NODELIST + "quorum {\n  two_node: 1\n}\n"
    assert changed.two_node


def test_a_node_can_be_taken_out() -> None:
    text = next(case.text for case in CASES if "twolinks" in str(case))
    conf = corosync_conf.read(text)
    nodelist = conf.section("nodelist")
    third = nodelist.sections("node")[2]
    left = conf.with_section(nodelist.without(third))
    assert [node.name for node in left.nodes] == ["pve1", "pve2"]
    assert all(line.startswith("-") for line in changes(text, corosync_conf.serialise(left)))


def test_the_last_of_two_equal_keys_is_in_force_as_in_corosync() -> None:
    conf = corosync_conf.read(TOTEM.replace("}", "  config_version: 8\n}") + NODELIST)
    assert conf.config_version == 8
    assert corosync_conf.objections(conf) == ((4, "'config_version' stands twice in one section"),)


@pytest.mark.parametrize("name", ["pve-9.2/corosync_conf--twolinks", "made/corosync_conf--qdevice"])
def test_what_pvecm_wrote_is_already_canonical_and_nobody_objects(name: str) -> None:
    text = next(case.text for case in CASES if name in str(case))
    conf = corosync_conf.read(text)
    assert corosync_conf.canonical(conf) == text
    assert corosync_conf.objections(conf) == ()


def test_objections_name_the_lines_the_two_parsers_read_differently() -> None:
    text = next(case.text for case in CASES if "hand-edited" in str(case))
    assert corosync_conf.objections(corosync_conf.read(text)) == (
        (2, "Proxmox VE wants 'name {', with a blank"),
        (4, "Proxmox VE wants 'key: value', with a blank after the colon only"),
        (5, "Proxmox VE wants 'key: value', with a blank after the colon only"),
        (7, "corosync takes '#' and what follows as part of the value"),
    )


def test_a_line_longer_than_corosync_reads_is_an_objection() -> None:
    conf = corosync_conf.read(TOTEM.replace("}", f"  key: {'x' * 505}\n}}") + NODELIST)
    assert corosync_conf.objections(conf) == ((4, "corosync cuts lines after 511 bytes"),)


def test_a_canonical_file_reads_as_the_same_cluster() -> None:
    text = next(case.text for case in CASES if "hand-edited" in str(case))
    conf = corosync_conf.read(text)
    again = corosync_conf.read(corosync_conf.canonical(conf))
    assert (again.nodes, again.qdevice, again.cluster_name) == (conf.nodes, conf.qdevice, conf.cluster_name)
    assert [sorted(link.settings) for link in again.interfaces] == [sorted(link.settings) for link in conf.interfaces]


def test_a_changed_configuration_without_a_required_setting_is_noticed_when_asked() -> None:
    conf = corosync_conf.read(TOTEM + NODELIST)
    totem = conf.section("totem")
    setting = totem.setting("cluster_name")
    assert setting is not None
    with pytest.raises(ParseError, match="no 'cluster_name'"):
        _ = conf.with_section(totem.without(setting)).cluster_name


TOTEM = "totem {\n  cluster_name: a\n  config_version: 7\n}\n"
NODELIST = "nodelist {\n  node {\n    nodeid: 1\n    ring0_addr: 10.77.0.1\n  }\n}\n"
