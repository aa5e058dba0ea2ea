"""Recordings: everything a look brought home, in a folder, so that any report can be made again from files.

``DIR/look.json`` holds the frame, ``DIR/NODE/SOURCE.out`` and ``.err`` what each source printed. Passwords that guests'
configurations carry are overwritten, with as many characters: a recording is made to be sent to somebody.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pvefleet.facts import guest_configs
from pvefleet.facts.cluster import Look, NodeReading
from pvefleet.facts.sources import Answer, Answers
from pvefleet.model.errors import (
    NodeError,
    OutcomeUnknown,
    TimedOut,
    Unreachable,
    UnreachableReason,
    UsageError,
)
from pvefleet.model.outcome import Outcome
from pvefleet.model.section import Section

_FORMAT = 1
_FRAME = "look.json"
_PACKED = guest_configs.SOURCES[0].name
_SECRET = re.compile(rb"^((?:cipassword|[a-z-]*password|secret|token): )(.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a command line and hosts.toml said, as far as a report depends on it.

    Attributes:
        nodes: name in hosts.toml and name in the cluster of every node.
        named: the nodes that ``-H`` named; none where it was left out.
        rpo_seconds: how old a replica may be; None: not judged.
    """

    nodes: tuple[tuple[str, str], ...] = ()
    named: tuple[str, ...] = ()
    rpo_seconds: float | None = None


