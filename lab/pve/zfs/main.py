"""`zfs`: list, get, set, create, destroy, snapshot, rollback, rename, send, receive, mount -a."""

from __future__ import annotations

import getopt
import os
import sys
from collections.abc import Callable

from lab.pve import durations

from . import listing, stream, values
from .store import DATA, FILESYSTEM, POOL, VOLUME, Store, ZfsError

USAGE = 2


class UsageError(Exception):
    """The command line is wrong; `zfs` exits with 2."""


def _options(argv: list[str], short: str) -> tuple[dict[str, list[str]], list[str]]:
    """Options with every value they were given, and what follows them."""
    try:
        pairs, words = getopt.getopt(argv, short)
    except getopt.GetoptError as error:
        raise UsageError(f"invalid option '{error.opt}'") from None
    found: dict[str, list[str]] = {}
    for key, value in pairs:
        found.setdefault(key[1:], []).append(value)
    return found, words


def _one(words: list[str], what: str) -> str:
    if len(words) != 1:
        raise UsageError(f"missing {what} argument" if not words else "too many arguments")
    return words[0]


def _create(store: Store, argv: list[str]) -> None:
    options, words = _options(argv, "psuo:V:b:")
    name = _one(words, "filesystem" if "V" not in options else "size")
    properties = dict(_pair(text) for text in options.get("o", []))
    for key in properties:
        if key in values.SIZED:
            properties[key] = str(values.size(properties[key]))
    if name.partition("/")[0] != POOL:
        raise ZfsError(f"cannot create '{name}': no such pool '{name.partition('/')[0]}'")
    if "V" in options:
        size = values.size(options["V"][0])
        properties["volsize"] = str(size)
        if "s" not in options:
            properties["refreservation"] = str(size)
    store.create(name, VOLUME if "V" in options else FILESYSTEM, properties)


def _pair(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator:
        raise UsageError("missing '=' for property=value argument")
    return key, value


def _destroy(store: Store, argv: list[str]) -> None:
    options, words = _options(argv, "rRfdnpv")
    name = _one(words, "dataset")
    if "@" in name:
        _destroy_snapshots(store, name)
        return
    dataset = store.get(name)
    below = [one.name for one in store.all() if one.name.startswith(f"{name}/")]
    if (dataset.snapshots or below) and not {"r", "R"} & options.keys():
        names = "\n".join([*below, *dataset.full_names])
        raise ZfsError(
            f"cannot destroy '{name}': {dataset.kind} has children\n"
            f"use '-r' to destroy the following datasets:\n{names}"
        )
    if name in (POOL, DATA):
        raise ZfsError(f"cannot destroy '{name}': dataset is busy")
    for one in [*reversed(below), name]:
        store.destroy(one)


def _destroy_snapshots(store: Store, full: str) -> None:
    """`a@x`, `a@x,y` and the range `a@x%y`, either end of which may be left out."""
    name, _, wanted = full.partition("@")
    with store.lock():
        dataset = store.get(name)
        present = [one.name for one in dataset.snapshots]
        chosen: list[str] = []
        for part in wanted.split(","):
            first, percent, last = part.partition("%")
            if not percent:
                chosen += [part] if part in present else []
                continue
            start = present.index(first) if first in present else 0
            end = present.index(last) if last in present else len(present) - 1
            chosen += present[start : end + 1]
        if not chosen:
            raise ZfsError("could not find any snapshots to destroy; check snapshot names.")
        for one in chosen:
            store.drop_snapshot(name, one)


def _snapshot(store: Store, argv: list[str]) -> None:
    options, words = _options(argv, "ro:")
    if not words:
        raise UsageError("missing snapshot argument")
    for full in words:
        name, _, short = full.partition("@")
        below = [one.name for one in store.all() if one.name.startswith(f"{name}/")] if "r" in options else []
        for one in [name, *below]:
            store.take_snapshot(one, short)


def _rollback(store: Store, argv: list[str]) -> None:
    options, words = _options(argv, "rRf")
    name, _, short = _one(words, "dataset").partition("@")
    store.rollback(name, short, recursive=bool({"r", "R"} & options.keys()))


def _rename(store: Store, argv: list[str]) -> None:
    _, words = _options(argv, "fpu")
    if len(words) != 2:
        raise UsageError("missing target dataset argument" if len(words) < 2 else "too many arguments")
    store.rename(*words)


def _set(store: Store, argv: list[str]) -> None:
    if len(argv) < 2:
        raise UsageError("missing dataset name(s)" if argv else "missing property=value argument(s)")
    key, value = _pair(argv[0])
    for name in argv[1:]:
        if key not in values.SETTABLE and ":" not in key:
            readonly = key in values.SIZED or key in ("guid", "createtxg", "creation", "type")
            problem = f"'{key}' is readonly" if readonly else f"invalid property '{key}'"
            raise ZfsError(f"cannot set property for '{name}': {problem}")
        store.set(name, key, str(values.size(value)) if key in values.SIZED else value)


def _send(store: Store, argv: list[str]) -> None:
    options, words = _options(argv, "RpvUwLcei:I:")
    if os.isatty(1):
        raise ZfsError("Error: Stream can not be written to a terminal.\nYou must redirect standard output.")
    base = (options.get("I") or options.get("i") or [""])[0]
    what = stream.Sending(_one(words, "snapshot"), base, "I" in options, "R" in options, "p" in options, "v" in options)
    stream.send(store, what, sys.stdout.buffer, seconds=durations.seconds("zfs-send"))


def _receive(store: Store, argv: list[str]) -> None:
    options, words = _options(argv, "Fuvsx:o:")
    stream.clean(store)
    stream.receive(store, _one(words, "snapshot"), sys.stdin.buffer, force="F" in options)


def _mount(store: Store, argv: list[str]) -> None:
    """`mount -a`, at the node's start: /dev is new then."""
    if argv != ["-a"]:
        raise UsageError("missing dataset argument")
    stream.clean(store)
    for dataset in store.all():
        store.expose(dataset)


_COMMANDS: dict[str, Callable[[Store, list[str]], None]] = {
    "create": _create,
    "destroy": _destroy,
    "snapshot": _snapshot,
    "snap": _snapshot,
    "rollback": _rollback,
    "rename": _rename,
    "set": _set,
    "send": _send,
    "receive": _receive,
    "recv": _receive,
    "mount": _mount,
    "list": lambda store, argv: listing.list_(store, *_options(argv, "Hprd:t:o:s:S:")),
    "get": lambda store, argv: listing.get(store, *_options(argv, "Hprd:t:o:s:")),
}


def run(store: Store, argv: list[str]) -> int:
    """Run one `zfs` command on a pool; print what it says, and return its exit code."""
    command = _COMMANDS.get(argv[0]) if argv else None
    if command is None:
        print(f"unrecognized command '{argv[0]}'" if argv else "missing command", file=sys.stderr)
        return USAGE
    try:
        command(store, argv[1:])
        sys.stdout.flush()
    except UsageError as error:
        print(f"{error}\nusage:\n\t{argv[0]}", file=sys.stderr)
        return USAGE
    except ZfsError as error:
        print(error, file=sys.stderr)
        return 1
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
    return 0


def main(argv: list[str]) -> int:
    """Run one `zfs` command on this node's pool."""
    return run(Store(), argv)
