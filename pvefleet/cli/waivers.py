"""The waivers file: which findings somebody lives with, who answers for that, why, and until when."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

from pvefleet.model.catalogue import CATALOGUE
from pvefleet.model.check import Waiver
from pvefleet.model.errors import InventoryError

_KEYS = frozenset({"code", "subject", "owner", "reason", "expires"})
_NEEDED = ("code", "owner", "reason", "expires")


def load_waivers(path: Path, *, required: bool) -> tuple[Waiver, ...]:
    """Return the waivers in *path*: a TOML file of ``[[waiver]]`` tables.

    Args:
        path: the file.
        required: was it named by the operator? Else a missing file is no waivers.

    Raises:
        InventoryError: it cannot be read, or an entry is not complete; names file, entry and key.
    """
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if not required:
            return ()
        raise InventoryError(f"there is no waivers file {path}") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InventoryError(f"{path}: {error}") from error
    if set(tables) - {"waiver"}:
        raise InventoryError(f"{path}: unknown key {min(set(tables) - {'waiver'})!r}; the file holds [[waiver]] tables")
    rows = tables.get("waiver", [])
    if not isinstance(rows, list):
        raise InventoryError(f"{path}: waiver is a list of tables: [[waiver]]")
    return tuple(_waiver(path, number, row) for number, row in enumerate(rows, 1))


def _waiver(path: Path, number: int, row: Any) -> Waiver:
    where = f"{path}: waiver {number}"
    unknown = set(row) - _KEYS
    if unknown:
        raise InventoryError(f"{where}: unknown key {min(unknown)!r}", hint=f"the keys are {', '.join(sorted(_KEYS))}")
    missing = [key for key in _NEEDED if not row.get(key)]
    if missing:
        raise InventoryError(f"{where}: {missing[0]} is missing", hint="a waiver names code, owner, reason and expires")
    expires = row["expires"]
    if isinstance(expires, str):
        try:
            expires = date.fromisoformat(expires)
        except ValueError:
            expires = None
    if type(expires) is not date:
        raise InventoryError(f"{where}: expires is a day, like 2027-06-30")
    for key in ("code", "subject", "owner", "reason"):
        if not isinstance(row.get(key, ""), str):
            raise InventoryError(f"{where}: {key} is text")
    if row["code"] not in {entry.code for entry in CATALOGUE}:
        raise InventoryError(f"{where}: there is no finding {row['code']}", hint="docs/findings.md lists the codes")
    return Waiver(row["code"], row.get("subject", ""), row["owner"], row["reason"], expires.isoformat())
