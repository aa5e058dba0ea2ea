"""Options and premises in a journal: what goes in comes out, and nothing else does."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pvefleet.procedures.engine.codec import BadJournal, decode, encode


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True)
class Inner:
    name: str
    weight: float


@dataclass(frozen=True, slots=True)
class Outer:
    names: tuple[str, ...]
    pair: tuple[int, bool]
    inner: Inner | None
    by_name: Mapping[str, Inner]
    colours: frozenset[Colour]


INNER = st.builds(Inner, st.text(), st.floats(allow_nan=False, allow_infinity=False))
OUTER = st.builds(
    Outer,
    st.lists(st.text()).map(tuple),
    st.tuples(st.integers(), st.booleans()),
    st.none() | INNER,
    st.dictionaries(st.text(), INNER),
    st.frozensets(st.sampled_from(Colour)),
)


@given(OUTER)
def test_what_is_journalled_comes_back(value: Outer) -> None:
    assert decode(Outer, json.loads(json.dumps(encode(value)))) == value


GOOD: dict[str, Any] = encode(Outer(("a",), (1, True), None, {}, frozenset({Colour.RED})))


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"names": "a"}, "Outer.names: a list is expected"),
        ({"names": [1]}, r"Outer.names\[0\]: str is expected"),
        ({"pair": [1]}, "Outer.pair: 2 values"),
        ({"pair": [True, True]}, r"Outer.pair\[0\]: int is expected, not True"),
        ({"inner": {"name": "x"}}, "fits none of its types"),
        ({"by_name": []}, "Outer.by_name: an object"),
        ({"colours": ["green"]}, "'green' is no Colour"),
        ({"more": 1}, "more is missing or unknown"),
    ],
)
def test_what_does_not_fit_is_refused_and_named(change: dict[str, Any], what: str) -> None:
    with pytest.raises(BadJournal, match=what):
        decode(Outer, GOOD | change)


def test_what_has_no_place_in_a_journal_is_refused() -> None:
    with pytest.raises(TypeError, match="set has no place"):
        encode({1})
