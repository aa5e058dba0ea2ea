"""Sources that gave nothing, or nothing that is understood."""

from __future__ import annotations

from pvefleet.model.findings.entry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "OUT-E-0001",
        "output was not understood",
        "A native command printed something that pvefleet does not know; nothing is concluded from it.",
        "Please report it with the output shown as evidence.",
    ),
    Entry(
        "OUT-W-0002",
        "a source did not answer",
        "One command or file could not be read; what rests on it is shown as unknown.",
        "Run it by hand on {subject}.",
        acceptable=True,
    ),
)
