"""`zfs send` and `zfs recv`: snapshots with their guids, times and content, and what `-F` does to the receiving side.

A stream is a line of JSON that says what it is, then per snapshot a line and its content, then a last line. Each
snapshot takes effect when it has arrived whole; what a cut stream began leaves no trace.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any

from . import content, values
from .store import Dataset, Snapshot, Store, ZfsError

Say = Callable[[str], None]

MAGIC = b"pvelab zfs stream\n"


@dataclass(frozen=True, slots=True)
class Sending:
    """What is sent.

    Attributes:
        full: dataset@snapshot.
        base: the snapshot it starts from, short or full; empty for a full stream.
        between: whether the snapshots in between go too (`-I`).
        replicate: `-R`: the dataset with its snapshots, so that `recv -F` destroys those the sender does not have.
        properties: `-p`, implied by `-R`.
        verbose: `-v`.
    """

    full: str
    base: str = ""
    between: bool = False
    replicate: bool = False
    properties: bool = False
    verbose: bool = False


def send(store: Store, what: Sending, out: IO[bytes], *, seconds: float = 0.0, say: Say | None = None) -> None:
    """Write a stream.

    Args:
        store: the pool.
        what: to be sent.
        out: takes it.
        seconds: that each snapshot takes at least.
        say: takes what `-v` tells; standard error without it.

    Raises:
        ZfsError: a snapshot does not exist.
    """
    dataset, last = store.get_snapshot(what.full)
    chosen, base = _chosen(dataset, last, what)
    held = [hold(store, dataset, one) for one in ([base] if base else []) + chosen]
    try:
        if what.verbose:
            _announce(store, dataset, chosen, base, say or _to_stderr)
        head = {
            "kind": dataset.kind,
            "properties": dataset.properties if what.properties or what.replicate else _size_only(dataset),
            "from": base.guid if base else None,
            "all": [one.guid for one in dataset.snapshots] if what.replicate else None,
        }
        out.write(MAGIC + _line(head))
        for snapshot in chosen:
            out.write(_line({"snapshot": asdict(snapshot)}))
            out.flush()
            time.sleep(seconds)
            content.pack(store.kept(dataset.name, snapshot.name), out)
        out.write(_line({"end": True}))
        out.flush()
    finally:
        for descriptor in held:
            os.close(descriptor)


def _chosen(dataset: Dataset, last: Snapshot, what: Sending) -> tuple[list[Snapshot], Snapshot | None]:
    end = dataset.snapshots.index(last)
    if not what.base:
        return (dataset.snapshots[: end + 1] if what.replicate else [last]), None
    base = dataset.snapshot(what.base.rpartition("@")[2])
    if base is None:
        name = what.base.rpartition("@")[2]
        raise ZfsError(f"cannot send '{what.full}': incremental source (@{name}) does not exist")
    start = dataset.snapshots.index(base)
    if start >= end:
        raise ZfsError(f"cannot send '{what.full}': not an earlier snapshot from the same fs")
    return (dataset.snapshots[start + 1 : end + 1] if what.between or what.replicate else [last]), base


def _size_only(dataset: Dataset) -> dict[str, str]:
    return {key: value for key, value in dataset.properties.items() if key == "volsize"}


def _to_stderr(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def hold(store: Store, dataset: Dataset, snapshot: Snapshot) -> int:
    """Keep a snapshot from being destroyed; for as long as the descriptor is open."""
    descriptor = os.open(store.kept(dataset.name, snapshot.name), os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def _line(data: dict[str, Any]) -> bytes:
    return json.dumps(data).encode() + b"\n"


def _announce(store: Store, dataset: Dataset, chosen: list[Snapshot], base: Snapshot | None, say: Say) -> None:
    total, before = 0, base
    for snapshot in chosen:
        estimate = 624 + content.measure(store.kept(dataset.name, snapshot.name))
        total += estimate + 12288
        start = f"send from @{before.name} to" if before else "full send of"
        shown = values.nice(estimate)
        say(f"{start} {dataset.name}@{snapshot.name} estimated size is {shown}")
        before = snapshot
    say(f"total estimated size is {values.nice(total)}")
    for snapshot in chosen:
        say(f"TIME        SENT   SNAPSHOT {dataset.name}@{snapshot.name}")


def receive(store: Store, name: str, stream: IO[bytes], *, force: bool) -> None:
    """Take a stream into a dataset.

    Args:
        store: the pool.
        name: the dataset.
        stream: what `send` wrote.
        force: `-F`: roll back to the stream's base and destroy what is newer, and with a stream of `-R` whatever
            snapshot the sender does not have.

    Raises:
        ZfsError: it does not fit what is there, or it is cut short.
    """
    try:
        if stream.readline(64) != MAGIC:
            raise EOFError
        head = content.read_line(stream)
        if head["from"] is None:
            _prepare_full(store, name, force=force)
        else:
            _prepare_incremental(store, name, head, force=force)
        while "end" not in (record := content.read_line(stream)):
            _take(store, name, head, Snapshot(**record["snapshot"]), stream)
    except EOFError:
        raise ZfsError("cannot receive: failed to read from stream") from None


def _prepare_full(store: Store, name: str, *, force: bool) -> None:
    dataset = store.find(name)
    if dataset is None:
        parent = name.rpartition("/")[0]
        if store.find(parent) is None:
            raise ZfsError(f"cannot open '{parent}': dataset does not exist")
        return
    if not force:
        text = f"cannot receive new filesystem stream: destination '{name}' exists\nmust specify -F to overwrite it"
        raise ZfsError(text)
    if dataset.snapshots:
        raise ZfsError(
            f"cannot receive new filesystem stream: destination has snapshots (eg. {dataset.full_names[0]})\n"
            "must destroy them to overwrite it"
        )


def _prepare_incremental(store: Store, name: str, head: dict[str, Any], *, force: bool) -> None:
    with store.lock():
        dataset = store.find(name)
        if dataset is None:
            raise ZfsError(f"cannot receive incremental stream: destination '{name}' does not exist")
        base = next((one for one in dataset.snapshots if one.guid == head["from"]), None)
        if base is None or (not force and base is not dataset.snapshots[-1]):
            raise ZfsError(
                f"cannot receive incremental stream: most recent snapshot of {name} does not\nmatch incremental source"
            )
        if not force and store.is_modified(dataset):
            raise ZfsError(
                f"cannot receive incremental stream: destination {name} has been modified\nsince most recent snapshot"
            )
        if force:
            store.rollback(name, base.name, recursive=True)
            for one in store.get(name).snapshots:
                if head["all"] is not None and one.guid not in head["all"]:
                    store.drop_snapshot(name, one.name)


def _take(store: Store, name: str, head: dict[str, Any], snapshot: Snapshot, stream: IO[bytes]) -> None:
    """Receive one snapshot aside, and then have the dataset hold it."""
    arrived = store.base / f"receiving.{os.getpid()}"
    shutil.rmtree(arrived, ignore_errors=True)
    try:
        content.unpack(stream, arrived)
        with store.lock():
            dataset = store.find(name) or store.create(name, head["kind"], head["properties"])
            dataset.properties = dict(head["properties"]) or dataset.properties
            if dataset.snapshot(snapshot.name):
                raise ZfsError(f"cannot receive incremental stream: destination {name}@{snapshot.name} already exists")
            store.restore(dataset, arrived)
            store.keep(dataset, snapshot.name, snapshot.guid, snapshot.creation, arrived)
    finally:
        shutil.rmtree(arrived, ignore_errors=True)


def clean(store: Store) -> None:
    """Remove what receivers left that died with their node."""
    for path in store.base.glob("receiving.*"):
        if not Path("/proc", path.suffix[1:]).exists():
            shutil.rmtree(path, ignore_errors=True)
