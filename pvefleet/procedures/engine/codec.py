"""Options and premises as JSON and back, strictly: what a journal says must fit the types, or it is refused."""

from __future__ import annotations

import types
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from functools import lru_cache
from typing import Any, TypeVar

T = TypeVar("T")


class BadJournal(ValueError):
    """A journal does not fit the procedure: another version wrote it, or it is damaged."""


def encode(value: Any) -> Any:
    """Return *value* as what ``json.dumps`` takes: dataclasses by field name, tuples and sorted sets as lists.

    Raises:
        TypeError: it holds something that has no place in a journal.
    """
    if value is None or isinstance(value, str | bool | int | float):
        return value.value if isinstance(value, Enum) else value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: encode(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, frozenset):
        return sorted(encode(item) for item in value)
    if isinstance(value, tuple):
        return [encode(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no place in a journal")


def decode(kind: type[T], data: Any) -> T:
    """Return the value of type *kind* that *data* stands for.

    Raises:
        BadJournal: it does not fit.
    """
    value: T = _decode(kind, data, kind.__name__)
    return value


def _decode(kind: Any, data: Any, where: str) -> Any:
    if type(data) is kind:
        return data
    origin = typing.get_origin(kind)
    if origin in (typing.Union, types.UnionType):
        return _one_of(typing.get_args(kind), data, where)
    if origin in (tuple, frozenset):
        return _collection(origin, typing.get_args(kind), data, where)
    if origin is not None and issubclass(origin, Mapping):
        _want(isinstance(data, dict), where, "an object", data)
        _key, item = typing.get_args(kind)
        return {key: _decode(item, value, f"{where}.{key}") for key, value in data.items()}
    if is_dataclass(kind):
        return _record(kind, data, where)
    if kind is type(None):
        _want(data is None, where, "null", data)
        return None
    if isinstance(kind, type) and issubclass(kind, Enum):
        try:
            return kind(data)
        except ValueError:
            raise BadJournal(f"{where}: {data!r} is no {kind.__name__}") from None
    if kind is float and type(data) is int:
        return float(data)
    _want(type(data) is kind, where, kind.__name__, data)
    return data


def _one_of(kinds: tuple[Any, ...], data: Any, where: str) -> Any:
    for kind in kinds:
        try:
            return _decode(kind, data, where)
        except BadJournal:
            continue
    raise BadJournal(f"{where}: {data!r} fits none of its types")


def _collection(origin: type, kinds: tuple[Any, ...], data: Any, where: str) -> Any:
    _want(isinstance(data, list), where, "a list", data)
    if origin is frozenset or (len(kinds) == 2 and kinds[1] is Ellipsis):
        return origin(_decode(kinds[0], item, f"{where}[{at}]") for at, item in enumerate(data))
    _want(len(data) == len(kinds), where, f"{len(kinds)} values", data)
    return tuple(_decode(kind, item, f"{where}[{at}]") for at, (kind, item) in enumerate(zip(kinds, data, strict=True)))


def _record(kind: Any, data: Any, where: str) -> Any:
    _want(isinstance(data, dict), where, "an object", data)
    hints = _hints(kind)
    if data.keys() != hints.keys():
        odd = sorted(data.keys() ^ hints.keys())
        raise BadJournal(f"{where}: {', '.join(odd)} is missing or unknown")
    return kind(**{name: _decode(hint, data[name], f"{where}.{name}") for name, hint in hints.items()})


@lru_cache(maxsize=64)
def _hints(kind: Any) -> dict[str, Any]:
    """Return a dataclass's fields with their types, looked up once: a journal has thousands of lines."""
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in fields(kind)}


def _want(holds: bool, where: str, wanted: str, data: Any) -> None:
    if not holds:
        raise BadJournal(f"{where}: {wanted} is expected, not {data!r}")
