"""Strict reading of the JSON that pmxcfs and the Perl daemons write.

Duplicate keys, NaN and trailing text are errors. Perl writes a number now as ``1``, now as ``"1"``: both are read.
"""

from __future__ import annotations

import json
import re
from math import isinf
from typing import Any, NoReturn

from parsers._source import Source
from parsers.errors import ParseError

_NUMBER = re.compile(r"-?[0-9]{1,20}")
_FRACTION = re.compile(r"-?[0-9]{1,20}(?:\.[0-9]{1,20})?(?:[eE][-+]?[0-9]{1,3})?")

Value = Any
"""What JSON can hold; every use goes through the checks below."""


class Document:
    """One JSON document and the errors about it.

    Args:
        parser: name of the parser, for errors.
        text: the document.
    """

    __slots__ = ("_source", "top")

    def __init__(self, parser: str, text: str) -> None:
        self._source = Source(parser, text)
        self._source.refuse_nothing()
        try:
            self.top: Value = json.loads(
                text, object_pairs_hook=self._object, parse_constant=self._constant, parse_float=self._float
            )
        except json.JSONDecodeError as error:
            raise self._source.error(f"not JSON: {error.msg}", min(error.lineno, len(self._source.lines))) from None
        except (ValueError, RecursionError) as error:
            raise self._source.error(f"not JSON: {error}") from None

    def _object(self, pairs: list[tuple[str, Value]]) -> dict[str, Value]:
        made = dict(pairs)
        if len(made) != len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise self._source.error(f"key {twice!r} stands twice")
        return made

    def _constant(self, word: str) -> NoReturn:
        raise self._source.error(f"{word} is not a number of JSON")

    def _float(self, word: str) -> float:
        number = float(word)
        if isinf(number):
            raise self._source.error(f"{word[:20]} is too large")
        return number

    def error(self, reason: str) -> ParseError:
        """Return an error about this document."""
        return self._source.error(reason)

    def mapping(self, value: Value, what: str) -> dict[str, Value]:
        """Return *value*, which must be an object."""
        if not isinstance(value, dict):
            raise self.error(f"{what} is not an object")
        return value

    def sequence(self, value: Value, what: str) -> list[Value]:
        """Return *value*, which must be an array."""
        if not isinstance(value, list):
            raise self.error(f"{what} is not an array")
        return value

    def required(self, mapping: dict[str, Value], key: str, what: str) -> Value:
        """Return ``mapping[key]``, which must be there."""
        if key not in mapping:
            raise self.error(f"{what} has no {key!r}")
        return mapping[key]

    def text(self, mapping: dict[str, Value], key: str, what: str) -> str:
        """Return the text at *key*."""
        value = self.required(mapping, key, what)
        if not isinstance(value, str):
            raise self.error(f"{key!r} of {what} is not text")
        return value

    def integer(self, mapping: dict[str, Value], key: str, what: str) -> int:
        """Return the whole number at *key*, written as a number or as text."""
        value = self.required(mapping, key, what)
        if isinstance(value, str) and _NUMBER.fullmatch(value):
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool):
            raise self.error(f"{key!r} of {what} is not a whole number")
        if not -(1 << 63) <= value < 1 << 64:
            raise self.error(f"{key!r} of {what} is too large")
        return value

    def fraction(self, mapping: dict[str, Value], key: str, what: str) -> float:
        """Return the number at *key*, written as a number or as text."""
        value = self.required(mapping, key, what)
        if isinstance(value, str) and _FRACTION.fullmatch(value):
            value = float(value)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self.error(f"{key!r} of {what} is not a number")
        if not abs(value) < 1e300:
            raise self.error(f"{key!r} of {what} is too large")
        return float(value)

    def flag(self, mapping: dict[str, Value], key: str, what: str) -> bool:
        """Return the truth at *key*, written as 0, 1, "0", "1", "", true or false."""
        value = self.required(mapping, key, what)
        if isinstance(value, bool):
            return value
        if value in (0, 1) and not isinstance(value, float):
            return bool(value)
        if value in ("0", "1", ""):
            return bool(value == "1")
        raise self.error(f"{key!r} of {what} is neither 0 nor 1")

    def extra(self, mapping: dict[str, Value], known: frozenset[str]) -> tuple[tuple[str, str], ...]:
        """Return what stands in *mapping* beside the *known* keys: text as it is, everything else as JSON."""
        return tuple(
            (key, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
            for key, value in mapping.items()
            if key not in known
        )
