"""``cluster.set-totem``: settings of ``totem`` and of links changed live, in one reload, with a fallback."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from pvefleet.model.errors import Refused
from pvefleet.model.facts import ClusterFacts
from pvefleet.model.finding import Finding
from pvefleet.model.procedure import Lane
from pvefleet.model.section import Section
from pvefleet.model.totem import Applies
from pvefleet.procedures import write_corosync_conf as writing
from pvefleet.rules import corosync_change
from pvefleet.rules.corosync_edit import next_version
from pvefleet.rules.ha_view import ha_view
from pvefleet.rules.membership import conf_of_record, membership
from pvefleet.rules.totem import TotemPlan, plan_totem
from pvefleet.rules.totem_keys import lookup, parse_settings


@dataclass(frozen=True, slots=True)
class SetTotem:
    """Change settings of corosync.conf's ``totem`` section.

    Attributes:
        settings: ``key=value`` each; ``key=`` takes the setting out.
        accepted: the risks that were taken, as ``CODE:SUBJECT``.
    """

    name: ClassVar[str] = "cluster.set-totem"
    reads: ClassVar[frozenset[Section]] = writing.READS
    stops_all: ClassVar[bool] = True
    premise_type: ClassVar[type[writing.Premise]] = writing.Premise

    settings: tuple[str, ...]
    accepted: tuple[str, ...] = ()

    @property
    def confirmation(self) -> str:
        """Nothing has to be typed: it puts itself back."""
        return ""

    def findings(self, facts: ClusterFacts) -> Iterator[Finding]:
        """Yield what corosync does not check itself, and what waits for a restart."""
        yield from corosync_change.leftover_findings(facts)
        found = self._plan(facts)
        if found is not None:
            yield from found.findings

    def premise(self, facts: ClusterFacts) -> writing.Premise:
        """Return the new content.

        Raises:
            Refused: no corosync.conf was read, or every setting has its value already.
        """
        found = self._plan(facts)
        if found is None:
            raise Refused("no node gave its corosync.conf")
        if found.edit is None:
            raise Refused("nothing would change: every setting has this value already")
        return writing.premise(facts, (found.edit,))

    def lanes(self, premise: writing.Premise) -> Iterator[Lane]:
        """Yield one lane."""
        yield Lane(tuple(writing.steps(premise, accepted=self.accepted, guarded=False)))

    def diff(self, premise: writing.Premise) -> tuple[str, ...]:
        """Return what changes in corosync.conf."""
        return tuple(line for edit in premise.edits for line in edit.diff)

    @property
    def afterwards(self) -> tuple[str, ...]:
        """Return what is to be done once it is through: a restart, where a setting waits for one."""
        waiting = [one for one in self.settings if lookup(one.partition("=")[0].strip())[0].applies is Applies.RESTART]
        if not waiting:
            return ()
        return (f"{', '.join(waiting)} waits for a restart, node by node: fab cluster.restart-corosync",)

    def _plan(self, facts: ClusterFacts) -> TotemPlan | None:
        record = conf_of_record(facts)
        if record is None:
            return None
        return plan_totem(
            record.conf,
            parse_settings(self.settings),
            len(membership(facts).peers),
            bool(ha_view(facts, membership(facts)).used),
            version=next_version(writing.versions_seen(facts)),
        )
