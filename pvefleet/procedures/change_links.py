"""``cluster.add-link``, ``remove-link``, ``change-link``: corosync's links changed live, never leaving anybody without.

An address never changes in place, corosync refuses that: the link is removed and added anew, while another carries the
traffic; where there is no other one, a further link is added first, and stays.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from parsers.corosync_conf import CorosyncConf
from pvefleet.model.errors import Refused
from pvefleet.model.facts import ClusterFacts
from pvefleet.model.finding import Finding
from pvefleet.model.procedure import Lane
from pvefleet.model.section import Section
from pvefleet.model.totem import ConfEdit
from pvefleet.procedures import write_corosync_conf as writing
from pvefleet.rules import corosync_change, link_edit, link_findings
from pvefleet.rules.corosync_edit import next_version, with_version
from pvefleet.rules.link_world import Asked, link_world
from pvefleet.rules.membership import conf_of_record


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """What the three have in common.

    Attributes:
        link: its number.
        asked: what the nodes were asked beforehand.
        accepted: the risks that were taken, as ``CODE:SUBJECT``.
    """

    reads: ClassVar[frozenset[Section]] = writing.READS
    stops_all: ClassVar[bool] = True
    premise_type: ClassVar[type[writing.Premise]] = writing.Premise

    link: int
    asked: Asked
    accepted: tuple[str, ...] = ()

    @property
    def confirmation(self) -> str:
        """Nothing has to be typed: it puts itself back."""
        return ""

    def findings(self, facts: ClusterFacts) -> Iterator[Finding]:
        """Yield what would leave somebody without a link, and whose watchdog is armed meanwhile."""
        yield from corosync_change.leftover_findings(facts)
        record = conf_of_record(facts)
        if record is not None:
            yield from self._speaks_against(record.conf, facts)
        yield from corosync_change.watchdog_findings(facts, writing.ARMED)

    def premise(self, facts: ClusterFacts) -> writing.Premise:
        """Return the new contents.

        Raises:
            Refused: no corosync.conf was read, or there is no such change.
        """
        record = conf_of_record(facts)
        if record is None:
            raise Refused("no node gave its corosync.conf")
        # Versions count on from the highest that any node has, wherever it has it.
        conf = with_version(record.conf, next_version(writing.versions_seen(facts)) - 1)
        try:
            return writing.premise(facts, self._edits(conf))
        except ValueError as error:
            raise Refused(f"there is no such change: {error}") from error

    def lanes(self, premise: writing.Premise) -> Iterator[Lane]:
        """Yield one lane."""
        yield Lane(tuple(writing.steps(premise, accepted=self.accepted, guarded=True)))

    def diff(self, premise: writing.Premise) -> tuple[str, ...]:
        """Return what changes in corosync.conf, reload by reload."""
        return tuple(line for edit in premise.edits for line in edit.diff)

    def _speaks_against(self, conf: CorosyncConf, facts: ClusterFacts) -> Iterator[Finding]:
        raise NotImplementedError

    def _edits(self, conf: CorosyncConf) -> Sequence[ConfEdit]:
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class AddLink(_Change):
    """Add a link.

    Attributes:
        addresses: one for every node, by its name in the cluster.
    """

    name: ClassVar[str] = "cluster.add-link"

    addresses: Mapping[str, str]

    def _speaks_against(self, conf: CorosyncConf, facts: ClusterFacts) -> Iterator[Finding]:
        return link_findings.add_findings(conf, self.link, self.addresses, link_world(facts, self.asked))

    def _edits(self, conf: CorosyncConf) -> Sequence[ConfEdit]:
        return link_edit.add_link(conf, self.link, self.addresses)


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveLink(_Change):
    """Remove a link."""

    name: ClassVar[str] = "cluster.remove-link"

    def _speaks_against(self, conf: CorosyncConf, facts: ClusterFacts) -> Iterator[Finding]:
        return link_findings.remove_findings(conf, self.link, link_world(facts, self.asked))

    def _edits(self, conf: CorosyncConf) -> Sequence[ConfEdit]:
        return link_edit.remove_link(conf, self.link)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeLink(_Change):
    """Give a link other addresses.

    Attributes:
        addresses: the new ones, by the nodes' names in the cluster; a node that is not named keeps its own.
    """

    name: ClassVar[str] = "cluster.change-link"

    addresses: Mapping[str, str]

    def _speaks_against(self, conf: CorosyncConf, facts: ClusterFacts) -> Iterator[Finding]:
        return link_findings.change_findings(conf, self.link, self.addresses, link_world(facts, self.asked))

    def _edits(self, conf: CorosyncConf) -> Sequence[ConfEdit]:
        return link_edit.change_link(conf, self.link, self.addresses)
