"""Writing corosync.conf safely: the steps that every change of it is made of.

A fallback stands on every node first. The edit itself holds Proxmox VE's own lock, starts from the content the plan
rests on, and is one rename inside /etc/pve. Quorum and the write bit stay green for seconds in a cluster that the edit
has cut: links come first, and all has to hold for longer than that, before the fallback is cancelled.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from parsers.corosync_conf import read, serialise
from pvefleet.model.errors import Refused
from pvefleet.model.facts import ClusterFacts
from pvefleet.model.fallback_facts import FOLDER, UNIT
from pvefleet.model.procedure import Check, Command, Step, Verdict
from pvefleet.model.section import Section
from pvefleet.model.totem import ConfEdit, Timers
from pvefleet.procedures import fallback as units
from pvefleet.rules import fallback, votes, whole
from pvefleet.rules.corosync_edit import with_version
from pvefleet.rules.link_edit import link_numbers
from pvefleet.rules.membership import conf_of_record, membership
from pvefleet.rules.timers import cluster_timers, configured, outlasting, timers

READS = frozenset({Section.COROSYNC, Section.HA, Section.FALLBACK})
"""What the steps look at."""
ARMED = "CHG-W-0001"
_LOOK = 5.0
"""Seconds for looking and for cancelling, over a slow connection."""
_NODE = 1.5
"""Seconds to arm, or to cancel on, one node over a slow connection."""
_SLACK = 12.0
_LOCK_TRIES = 15

_WRITE = f"""\
set -u
umask 077
record=/etc/pve/corosync.conf
{units.LOCK}content=$(mktemp) || exit 1
trap 'release; rm -f "$content"' EXIT
trap 'exit 1' HUP INT TERM
cat >"$content"
# An earlier attempt that was killed may have left it.
release
tries={_LOCK_TRIES}
until timeout 5 mkdir "$lock" 2>/dev/null; do
  tries=$((tries - 1))
  [ "$tries" -gt 0 ] || {{ echo "somebody else is changing corosync.conf"; exit 1; }}
  # Proxmox VE's own way to ask whether it is left over.
  timeout 5 touch -d @0 "$lock" 2>/dev/null
  sleep 1
done
timeout 5 stat -c %Y "$lock" >"$mine"
case " $1 " in
*" $(timeout 5 sha256sum <"$record" | cut -d ' ' -f 1) "*) ;;
*) echo "$record has changed"; exit 1 ;;
esac
if [ "$2" -gt 0 ]; then
  systemctl is-active --quiet {UNIT}.timer || {{ echo "the fallback is not set"; exit 1; }}
  [ "$(($(cat {FOLDER}/deadline) - $(date +%s)))" -ge "$2" ] || {{ echo "the fallback is too near"; exit 1; }}
