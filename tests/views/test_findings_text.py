"""Findings as text: each by itself, until there are so many of a kind that nobody would read them."""

from __future__ import annotations

import io
import time

import pytest

from pvefleet.model.catalogue import finding
from pvefleet.model.finding import Finding
from pvefleet.views.console import console
from pvefleet.views.findings import print_findings

SECONDS = 1.0
"""More than ten times what a thousand findings take."""


def text(findings: list[Finding], width: int = 80) -> str:
    out = io.StringIO()
    print_findings(findings, console(out, width), well="Nothing wrong was found.")
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


def slow(number: int) -> list[Finding]:
    return [finding("LNK-W-0003", f"n{at}/link0", f"link 0 of n{at} takes 9.0 ms", ["seen"]) for at in range(number)]


def test_no_finding_is_a_line() -> None:
    assert text([]) == "Nothing wrong was found.\n"


def test_four_of_a_kind_are_shown_one_by_one() -> None:
    printed = text(slow(4))

    assert printed.startswith("4 warnings\nWARNING   link 0 of n0 takes 9.0 ms  [LNK-W-0003]\n          seen\n")
    assert printed.count("[LNK-W-0003]") == printed.count("fix: ") == 4


def test_more_of_a_kind_are_one_with_their_number_and_the_first_ones() -> None:
    logins = [finding("PRE-I-0001", f"pve{at:02d}", f"logins on pve{at:02d} depend on pmxcfs") for at in range(1, 9)]

    assert text(logins, 120) == (
        """\
8 notes
INFO      logins depend on pmxcfs: 8 times  [PRE-I-0001]
          logins on pve01 depend on pmxcfs
          logins on pve02 depend on pmxcfs
          logins on pve03 depend on pmxcfs
          logins on pve04 depend on pmxcfs
          logins on pve05 depend on pmxcfs
          logins on pve06 depend on pmxcfs
          and 2 more: --json shows all
          fix: fab -H pve01,pve02,pve03,pve04,pve05,pve06,… node.prepare
"""
    )


def test_a_group_stands_where_its_first_one_stood_and_leaves_others_alone() -> None:
    down = finding("NOD-E-0001", "pve02", "pve02 is down")
    other = finding("CLK-W-0001", "pve03", "the clock of pve03 is +4.0 s off")
    mixed = [down, *slow(3), other, *slow(3)]

    heads = [line for line in text(mixed).splitlines() if line.endswith("]")]

    assert heads == [
        "CRITICAL  pve02 is down  [NOD-E-0001]",
        "WARNING   link is slow: 6 times  [LNK-W-0003]",
        "WARNING   the clock of pve03 is +4.0 s off  [CLK-W-0001]",
    ]


@pytest.mark.usefixtures("own_heap")
def test_a_thousand_of_a_kind_are_printed_at_once_and_in_a_few_lines() -> None:
    many = slow(1000)
    began = time.process_time()

    printed = text(many)

    assert time.process_time() - began < SECONDS
    assert printed.startswith("1000 warnings\nWARNING   link is slow: 1000 times  [LNK-W-0003]\n")
    assert "and 994 more: --json shows all" in printed
    assert len(printed.splitlines()) < 15
