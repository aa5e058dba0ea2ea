"""A second look for guests whose configuration nobody read: one more round trip, to one node, only where it is needed.

It is needed where both speakers (see :mod:`pvefleet.facts.guest_configs`) were not reached and a node besides them
was not either, where a node's map of members is stale, and on a node that looks at itself alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pvefleet.facts import guest_configs, pmxcfs
from pvefleet.facts.cluster import Look, NodeReading, Question
from pvefleet.facts.sources import compose, script_seconds
from pvefleet.model.facts import ClusterFacts, NodeFacts
from pvefleet.model.outcome import Outcome
from pvefleet.model.section import Section

_ALL, _PLACE = guest_configs.EVERYTHING.name, guest_configs.SOURCES[0].name

QUESTION = Question(
    frozenset(),
    compose([guest_configs.EVERYTHING], pmxcfs.PROBE),
    script_seconds([guest_configs.EVERYTHING], pmxcfs.PROBE),
)
"""Asks one node for the configuration files of every node."""


def complete(look: Look, facts: ClusterFacts, ask: Callable[[str, Question], Outcome[NodeReading]]) -> Look:
    """Return *look* with the configuration files that were missing in it, as far as a node has them.

    Args:
        look: what the nodes said.
        facts: what that amounts to.
        ask: puts a question to the node of that name in hosts.toml.

    Returns:
        The very same look where nothing is missing or nobody has it.
    """
    teller = _teller(facts) if Section.GUEST_CONFIGS in look.sections else None
    if teller is None:
        return look
    reading = ask(teller.name, QUESTION).value
    if reading is None:
        return look
    at = [name for name, _ in look.nodes].index(teller.name)
    before = look.outcomes[at]
    assert before.value is not None
    by_name = dict(before.value.answers.by_name) | {_PLACE: reading.answers.by_name[_ALL]}
    answers = replace(before.value.answers, by_name=by_name)
    patched = replace(before, value=replace(before.value, answers=answers))
    return replace(look, outcomes=(*look.outcomes[:at], patched, *look.outcomes[at + 1 :]))


def _teller(facts: ClusterFacts) -> NodeFacts | None:
    """Return the node to ask, or None where nothing is missing or nobody is left who could know."""
    read = {
        file.vmid
        for node in facts.seen
        if node.guests and node.guests.files.value
        for file in node.guests.files.value.files
    }

    def missing(node: NodeFacts) -> int:
        files = node.guests.files.value if node.guests else None
        if files is None or files.everything or node.guests_owned.value is None:
            return 0
        return sum(guest.vmid not in read for guest in node.guests_owned.value.guests)

    def rank(node: NodeFacts) -> tuple[bool, int]:
        return bool(node.quorum.value and node.quorum.value.quorate), missing(node)

    able = [node for node in facts.seen if missing(node)]
    return max(able, key=rank) if able else None
