"""Quorum and the QDevice in a line each."""

from __future__ import annotations

from rich.text import Text

from pvefleet.model.qdevice import QdeviceRow
from pvefleet.model.quorum_row import QuorumRow
from pvefleet.views.words import count


def quorum_text(quorum: QuorumRow) -> Text:
    """Return quorum with its votes in a few words."""
    if quorum.quorate is None:
        return Text("unknown: no node could say", "bad")
    votes = f" ({quorum.total} of {count(quorum.expected or 0, 'vote')}, {quorum.needed} needed)"
    word = Text("yes", "good") if quorum.quorate else Text("NO", "bad")
    return Text.assemble(word, votes)


def qdevice_text(qdevice: QdeviceRow) -> Text:
    """Return the QDevice with its server, who is connected, and its votes."""
    cast = "?" if qdevice.votes_cast is None else str(qdevice.votes_cast)
    votes = f"{cast} of {count(qdevice.votes, 'vote')}" if qdevice.votes is not None else f"{cast} votes"
    where = ", ".join(part for part in (qdevice.host, qdevice.algorithm) if part)
    text = Text.assemble(qdevice_state(qdevice), f" ({where}; {votes} cast)")
    for one in qdevice.others:
        text.append(f", {one.node}: {one.state}", "bad")
    return text


def qdevice_state(qdevice: QdeviceRow) -> Text:
    """Return in a word or two how many nodes are connected."""
    if not qdevice.others:
        return Text("connected", "good") if qdevice.connected else Text("not seen", "unseen")
    return Text("in part", "warn") if qdevice.connected else Text("not connected", "bad")
