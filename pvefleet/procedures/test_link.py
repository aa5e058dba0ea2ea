"""``cluster.test-link``: one link's packets dropped on one node for a while; another link takes over.

Never by the interface, which carries more than corosync: a table of nftables' own drops the link's UDP port both ways.
What removes the table again is armed before it; neither outlives a reboot.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from pvefleet.model.errors import Refused, UsageError
from pvefleet.model.facts import ClusterFacts
from pvefleet.model.fallback_facts import DROP_TABLE as _TABLE
from pvefleet.model.finding import Finding
from pvefleet.model.procedure import Command, Lane, Step
from pvefleet.model.section import Section
from pvefleet.model.totem import Timers
from pvefleet.rules import link_test, whole
from pvefleet.rules.timers import cluster_timers

FIRST_PORT = 5405
"""knet's port of link 0; each further link has the next."""
_UNIT = "pvefleet-test-link"
_MARGIN = 20.0
"""Seconds that the packets stay dropped beyond the time in which the loss shows."""
_HOLD = 3.0
_LOOK = 5.0

_DROP = f"""\
set -eu
systemctl stop {_UNIT}.timer {_UNIT}.service 2>/dev/null || true
nft delete table inet {_TABLE} 2>/dev/null || true
systemd-run --quiet --collect --unit={_UNIT} --on-active="$2" --timer-property=AccuracySec=100ms \\
  "$(command -v nft)" delete table inet {_TABLE}
systemctl is-active --quiet {_UNIT}.timer
nft -f - <<END
table inet {_TABLE} {{
  chain in {{ type filter hook input priority -300; policy accept; udp dport $1 drop; udp sport $1 drop; }}
  chain out {{ type filter hook output priority -300; policy accept; udp dport $1 drop; udp sport $1 drop; }}
}}
END
"""
_RESTORE = f"""\
set -u
nft delete table inet {_TABLE} 2>/dev/null
! nft list table inet {_TABLE} >/dev/null 2>&1 && systemctl stop {_UNIT}.timer 2>/dev/null
true
"""


@dataclass(frozen=True, slots=True)
class Premise:
    """What the plan rests on.

    Attributes:
        timers: corosync's timers, in seconds.
    """

    timers: Timers


@dataclass(frozen=True, slots=True)
class TestLink:
    """Drop one link's packets on one node, see another link take over, let them through again.

    Attributes:
        link: its number.
        node: its name in hosts.toml.
        accepted: the risks that were taken, as ``CODE:SUBJECT``.
    """

    name: ClassVar[str] = "cluster.test-link"
    reads: ClassVar[frozenset[Section]] = frozenset({Section.HA, Section.FALLBACK})
    stops_all: ClassVar[bool] = True
    premise_type: ClassVar[type[Premise]] = Premise

    link: int
    node: str
    accepted: tuple[str, ...] = ()

    @property
    def confirmation(self) -> str:
        """Nothing has to be typed: it ends by itself."""
        return ""

    def findings(self, facts: ClusterFacts) -> Iterator[Finding]:
        """Yield what speaks against it.

        Raises:
            UsageError: there is no such node.
        """
        if self.node not in {one.name for one in facts.nodes}:
            raise UsageError(f"{self.node or 'no node'} is not in hosts.toml", hint="--node names the one to cut")
        yield from link_test.cut_findings(facts, link=self.link, node=self.node)

    def premise(self, facts: ClusterFacts) -> Premise:
        """Return the timers.

        Raises:
            Refused: no node says with which timers corosync runs.
        """
        timers = cluster_timers(facts)
        if timers is None:
            raise Refused("no node says with which timers corosync runs")
        return Premise(timers)

    def lanes(self, premise: Premise) -> Iterator[Lane]:
        """Yield one lane: drop, and let through again."""
        timers, link, node = premise.timers, self.link, self.node
        shows = timers.link_loss + _LOOK
        seconds = math.ceil(shows + _HOLD + _MARGIN)
        port = str(FIRST_PORT + link)
        drop = Command(
            node,
            ("/bin/sh", "-c", _DROP, "pvefleet-test-link", port, str(seconds)),
            15.0,
            note=f"drop UDP {port} both ways, by an nft table that a timer removes after {seconds} s",
        )
        back = Command(
            node, ("/bin/sh", "-c", _RESTORE, "pvefleet-test-link"), 15.0, note=f"nft delete table inet {_TABLE}"
        )
        restore = f"restore/{node}"
        yield Lane(
            (
                Step(
                    id=f"drop/{node}",
                    title=f"drop the packets of link {link} on {node}: another link takes over",
                    reads=self.reads,
                    gate=(
                        whole.members_whole,
                        whole.links_whole,
                        whole.ha_settled,
                        partial(link_test.watchdog_lets, node=node, accepted=self.accepted),
                    ),
                    act=(drop,),
                    done=(partial(link_test.dropping, node=node), partial(link_test.down_at, link=link, node=node)),
                    settled=(partial(link_test.others_up, link=link), whole.members_whole),
                    steady=whole.ring_ids,
                    within=shows,
                    hold=_HOLD,
                    until=restore,
                ),
                Step(
                    id=restore,
                    title=f"let the packets of link {link} through again",
                    reads=self.reads,
                    gate=(whole.everyone_read,),
                    act=(back,),
                    done=(partial(link_test.lets_through, node=node), whole.links_whole),
                    settled=(whole.members_whole,),
                    steady=whole.ring_ids,
                    within=timers.link_return + _LOOK,
                    hold=_HOLD,
                ),
            )
        )
