"""The tables of `zfs list` and `zfs get`."""

from __future__ import annotations

import sys

from .store import Store, ZfsError
from .values import ALIASES, ORDER, SIZED, Row, Values

_COLUMNS = ("name", "used", "available", "referenced", "mountpoint")
_HEADS = {"available": "AVAIL", "referenced": "REFER"}
_GET = ("name", "property", "value", "source")
_TYPES = {
    "filesystem": "filesystem",
    "fs": "filesystem",
    "volume": "volume",
    "vol": "volume",
    "snapshot": "snapshot",
    "snap": "snapshot",
}

Options = dict[str, list[str]]


def _kinds(options: Options, default: set[str]) -> set[str]:
    if "t" not in options:
        return default
    words = options["t"][0].split(",")
    if "all" in words:
        return {"filesystem", "volume", "snapshot"}
    for word in words:
        if word not in _TYPES:
            raise ZfsError(f"invalid type '{word}'")
    return {_TYPES[word] for word in words}


def _rows(all_values: Values, options: Options, names: list[str], *, recursive_by_default: bool) -> list[Row]:
    """What was asked for: everything, or the named ones, with what is below them as far as `-r` and `-d` go."""
    everything = all_values.rows()
    asked_snapshot = any("@" in name for name in names)
    default = {"snapshot"} if asked_snapshot else {"filesystem", "volume"}
    if asked_snapshot and not all("@" in name for name in names):
        default |= {"filesystem", "volume"}
    kinds = _kinds(options, default)
    depth = int(options["d"][0]) if "d" in options else None
    recursive = "r" in options or depth is not None or (recursive_by_default and not names)
    if not names:
        return [row for row in everything if row.kind in kinds]
    chosen: list[Row] = []
    missing = 0
    for name in names:
        found = [row for row in everything if row.name == name]
        if not found:
            print(f"cannot open '{name}': dataset does not exist", file=sys.stderr)
            missing += 1
            continue
        # asking a dataset for its snapshots is asking for those right below it
        snapshots_only = kinds == {"snapshot"} and "@" not in name
        reach = depth if depth is not None else (1 if snapshots_only and not recursive else None)
        below = [row for row in everything if _is_below(row, name, reach)] if recursive or snapshots_only else []
        chosen += [row for row in [*found, *below] if row.kind in kinds and row not in chosen]
    if missing and not chosen:
        raise ZfsError("")
    return chosen


def _is_below(row: Row, name: str, depth: int | None) -> bool:
    if not row.name.startswith((f"{name}/", f"{name}@")):
        return False
    steps = row.dataset.name[len(name) :].count("/") + (1 if row.snapshot else 0)
    return depth is None or steps <= depth


def _sorted(all_values: Values, rows: list[Row], options: Options) -> list[Row]:
    for letter in ("s", "S"):
        for key in options.get(letter, []):
            name = ALIASES.get(key, key)
            numeric = name in SIZED or name in ("creation", "createtxg", "guid")

            def value(row: Row, name: str = name, numeric: bool = numeric) -> tuple[int, str]:
                raw = all_values.raw(row, name)
                return (int(raw), "") if numeric and raw.isdigit() else (0, raw)

            rows = sorted(rows, key=value, reverse=letter == "S")
    return rows


def _print(head: list[str], table: list[list[str]], right: set[int], *, scripted: bool) -> None:
    if scripted:
        for line in table:
            print("\t".join(line))
        return
    if not table:
        return
    widths = [max(len(line[column]) for line in [head, *table]) for column in range(len(head))]
    for line in [head, *table]:
        cells = [
            cell.rjust(width) if column in right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        text = "  ".join(cells)
        print(text if len(head) - 1 in right else "  ".join([*cells[:-1], line[-1]]))


def list_(store: Store, options: Options, names: list[str]) -> None:
    """`zfs list`."""
    all_values = Values(store)
    rows = _sorted(all_values, _rows(all_values, options, names, recursive_by_default=True), options)
    wanted = options["o"][0].split(",") if "o" in options else list(_COLUMNS)
    keys = [ALIASES.get(key, key) for key in wanted]
    exact, scripted = "p" in options, "H" in options
    table = [[all_values.shown(row, key, exact=exact) for key in keys] for row in rows]
    if not rows and not scripted:
        print("no datasets available", file=sys.stderr)
        return
    right = {column for column, key in enumerate(keys) if key in SIZED or key in ("guid", "createtxg")}
    _print([_HEADS.get(key, key.upper()) for key in keys], table, right, scripted=scripted)


def get(store: Store, options: Options, words: list[str]) -> None:
    """`zfs get`."""
    if not words:
        raise ZfsError("missing property argument")
    all_values = Values(store)
    rows = _rows(all_values, {"t": ["all"]} | options, words[1:], recursive_by_default=True)
    table: list[list[str]] = []
    for row in rows:
        keys = list(ORDER[row.kind]) if words[0] == "all" else [ALIASES.get(key, key) for key in words[0].split(",")]
        if words[0] == "all":
            keys += sorted(key for key in row.dataset.properties if ":" in key and not row.snapshot)
        for key in keys:
            value = all_values.shown(row, key, exact="p" in options)
            table.append([row.name, key, value, _source(row, key, value)])
    wanted = options["o"][0].split(",") if "o" in options and options["o"][0] != "all" else list(_GET)
    picked = [[line[_GET.index(key)] for key in wanted] for line in table]
    _print([key.upper() for key in wanted], picked, set(), scripted="H" in options)


def _source(row: Row, key: str, value: str) -> str:
    if not row.snapshot and key in row.dataset.properties and key != "volsize":
        return "local"
    if key == "volsize" and not row.snapshot:
        return "local"
    defaulted = ("quota", "refquota", "reservation", "refreservation", "recordsize", "mountpoint", "compression",
                 "readonly", "volblocksize")  # fmt: skip
    return "default" if key in defaulted and value != "-" and not row.snapshot else "-"
