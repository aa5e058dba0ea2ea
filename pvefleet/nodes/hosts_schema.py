"""The shape of hosts.toml as written, and its strict decoding: no unknown key, no value turned into another type.

What the values mean together (names that clash, groups of unknown nodes) is :mod:`pvefleet.nodes.inventory`'s business.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, TypeVar, get_args, get_origin

from cattrs import Converter
from cattrs.errors import (
    AttributeValidationNote,
    ClassValidationError,
    ForbiddenExtraKeysError,
    IterableValidationNote,
)
from cattrs.gen import make_dict_structure_fn

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PasswordTable:
    """``password``: a table of ``env``, ``file`` or ``command``, or the text ``prompt``; never a password."""

    env: str | None = None
    file: str | None = None
    command: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class BmcTable:
    """``[clusters.C.nodes.N.bmc]``."""

    type: str
    address: str
    user: str
    password: PasswordTable = field(default_factory=PasswordTable)
    cafile: str | None = None
    fingerprint: str | None = None
    system: str | None = None


@dataclass(frozen=True, slots=True)
class Links:
    """``links``: a list from link 0 on, or a table of link numbers; as pairs of number and address."""

    items: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class NodeTable:
    """``[clusters.C.nodes.N]``; None is inherited from the cluster."""

    address: str
    alternatives: tuple[str, ...] = ()
    links: Links = field(default_factory=Links)
    pve_name: str | None = None
    user: str | None = None
    port: int | None = None
    identity: str | None = None
    gateway: str | None = None
    bmc: BmcTable | None = None


@dataclass(frozen=True, slots=True)
class PolicyTable:
    """``[clusters.C.policy]``; the defaults are those of :class:`pvefleet.model.inventory.Policy`."""

    connect_seconds: float | None = None
    command_seconds: float | None = None
    parallel: int | None = None
    clock_skew_seconds: float | None = None
    rpo_seconds: float | None = None
    evidence: str | None = None


@dataclass(frozen=True, slots=True)
class ClusterTable:
    """``[clusters.C]``."""

    nodes: dict[str, NodeTable]
    default: bool = False
    user: str = "root"
    port: int = 22
    identity: str | None = None
    gateway: str = ""
    policy: PolicyTable = field(default_factory=PolicyTable)


@dataclass(frozen=True, slots=True)
class GatewayTable:
    """``[gateways.G]``."""

    address: str
    user: str = "root"
    port: int = 22
    identity: str | None = None


@dataclass(frozen=True, slots=True)
class HostsTable:
    """The whole file."""

    clusters: dict[str, ClusterTable]
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    gateways: dict[str, GatewayTable] = field(default_factory=dict)
    known_hosts: str | None = None


class SchemaError(ValueError):
    """One value of hosts.toml does not fit.

    Args:
        path: the keys that lead to it.
        reason: what is wrong with it.
        hint: what to do instead, or empty.
    """

    def __init__(self, path: tuple[str, ...], reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.path = path
        self.reason = reason
        self.hint = hint


def decode(document: dict[str, Any]) -> HostsTable:
    """Turn a parsed TOML document into records.

    Raises:
        SchemaError: the first value that does not fit.
    """
    try:
        return _CONVERTER.structure(document, HostsTable)
    except Exception as error:
        raise _first_problem(error) from error


def similar(name: str, candidates: Iterable[str]) -> str:
    """Return ``did you mean NAME?`` for the closest of *candidates*, or an empty string where none is close."""
    close = difflib.get_close_matches(name, list(candidates), n=1, cutoff=0.6)
    return f"did you mean {close[0]}?" if close else ""


_NAMES = {str: "text in quotes", bool: "true or false", int: "a whole number", float: "a number"}
_TOML_TYPES = {str: "text", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "a table"}


def _wrong_type(value: object, wanted: str) -> TypeError:
    return TypeError(f"must be {wanted}, not {_TOML_TYPES.get(type(value), 'a date or time')}")


def _strictly(kind: type[T]) -> Any:
    def check(value: object, _type: object) -> T:
        if kind is float and type(value) is int:
            return float(value)  # type: ignore[return-value]
        if type(value) is not kind:
            raise _wrong_type(value, _NAMES[kind])
        return value

    return check


def _links(value: object, _type: object) -> Links:
    if isinstance(value, list):
        pairs = [(str(number), address) for number, address in enumerate(value)]
    elif isinstance(value, dict):
        pairs = list(value.items())
    else:
        raise _wrong_type(value, "a list of addresses or a table of link numbers")
    for _, address in pairs:
        if not isinstance(address, str):
            raise _wrong_type(address, "made of addresses in quotes")
    return Links(tuple(pairs))


def _texts(value: object, _type: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise _wrong_type(value, "a list")
    for item in value:
        if not isinstance(item, str):
            raise _wrong_type(item, "a list of texts in quotes")
    return tuple(value)


def _password_hook(converter: Converter) -> Callable[[Any, Any], PasswordTable]:
    table = _table_hook(PasswordTable, converter)

    def check(value: object, wanted: object) -> PasswordTable:
        if value == "prompt":
            return PasswordTable()
        if not isinstance(value, dict) or len(value) != 1:
            # Not a word of what stands there: it may well be the password.
            raise TypeError('must be "prompt" or a table of one of env, file, command; a password never stands here')
        filled: PasswordTable = table(value, wanted)
        return filled

    return check


def _table_hook(kind: type[Any], converter: Converter) -> Callable[[Any, Any], Any]:
    fill = make_dict_structure_fn(kind, converter, _cattrs_forbid_extra_keys=True)

    def check(value: object, wanted: object) -> Any:
        if not isinstance(value, dict):
            raise _wrong_type(value, "a table")
        return fill(value, wanted)

    return check


def _tables_hook(kind: Any, converter: Converter) -> Callable[[Any, Any], Any]:
    _, item = get_args(kind)

    def check(value: object, _type: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise _wrong_type(value, "a table")
        filled: dict[str, Any] = {}
        for key, entry in value.items():
            try:
                filled[key] = converter.structure(entry, item)
            except Exception as error:
                error.add_note(IterableValidationNote(f"{kind} @ {key}", key, item))
                raise
        return filled

    return check


def _is_dict_of_tables(kind: Any) -> bool:
    return bool(get_origin(kind) is dict)


def _converter() -> Converter:
    converter = Converter(detailed_validation=True)
    converter.register_structure_hook_factory(is_dataclass)(_table_hook)
    converter.register_structure_hook_factory(_is_dict_of_tables)(_tables_hook)
    for kind in (str, bool, int, float):
        converter.register_structure_hook(kind, _strictly(kind))
    converter.register_structure_hook(Links, _links)
    converter.register_structure_hook_func(lambda kind: kind == tuple[str, ...], _texts)
    converter.register_structure_hook(PasswordTable, _password_hook(converter))
    return converter


_CONVERTER = _converter()


def _first_problem(error: BaseException, path: tuple[str, ...] = ()) -> SchemaError:
    """Walk cattrs' tree of errors down to its first leaf, collecting the keys on the way."""
    for note in reversed(getattr(error, "__notes__", ())):
        if isinstance(note, AttributeValidationNote):
            path = (*path, note.name)
        elif isinstance(note, IterableValidationNote):
            path = (*path, str(note.index))
    if isinstance(error, ClassValidationError):
        return _first_problem(_most_telling(error.exceptions), path)
    if isinstance(error, ForbiddenExtraKeysError):
        extra = min(error.extra_fields)
        known = [item.name for item in fields(error.cl)]
        return SchemaError((*path, extra), "unknown key", similar(extra, known) or f"known keys: {', '.join(known)}")
    if isinstance(error, KeyError):
        return SchemaError(path, "missing", "it has no default")
    return SchemaError(path, str(error))


def _most_telling(errors: Iterable[BaseException]) -> BaseException:
    """A misspelt key is also a missing one: name the misspelling."""
    ordered = sorted(errors, key=lambda error: not isinstance(error, ForbiddenExtraKeysError))
    return ordered[0]
