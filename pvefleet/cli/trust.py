"""``cluster.trust``: fetch host keys, show them, pin those that the operator agrees to."""

from __future__ import annotations

from pvefleet.cli.fleet import Fleet
from pvefleet.model.errors import NodeError, UsageError
from pvefleet.model.inventory import GatewayEntry, Inventory, NodeEntry
from pvefleet.model.trust import TrustReport, TrustRow, TrustState


def trust(fleet: Fleet, *, gateway: str, fingerprint: str, yes: bool) -> TrustReport:
    """Pin the targets' host keys under their names.

    Args:
        fleet: the targets; no connection is used.
        gateway: a jump host of hosts.toml, instead of the targets.
        fingerprint: trust the one target's key if it has this fingerprint.
        yes: trust unknown keys without asking.

    Raises:
        UsageError: a fingerprint was given for several machines, or there is no such gateway.
    """
    inventory = fleet.inventory
    if inventory is None:
        raise UsageError("host keys are kept on the machine that connects, not on the node")
    known_gateways = {entry.name: entry for entry in inventory.gateways}
    if gateway and gateway not in known_gateways:
        raise UsageError(f"hosts.toml lists no gateway {gateway!r}")
    entries: tuple[NodeEntry | GatewayEntry, ...] = (known_gateways[gateway],) if gateway else fleet.targets
    if fingerprint and len(entries) != 1:
        raise UsageError(f"--fingerprint is about one machine, not {len(entries)}: name it by -H")
    rows = tuple(_one(fleet, inventory, entry, fingerprint, yes) for entry in entries)
    return TrustReport(str(inventory.known_hosts), rows)


def _one(fleet: Fleet, inventory: Inventory, entry: NodeEntry | GatewayEntry, fingerprint: str, yes: bool) -> TrustRow:
    from pvefleet.nodes.ssh import hostkeys
    from pvefleet.nodes.ssh.connect import shown_host_key

    seconds = fleet.policy.connect_seconds
    try:
        if isinstance(entry, GatewayEntry):
            key = hostkeys.fetch(entry, seconds=seconds)
        else:
            key = shown_host_key(entry, inventory, passphrase=fleet.passphrase, seconds=seconds)
    except NodeError as error:
        return TrustRow(entry.name, TrustState.UNREACHABLE, "", "", error.message)

    def row(state: TrustState, note: str = "") -> TrustRow:
        return TrustRow(entry.name, state, key.type, key.fingerprint, note)

    known = hostkeys.known(inventory.known_hosts, entry.name)
    if any(one.base64 == key.base64 for one in known):
        return row(TrustState.KNOWN)
    if any(one.type == key.type for one in known):
        note = f"another {key.type} key is on record; was the machine reinstalled? Then remove that line first"
        return row(TrustState.CHANGED, note)
    if fingerprint and fingerprint != key.fingerprint:
        return row(TrustState.MISMATCH, f"you gave {fingerprint}")
    if not (fingerprint or yes or _agrees(fleet, entry, key.type, key.fingerprint)):
        note = "" if fleet.environment.interactive else "no terminal to ask on: give --fingerprint, or --yes"
        return row(TrustState.DECLINED, note)
    hostkeys.append(inventory.known_hosts, key)
    return row(TrustState.ADDED)


def _agrees(fleet: Fleet, entry: NodeEntry | GatewayEntry, key_type: str, fingerprint: str) -> bool:
    if not fleet.environment.interactive:
        return False
    from pvefleet.views.prompt import ask_yes

    return ask_yes(f"{entry.name} ({entry.endpoint}) shows {key_type} {fingerprint}. Trust it?")
