"""Native text of Proxmox VE and corosync to frozen records, one module per command or file format.

Nothing is imported until it is asked for: ``parsers.get("corosync_quorumtool")`` and ``parsers.corosync_quorumtool``
load one module each. A parser module has

* ``read(text) -> record``: pure and strict, a :class:`parsers.errors.ParseError` for anything it does not know;
* ``parse(data, raw=False, quiet=False)`` and ``info``: the same in the shape of the jc project, for
  ``jc.parse(module, text)``.

Parsers judge text, not success. Where a command prints nothing, or a file may be empty, no text at all is an answer:
check the exit status before you believe it.
"""

from __future__ import annotations

from functools import cache
from importlib import import_module
from types import ModuleType

_NOT_PARSERS = frozenset({"errors", "jcbridge"})


@cache
def names() -> tuple[str, ...]:
    """Return the names of all parsers, sorted: the modules of this directory without a leading underscore."""
    from pkgutil import iter_modules

    found = (module.name for module in iter_modules(__path__))
    return tuple(sorted(name for name in found if not name.startswith("_") and name not in _NOT_PARSERS))


def get(name: str) -> ModuleType:
    """Return the parser module *name*.

    Raises:
        KeyError: there is no such parser.
    """
    if name not in names():
        raise KeyError(name)
    return import_module(f"{__name__}.{name}")


def __getattr__(name: str) -> ModuleType:
    """Load ``parsers.NAME`` when it is first used."""
    if name.startswith("_") or name not in names():
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return get(name)


def __dir__() -> list[str]:
    return [*globals(), *names()]
