"""cluster.set-totem, without a cluster: what may be set, what the new file says, and what speaks against it."""

from __future__ import annotations

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers import corosync_conf
from parsers.corosync_conf import Comment, CorosyncConf, Section
from pvefleet.model.errors import UsageError
from pvefleet.model.totem import Applies
from pvefleet.rules.totem import TotemPlan, plan_totem
from pvefleet.rules.totem_keys import ELSEWHERE, INTERFACE_KEYS, KEYS, TotemKey, parse_settings
from tests.support.corosync_world import conf_text


def plan(*settings: str, nodes: int = 3, ha: bool = False, totem: str = "") -> TotemPlan:
    conf = corosync_conf.read(conf_text(nodes, totem=totem))
    return plan_totem(conf, parse_settings(settings), nodes, ha)


def codes(made: TotemPlan) -> list[str]:
    return [one.code for one in made.findings]


def test_a_new_token_changes_two_lines_and_keeps_everything_else() -> None:
    made = plan("token=5000")

    assert codes(made) == ["TOT-I-0009"]
    assert made.edit is not None
    changed = [line for line in made.edit.diff if line[0] in "+-"]
    assert changed == ["-  config_version: 3", "+  config_version: 4", "+  token: 5000"]
    assert made.edit.version == 4 == made.conf.config_version
    assert made.edit.text.startswith("# ours\n")
    (change,) = made.changes
    assert (change.key, change.old, change.new, change.applies, change.unit) == (
        "token",
        None,
        "5000",
        Applies.LIVE,
        "ms",
    )
    assert made.before is not None
    assert made.after is not None
    assert (made.before.token, made.after.token, made.after.consensus) == (3650, 5650, 6780)


def test_the_revert_has_the_old_content_and_a_version_above_the_new_one() -> None:
    made = plan("token=5000")
    assert made.edit is not None
    assert made.edit.revert == conf_text(version=5)


def test_link_timers_that_follow_late_are_taken_along_by_a_second_reload() -> None:
    made = plan("token=5000")
    assert made.again is not None
    assert made.edit is not None
    assert made.again.version == 6, "5 is the version of the first edit's revert"
    assert [line for line in made.again.diff if line[0] in "+-"] == ["-  config_version: 4", "+  config_version: 6"]
    assert plan("token=5000", totem="token: 5000\njoin: 50").again is None
    assert plan("join=60").again is None
    assert plan("interface.0.knet_ping_timeout=900").again is None, "what is written follows at once"


def test_a_much_shorter_token_is_not_outlasted_until_the_second_reload() -> None:
    made = plan("token=1000", "token_coefficient=0", totem="token: 10000")
    assert codes(made) == ["TOT-W-0007", "TOT-I-0009"]
    assert "until the reload after this one" in made.findings[0].message


def test_a_version_above_all_that_were_seen_can_be_asked_for() -> None:
    conf = corosync_conf.read(conf_text())
    made = plan_totem(conf, parse_settings(["token=5000"]), 3, False, version=9)
    assert made.conf.config_version == 9


def test_a_setting_without_a_value_is_taken_out() -> None:
    made = plan("consensus=", totem="consensus: 9000")
    assert made.conf.section("totem").get("consensus") is None
    assert [(one.old, one.new) for one in made.changes] == [("9000", None)]
    assert codes(made) == []


@pytest.mark.parametrize("settings", [("token=5000",), ("consensus=",), ("token=5000", "consensus=")])
def test_what_is_so_already_is_no_change(settings: tuple[str, ...]) -> None:
    made = plan(*settings, totem="token: 5000")
    assert (codes(made), made.changes, made.edit) == (["TOT-I-0010"], (), None)
    assert made.conf.config_version == 3


def test_settings_of_a_link_stand_in_its_interface_section() -> None:
    made = plan("interface.1.knet_link_priority=20")
    (interface,) = [one for one in made.conf.interfaces if one.number == 1]
    assert dict(interface.settings)["knet_link_priority"] == "20"
    assert len(made.conf.interfaces) == 2


def test_an_interface_section_that_is_not_there_is_added() -> None:
    conf = corosync_conf.read(conf_text().replace("  interface {\n    linknumber: 1\n  }\n", ""))
    made = plan_totem(conf, parse_settings(["interface.1.knet_pong_count=3"]), 3, False)
    assert made.edit is not None
    assert "  interface {\n    linknumber: 1\n    knet_pong_count: 3\n  }\n  ip_version" in made.edit.text


def test_a_link_that_is_not_there_is_refused() -> None:
    made = plan("interface.5.knet_link_priority=20")
    assert [(one.code, one.subject) for one in made.findings] == [("EDT-E-0006", "link5")]
    assert made.edit is None


def test_values_that_wait_for_a_restart_are_named() -> None:
    made = plan("link_mode=active", "token=4000")
    assert {one.key: one.applies for one in made.changes} == {"link_mode": Applies.RESTART, "token": Applies.LIVE}
    (note,) = [one for one in made.findings if one.code == "TOT-I-0008"]
    assert "link_mode" in note.message
    assert "token" not in note.message.replace("link_mode", "")


