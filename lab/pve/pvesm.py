"""`pvesm`: status, list, path, alloc, free, and `import`, by which replication's streams arrive."""

from __future__ import annotations

import sys
from collections.abc import Callable

from . import arguments, cfs, guests, storage
from .cfs import CommandError
from .storage import Storage, Volume
from .zfs import stream
from .zfs.store import POOL_BYTES, VOLUME, Store, ZfsError
from .zfs.values import Values, size

Options = dict[str, str]

_KIB = 1024
_DIRECTORY_BYTES = (98497780 * _KIB, 5046152 * _KIB)


def _sizes(one: Storage, store: Store) -> tuple[int, int]:
    """Total and used bytes."""
    return (POOL_BYTES, Values(store).pool_used()) if one.is_zfs else _DIRECTORY_BYTES


def _status(_words: list[str], options: Options) -> int:
    store = Store()
    rows: list[tuple[str, ...]] = []
    for one in storage.read().values():
        if options.get("storage", one.name) != one.name:
            continue
        if not one.is_on(guests.node()):
            rows.append((one.name, one.type, "disabled", "0", "0", "0", "N/A"))
            continue
        total, used = _sizes(one, store)
        numbers = (str(number // _KIB) for number in (total, used, total - used))
        rows.append((one.name, one.type, "active", *numbers, f"{used / total * 100:.2f}%"))
    width = max([4, *(len(row[0]) for row in rows)])
    heads = ("Name", "Type", "Status", "Total (KiB)", "Used (KiB)", "Available (KiB)", "%")
    for row in (heads, *rows):
        print(f"{row[0]:<{width}} {row[1]:>10} {row[2]:>10} {row[3]:>15} {row[4]:>15} {row[5]:>15} {row[6]:>8}")
    return 0


def _volumes(one: Storage, store: Store) -> list[tuple[Volume, int]]:
    """The volumes of a storage with their sizes in bytes."""
    if one.is_zfs:
        pool = one.options["pool"]
        return [
            (Volume(one, dataset.name.rpartition("/")[2]), int(dataset.properties.get(key, 0)))
            for dataset in store.all()
            for key in ("volsize" if dataset.kind == VOLUME else "refquota",)
            if dataset.name.rpartition("/")[0] == pool
        ]
    if one.type not in storage.OF_FILES:
        return []
    top = Volume(one, "0/x").path.parent.parent
    files = sorted(path for path in top.glob("*/*") if not path.name.startswith("."))
    return [(Volume(one, str(path.relative_to(top))), path.stat().st_size) for path in files]


def _list(words: list[str], options: Options) -> int:
    usage = "pvesm list <storage> [OPTIONS]"
    arguments.count(words, usage, least=1)
    storages = storage.read()
    if words[0] not in storages:
        raise CommandError(f"storage '{words[0]}' does not exist")
    found = [
        (one, number)
        for one, number in _volumes(storages[words[0]], Store())
        if options.get("vmid", str(one.owner)) == str(one.owner)
    ]
    width = max([5, *(len(one.id) for one, _ in found)])
    print(f"{'Volid':<{width}} {'Format':<7} {'Type':<9} {'Size':>12} VMID")
    for one, number in found:
        form = "subvol" if one.is_file_system else one.name.rpartition(".")[2] if "." in one.name else "raw"
        print(
            f"{one.id:<{width}} {form:<7} {'rootdir' if one.is_file_system else 'images':<9} {number:>12} {one.owner}"
        )
    return 0


def _path(words: list[str], _options: Options) -> int:
    arguments.count(words, "pvesm path <volume>", least=1)
    print(storage.volume(words[0]).path)
    return 0


def _alloc(words: list[str], _options: Options) -> int:
    arguments.count(words, "pvesm alloc <storage> <vmid> <filename> <size> [OPTIONS]", least=4)
    one = storage.volume(f"{words[0]}:{words[2]}")
    text = words[3] if not words[3].isdigit() else f"{words[3]}K"
    storage.allocate(one, size(text), Store())
    print(f"successfully created '{one.id}'")
    return 0


def _free(words: list[str], _options: Options) -> int:
    arguments.count(words, "pvesm free <volume> [OPTIONS]", least=1)
    one, store = storage.volume(words[0]), Store()
    if not storage.exists(one, store):
        raise CommandError(f"zfs error: cannot open '{one.dataset}': dataset does not exist", 2)
    storage.free(one, store)
    print(f"Removed volume '{one.id}'")
    return 0


def _import(words: list[str], options: Options) -> int:
    arguments.count(words, "pvesm import <volume> <format> <filename> [OPTIONS]", least=3)
    one, store = storage.volume(words[0]), Store()
    dataset = store.find(one.dataset)
    base = options.get("base")
    if base is None and dataset is not None:
        raise CommandError(f"volume '{one.dataset}' already exists")
    if base is not None and (dataset is None or dataset.snapshot(base) is None):
        raise CommandError(f"base snapshot '{one.dataset}@{base}' doesn't exist")
    stream.clean(store)
    try:
        stream.receive(store, one.dataset, sys.stdin.buffer, force=True)
    except ZfsError as error:
        raise CommandError(str(error), 1) from None
    print(f"successfully imported '{one.id}'")
    return 0


_COMMANDS: dict[str, Callable[[list[str], Options], int]] = {
    "status": _status,
    "list": _list,
    "path": _path,
    "alloc": _alloc,
    "free": _free,
    "import": _import,
}


def main(argv: list[str]) -> int:
    """Run one pvesm command."""
    command = _COMMANDS.get(argv[0]) if argv else None

    def body() -> int:
        if command is None:
            wrong = f"ERROR: unknown command 'pvesm {argv[0]}'\n" if argv else "ERROR: no command specified\n"
            raise CommandError(f"{wrong}USAGE: pvesm <COMMAND> [ARGS] [OPTIONS]")
        return command(*arguments.split(argv[1:]))

    return cfs.run(body)
