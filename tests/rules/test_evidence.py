"""The ladder of evidence: what each rung needs, and that nothing but more looking climbs it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvefleet.model.bmc import BmcMachine, Power, PowerReading
from pvefleet.model.evidence import HERE, Evidence, Fencing, Level, Look, Proof, Sign, Vantage, Way, Word
from pvefleet.rules.evidence import default_minimum, judge, trusted

PATHS = {
    HERE: ((Way.TCP, "192.0.2.2:22"),),
    "pve01": ((Way.TCP, "10.77.0.2:22"), (Way.PING, "10.77.0.2"), (Way.LINK, "link 0"), (Way.MEMBER, "")),
    "pve03": ((Way.TCP, "10.77.0.2:22"), (Way.PING, "10.77.0.2"), (Way.LINK, "link 0"), (Way.MEMBER, "")),
}
ARMED = Fencing("pve01", "active", "active", False, False, unchanged=200.0, reported=210.0)
WORD = Word("pve02 is off", "I pulled both plugs")
OFF = (PowerReading(100.0, Power.OFF, "PowerState Off"), PowerReading(103.0, Power.OFF, "PowerState Off"))


def look(vantage: str, way: Way, place: str, sign: Sign = Sign.SILENT) -> Look:
    return Look(vantage, way, place, sign, {Sign.SILENT: "no answer", Sign.ALIVE: "answers"}.get(sign, "not tried"))


def silent(*names: str, **more: object) -> Evidence:
    """Evidence of a node that was silent everywhere, looked for from *names*; everybody where none is named."""
    names = names or tuple(PATHS)
    looks = tuple(look(name, way, place) for name in names for way, place in PATHS[name])
    return replace(Evidence("pve02", tuple(Vantage(name, PATHS[name]) for name in names), looks), **more)  # type: ignore[arg-type]


def holding(proof: Proof) -> list[str]:
    return [rung.level.value for rung in proof.rungs if rung.holds]


class TestRungs:
    @pytest.mark.parametrize(
        ("evidence", "level", "rungs"),
        [
            (silent(), Level.E1, ["E1"]),
            (silent(HERE, "pve01"), Level.E1, ["E1"]),
            (silent("pve01", "pve03"), Level.E1, ["E1"]),
            (silent("pve01"), Level.E0, []),
            (silent(HERE), Level.E0, []),
            (Evidence("pve02", (), ()), Level.E0, []),
            (silent(fencing=(ARMED,)), Level.E2, ["E1", "E2"]),
            (silent(word=WORD), Level.E3, ["E1", "E3"]),
            (silent(word=WORD, fencing=(ARMED,)), Level.E3, ["E1", "E2", "E3"]),
            (silent(power=OFF), Level.E4, ["E1", "E4"]),
            (silent(power=OFF, word=WORD, fencing=(ARMED,)), Level.E4, ["E1", "E2", "E3", "E4"]),
            (silent("pve01", power=OFF, word=WORD, fencing=(ARMED,)), Level.E0, []),
        ],
    )
    def test_what_reaches_which_level(self, evidence: Evidence, level: Level, rungs: list[str]) -> None:
        proof = judge(evidence, Level.E4)
        assert (proof.level, holding(proof), proof.alive) == (level, rungs, False)

    @pytest.mark.parametrize("way", list(Way))
    def test_one_sign_of_life_outweighs_everything(self, way: Way) -> None:
        best = silent(power=OFF, word=WORD, fencing=(ARMED,))
        proof = judge(replace(best, looks=(*best.looks, look("pve03", way, "x", Sign.ALIVE))), Level.E2)
        assert (proof.alive, proof.level, proof.suffices, holding(proof)) == (True, Level.E0, False, [])
        assert [(one.code, one.acceptable) for one in proof.findings] == [
            ("EVD-E-0001", False),
            ("EVD-W-0004", False),
        ]
        assert proof.findings[0].evidence == (f"pve03: {way.value} x: answers",)

    def test_a_bmc_that_says_on_is_a_sign_of_life(self) -> None:
        proof = judge(silent(word=WORD, power=(PowerReading(1.0, Power.ON, "PowerState On"),)), Level.E3)
        assert (proof.alive, proof.suffices) == (True, False)

    @pytest.mark.parametrize("name", [HERE, "pve01"])
    def test_a_vantage_point_that_hears_nobody_does_not_count(self, name: str) -> None:
        whole = silent(HERE, "pve01")
        deaf = tuple(replace(one, deaf="hears nobody") if one.name == name else one for one in whole.vantages)
        proof = judge(replace(whole, vantages=deaf), Level.E3)
        assert (proof.level, proof.alive) == (Level.E0, False)
        assert f"{name}: hears nobody" in proof.findings[0].evidence

    @pytest.mark.parametrize("sign", [Sign.UNKNOWN, None])
    def test_what_was_not_looked_at_is_not_silent(self, sign: Sign | None) -> None:
        whole = silent(HERE, "pve01")
        gone = whole.looks[2]
        looks = tuple(one for one in whole.looks if one is not gone)
        evidence = replace(
            whole, looks=looks if sign is None else (*looks, replace(gone, sign=sign, why="no ping here"))
        )
        proof = judge(evidence, Level.E3)
        assert proof.level is Level.E0
        assert [one.code for one in proof.findings] == ["EVD-E-0002"]
        said = "not looked at" if sign is None else "no ping here"
        assert proof.findings[0].evidence == (f"pve01: ping 10.77.0.2: {said}",)


class TestWatchdog:
    @pytest.mark.parametrize(
        ("change", "doubt"),
        [
            ({"state": None}, "not known"),
            ({"mode": None}, "not known"),
            ({"state": "wait_for_agent_lock"}, "no watchdog"),
            ({"state": "lost_agent_lock"}, "no watchdog"),
            ({"mode": "maintenance"}, "no watchdog"),
            ({"mode": "shutdown"}, "no watchdog"),
            ({"disarmed": True}, "HA is disarmed"),
            ({"disarmed": None}, "whether HA is armed is not known"),
            ({"quorum_elsewhere": True}, "could have quorum together"),
            ({"quorum_elsewhere": None}, "have quorum is not known"),
            ({"unchanged": 179.9}, "for 180 s: 180 s have to pass"),
            ({"unchanged": None}, "unchanged is not known"),
            ({"reported": 12.0}, "its HA agent last reported for 12 s"),
            ({"reported": None}, "last reported is not known"),
        ],
    )
    def test_every_doubt_counts(self, change: dict[str, object], doubt: str) -> None:
        proof = judge(silent(fencing=(replace(ARMED, **change),)), Level.E2)  # type: ignore[arg-type]
        assert (proof.level, proof.suffices) == (Level.E1, False)
        assert any(doubt in line for line in proof.rungs[1].lines), proof.rungs[1].lines

    def test_it_is_enough_where_the_policy_asks_for_no_more(self) -> None:
        assert judge(silent(fencing=(ARMED,)), Level.E2).suffices
        assert not judge(silent(fencing=(ARMED,)), Level.E3).suffices

    def test_one_peer_who_knows_is_enough(self) -> None:
        blind = Fencing("pve03", None, None, None, None, None, None)
        assert judge(silent(fencing=(blind, ARMED)), Level.E2).suffices


class TestWord:
    @pytest.mark.parametrize(
        ("word", "why"),
        [
            (None, "nobody has stated: pve02 is off"),
            (Word("pve03 is off", "I pulled the plug"), "typed was 'pve03 is off'"),
            (Word("pve02 is off.", "I pulled the plug"), "typed was 'pve02 is off.'"),
            (Word("pve02 is off", "  "), "how it is known that it is off was not said"),
        ],
    )
    def test_the_exact_text_and_a_reason(self, word: Word | None, why: str) -> None:
        proof = judge(silent(word=word), Level.E3)
        assert (proof.level, proof.suffices) == (Level.E1, False)
        assert why in proof.rungs[2].why

    def test_the_reason_is_told(self) -> None:
        assert "I pulled both plugs" in judge(silent(word=WORD), Level.E3).rungs[2].why


class TestBmc:
    @pytest.mark.parametrize(
        ("power", "holds"),
        [
            ((), False),
            (OFF[:1], False),
            ((OFF[0], replace(OFF[0], at=101.9)), False),
            (OFF, True),
            ((OFF[0], PowerReading(101.0, Power.UNKNOWN, "no answer"), OFF[1]), True),
            ((OFF[0], PowerReading(103.0, Power.UNKNOWN, "no answer")), False),
        ],
    )
    def test_off_twice_some_seconds_apart(self, power: tuple[PowerReading, ...], holds: bool) -> None:
        assert judge(silent(power=power), Level.E4).suffices is holds

    @pytest.mark.parametrize(
        ("host_name", "power"),
        [("", Power.OFF), ("pve02", Power.OFF), ("PVE02.example.net", Power.OFF), ("pve03", Power.UNKNOWN)],
    )
    def test_the_bmc_of_another_machine_says_nothing(self, host_name: str, power: Power) -> None:
        reading = PowerReading(1.0, Power.OFF, "PowerState Off", BmcMachine(host_name))
        assert trusted(reading, "pve02").power is power


class TestMinimum:
    def test_the_strongest_means_at_hand(self) -> None:
        assert (default_minimum(has_bmc=True), default_minimum(has_bmc=False)) == (Level.E4, Level.E3)

    @pytest.mark.parametrize("minimum", [Level.E0, Level.E1])
    def test_silence_alone_never_suffices_whatever_is_asked_for(self, minimum: Level) -> None:
        proof = judge(silent(), minimum)
        assert (proof.level, proof.minimum, proof.suffices) == (Level.E1, Level.E2, False)
        assert [(one.code, one.acceptable) for one in proof.findings] == [("EVD-E-0003", False)]

    def test_a_finding_says_what_each_rung_lacks(self) -> None:
        (found,) = judge(silent(fencing=(replace(ARMED, unchanged=30.0),)), Level.E4).findings
        assert found.message == "the evidence that pve02 is down is E1, asked for is E4"
        assert [line[:2] for line in found.evidence] == ["E2", "E3", "E4"]

    def test_nothing_is_found_where_it_suffices(self) -> None:
        assert judge(silent(power=OFF), Level.E4).findings == ()


SIGNS = st.sampled_from([*[Sign.SILENT] * 6, Sign.UNKNOWN, Sign.ALIVE])
AGES = st.one_of(st.none(), st.floats(0, 400))
TRUTH = st.sampled_from([None, True, False, False])


@st.composite
def evidences(draw: st.DrawFn) -> Evidence:
    """Evidence of any kind, likelier to be good than pure chance would make it."""
    names = draw(st.lists(st.sampled_from(sorted(PATHS)), unique=True))
    vantages = tuple(Vantage(name, PATHS[name], draw(st.sampled_from(["", "", "", "hears nobody"]))) for name in names)
    looks = [look(name, way, place, draw(SIGNS)) for name in names for way, place in PATHS[name]]
    kept = tuple(one for one in looks if draw(st.integers(0, 9)))
    fencing = draw(
        st.lists(
            st.builds(
                Fencing,
                st.sampled_from(["pve01", "pve03"]),
                st.sampled_from([None, "active", "active", "wait_for_agent_lock"]),
                st.sampled_from([None, "active", "active", "maintenance"]),
                TRUTH,
                TRUTH,
                AGES,
                AGES,
            ),
            max_size=2,
        )
    )
    readings = st.builds(
        PowerReading,
        st.floats(0, 20),
        st.sampled_from([Power.OFF, Power.OFF, Power.UNKNOWN, Power.ON]),
        st.just("read"),
    )
    power = draw(st.lists(readings, max_size=3))
    word = draw(st.sampled_from([None, WORD, Word("pve02 is off", ""), Word("yes", "x")]))
    return Evidence("pve02", vantages, kept, tuple(fencing), tuple(power), word)


def without_one(evidence: Evidence) -> list[Evidence]:
    """Every evidence that lacks one thing that this one has."""
    fewer: list[Evidence] = []
    for name in ("vantages", "looks", "fencing", "power"):
        items = getattr(evidence, name)
        fewer += [replace(evidence, **{name: (*items[:at], *items[at + 1 :])}) for at in range(len(items))]
    for at, one in enumerate(evidence.fencing):
        for field in ("state", "mode", "disarmed", "quorum_elsewhere", "unchanged", "reported"):
            blind = replace(one, **{field: None})
            fewer.append(replace(evidence, fencing=(*evidence.fencing[:at], blind, *evidence.fencing[at + 1 :])))
    return [*fewer, replace(evidence, word=None)]


def is_sign(gone: Evidence, whole: Evidence) -> bool:
    """Was it a sign of life that *gone* lacks? To look away from one is no way to hear nothing; see the next test."""
    lives = sum(one.sign is Sign.ALIVE for one in whole.looks) - sum(one.sign is Sign.ALIVE for one in gone.looks)
    on = sum(one.power is Power.ON for one in whole.power) - sum(one.power is Power.ON for one in gone.power)
    return lives + on > 0


class TestWhateverWasSeen:
    @given(evidences(), st.sampled_from(sorted(PATHS)), st.sampled_from(list(Way)), st.sampled_from(list(Level)))
    def test_a_sign_of_life_always_gives_e0(self, evidence: Evidence, name: str, way: Way, minimum: Level) -> None:
        proof = judge(replace(evidence, looks=(*evidence.looks, look(name, way, "anywhere", Sign.ALIVE))), minimum)
        assert (proof.level, proof.alive, proof.suffices) == (Level.E0, True, False)
        assert not any(one.acceptable for one in proof.findings)

    @given(evidences(), st.sampled_from(list(Level)))
    def test_less_information_never_raises_the_level(self, evidence: Evidence, minimum: Level) -> None:
        before = judge(evidence, minimum)
        for fewer in without_one(evidence):
            if not is_sign(fewer, evidence):
                after = judge(fewer, minimum)
                assert after.level.rank <= before.level.rank
                assert before.suffices or not after.suffices

    @given(evidences())
    def test_what_a_vantage_point_heard_cannot_be_dropped_into_silence(self, evidence: Evidence) -> None:
        """A required path from which life was heard, with that look dropped, was not looked at: still not silent."""
        heard = {(one.vantage, one.way, one.place) for one in evidence.looks if one.sign is Sign.ALIVE}
        proof = judge(
            replace(evidence, looks=tuple(one for one in evidence.looks if one.sign is not Sign.ALIVE)), Level.E4
        )
        counted = (
            proof.rungs[0].why.removeprefix("silent on every path from ").split(" and ") if proof.rungs[0].holds else []
        )
        assert not {name for name, _, _ in heard} & set(counted)

    @given(evidences(), st.sampled_from(list(Level)))
    def test_it_suffices_or_says_why_not(self, evidence: Evidence, minimum: Level) -> None:
        proof = judge(evidence, minimum)
        assert proof.suffices is (proof.findings == ())
        assert proof.level is not Level.E1 or not proof.suffices
