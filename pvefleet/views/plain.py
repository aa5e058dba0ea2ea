"""Reports as JSON: one document, the same keys always, unknown values as null."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any

VERSION = 1
"""Raised when a key changes its meaning or goes away; new keys do not raise it."""


def to_plain(value: Any) -> Any:
    """Return *value* as dicts, lists, strings, numbers, booleans and None.

    Raises:
        TypeError: it holds something that has no JSON form of its own.
    """
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): to_plain(one) for key, one in value.items()}
    if isinstance(value, (tuple, list, frozenset)):
        return [to_plain(one) for one in value]
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    raise TypeError(f"{type(value).__name__} has no JSON form")


def document(report: Any) -> str:
    """Return the JSON text of *report*, with its kind and format version first and its exit code last."""
    return json.dumps(_whole(report), indent=2, ensure_ascii=False)


def line(report: Any) -> str:
    """Return the same document on one line, for a series of them."""
    return json.dumps(_whole(report), ensure_ascii=False)


def event_line(event: Any) -> str:
    """Return an event of a running change on one line: it has a kind and no exit code."""
    head = {"kind": type(event).__name__, "version": VERSION}
    plain: dict[str, Any] = to_plain(event)
    return json.dumps(head | plain, ensure_ascii=False)


def _whole(report: Any) -> dict[str, Any]:
    head = {"kind": type(report).__name__, "version": VERSION}
    plain: dict[str, Any] = to_plain(report)
    return head | plain | {"exit_code": int(report.exit_code)}
