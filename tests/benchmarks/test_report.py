"""How the results show what was measured: ratios to one row, goals met or not, and what could not be run."""

from __future__ import annotations

from benchmarks.report import Findings, Row, Table, at_least, at_most, document, ratio
from benchmarks.sampling import Sample

OURS = Row("ours", Sample((2.0, 1.0, 4.0)), "fab x")
THEIRS = Row("theirs", Sample((6.0, 5.0, 7.0)), "other | x")
BROKEN = Row("broken", Sample((), "it ended with 2"), "nothing")


def text(*rows: Row, base: str = "ours") -> list[str]:
    found = Findings((Table("A title", rows, base=base),), ())
    return document("# Head\n", [found], []).splitlines()


def test_figures_are_ratios_of_medians_with_their_spread() -> None:
    assert "| ours | 1.00 | 0.50 to 2.00 | 3 | `fab x` |" in text(OURS, THEIRS)
    assert "| theirs | 3.00 | 2.50 to 3.50 | 3 | `other \\| x` |" in text(OURS, THEIRS)


def test_without_a_base_the_figures_stand_for_themselves() -> None:
    assert "| ours | 2 | 1 to 4 | 3 | `fab x` |" in text(OURS, base="")


def test_what_could_not_be_run_says_why_and_costs_no_other_row() -> None:
    lines = text(OURS, BROKEN)
    assert "| broken | not run | it ended with 2 | 0 | `nothing` |" in lines
    assert "| ours | 1.00 | 0.50 to 2.00 | 3 | `fab x` |" in lines


def test_with_a_base_that_could_not_be_run_there_is_nothing_to_compare() -> None:
    assert "| ours | not run | nothing to compare with | 0 | `fab x` |" in text(OURS, BROKEN, base="broken")


def test_a_goal_is_met_at_its_limit_and_missed_beyond() -> None:
    assert at_most("g", 1.2, 1.2).met
    assert not at_most("g", 1.21, 1.2).met
    assert at_least("g", 3.0, 3.0).met
    assert not at_least("g", 2.9, 3.0).met


def test_what_was_not_measured_meets_no_goal() -> None:
    missing = ratio(OURS.sample, BROKEN.sample)
    assert not at_most("g", missing, 9.0).met
    assert not at_least("g", missing, 0.0).met
    found = Findings((), (at_most("g", missing, 9.0),))
    assert "| g | not measured | **no** |" in document("# Head\n", [found], []).splitlines()


def test_problems_are_listed() -> None:
    assert "- 32 nodes: no lab" in document("# Head\n", [], ["32 nodes: no lab"]).splitlines()
