"""`zpool`: list, status, get of the node's one pool."""

from __future__ import annotations

import getopt
import sys

from .store import POOL, POOL_BYTES, Store
from .values import Values, nice

_COLUMNS = (
    "name", "size", "allocated", "free", "checkpoint", "expandsize", "fragmentation", "capacity", "dedupratio",
    "health", "altroot",
)  # fmt: skip
_HEADS = {
    "allocated": "ALLOC", "checkpoint": "CKPOINT", "expandsize": "EXPANDSZ", "fragmentation": "FRAG",
    "capacity": "CAP", "dedupratio": "DEDUP",
}  # fmt: skip
_ALIASES = {
    "alloc": "allocated", "cap": "capacity", "frag": "fragmentation", "ckpoint": "checkpoint", "dedup": "dedupratio",
}  # fmt: skip
_WIDTHS = {"name": 6}
_STATUS = """\
  pool: rpool
 state: ONLINE
config:

\tNAME        STATE     READ WRITE CKSUM
\trpool       ONLINE       0     0     0
\t  sda3      ONLINE       0     0     0

errors: No known data errors
"""


def _values(store: Store, *, exact: bool) -> dict[str, str]:
    used = Values(store).pool_used()
    sizes = {"size": POOL_BYTES, "allocated": used, "free": POOL_BYTES - used}
    capacity = used * 100 // POOL_BYTES
    return {
        "name": POOL, "health": "ONLINE", "altroot": "-", "checkpoint": "-", "expandsize": "-", "ashift": "12",
        "fragmentation": "0" if exact else "0%",
        "capacity": str(capacity) if exact else f"{capacity}%",
        "dedupratio": "1.00" if exact else "1.00x",
        "guid": "13170405172842210513",
    } | {key: str(value) if exact else nice(value) for key, value in sizes.items()}  # fmt: skip


def _list(store: Store, options: dict[str, str]) -> None:
    known = _values(store, exact="-p" in options)
    keys = [_ALIASES.get(key, key) for key in options.get("-o", ",".join(_COLUMNS)).split(",")]
    cells = [known.get(key, "-") for key in keys]
    if "-H" in options:
        print("\t".join(cells))
        return
    heads = [_HEADS.get(key, key.upper()) for key in keys]
    left = ("name", "health", "altroot")
    for line in (heads, cells):
        shown = []
        for key, head, cell, text in zip(keys, heads, cells, line, strict=True):
            width = max(len(head), len(cell), _WIDTHS.get(key, 0))
            shown.append(text.ljust(width) if key in left else text.rjust(width))
        print("  ".join(shown))


def _get(store: Store, options: dict[str, str], words: list[str]) -> None:
    known = _values(store, exact="-p" in options)
    keys = list(_COLUMNS) if words[0] == "all" else [_ALIASES.get(key, key) for key in words[0].split(",")]
    if "-H" not in options:
        print("NAME   PROPERTY       VALUE          SOURCE")
    for key in keys:
        line = [POOL, key, known.get(key, "-"), "-"]
        print("\t".join(line) if "-H" in options else f"{line[0]:<6} {line[1]:<14} {line[2]:<14} {line[3]}")


def run(store: Store, argv: list[str]) -> int:
    """Run one `zpool` command on a pool; print what it says, and return its exit code."""
    command = argv[0] if argv else ""
    try:
        pairs, words = getopt.getopt(argv[1:], "Hpo:vPx")
    except getopt.GetoptError as error:
        print(f"invalid option '{error.opt}'\nusage:\n\t{command}", file=sys.stderr)
        return 2
    options = dict(pairs)
    unknown = [name for name in (words[1:] if command == "get" else words) if name != POOL]
    if command not in ("list", "status", "get") or (command == "get" and not words):
        print(f"unrecognized command '{command}'" if command else "missing command", file=sys.stderr)
        return 2
    if unknown:
        print(f"cannot open '{unknown[0]}': no such pool", file=sys.stderr)
        return 1
    if command == "list":
        _list(store, options)
    elif command == "get":
        _get(store, options, words)
    else:
        print("all pools are healthy" if "-x" in options else _STATUS, end="\n" if "-x" in options else "")
    return 0


def main(argv: list[str]) -> int:
    """Run one `zpool` command on this node's pool."""
    return run(Store(), argv)
