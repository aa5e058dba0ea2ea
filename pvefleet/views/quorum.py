"""Quorum in a line."""

from __future__ import annotations

from rich.text import Text

from pvefleet.model.quorum_row import QuorumRow
from pvefleet.views.words import count


def quorum_text(quorum: QuorumRow) -> Text:
    """Return quorum with its votes in a few words."""
    if quorum.quorate is None:
        return Text("unknown: no node could say", "bad")
    votes = f" ({quorum.total} of {count(quorum.expected or 0, 'vote')}, {quorum.needed} needed)"
    word = Text("yes", "good") if quorum.quorate else Text("NO", "bad")
    return Text.assemble(word, votes)
