"""Whatever a parser is fed, it raises ParseError or returns what the text says: no other error, no default."""

from __future__ import annotations

import json
import random
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import parsers
from parsers.errors import ParseError
from tests.parsers.cases import Case, understood
from tests.parsers.check import conforms, hints, invented, leaves
from tests.parsers.mutate import HOSTILE, Mutation, mutated, random_mutations, some_mutations, translated

NOTHING_PRINTED = {
    "corosync_qnetd_tool": "a QNetd server without clusters prints nothing",
    "manager_status": "the file of a cluster that never used HA is empty",
    "pct_list": "a node without containers prints nothing",
    "qm_list": "a node without machines prints nothing",
    "journal_json": "no message, no line",
    "task_index": "a node without tasks has an empty file",
    "zfs_list": "a pool without snapshots prints nothing",
}

NOTHING_BUT_BLANKS = {
    "guest_conf": "a guest's configuration file may be empty",
    "ha_groups_cfg": "so is a cluster's without groups",
    "ha_resources_cfg": "so is a cluster's without guests under HA",
    "ha_rules_cfg": "so is a cluster's without rules",
    "replication_cfg": "so is a cluster's without replication",
    "storage_cfg": "without the file there is one storage all the same",
    "task_log": "a task that has just begun",
}

FREE_TEXT = {"task_log": "a task may print anything; without an end it has not succeeded"}

COMPLAINTS = (
    "please run as root\n",
    "ipcc_send_rec[1] failed: Connection refused\nUnable to load access control list: Connection refused\n",
    "cat: /etc/pve/x: No such file or directory\n",
    "cat: /etc/pve/x: Transport endpoint is not connected\n",
    "timeout: failed to run command 'qm': No such file or directory\n",
    "bash: line 1: corosync-quorumtool: command not found\n",
    "sh: 1: qm: not found\n",
    "Cannot initialize CMAP service\n",
    "Could not initialize corosync configuration API error 2\n",
    "Failed to initialize the cmap API. Error CS_ERR_LIBRARY\n",
    "Error: Corosync config '/etc/pve/corosync.conf' does not exist - is this node part of a cluster?\n",
    "Configuration file 'nodes/pve01/qemu-server/999.conf' does not exist\n",
    "400 Parameter verification failed.\nsid: invalid format\n",
    "corosync-qdevice-tool: Can't connect to QDevice socket (is QDevice running?): No such file or directory\n",
    "cfs-lock 'file-replication_cfg' error: no quorum!\n",
    "pve configuration filesystem (pmxcfs) not mounted\n",
    "Killed\n",
    "null\n",
    "[]\n",
)

every_parser = pytest.mark.parametrize("parser", parsers.names())
every_case = pytest.mark.parametrize("case", understood(), ids=str)


def outcome(parser: str, text: str) -> object | None:
    """Return what *parser* makes of *text*, held to its promises; None if it refuses."""
    module = parsers.get(parser)
    try:
        record = module.read(text)
        shaped = module.parse(text)
    except ParseError as refusal:
        return check_refusal(parser, text, refusal)
    assert conforms(record, hints(module.read)["return"]), record
    json.dumps(shaped, allow_nan=False)
    assert invented(module, shaped, text) == []
    return shaped


def check_refusal(parser: str, text: str, refusal: ParseError) -> None:
    """Does the error name the parser, a reason, and a line that is there?"""
    assert refusal.parser == parser
    assert refusal.reason
    assert 0 <= refusal.line <= len(text.split("\n"))
    assert len(refusal.excerpt) <= 200


@every_parser
@pytest.mark.parametrize("text", ["", "\n", " \n\t\n", "\r\n"], ids=repr)
def test_nothing_is_no_answer_but_where_a_command_prints_nothing(parser: str, text: str) -> None:
    module = parsers.get(parser)
    if parser in NOTHING_BUT_BLANKS or (parser in NOTHING_PRINTED and text == ""):
        assert not any(str(leaf).strip() for leaf in leaves(module.parse(text)) if leaf)
    else:
        with pytest.raises(ParseError):
            module.read(text)


@every_parser
@pytest.mark.parametrize("text", COMPLAINTS, ids=lambda text: text[:30])
def test_an_error_message_is_no_answer(parser: str, text: str) -> None:
    if parser in FREE_TEXT and not text.startswith(("cat:", "timeout:")):
        assert parsers.get(parser).read(text).status is None
        return
    with pytest.raises(ParseError):
        parsers.get(parser).read(text)


@every_case
def test_text_cut_off_after_a_line_is_refused_or_holds_nothing_but_what_was_there(case: Case) -> None:
    absent = ["None", "False", "''"] * 9
    whole = Counter([*map(repr, leaves(case.module.parse(case.text))), *absent])
    lines = case.text.splitlines(keepends=True)
    for kept in range(0, len(lines), 1 + len(lines) // 40):
        result = outcome(case.parser, "".join(lines[:kept]))
        if result is not None:
            added = Counter(map(repr, leaves(result))) - whole
            assert [leaf for leaf in added if not any(longer.startswith(leaf.rstrip("'")) for longer in whole)] == []


@every_case
def test_windows_line_ends_change_nothing(case: Case) -> None:
    assert shown(case, case.text.replace("\n", "\r\n")) == shown(case, case.text)


@every_case
def test_a_missing_last_line_end_changes_nothing(case: Case) -> None:
    if not case.text.endswith("\n\n"):
        assert shown(case, case.text.removesuffix("\n")) == shown(case, case.text)


@every_case
def test_translated_output_is_refused_or_kept_in_its_own_words(case: Case) -> None:
    outcome(case.parser, translated(case.text))


@every_parser
def test_hostile_words_in_every_place_are_refused_or_kept(parser: str) -> None:
    # The longest of the shorter texts: this many readings of a long one would only take longer.
    texts = sorted((case.text for case in understood(parser)), key=len)
    words = ([text for text in texts if len(text) < 1500] or texts[:1])[-1].split(" ")
    for place in range(0, len(words), max(1, len(words) // 12)):
        for hostile in HOSTILE:
            outcome(parser, " ".join([*words[:place], hostile, *words[place + 1 :]]))


@every_parser
def test_mutated_output_is_refused_or_read_rightly(parser: str, mutations: int) -> None:
    texts = [case.text for case in understood(parser)]
    chance = random.Random(parser)
    for _ in range(mutations // len(parsers.names())):
        outcome(parser, mutated(chance.choice(texts), random_mutations(chance)))


@every_parser
def test_hypothesis_finds_no_mutation_that_is_read_wrongly(parser: str) -> None:
    @settings(suppress_health_check=[HealthCheck.too_slow])
    @given(st.sampled_from([case.text for case in understood(parser)]), some_mutations())
    def holds(text: str, steps: list[Mutation]) -> None:
        outcome(parser, mutated(text, steps))

    holds()


@every_parser
def test_any_text_is_refused_or_read_rightly(parser: str) -> None:
    @given(st.text())
    def holds(text: str) -> None:
        outcome(parser, text)

    holds()


def shown(case: Case, text: str) -> str:
    return json.dumps(case.module.parse(text)).replace("\\r", "")