fi
timeout 5 cp "$content" "$record.new" && timeout 5 cmp -s "$content" "$record.new" || exit 1
timeout 30 mv -T "$record.new" "$record"
"""


@dataclass(frozen=True, slots=True)
class Premise:
    """What a change of corosync.conf rests on.

    Attributes:
        editor: the node that writes.
        nodes: all of them, by their names in hosts.toml.
        ids: corosync's ids of all that are there.
        base: SHA-256 of the content that is in place.
        edits: the new contents, in order: one reload each.
        timers: the longest of those before and after.
    """

    editor: str
    nodes: tuple[str, ...]
    ids: tuple[int, ...]
    base: str
    edits: tuple[ConfEdit, ...]
    timers: Timers


def premise(facts: ClusterFacts, edits: Sequence[ConfEdit]) -> Premise:
    """Return what the plan rests on.

    Args:
        facts: of the whole cluster.
        edits: what is to be written, in order.

    Raises:
        Refused: nothing is to be written, no node says with which timers corosync runs, or a node was not read.
    """
    record, now = conf_of_record(facts), cluster_timers(facts)
    if record is None or now is None:
        raise Refused("no node gave its corosync.conf and the timers that corosync runs with")
    if not edits:
        raise Refused("nothing would be written")
    for edit in edits:
        now = outlasting(now, timers(configured(read(edit.text))))
    # The HA manager's node comes last in that order: it is disturbed least.
    editor = votes.least_risk_first(facts, ())[0]
    ids = tuple(peer.nodeid for peer in membership(facts).peers)
    return Premise(editor, tuple(node.name for node in facts.nodes), ids, record.digest, tuple(edits), now)


def versions_seen(facts: ClusterFacts) -> tuple[int, ...]:
    """Return every config_version that a node has in a file or runs."""
    found = []
    for node in facts.seen:
        for copy in (node.conf_running_file.value, node.conf_cluster_file.value):
            if copy is not None:
                found.append(copy.conf.config_version)
        running = node.cmap.value.int("totem.config_version") if node.cmap.value else None
        if running is not None:
            found.append(running)
    return tuple(found)


def digest(text: str) -> str:
    """Return the SHA-256 of a content, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def steps(rests_on: Premise, *, accepted: Sequence[str], guarded: bool) -> Iterator[Step]:
    """Yield the steps of all edits: stage, arm, write, cancel, each.

    Args:
        rests_on: the premise.
        accepted: the risks that were taken, as ``CODE:SUBJECT``.
        guarded: could the change cost quorum, so that no watchdog may be armed unless that is accepted?
    """
    edits = rests_on.edits
    contents = [digest(edit.text) for edit in edits]
    back = _ways_back(edits)
    before, had = rests_on.base, link_numbers(read(edits[0].revert))
    for at, edit in enumerate(edits):
        has = link_numbers(read(edit.text))
        ahead = (digest(back[at + 1][1]), digest(edits[at + 1].revert)) if at + 1 < len(edits) else ()
        way = _WayBack(*back[at], starts=(contents[at], *ahead), ends=(before, digest(edit.revert)))
        yield from _Edit(rests_on, edit, before, tuple(contents[at:]), had, has, way, tuple(accepted), guarded).steps()
        before, had = contents[at], has


def _ways_back(edits: Sequence[ConfEdit]) -> list[tuple[int, str]]:
    """Return version and content that take back each edit when all from the last one on are taken back in turn."""
    last = edits[-1].version
    found = []
    for at, edit in enumerate(edits):
        version = last + len(edits) - at
        found.append((version, serialise(with_version(read(edit.revert), version))))
    return found


