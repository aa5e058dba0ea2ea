"""``cluster.refresh-node``: a node that slept through a change of corosync.conf gets the cluster's, and comes back.

corosync of such a node ends with "config version is different than my config version": it needs the newer file and a
start, nothing else; pmxcfs finds the others by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from parsers.corosync_conf import serialise
from pvefleet.model.errors import Refused
from pvefleet.model.facts import ClusterFacts
from pvefleet.model.finding import Finding
from pvefleet.model.procedure import Command, Lane, Step
from pvefleet.model.section import Section
from pvefleet.model.totem import Timers
from pvefleet.procedures.write_corosync_conf import digest
from pvefleet.rules import corosync_change, refresh, whole
from pvefleet.rules.timers import cluster_timers

_LOOK = 5.0
_HOLD = 3.0
_STEP_READS = frozenset({Section.COROSYNC, Section.FALLBACK})

_PUT = """\
set -eu
umask 022
file=/etc/corosync/corosync.conf
cat >"$file.pvefleet"
if ! corosync -t -c "$file.pvefleet"; then
  rm -f "$file.pvefleet"
  exit 1
fi
sync "$file.pvefleet"
mv -T "$file.pvefleet" "$file"
sync /etc/corosync
"""


@dataclass(frozen=True, slots=True)
class Premise:
    """What the plan rests on.

    Attributes:
        text: the corosync.conf that the others run.
        version: its config_version.
        timers: corosync's timers, in seconds.
    """

    text: str
    version: int
    timers: Timers


@dataclass(frozen=True, slots=True)
class RefreshNode:
    """Give a node the cluster's corosync.conf and start its corosync.

    Attributes:
        node: its name in hosts.toml.
    """

    name: ClassVar[str] = "cluster.refresh-node"
    reads: ClassVar[frozenset[Section]] = frozenset({Section.COROSYNC, Section.HEALTH, Section.FALLBACK})
    stops_all: ClassVar[bool] = True
    premise_type: ClassVar[type[Premise]] = Premise

    node: str

    @property
    def confirmation(self) -> str:
        """Nothing has to be typed: a node that is out can only come back."""
        return ""

    def findings(self, facts: ClusterFacts) -> Iterator[Finding]:
        """Yield what speaks against it: above all that the node was removed."""
        yield from corosync_change.leftover_findings(facts)
        yield from refresh.refresh_findings(facts, self.node)

    def premise(self, facts: ClusterFacts) -> Premise:
        """Return the others' configuration.

        Raises:
            Refused: there is none, or it cannot be written as it is.
        """
        found, timers = refresh.conf_of_others(facts, node=self.node), cluster_timers(facts)
        if found is None or timers is None:
            raise Refused("the other nodes do not give one configuration, and the timers they run with")
        text = serialise(found.conf)
        if digest(text) != found.digest:
            raise Refused("the cluster's corosync.conf would not be written byte for byte as it is")
        return Premise(text, found.conf.config_version, timers)

    def lanes(self, premise: Premise) -> Iterator[Lane]:
        """Yield one lane: the file, then the start."""
        wanted, node = digest(premise.text), self.node
        others = partial(refresh.others_hold, node=node, digest=wanted)
        put = Command(
            node,
            ("/bin/sh", "-c", _PUT, "pvefleet-refresh"),
            20.0,
            premise.text.encode(),
            f"write /etc/corosync/corosync.conf (version {premise.version}), once corosync -t takes it",
        )
        timers = premise.timers
        yield Lane(
            (
                Step(
                    id=f"file/{node}",
                    title=f"write the cluster's corosync.conf, version {premise.version}, on {node}",
                    reads=_STEP_READS,
                    gate=(others,),
                    act=(put,),
                    done=(partial(refresh.has_file, node=node, digest=wanted),),
                    within=_LOOK,
                ),
                Step(
                    id=f"start/{node}",
                    title=f"start corosync on {node}",
                    reads=_STEP_READS,
                    gate=(
                        others,
                        partial(refresh.has_file, node=node, digest=wanted),
                        partial(whole.conf_accepted, node=node),
                    ),
                    act=(
                        Command(node, ("systemctl", "reset-failed", "corosync"), 10.0),
                        Command(node, ("systemctl", "restart", "corosync"), timers.restart),
                    ),
                    done=(partial(refresh.back, node=node, digest=wanted),),
                    settled=(partial(whole.pmxcfs_writable, node=node),),
                    steady=whole.ring_ids,
                    within=timers.restart + timers.rejoin,
                    hold=_HOLD,
                ),
            )
        )
