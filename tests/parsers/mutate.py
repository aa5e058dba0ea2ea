"""Damage done to native text: what cut connections, other versions, other languages and hostile names do to it."""

from __future__ import annotations

import random

from hypothesis import strategies as st

# Words that commands print, and what a translated command would print for them.
TRANSLATED = {
    "Yes": "Ja",
    "No": "Nein",
    "Nodes": "Knoten",
    "Node": "Knoten",
    "Name": "Bezeichnung",
    "Quorum": "Beschlussfähigkeit",
    "Quorate": "Beschlussfähig",
    "votes": "Stimmen",
    "connected": "verbunden",
    "disconnected": "getrennt",
    "status": "Zustand",
    "Status": "Zustand",
    "STATUS": "ZUSTAND",
    "reachable": "erreichbar",
    "running": "läuft",
    "stopped": "gestoppt",
    "enabled": "eingeschaltet",
    "State": "Lage",
    "You are here!": "Sie sind hier!",
    "yes": "ja",
    "no": "nein",
    "OK": "in Ordnung",
}

HOSTILE = (
    "",
    " ",
    "\t",
    "\r",
    "\0",
    "\x1b[31m",
    "\N{LINE SEPARATOR}",
    "\x85",
    "\x0b",
    "-1",
    "+1",
    "1_000",
    "１",
    "0x",
    "1e999",
    "99999999999999999999999999",
    "9" * 5000,
    "NaN",
    "null",
    "{",
    "}",
    "[",
    "]",
    ":",
    "#",
    '"',
    "\\",
    "%",
    "%FF",
    "(local)",
    "Qdevice",
    "\N{ZERO WIDTH SPACE}",
    "ä",
    "\ud800",
    "key: value",
    "\n\n",
    "cat: /etc/pve/.members: Transport endpoint is not connected\n",
)

_KINDS = ("cut", "drop line", "repeat line", "swap lines", "insert", "delete", "replace", "join lines", "digits")

Mutation = tuple[str, float, float, str]


def some_mutations() -> st.SearchStrategy[list[Mutation]]:
    """Return lists of one to four mutations."""
    place = st.floats(0, 1, exclude_max=True)
    payload = st.one_of(st.sampled_from(HOSTILE), st.text(max_size=12))
    return st.lists(st.tuples(st.sampled_from(_KINDS), place, place, payload), min_size=1, max_size=4)


def random_mutations(chance: random.Random) -> list[Mutation]:
    """Return one to four mutations; the same ones for the same state of *chance*."""
    return [
        (chance.choice(_KINDS), chance.random(), chance.random(), chance.choice(HOSTILE))
        for _ in range(chance.randint(1, 4))
    ]


def mutated(text: str, steps: list[Mutation]) -> str:
    """Return *text* after all *steps*."""
    for kind, first, second, payload in steps:
        text = _step(text, kind, first, second, payload)
    return text


def translated(text: str) -> str:
    """Return *text* with every word that a translated command would print otherwise."""
    for word, other in TRANSLATED.items():
        text = text.replace(word, other)
    return text


def _step(text: str, kind: str, first: float, second: float, payload: str) -> str:
    lines = text.split("\n")
    here, there = int(first * len(lines)), int(second * len(lines))
    start = int(first * (len(text) + 1))
    end = min(len(text), start + int(second * 12))
    match kind:
        case "cut":
            return text[:start]
        case "drop line":
            return "\n".join(lines[:here] + lines[here + 1 :])
        case "repeat line":
            return "\n".join([*lines[:there], lines[here], *lines[there:]])
        case "swap lines":
            lines[here], lines[there] = lines[there], lines[here]
            return "\n".join(lines)
        case "join lines":
            return "\n".join(lines[: here + 1]) + "\n".join(lines[here + 1 :])
        case "insert":
            return text[:start] + payload + text[start:]
        case "delete":
            return text[:start] + text[end:]
        case "replace":
            return text[:start] + payload + text[end:]
        case _:
            shifted = text[start:end].translate({ord(digit): str(9 - int(digit)) for digit in "0123456789"})
            return text[:start] + shifted + text[end:]