def begin(folder: Path) -> None:
    """Make a folder for a recording, which must not hold anything yet.

    Raises:
        OSError: it cannot be made.
        UsageError: it is not empty.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise UsageError(f"{folder} is not empty", hint="--record takes a new folder")


def save(look: Look, folder: Path, *, named: Sequence[str] = (), rpo_seconds: float | None = None) -> None:
    """Write *look* to *folder*, which must not hold anything yet.

    Args:
        look: what the nodes said.
        folder: where to.
        named: the nodes that ``-H`` named.
        rpo_seconds: how old a replica may be; None: not judged.

    Raises:
        UsageError: the folder is not empty, or cannot be written.
    """
    try:
        begin(folder)
        nodes = [
            _save_node(folder, name, pve_name, outcome)
            for (name, pve_name), outcome in zip(look.nodes, look.outcomes, strict=True)
        ]
        frame = {
            "format": _FORMAT,
            "cluster": look.cluster,
            "taken_at": look.taken_at,
            "clock_limit": look.clock_limit,
            "here": look.here,
            "sections": sorted(look.sections),
            "named": list(named),
            "rpo_seconds": rpo_seconds,
            "nodes": nodes,
        }
        (folder / _FRAME).write_text(json.dumps(frame, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot record to {folder}: {error.strerror or error}") from error


def asked(folder: Path) -> Asked:
    """Return what was asked for when *folder* was recorded; nothing where it holds no look at a cluster.

    Raises:
        UsageError: it is a broken recording.
    """
    if not (folder / _FRAME).exists():
        return Asked()
    try:
        frame = json.loads((folder / _FRAME).read_text(encoding="utf-8"))
        return Asked(
            nodes=tuple((str(node["name"]), str(node["pve_name"])) for node in frame["nodes"]),
            named=tuple(str(name) for name in frame.get("named", ())),
            rpo_seconds=None if frame.get("rpo_seconds") is None else float(frame["rpo_seconds"]),
        )
    except OSError as error:
        raise UsageError(f"cannot replay {folder}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{folder} is not a recording, or a broken one: {error}") from error


def add(folder: Path, node: str, source: str, data: bytes) -> None:
    """Add to a recording what one more question to a node gave.

    Raises:
        UsageError: it cannot be written.
    """
    try:
        (folder / node).mkdir(parents=True, exist_ok=True)
        (folder / node / f"{source}.out").write_bytes(_without_secrets(data))
    except OSError as error:
        raise UsageError(f"cannot record to {folder}: {error.strerror or error}") from error


def added(folder: Path, node: str, source: str) -> bytes | None:
    """Return what :func:`add` kept, or None."""
    place = folder / node / f"{source}.out"
    return place.read_bytes() if place.exists() else None


def load(folder: Path, wanted: frozenset[Section]) -> Look:
    """Return the look that *folder* holds.

    Args:
        folder: a recording.
        wanted: the sections that the report needs.

    Raises:
        UsageError: it is no recording, is broken, or lacks a section.
    """
    try:
        frame = json.loads((folder / _FRAME).read_text(encoding="utf-8"))
        if frame["format"] != _FORMAT:
            raise UsageError(f"{folder} is a recording of another format ({frame['format']})")
        sections = frozenset(Section(name) for name in frame["sections"])
        missing = sorted(wanted - sections)
        if missing:
            raise UsageError(
                f"the recording in {folder} has no {', '.join(missing)}", hint="record again with the same command"
            )
        return Look(
            cluster=str(frame["cluster"]),
            taken_at=str(frame["taken_at"]),
            clock_limit=float(frame["clock_limit"]),
            here=str(frame["here"]),
            sections=sections,
            nodes=tuple((str(node["name"]), str(node["pve_name"])) for node in frame["nodes"]),
            outcomes=tuple(_load_node(folder, node) for node in frame["nodes"]),
        )
    except OSError as error:
        raise UsageError(f"cannot replay {folder}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{folder} is not a recording, or a broken one: {error}") from error


def _save_node(folder: Path, name: str, pve_name: str, outcome: Outcome[NodeReading]) -> dict[str, Any]:
    frame: dict[str, Any] = {"name": name, "pve_name": pve_name, "seconds": outcome.seconds, "via": outcome.via}
    if outcome.error is not None:
        frame["error"] = error_frame(outcome.error)
    reading = outcome.value
    if reading is not None:
        place = folder / name
        place.mkdir()
        exits: dict[str, int | str | None] = {}
        for source, answer in reading.answers.by_name.items():
            exits[source] = "skipped" if answer.skipped else answer.exit
            for ending, data in (("out", answer.stdout), ("err", answer.stderr)):
                if data:
                    # Configurations travel packed: what is to be hidden in them has to be unpacked first.
                    packed = source == _PACKED and ending == "out"
                    kept = guest_configs.rewritten(data, _without_secrets) if packed else _without_secrets(data)
                    (place / f"{source}.{ending}").write_bytes(kept)
        frame |= {
            "sent": reading.sent,
            "received": reading.received,
            "began": reading.answers.began,
            "ended": reading.answers.ended,
            "exits": exits,
        }
    return frame


def _load_node(folder: Path, frame: dict[str, Any]) -> Outcome[NodeReading]:
    name = str(frame["name"])
    if "/" in name or name.startswith("."):
        raise ValueError(f"{name!r} is no node's name")
    error = error_of(name, frame["error"]) if "error" in frame else None
    reading = None
    if "exits" in frame:
        place = folder / name
        by_name = {
            source: Answer(
                exit=exit_ if isinstance(exit_, int) else None,
                stdout=_bytes(place / f"{source}.out"),
                stderr=_bytes(place / f"{source}.err"),
                skipped=exit_ == "skipped",
            )
            for source, exit_ in frame["exits"].items()
        }
        answers = Answers(by_name, float(frame["began"]), float(frame["ended"]))
        reading = NodeReading(answers, float(frame["sent"]), float(frame["received"]))
    return Outcome(name, reading, error, float(frame["seconds"]), str(frame["via"]))


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.exists() else b""


def _without_secrets(data: bytes) -> bytes:
    return _SECRET.sub(lambda match: match[1] + b"*" * len(match[2]), data)


def error_frame(error: NodeError) -> dict[str, Any]:
    """Return an error as JSON can hold it."""
    frame: dict[str, Any] = {"kind": type(error).__name__, "message": error.message, "hint": error.hint}
    if isinstance(error, Unreachable):
        frame |= {"reason": error.reason.value, "tried": list(error.tried)}
    if isinstance(error, TimedOut):
        frame["seconds"] = error.seconds
    return frame


def error_of(name: str, frame: dict[str, Any]) -> NodeError:
    """Return the error that :func:`error_frame` made *frame* of.

    Raises:
        KeyError, ValueError: it is none.
    """
    message, hint = str(frame["message"]), str(frame["hint"])
    if frame["kind"] == "Unreachable":
        tried = tuple(str(one) for one in frame["tried"])
        return Unreachable(name, message, reason=UnreachableReason(frame["reason"]), tried=tried, hint=hint)
    if frame["kind"] == "TimedOut":
        return TimedOut(name, message, seconds=float(frame["seconds"]), hint=hint)
    return OutcomeUnknown(name, message, hint=hint)
