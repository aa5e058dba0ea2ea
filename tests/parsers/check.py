"""Is a record what its class promises, and is everything in it taken from the text?"""

from __future__ import annotations

import functools
import json
import re
from dataclasses import fields, is_dataclass
from types import ModuleType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from parsers._source import percent_decoded

hints = functools.cache(get_type_hints)


def conforms(value: object, hint: Any) -> bool:
    """Is *value* exactly of type *hint*, all the way down, and every whole number at most 64 bits wide?"""
    if hint is Any:
        return True
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return any(conforms(value, option) for option in get_args(hint))
    if origin is tuple:
        inner = get_args(hint)
        if inner[1:] == (Ellipsis,):
            return type(value) is tuple and all(conforms(item, inner[0]) for item in value)
        return type(value) is tuple and len(value) == len(inner) and all(map(conforms, value, inner))
    if is_dataclass(hint):
        declared = hints(hint)
        return type(value) is hint and all(
            conforms(getattr(value, field.name), declared[field.name]) for field in fields(hint) if field.init
        )
    if hint is int:
        return type(value) is int and abs(value) < 1 << 70
    return type(value) is (type(None) if hint is None else hint)


COUNTED = frozenset({"depth", "line", "position"})
"""Keys of what parsers count and texts do not print."""


def leaves(value: object) -> list[object]:
    """Return the scalars in a structure of dictionaries and lists, without what was counted."""
    if isinstance(value, dict):
        return [leaf for key, item in value.items() if key not in COUNTED for leaf in leaves(item)]
    if isinstance(value, list):
        return [leaf for item in value for leaf in leaves(item)]
    return [value]


def invented(module: ModuleType, shaped: object, text: str) -> list[object]:
    """Return the words and numbers of a result that its text does not hold.

    The words a parser has of its own must stand among its module's constants.
    """
    own = {word for name, value in vars(module).items() if name.isupper() for word in _words(value)}
    text = text.replace("\r\n", "\n")
    numbers = _numbers(text)
    unescaped = re.sub(r"\\u([0-9a-fA-F]{4})", lambda match: chr(int(match[1], 16)), text).replace("\\", "")
    texts = (text, percent_decoded(text), re.sub(r"\s", "", text), unescaped)
    found: list[object] = []
    for leaf in leaves(shaped):
        if isinstance(leaf, str):
            if leaf not in own and not _taken(leaf, texts):
                found.append(leaf)
        elif isinstance(leaf, int | float) and not isinstance(leaf, bool) and leaf not in numbers:
            found.append(leaf)
    return found


def _taken(leaf: str, texts: tuple[str, ...]) -> bool:
    """Does *leaf* stand in the text: as it is, as JSON, line by line, or as ``Section/Key``?"""
    if any(leaf in text for text in texts):
        return True
    if any(json.dumps(leaf, ensure_ascii=ascii)[1:-1] in texts[0] for ascii in (True, False)):
        return True
    if re.sub(r"\s", "", leaf) in texts[2] or leaf.replace("\\", "") in texts[3]:
        return True
    for joint in ("\n", "/"):
        pieces = leaf.split(joint)
        if len(pieces) > 1 and all(any(piece in text for text in texts) for piece in pieces):
            return True
    return False


def _numbers(text: str) -> set[float]:
    """Return every number that can be read out of *text*; whole ones exactly, for a float holds 53 bits only."""
    fractions = re.findall(r"-?[0-9]{1,40}(?:\.[0-9]+)?(?:[eE][-+]?[0-9]{1,3})?", text)
    whole = re.findall(r"[0-9]{1,40}", text)
    hexadecimal = re.findall(r"(?:0x)?([0-9a-fA-F]{1,16})", text)
    return {
        0,
        1,
        *map(float, fractions),
        *map(float, whole),
        *map(int, whole),
        *(int(word, 16) for word in hexadecimal),
    }


def _words(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    if isinstance(value, tuple | list | set | frozenset):
        return [word for item in value for word in _words(item)]
    return []
