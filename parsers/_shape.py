"""The outward shape of a parser: plain lists and dictionaries, and the description that jc expects of a module."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from typing import Any


@dataclass(frozen=True)
class Info:
    """What jc wants to know about a parser module. Not slotted: jc reads it with ``vars()``.

    Attributes:
        description: one line: what is parsed.
        tags: ``("command",)`` or ``("file",)``.
        magic_commands: the command lines whose output it is.
    """

    description: str
    tags: tuple[str, ...] = ("command",)
    magic_commands: tuple[str, ...] = ()
    version: str = "1.0"
    author: str = "the pvefleet authors"
    author_email: str = ""
    compatible: tuple[str, ...] = ("linux",)


def shape(record: Any, raw: bool = False) -> Any:
    """Return *record* as lists, dictionaries and scalars.

    Args:
        record: a dataclass, a tuple, a list, a dictionary, or a scalar.
        raw: give numbers and truth values as text, as jc's unprocessed output does.
    """
    if is_dataclass(record) and not isinstance(record, type):
        return {field.name: shape(getattr(record, field.name), raw) for field in fields(record)}
    if isinstance(record, tuple | list):
        return [shape(item, raw) for item in record]
    if isinstance(record, dict):
        return {key: shape(value, raw) for key, value in record.items()}
    if not raw or record is None or isinstance(record, str):
        return record
    if isinstance(record, bool):
        return "true" if record else "false"
    return str(record)
