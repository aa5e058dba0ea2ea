"""Recordings of journals: what every node answered, in a folder, so that ``cluster.logs`` can be made again from files.

``DIR/logs.json`` holds the question and the frame, ``DIR/NODE/journal.out`` and ``.err`` what the node printed.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pvefleet.facts.logs import LogAnswer, Query
from pvefleet.facts.recording import begin, error_frame, error_of
from pvefleet.model.errors import UsageError
from pvefleet.model.node import CommandResult
from pvefleet.model.outcome import Outcome

_FORMAT = 1
_FRAME = "logs.json"


def save(asked: Query, outcomes: Sequence[Outcome[LogAnswer]], folder: Path) -> None:
    """Write what the nodes answered to *folder*, which must not hold anything yet.

    Raises:
        UsageError: the folder is not empty, or cannot be written.
    """
    try:
        begin(folder)
        nodes = [_save_node(outcome, folder) for outcome in outcomes]
        frame = {"format": _FORMAT, "asked": asdict(asked), "nodes": nodes}
        (folder / _FRAME).write_text(json.dumps(frame, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot record to {folder}: {error.strerror or error}") from error


def load(folder: Path) -> tuple[Query, tuple[Outcome[LogAnswer], ...]]:
    """Return what was asked for and what the nodes answered.

    Raises:
        UsageError: it is no recording of journals, or a broken one.
    """
    try:
        frame = json.loads((folder / _FRAME).read_text(encoding="utf-8"))
        if frame["format"] != _FORMAT:
            raise UsageError(f"{folder} is a recording of another format ({frame['format']})")
        asked = frame["asked"]
        query = Query(tuple(asked["units"]), str(asked["since"]), str(asked["grep"]), int(asked["lines"]))
        return query, tuple(_load_node(folder, node) for node in frame["nodes"])
    except OSError as error:
        raise UsageError(f"cannot replay {folder}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{folder} is not a recording of journals, or a broken one: {error}") from error


def _save_node(outcome: Outcome[LogAnswer], folder: Path) -> dict[str, Any]:
    frame: dict[str, Any] = {"name": outcome.node, "seconds": outcome.seconds, "via": outcome.via}
    if outcome.error is not None:
        frame["error"] = error_frame(outcome.error)
    answer = outcome.value
    if answer is not None:
        place = folder / outcome.node
        place.mkdir()
        (place / "journal.out").write_bytes(answer.result.stdout)
        (place / "journal.err").write_bytes(answer.result.stderr)
        frame |= {"exit": answer.result.exit, "sent": answer.sent, "received": answer.received}
    return frame


def _load_node(folder: Path, frame: dict[str, Any]) -> Outcome[LogAnswer]:
    name = str(frame["name"])
    if "/" in name or name.startswith("."):
        raise ValueError(f"{name!r} is no node's name")
    error = error_of(name, frame["error"]) if "error" in frame else None
    answer = None
    if "exit" in frame:
        out, err = ((folder / name / f"journal.{ending}").read_bytes() for ending in ("out", "err"))
        answer = LogAnswer(CommandResult(int(frame["exit"]), out, err), float(frame["sent"]), float(frame["received"]))
    return Outcome(name, answer, error, float(frame["seconds"]), str(frame["via"]))
