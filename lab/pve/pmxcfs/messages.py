"""What pmxcfs instances of a lab say to each other: one line of JSON, then raw bytes. (Not the genuine wire format.)"""

from __future__ import annotations

import json
from typing import Any

Member = tuple[int, int]
CHUNK = 256 * 1024


def encode(kind: str, payload: bytes = b"", **fields: Any) -> bytes:
    """A message of a kind with its fields."""
    return json.dumps({"kind": kind, **fields}, separators=(",", ":")).encode() + b"\n" + payload


def decode(data: bytes) -> tuple[dict[str, Any], bytes]:
    """The fields, `kind` among them, and the payload.

    Raises:
        ValueError: not one of our messages.
    """
    head, _, payload = data.partition(b"\n")
    fields = json.loads(head)
    if not isinstance(fields, dict) or "kind" not in fields:
        raise ValueError("not a message")
    return fields, payload
