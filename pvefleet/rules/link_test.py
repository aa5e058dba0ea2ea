"""A link that is cut on purpose on one node: may it be, has another taken over, is it back?"""

from __future__ import annotations

from collections.abc import Iterator

from pvefleet.model.catalogue import finding
from pvefleet.model.facts import ClusterFacts
from pvefleet.model.finding import Finding
from pvefleet.model.procedure import MET, Verdict, unmet
from pvefleet.model.status import LinkState
from pvefleet.rules import corosync_change, fallback, whole
from pvefleet.rules.link_edit import link_numbers
from pvefleet.rules.links import link_rows
from pvefleet.rules.membership import conf_of_record, membership

ARMED = "CHG-W-0008"


def others_up(facts: ClusterFacts, *, link: int) -> Verdict:
    """Is every link but this one connected between all nodes?"""
    record = conf_of_record(facts)
    others = [one for one in link_numbers(record.conf) if one != link] if record else []
    return fallback.links_up(facts, links=others)


def down_at(facts: ClusterFacts, *, link: int, node: str) -> Verdict:
    """Is the link down between this node and every other, by both ends' views, and nowhere else?"""
    for row in link_rows(facts, membership(facts)):
        if row.link != link:
            continue
        wanted = LinkState.DOWN if node in (row.source, row.target) else LinkState.CONNECTED
        if row.state is not wanted:
            return unmet(f"link {link} from {row.source} to {row.target} is {row.state}")
    return MET


def cut_findings(facts: ClusterFacts, *, link: int, node: str) -> Iterator[Finding]:
    """Yield what speaks against cutting a link on a node.

    Args:
        facts: with HA.
        link: its number.
        node: where.
    """
    record = conf_of_record(facts)
    if record is not None and link not in link_numbers(record.conf):
        yield finding("EDT-E-0006", f"link{link}", f"there is no link {link}")
    others = others_up(facts, link=link)
    if not others.met:
        yield finding("CHG-E-0007", f"link{link}", others.why)
    for one in corosync_change.watchdog_findings(facts, ARMED):
        if one.subject == node:
            yield one


def dropping(facts: ClusterFacts, *, node: str) -> Verdict:
    """Does the table that drops the packets stand on the node?"""
    found = fallback.fallbacks(facts).get(node)
    return MET if found is not None and found.drops else unmet(f"{node} does not drop the link's packets")


def lets_through(facts: ClusterFacts, *, node: str) -> Verdict:
    """Is the table that drops the packets gone from the node, by its own word?"""
    found = fallback.fallbacks(facts).get(node)
    if found is None:
        return unmet(f"{node} did not say that it drops no packets")
    return unmet(f"{node} still drops the link's packets") if found.drops else MET


def watchdog_lets(facts: ClusterFacts, *, node: str, accepted: tuple[str, ...]) -> Verdict:
    """Is the node's watchdog released, HA disarmed everywhere, or the risk accepted by name?"""
    if whole.disarmed(facts).met or node not in whole.armed_nodes(facts) or f"{ARMED}:{node}" in accepted:
        return MET
    return unmet(f"the watchdog of {node} is armed, or was not seen")
