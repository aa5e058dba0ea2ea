"""The index of the parsers loads nothing before it is asked for, and knows every module of its directory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import parsers
from parsers.errors import ParseError


def test_names_are_the_modules_of_the_directory() -> None:
    directory = Path(parsers.__file__).parent
    stems = {path.stem for path in directory.glob("[a-z]*.py")} - {"errors", "jcbridge"}
    assert set(parsers.names()) == stems


def test_importing_the_index_imports_no_parser() -> None:
    script = "import sys, parsers; print([name for name in sys.modules if name.startswith('parsers.')])"
    root = Path(parsers.__file__).parents[1]
    shown = subprocess.run([sys.executable, "-c", script], cwd=root, capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_a_parser_is_loaded_by_name_or_as_an_attribute() -> None:
    assert parsers.get("qm_list") is parsers.qm_list
    assert parsers.qm_list.read("") == ()


@pytest.mark.parametrize("name", ["no_such_parser", "errors", "_source", "jcbridge"])
def test_what_is_no_parser_is_not_given_out(name: str) -> None:
    with pytest.raises(KeyError):
        parsers.get(name)


def test_an_unknown_attribute_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_parser"):
        _ = parsers.no_such_parser


def test_an_error_says_parser_line_reason_and_the_line_itself() -> None:
    error = ParseError("qm_list", "not a line of qm list", "  100 web", 7)
    assert str(error) == "qm_list line 7: not a line of qm list: '  100 web'"


def test_an_error_cuts_a_long_line() -> None:
    error = ParseError("qm_list", "too long", "x" * 500)
    assert len(error.excerpt) == 200
    assert error.excerpt.endswith("…")