@pytest.mark.parametrize(
    ("settings", "nodes", "ha", "expected"),
    [
        # The example of the guide that everybody copies: accepted by corosync on five nodes, and wrong.
        (("token=5000", "consensus=6000"), 5, False, ["TOT-E-0001"]),
        (("token=5000", "consensus=6000"), 2, False, ["TOT-E-0002"]),
        (("token=5000", "consensus=6780"), 3, False, ["TOT-E-0002"]),
        (("token=5000", "consensus=6779"), 3, False, ["TOT-E-0001"]),
        (("token=5000", "consensus=7560"), 3, False, ["TOT-I-0003"]),
        (("token=12000",), 3, True, []),
        (("token=13000",), 3, True, ["TOT-E-0004"]),
        (("token=13000",), 3, False, []),
        # The links still go by the old token until the next reload.
        (("token=900",), 2, False, ["TOT-W-0006", "TOT-W-0007"]),
        (("token=120", "token_coefficient=0"), 3, False, ["TOT-E-0005", "TOT-W-0007"]),
        (("token=1000", "join=5000"), 2, False, ["TOT-E-0005", "TOT-W-0007"]),
        (("interface.0.knet_ping_timeout=8000",), 3, False, ["TOT-W-0007"]),
        (("interface.0.knet_ping_interval=3000", "interface.0.knet_ping_timeout=2000"), 3, False, ["TOT-W-0007"]),
    ],
)
def test_timers_that_corosync_accepts_and_nobody_should(
    settings: tuple[str, ...], nodes: int, ha: bool, expected: list[str]
) -> None:
    made = plan(*settings, nodes=nodes, ha=ha)
    assert [code for code in codes(made) if code != "TOT-I-0009"] == expected


def test_a_broken_file_is_refused_until_the_change_repairs_it() -> None:
    broken = "token: 5000 # more"
    made = plan("join=60", totem=broken)
    assert codes(made) == ["EDT-E-0005"]
    assert made.after is None

    made = plan("token=5000", totem=broken)
    assert codes(made) == []
    assert made.before is None
    assert made.after is not None


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("tokn=5000", "tokn", "token"),
        ("consenus=1", "consenus", "consensus"),
        ("retransmits_before_loss_const=10", "retransmits", "token_retransmits_before_loss_const"),
        ("knet_link_priority=10", "one link", "interface.0.knet_link_priority"),
        ("interface.1.knet_prio=10", "interface.1.knet_prio", ""),
        ("interface.8.knet_pong_count=2", "0 to 7", ""),
        ("interface.x.knet_pong_count=2", "0 to 7", ""),
        ("token", "key=value", ""),
        ("=5", "key=value", ""),
        ("token=5s", "whole number", ""),
        ("token=-1", "whole number", ""),
        ("token=5000 # more", "'#'", "lines of their own"),
        ("token=99", "from 100 to 60000 ms", ""),
        ("token=60001", "from 100 to 60000 ms", ""),
        ("max_messages=1000", "1 to 170", ""),
        ("link_mode=fast", "passive or active or rr", ""),
        ("cluster_name=new", "keeps its name", ""),
        ("config_version=9", "raises it by itself", ""),
        ("interface.0.linknumber=2", "add-link", ""),
        ("interface.0.bindnetaddr=10.0.0.0", "change-link", ""),
    ],
)
def test_what_cannot_be_set_is_said_before_anything_connects(text: str, said: str, hint: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse_settings([text])
    assert said in raised.value.message
    assert hint in raised.value.hint


def test_a_key_named_twice_and_no_key_at_all_are_errors() -> None:
    with pytest.raises(UsageError, match="twice"):
        parse_settings(["token=1000", "token=2000"])
    with pytest.raises(UsageError, match="nothing"):
        parse_settings([])


def test_every_key_says_what_it_does_and_what_it_takes() -> None:
    assert not set(KEYS) & set(ELSEWHERE)
    for key in (*KEYS.values(), *INTERFACE_KEYS.values()):
        assert key.meaning
        assert key.words or key.lowest < key.highest
        assert key.takes


def values(key: TotemKey) -> st.SearchStrategy[str]:
    numbers = st.integers(key.lowest, key.highest).map(str)
    return st.one_of(st.just(""), st.sampled_from(key.words) if key.words else numbers)


def settings() -> st.SearchStrategy[dict[str, str]]:
    named = {**KEYS, **{f"interface.{n}.{key}": one for n in (0, 1) for key, one in INTERFACE_KEYS.items()}}
    names = st.lists(st.sampled_from(sorted(named)), min_size=1, max_size=6, unique=True)
    return names.flatmap(lambda some: st.fixed_dictionaries({name: values(named[name]) for name in some}))


def comments(conf: CorosyncConf | Section) -> list[str]:
    found: list[str] = []
    for item in conf.items:
        if isinstance(item, Comment):
            found.append(item.text)
        elif isinstance(item, Section):
            found += comments(item)
    return found


@given(settings(), st.integers(1, 40), st.booleans())
def test_any_setting_changes_what_it_names_and_nothing_else(wanted: dict[str, str], nodes: int, ha: bool) -> None:
    text = conf_text(nodes, totem="token: 2000\n# why 2000").replace("linknumber: 1\n", "linknumber: 1\n    # slow\n")
    conf = corosync_conf.read(text)
    made = plan_totem(conf, parse_settings([f"{key}={value}" for key, value in wanted.items()]), nodes, ha)

    assert made.conf.nodes == conf.nodes
    assert made.conf.section("quorum").settings() == conf.section("quorum").settings()
    assert comments(made.conf) == comments(conf)
    if made.edit is None:
        assert made.conf == conf
        return
    assert corosync_conf.read(made.edit.text) == made.conf
    assert made.conf.config_version == conf.config_version + 1
    assert corosync_conf.read(made.edit.revert).config_version == conf.config_version + 2
    assert not corosync_conf.objections(made.conf)
    lines = difflib.ndiff(text.splitlines(), made.edit.text.splitlines())
    touched = {line[2:].strip().partition(":")[0] for line in lines if line[0] in "+-"}
    assert touched <= {"config_version", *(key.rpartition(".")[2] for key in wanted)}
    again = plan_totem(made.conf, parse_settings([f"{key}={value}" for key, value in wanted.items()]), nodes, ha)
    assert again.edit is None, "what has been set is so"
