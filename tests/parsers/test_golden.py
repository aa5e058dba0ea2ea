"""Every fixture reads as its golden file says; a new pair of files is a new test."""

from __future__ import annotations

import json

import jc
import pytest

import parsers
from parsers.errors import ParseError
from tests.parsers.cases import FIXTURES, Case, refused, understood


@pytest.mark.parametrize("case", understood(), ids=str)
def test_output_reads_as_the_golden_file_says(case: Case, write_golden: bool) -> None:
    # Compared as text: for Python, 1 == True == 1.0.
    result = json.dumps(case.module.parse(case.text), indent=1, ensure_ascii=False) + "\n"
    golden = case.beside(".json")
    if write_golden and not golden.exists():
        golden.write_text(result)
    assert result == golden.read_text()


@pytest.mark.parametrize("case", understood(), ids=str)
def test_jc_takes_the_module_for_one_of_its_own(case: Case) -> None:
    assert jc.parse(case.module, case.text, quiet=True) == case.module.parse(case.text)


@pytest.mark.parametrize("case", understood(), ids=str)
def test_raw_holds_no_number_and_no_truth_value(case: Case) -> None:
    assert {type(leaf) for leaf in _leaves(case.module.parse(case.text, raw=True))} <= {str, type(None)}


@pytest.mark.parametrize("case", refused(), ids=str)
def test_what_is_not_the_output_is_refused_with_the_reason_and_the_line(case: Case) -> None:
    with pytest.raises(ParseError) as refusal:
        case.module.parse(case.text)
    assert case.beside(".why").read_text().strip() in str(refusal.value)
    assert refusal.value.parser == case.parser


def test_every_parser_is_held_to_what_it_reads_and_to_what_it_refuses() -> None:
    assert {case.parser for case in understood()} == set(parsers.names())
    assert {case.parser for case in refused()} == set(parsers.names())


def test_every_fixture_says_which_command_it_is_the_output_of() -> None:
    assert [str(case) for case in understood() if not case.beside(".cmd").read_text().strip()] == []


def test_no_file_stands_among_the_fixtures_without_its_pair() -> None:
    needed = {".json": ".out", ".cmd": ".out", ".out": ".json", ".why": ".bad", ".bad": ".why"}
    files = [Case(path) for path in FIXTURES.glob("*/*") if path.is_file()]
    assert [str(case) for case in files if not case.beside(needed[case.path.suffix]).exists()] == []


def test_every_parser_describes_itself_to_jc() -> None:
    for name in parsers.names():
        info = jc.parser_info(parsers.get(name), documentation=True)
        assert name in info["name"].replace("-", "_")
        assert info["description"]
        assert info["tags"] in (("command",), ("file",))
        assert "Schema::" in info["documentation"]


def _leaves(value: object) -> list[object]:
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in _leaves(item)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in _leaves(item)]
    return [value]
