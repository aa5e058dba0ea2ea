"""``cluster.expected N``: quorum for those who are left, once everybody who is away is proven down.

It lasts until the next reload or restart of corosync. Undoing it is such a reload, and only once everybody is back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from pvefleet.model.errors import Refused
from pvefleet.model.evidence import Word
from pvefleet.model.facts import ClusterFacts
from pvefleet.model.finding import Finding
from pvefleet.model.procedure import Command, Lane, Step
from pvefleet.model.section import Section
from pvefleet.rules import expected, whole
from pvefleet.rules.evidence import sentence
from pvefleet.rules.timers import cluster_timers

_COMMAND_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Premise:
    """What the plan rests on.

    Attributes:
        present: the members that are left.
        absent: the nodes that are away, and proven down.
        before: how many votes were expected.
        within: seconds that quorum and a writable /etc/pve may take.
    """

    present: tuple[str, ...]
    absent: tuple[str, ...]
    before: int
    within: float


@dataclass(frozen=True, slots=True)
class Expected:
    """Expect fewer votes.

    Attributes:
        votes: how many.
        off: node and how it is known that it is off, for those that no BMC can prove.
    """

    name: ClassVar[str] = "cluster.expected"
    reads: ClassVar[frozenset[Section]] = frozenset({Section.HA, Section.EVIDENCE})
    stops_all: ClassVar[bool] = True
    premise_type: ClassVar[type[Premise]] = Premise

    votes: int
    off: tuple[tuple[str, str], ...] = ()

    @property
    def words(self) -> Mapping[str, Word]:
        """What the operator states of each node."""
        return {node: Word(sentence(node), how) for node, how in self.off}

    @property
    def confirmation(self) -> str:
        """What has to be typed: that the nodes are off, or the number where their BMCs prove it."""
        return ", ".join(sentence(node) for node, _ in self.off) or f"expected {self.votes}"

    def findings(self, facts: ClusterFacts) -> Iterator[Finding]:
        """Yield every doubt about the absent nodes, and a number that corosync would refuse."""
        yield from expected.expected_findings(facts, self.votes)

    def premise(self, facts: ClusterFacts) -> Premise:
        """Return who is left, who is away, and what was expected.

        Raises:
            Refused: nobody says so.
        """
        status, timers = expected.view(facts), cluster_timers(facts)
        if status is None or timers is None:
            raise Refused("no node says which members it sees")
        return Premise(expected.present(facts), expected.absent(facts), status.expected_votes, timers.rejoin)

    def lanes(self, premise: Premise) -> Iterator[Lane]:
        """Yield the one step; its undo is the reload that makes corosync add up the nodelist again."""
        node = premise.present[0]
        yield Lane(
            (
                Step(
                    id=f"expect/{self.votes}",
                    title=f"expect {self.votes} votes in place of {premise.before}",
                    reads=self.reads,
                    gate=(
                        partial(expected.members_are, names=premise.present),
                        partial(expected.absent_proven, names=premise.absent),
                    ),
                    act=(Command(node, ("corosync-quorumtool", "-e", str(self.votes)), timeout=_COMMAND_SECONDS),),
                    done=(partial(expected.expects, votes=self.votes, names=premise.present),),
                    settled=(
                        partial(expected.quorate, names=premise.present),
                        *(partial(whole.pmxcfs_writable, node=name) for name in premise.present),
                    ),
                    within=premise.within,
                    undo=restore_step(node, premise.before, premise.present, premise.within),
                ),
            )
        )

    @property
    def afterwards(self) -> tuple[str, ...]:
        """What the operator has to know and do from now on."""
        away = ", ".join(node for node, _ in self.off) or "who is away"
        return (
            "this holds until the next reload or restart of corosync: any change of its configuration drops it",
            f"keep {away} off until it may come back: what both sides wrote is merged by version, not by quorum",
            "once everybody is back: fab cluster.expected restore",
        )


@dataclass(frozen=True, slots=True)
class RestorePremise:
    """What the plan rests on.

    Attributes:
        present: every node of the nodelist.
        configured: the sum of its votes, and the QDevice's.
        within: seconds that it may take.
    """

    present: tuple[str, ...]
    configured: int
    within: float


@dataclass(frozen=True, slots=True)
class RestoreExpected:
    """Let corosync add up the nodelist again."""

    name: ClassVar[str] = "cluster.expected-restore"
    reads: ClassVar[frozenset[Section]] = frozenset()
    stops_all: ClassVar[bool] = True
    premise_type: ClassVar[type[RestorePremise]] = RestorePremise

    @property
    def confirmation(self) -> str:
        """Nothing has to be typed: it costs nobody quorum, or is refused."""
        return ""

    def findings(self, facts: ClusterFacts) -> Iterator[Finding]:  # noqa: ARG002
        """Nothing: what has to hold is the step's gate."""
        yield from ()

    def premise(self, facts: ClusterFacts) -> RestorePremise:
        """Return the nodes and their votes.

        Raises:
            Refused: no configuration was read.
        """
        configured, timers = expected.configured_votes(facts), cluster_timers(facts)
        if configured is None or timers is None:
            raise Refused("no node says which votes the nodelist has")
        return RestorePremise(expected.present(facts), configured, timers.rejoin)

    def lanes(self, premise: RestorePremise) -> Iterator[Lane]:
        """Yield the one step."""
        yield Lane((restore_step(premise.present[0], premise.configured, premise.present, premise.within),))


def restore_step(node: str, votes: int, present: tuple[str, ...], within: float) -> Step:
    """Return the step that reloads corosync's configuration, so that it adds up the nodelist again.

    Args:
        node: where the reload is asked for.
        votes: what will be expected then.
        present: the nodes that must see so.
        within: seconds that it may take.
    """
    return Step(
        id="restore-expected",
        title=f"reload corosync: it expects the {votes} votes of its nodelist again",
        gate=(expected.all_back, whole.one_config, whole.links_whole),
        act=(Command(node, ("corosync-cfgtool", "-R"), timeout=_COMMAND_SECONDS),),
        done=(partial(expected.expects, votes=votes, names=present),),
        settled=(partial(expected.quorate, names=present),),
        within=within,
    )
