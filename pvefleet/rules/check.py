"""``cluster.check``: all findings of the facts, filtered, with waivers applied."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pvefleet.model.catalogue import CATALOGUE
from pvefleet.model.check import CheckReport, Waived, Waiver
from pvefleet.model.errors import UsageError
from pvefleet.model.facts import ClusterFacts
from pvefleet.model.finding import Finding
from pvefleet.model.status import exit_of
from pvefleet.rules.architecture import architecture_findings
from pvefleet.rules.guest_findings import guest_findings
from pvefleet.rules.guest_inventory import guest_inventory
from pvefleet.rules.health import health_findings, unanswered
from pvefleet.rules.membership import Membership, conf_of_record, membership
from pvefleet.rules.node_health import NOT_UNDERSTOOD
from pvefleet.rules.status import by_severity, status_findings


def check_report(
    facts: ClusterFacts,
    *,
    only: Sequence[str] = (),
    waivers: Sequence[Waiver] = (),
    rpo_seconds: float | None = None,
) -> CheckReport:
    """Return every finding, the waived ones apart.

    Args:
        facts: what was read.
        only: codes or their beginnings (``LNK``, ``QUO-E-0001``); empty for all.
        rpo_seconds: how old a replica may be; None: not judged.
        waivers: what is known and accepted; one that has expired, by the day of the facts, does not count.

    Raises:
        UsageError: *only* names no code there is.
    """
    _refuse_unknown(only)
    members = membership(facts)
    found = [
        *status_findings(facts, members, rpo_seconds=rpo_seconds),
        *_of_guests(facts, members),
        *architecture_findings(facts, members),
        *health_findings(facts, members),
        *(one for node in facts.seen for one in unanswered(node)),
    ]
    wanted = [one for one in found if not only or one.code.startswith(tuple(only))]
    today = facts.taken_at[:10]
    holding = [waiver for waiver in waivers if waiver.expires >= today]
    open_, waived = _apply(by_severity(wanted), holding)
    used = {id(one.waiver) for one in waived}
    record = conf_of_record(facts)
    return CheckReport(
        cluster=facts.cluster or (record.conf.cluster_name if record else "") or "",
        taken_at=facts.taken_at,
        here=facts.here,
        nodes_total=len(facts.nodes),
        nodes_read=len(facts.seen),
        only=tuple(only),
        findings=open_,
        waived=waived,
        idle_waivers=tuple(waiver for waiver in waivers if id(waiver) not in used) if not only else (),
        exit_code=exit_of(open_, read=len(facts.seen), not_understood=any(one.code == NOT_UNDERSTOOD for one in open_)),
    )


def _of_guests(facts: ClusterFacts, members: Membership) -> Iterator[Finding]:
    if any(node.guests for node in facts.seen):
        inventory = guest_inventory(facts)
        yield from guest_findings(facts, members, inventory, inventory.guests)


def _apply(findings: Sequence[Finding], waivers: Sequence[Waiver]) -> tuple[tuple[Finding, ...], tuple[Waived, ...]]:
    open_: list[Finding] = []
    waived: list[Waived] = []
    for one in findings:
        cover = next((w for w in waivers if w.code == one.code and w.subject in ("", one.subject)), None)
        if cover is None:
            open_.append(one)
        else:
            waived.append(Waived(one, cover))
    return tuple(open_), tuple(waived)


def _refuse_unknown(only: Sequence[str]) -> None:
    for wanted in only:
        if not wanted or not any(entry.code.startswith(wanted) for entry in CATALOGUE):
            raise UsageError(f"--only names no finding there is: {wanted!r}", hint="docs/findings.md lists the codes")
