"""``node.prepare``: looks, plans, asks, then prepares one node after another."""

from __future__ import annotations

from pathlib import Path

from pvefleet.cli.consent import consent
from pvefleet.cli.fleet import Fleet
from pvefleet.model.errors import TimedOut, UsageError
from pvefleet.model.inventory import NodeEntry
from pvefleet.model.prepare import PrepareReport, PrepareRow, PrepareState
from pvefleet.procedures import prepare_node
from pvefleet.procedures.prepare_node import Look

_LOOK_SECONDS = 20.0
_STOPS = frozenset({PrepareState.REVERTED, PrepareState.NEEDS_HANDS})


def prepare(fleet: Fleet, *, key_file: str, plan: bool, yes: bool) -> PrepareReport:
    """Install the operator's key on the targets, one after another; the first failure stops the rest.

    Args:
        fleet: the targets.
        key_file: a public key file; empty takes the one beside the identity in hosts.toml.
        plan: only say what would be done.
        yes: do not ask.

    Raises:
        UsageError: no public key is found.
        Refused: the operator does not agree.
    """
    keys = {entry.name: _public_key(entry, key_file) for entry in fleet.targets}
    label = ", ".join(sorted({_label(key) for key in keys.values()}))
    looks = _look(fleet, keys)
    plans = tuple(prepare_node.planned(found) for found in looks)
    report = PrepareReport(fleet.cluster, label, plans, planned=True)
    changes = [row.node for row in plans if row.state is PrepareState.WOULD]
    if plan or not changes:
        return report
    _show(report)
    consent(f"Prepare {', '.join(changes)} of {fleet.cluster}?", yes=yes, environment=fleet.environment)
    rows: list[PrepareRow] = []
    by_name = {node.name: node for node in fleet.target_nodes()}
    for entry, found in zip(fleet.targets, looks, strict=True):
        if any(row.state in _STOPS for row in rows):
            rows.append(PrepareRow(entry.name, PrepareState.NOT_TRIED, "an earlier node failed"))
            continue
        row = prepare_node.prepare(
            by_name[entry.name],
            found,
            user=entry.user,
            key=keys[entry.name],
            login_again=lambda entry=entry: fleet.connect_again(entry),  # type: ignore[misc]
        )
        rows.append(row)
    return PrepareReport(fleet.cluster, label, tuple(rows), planned=False)


def _look(fleet: Fleet, keys: dict[str, str]) -> tuple[Look, ...]:
    users = {entry.name: entry.user for entry in fleet.targets}
    outcomes = fleet.fan_out(
        lambda node: prepare_node.look(node, user=users[node.name], key=keys[node.name]),
        nodes=fleet.target_nodes(),
        seconds=_LOOK_SECONDS,
    )
    looks = []
    for outcome in outcomes:
        error = outcome.error or TimedOut(outcome.node, "it did not answer in time", seconds=outcome.seconds)
        looks.append(outcome.value or Look(outcome.node, (), has_key=False, refusal=error.message))
    return tuple(looks)


def _show(report: PrepareReport) -> None:
    from pvefleet.views.prepare import show_plan

    show_plan(report)


def _public_key(entry: NodeEntry, key_file: str) -> str:
    path = Path(key_file).expanduser() if key_file else _beside(entry)
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"cannot read the public key {path}: {error.strerror}", hint="name one: --key FILE.pub"
        ) from error
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
    if len(lines) != 1 or len(lines[0].split()) < 2 or "PRIVATE" in lines[0]:
        raise UsageError(f"{path} is not a file with one public key")
    return lines[0]


def _beside(entry: NodeEntry) -> Path:
    if entry.identity is None:
        raise UsageError(f"hosts.toml names no identity for {entry.name}", hint="name a public key: --key FILE.pub")
    return entry.identity.with_name(entry.identity.name + ".pub")


def _label(key: str) -> str:
    kind, data, *comment = key.split(maxsplit=2)
    return f"{kind} {comment[0] if comment else data[-12:]}"