@dataclass(frozen=True, slots=True)
class _WayBack:
    """What takes one edit back.

    Attributes:
        version: of the content.
        text: what is written.
        starts: SHA-256 of the contents that it may replace.
        ends: SHA-256 of contents that amount to the same: what was there before, and what the fallback puts back.
    """

    version: int
    text: str
    starts: tuple[str, ...]
    ends: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Edit:
    """One edit among others."""

    premise: Premise
    edit: ConfEdit
    base: str
    later: tuple[str, ...]
    had: tuple[int, ...]
    has: tuple[int, ...]
    back: _WayBack
    accepted: tuple[str, ...]
    guarded: bool

    @property
    def proving(self) -> float:
        """Seconds from the rename until links, members and versions are well."""
        return self.premise.timers.reload + self.premise.timers.link_return + _LOOK

    @property
    def needed(self) -> int:
        """Seconds from before the rename until the fallback is cancelled everywhere."""
        count = len(self.premise.nodes)
        return math.ceil(self.proving + self.premise.timers.cut_shows + _LOOK + _NODE * count)

    def steps(self) -> Iterator[Step]:
        version = self.edit.version
        yield self._step(
            "stage",
            title=f"stage version {version} and its fallback on every node: {self.edit.what}",
            gate=(whole.everyone_read, fallback.idle),
            act=tuple(units.stage(name, self.edit, self.premise.ids, self._connections()) for name in self._nodes),
            done=(partial(fallback.staged_or_written, digest=self.later[0], later=self.later),),
            within=_LOOK,
            until=f"cancel/{version}",
        )
        yield self._step(
            "arm",
            title=f"set the fallback of version {version} on every node",
            gate=(fallback.accepted, *self._calm(self.base)),
            act=self._arm(),
            done=(partial(fallback.armed_or_written, version=version, seconds=self.again + _LOOK, later=self.later),),
            within=_LOOK,
            until=f"cancel/{version}",
        )
        yield self._write()
        yield self._step(
            "cancel",
            title=f"cancel the fallback of version {version} on every node",
            gate=(whole.members_whole, whole.one_config, fallback.everyone_writes, _links_of_record, fallback.idle),
            act=tuple(units.cancel(name) for name in self._nodes),
            done=(fallback.gone,),
            within=_LOOK,
        )

    @property
    def again(self) -> float:
        """Seconds that must be left for setting the fallback anew on every node, before the old time comes."""
        return _SLACK + _NODE * len(self.premise.nodes)

    def _arm(self) -> tuple[Command, ...]:
        after = self.needed + math.ceil(self.again)
        return tuple(units.arm(name, after) for name in self._nodes)

    @property
    def _nodes(self) -> tuple[str, ...]:
        return self.premise.nodes

    def _connections(self) -> int:
        return len(self.has) * (len(self.premise.ids) - 1)

    def _step(self, kind: str, **fields: object) -> Step:
        return Step(id=f"{kind}/{self.edit.version}", reads=READS, **fields)  # type: ignore[arg-type]

    def _write(self) -> Step:
        seconds = self.premise.timers
        return self._step(
            "write",
            title=f"write version {self.edit.version}: {self.edit.what}",
            gate=(
                *self._calm(self.base),
                partial(fallback.armed, version=self.edit.version, seconds=self.again),
            ),
            # Set anew right before: however long ago that was done, the edit has all of its time.
            act=(*self._arm(), self._command(self.edit.text, (self.base,), self.needed, self.edit.version)),
            done=(partial(fallback.written, digests=self.later),),
            settled=self._well(self.edit.version, self.has),
            steady=whole.ring_ids,
            within=self.proving,
            hold=seconds.cut_shows,
            undo=self._step(
                "unwrite",
                title=f"write what was there before, as version {self.back.version}",
                gate=(whole.everyone_read, fallback.everyone_writes, fallback.idle),
                act=(self._command(self.back.text, self.back.starts, 0, self.back.version),),
                done=(partial(fallback.written, digests=(*self.back.ends, digest(self.back.text))),),
                settled=(partial(fallback.links_up, links=self.had), whole.members_whole, whole.one_config),
                steady=whole.ring_ids,
                within=self.proving,
                hold=seconds.cut_shows,
            ),
        )

    def _command(self, content: str, starts: tuple[str, ...], needed: int, version: int) -> Command:
        argv = ("/bin/sh", "-c", _WRITE, "pvefleet-write", " ".join(starts), str(needed))
        note = f"write /etc/pve/corosync.conf.new (version {version}), mv it to corosync.conf, under PVE's own lock"
        return Command(self.premise.editor, argv, 60.0, content.encode(), note)

    def _calm(self, content: str) -> tuple[Check, ...]:
        """What must hold right before anything changes."""
        staying = tuple(one for one in self.had if one in self.has)
        checks: tuple[Check, ...] = (
            whole.members_whole,
            whole.one_config,
            partial(fallback.written, digests=(content,)),
            partial(fallback.links_up, links=staying),
            fallback.everyone_writes,
            whole.ha_settled,
        )
        if not self.guarded:
            return checks
        return (*checks, partial(fallback.watchdogs_let, code=ARMED, accepted=self.accepted))

    def _well(self, version: int, links: tuple[int, ...]) -> tuple[Check, ...]:
        """What proves that the change has cut nobody; links first: they show it before anything else does."""
        return (
            partial(fallback.links_up, links=links),
            partial(fallback.runs_version, version=version),
            whole.members_whole,
            fallback.everyone_writes,
            whole.ha_settled,
        )


def _links_of_record(facts: ClusterFacts) -> Verdict:
    """Are all the links connected of the configuration that is in place, whichever of the two that is?"""
    record = conf_of_record(facts)
    return fallback.links_up(facts, links=link_numbers(record.conf) if record else ())
