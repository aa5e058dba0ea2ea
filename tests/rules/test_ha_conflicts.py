"""Rules that cannot be followed: the cases in which Proxmox VE's manager drops a rule without a word."""

from __future__ import annotations

import pytest

from pvefleet.model.ha_status import NodePriority, RuleKind
from pvefleet.rules.ha_conflicts import Constraint, conflicts


def on_nodes(name: str, guests: str, nodes: str, *, disabled: bool = False) -> Constraint:
    named = [one.partition(":") for one in nodes.split()]
    priorities = tuple(NodePriority(node, int(priority or 0)) for node, _, priority in named)
    return Constraint(
        name,
        RuleKind.NODE_AFFINITY,
        "node-affinity",
        tuple(guests.split()),
        priorities,
        strict=False,
        positive=True,
        affinity=None,
        disabled=disabled,
        failback=None,
        comment="",
    )


def among(name: str, guests: str, *, together: bool) -> Constraint:
    return Constraint(
        name,
        RuleKind.RESOURCE_AFFINITY,
        "resource-affinity",
        tuple(guests.split()),
        (),
        strict=True,
        positive=together,
        affinity="positive" if together else "negative",
        disabled=False,
        failback=None,
        comment="",
    )


def together(name: str, guests: str) -> Constraint:
    return among(name, guests, together=True)


def apart(name: str, guests: str) -> Constraint:
    return among(name, guests, together=False)


@pytest.mark.parametrize(
    ("rules", "dropped"),
    [
        ([on_nodes("n", "a b", "n1:2 n2:1")], set()),
        ([on_nodes("n", "a b", "n1"), on_nodes("m", "c", "n2")], set()),
        ([on_nodes("n", "a b", "n1"), on_nodes("m", "b c", "n2")], {"n", "m"}),
        ([on_nodes("n", "a b", "n1"), on_nodes("m", "b c", "n2", disabled=True)], set()),
        ([together("t", "a")], {"t"}),
        ([apart("s", "a a")], {"s"}),
        ([apart("s", "a b c")], set()),
        ([apart("s", "a b c d")], {"s"}),
        ([together("t", "a b c d")], set()),
        ([together("t", "a b"), apart("s", "a b")], {"t", "s"}),
        ([together("t", "a b"), apart("s", "a c")], set()),
        ([on_nodes("n", "a", "n1:2 n2:1"), together("t", "a b")], {"n", "t"}),
        ([on_nodes("n", "a", "n1:2 n2:2"), together("t", "a b")], set()),
        ([on_nodes("n", "a", "n1:2 n2"), apart("s", "a b")], {"n", "s"}),
        ([on_nodes("n", "a", "n1"), on_nodes("m", "b", "n2"), together("t", "a b")], {"n", "m", "t"}),
        (
            [on_nodes("n", "a", "n1"), on_nodes("m", "c", "n2"), together("t", "a b"), together("u", "b c")],
            {"n", "m", "t", "u"},
        ),
        ([on_nodes("n", "a", "n1"), together("t", "a b"), together("u", "c d")], set()),
        ([on_nodes("n", "a b", "n1"), apart("s", "a b")], {"n", "s"}),
        ([on_nodes("n", "a b", "n1 n2"), apart("s", "a b c")], set()),
        ([on_nodes("n", "a", "n1"), on_nodes("m", "b", "n1"), apart("s", "a b")], {"n", "m", "s"}),
        ([on_nodes("n", "a", "n1"), on_nodes("m", "b", "n2"), apart("s", "a b")], set()),
    ],
)
def test_what_is_dropped_in_a_cluster_of_three_nodes(rules: list[Constraint], dropped: set[str]) -> None:
    assert {name for _, name in conflicts(rules, 3)} == dropped


def test_a_cluster_of_unknown_size_drops_no_rule_for_its_size() -> None:
    assert conflicts([apart("s", "a b c d e f g h")], None) == {}


def test_every_reason_names_the_other_side() -> None:
    found = conflicts([together("t", "a b"), apart("s", "a b"), on_nodes("n", "a", "n1:2 n2:1")], 3)

    reasons = {name: " ".join(why) for (_, name), why in found.items()}
    assert "s keeps guests apart" in reasons["t"]
    assert "t keeps guests together" in reasons["s"]
    assert "is in t" in reasons["n"]


def test_a_group_and_a_rule_of_the_same_name_are_two_things() -> None:
    from dataclasses import replace

    group = replace(on_nodes("x", "a", "n1"), kind=RuleKind.GROUP)

    assert set(conflicts([group, on_nodes("x", "a", "n2")], 3)) == {
        (RuleKind.GROUP, "x"),
        (RuleKind.NODE_AFFINITY, "x"),
    }
