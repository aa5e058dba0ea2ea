"""What the nodes said of their addresses, and of whom they reach: asked once, when a change of links is planned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pvefleet.model.errors import UsageError
from pvefleet.model.facts import ClusterFacts
from pvefleet.rules.link_findings import LinkWorld
from pvefleet.rules.links import link_rows
from pvefleet.rules.membership import membership


@dataclass(frozen=True, slots=True)
class Asked:
    """What the nodes were asked about the addresses of a change.

    Attributes:
        configured: the name of a node in the cluster to the addresses on its interfaces; who was not read is missing.
        answered: pairs of node and address that it reached.
        versions: node to its version of corosync.
    """

    configured: Mapping[str, tuple[str, ...]]
    answered: tuple[tuple[str, str], ...]
    versions: Mapping[str, str]


def link_world(facts: ClusterFacts, asked: Asked) -> LinkWorld:
    """Return what is judged: what was asked, and the links as they are now."""
    names = {node.pve_name: node.name for node in facts.nodes}
    rows = link_rows(facts, membership(facts))
    return LinkWorld(asked.configured, asked.answered, rows, asked.versions, names)


def parse_addresses(texts: Iterable[str]) -> dict[str, str]:
    """Return node to address of ``--address NODE=IP`` each.

    Raises:
        UsageError: a text is not of that form, or a node is named twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, equals, address = (part.strip() for part in text.partition("="))
        if not equals or not name or not address:
            raise UsageError(f"--address takes NODE=IP, not {text!r}", hint="--address pve01=10.78.0.1")
        if name in found:
            raise UsageError(f"--address names {name} twice")
        found[name] = address
    return found


def parse_link(text: str) -> int:
    """Return the number of a link.

    Raises:
        UsageError: it is none.
    """
    if not text.isdecimal():
        raise UsageError(f"--link takes a number from 0 to 7, not {text!r}", hint="fab cluster.links shows them")
    return int(text)
