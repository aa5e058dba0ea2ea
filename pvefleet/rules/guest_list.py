"""The report of ``guest.list``, and how a selector finds its guests, as pure functions of the facts."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from parsers.guest_conf import GuestConf
from pvefleet.model.errors import UsageError
from pvefleet.model.facts import ClusterFacts
from pvefleet.model.finding import Finding, Severity
from pvefleet.model.guest_list import GuestListReport, ListedGuest
from pvefleet.model.status import GuestState, exit_of
from pvefleet.rules.guest_findings import guest_findings, left_out, not_understood, reading_findings
from pvefleet.rules.guest_inventory import Guest, GuestInventory, guest_inventory
from pvefleet.rules.membership import conf_of_record, membership
from pvefleet.rules.selector import Candidate, Selection, Selector, Universe, select

_ORDER = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}
_SEPARATORS = re.compile(r"[;,\s]+")
_DEFAULT_MEMORY_MIB = 512
"""What Proxmox VE gives a guest, machine or container, whose configuration says nothing."""
_RUNNING = {GuestState.RUNNING: True, GuestState.STOPPED: False}


@dataclass(frozen=True, slots=True)
class Chosen:
    """The guests that a command line means.

    Attributes:
        inventory: every guest there is.
        guests: the ones that are meant, by number.
        findings: what is wrong with them and with the reading of them, unsorted.
        unclear: was output not understood?
    """

    inventory: GuestInventory
    guests: tuple[Guest, ...]
    findings: tuple[Finding, ...]
    unclear: bool


def choose(facts: ClusterFacts, selector: Selector, on: Sequence[str] = ()) -> Chosen:
    """Return the guests that *selector* means among those of *facts*.

    Args:
        facts: with GUEST_CONFIGS; with GUESTS too where the selector goes by state or the report shows it.
        selector: what was asked for.
        on: names of nodes that the command line narrows it to; none for the whole cluster.

    Raises:
        SelectorError: the selector names what does not exist or matches nothing.
        UsageError: it matches guests, but none on these nodes.
    """
    members = membership(facts)
    inventory = guest_inventory(facts)
    guests: tuple[Guest, ...] = ()
    unsure = Selection((), ())
    # Where no node could say which guests there are, no selector is wrong: the findings say why nothing is shown.
    if inventory.known or inventory.guests:
        unsure = select(selector, universe(facts, inventory))
        wanted = frozenset(unsure.vmids)
        guests = tuple(guest for guest in inventory.guests if guest.vmid in wanted)
        if on:
            here = tuple(guest for guest in guests if guest.node in on)
            if guests and not here and selector.text != "@all":
                raise UsageError(f"none of the guests that {selector.text!r} selects is on {', '.join(on)}")
            guests = here
    findings = (
        *reading_findings(facts, members),
        *guest_findings(facts, members, inventory, guests),
        *left_out(facts, unsure),
    )
    unclear = not_understood(facts) or any(guest.problem for guest in guests)
    return Chosen(inventory, guests, findings, unclear)


def universe(facts: ClusterFacts, inventory: GuestInventory) -> Universe:
    """Return what selectors may select from: the guests, and every name of a node or pool."""
    nodes = [(node.pve_name, node.name) for node in facts.nodes]
    nodes += [(peer.name, peer.name) for peer in membership(facts).peers]
    nodes += [(guest.node, guest.node) for guest in inventory.guests]
    nodes += [(node.name, node.name) for node in facts.nodes]
    return Universe(tuple(map(_candidate, inventory.guests)), nodes, inventory.pools)


def guest_list(facts: ClusterFacts, selector: Selector, on: Sequence[str] = ()) -> GuestListReport:
    """Return the report of ``guest.list``; takes and raises what :func:`choose` does."""
    chosen = choose(facts, selector, on)
    findings = worst_first(chosen.findings)
    return GuestListReport(
        cluster=cluster_name(facts),
        taken_at=facts.taken_at,
        here=facts.here,
        nodes_total=nodes_total(facts),
        nodes_read=len(facts.seen),
        selector=selector.text,
        guests_total=len(chosen.inventory.guests),
        guests=tuple(_row(guest) for guest in chosen.guests),
        findings=findings,
        exit_code=exit_of(findings, read=len(facts.seen), not_understood=chosen.unclear),
    )


def worst_first(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Return *findings* by severity, and in their order within one."""
    return tuple(sorted(findings, key=lambda one: _ORDER[one.severity]))


def cluster_name(facts: ClusterFacts) -> str:
    """Return the cluster's name: by hosts.toml, else by its own configuration."""
    record = conf_of_record(facts)
    return facts.cluster or (record.conf.cluster_name if record else "") or ""


def nodes_total(facts: ClusterFacts) -> int:
    """Return how many nodes there are: those of hosts.toml and the members it does not list."""
    return len({node.name for node in facts.nodes} | {peer.name for peer in membership(facts).peers})


def tags_of(conf: GuestConf) -> tuple[str, ...]:
    """Return a guest's tags."""
    return tuple(tag for tag in _SEPARATORS.split(conf.get("tags") or "") if tag)


def _candidate(guest: Guest) -> Candidate:
    return Candidate(
        vmid=guest.vmid,
        name=guest.name,
        node=guest.node,
        running=_RUNNING.get(guest.state),
        tags=None if guest.conf is None else frozenset(tags_of(guest.conf)),
        pool=guest.pool,
    )


def _row(guest: Guest) -> ListedGuest:
    conf = guest.conf
    return ListedGuest(
        vmid=guest.vmid,
        type=guest.type,
        name=guest.name,
        node=guest.node,
        state=guest.state,
        detail=guest.detail,
        config_from=guest.config_from if conf else "",
        memory_mib=_memory(conf) if conf else None,
        cores=_cores(guest.type, conf) if conf else None,
        tags=tags_of(conf) if conf else None,
        pool=guest.pool,
        lock=guest.lock,
        template=conf.get("template") == "1" if conf else None,
        ha_managed=guest.ha_managed,
        snapshots=len(conf.snapshots) if conf else None,
    )


def _memory(conf: GuestConf) -> int | None:
    """Return the memory in MiB; ``memory`` is a number, or ``current=NUMBER`` and more since Proxmox VE 8.1."""
    text = conf.get("memory")
    if text is None:
        return _DEFAULT_MEMORY_MIB
    parts = dict(part.partition("=")[::2] for part in text.split(","))
    return _whole(parts.get("current", text))


def _cores(kind: str, conf: GuestConf) -> int | None:
    """Return a machine's sockets times cores, or the cores a container may use at most (None: all)."""
    cores = conf.get("cores")
    if kind == "lxc":
        return _whole(cores) if cores is not None else None
    sockets, each = _whole(conf.get("sockets") or "1"), _whole(cores or "1")
    return None if sockets is None or each is None else sockets * each


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None
