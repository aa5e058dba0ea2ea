"""Looking for silent nodes: TCP, ping, and the last words of their HA agents, in one round trip per vantage point.

The same script runs on a peer and on this machine; everything in it has a limit, and all of it runs side by side.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from parsers import lrm_status
from parsers.errors import ParseError
from pvefleet.facts import pmxcfs
from pvefleet.facts.sources import Answer, Answers, BrokenOff, Source, compose, decode, read_once, script_seconds
from pvefleet.model.errors import OutcomeUnknown
from pvefleet.model.evidence import Look, Sign, Way
from pvefleet.model.evidence_probe import Place, Probed, Suspect
from pvefleet.model.node import Node
from pvefleet.model.remote_files import script

_TCP_SECONDS = 3.0
_GREETING_SECONDS = 1.5
_HANG_UPS = 3

# A forwarder accepts whatever stands behind it: there only the greeting counts. It hangs up where the far end refuses,
# and also where it gave up on a dead one, so it is asked again: the dead one is silent then.
_TCP = f"""\
for try in $(seq {_HANG_UPS}); do
  exec 3<>"/dev/tcp/$1/$2" || exit 1
  echo connected
  IFS= read -r -t {_GREETING_SECONDS} -n 200 greeting <&3
  ended=$?
  exec 3>&-
  [ -z "$greeting" ] || {{ echo "greeting $greeting"; exit 0; }}
  [ "$ended" -le 128 ] || {{ echo silent; exit 0; }}
  echo closed
done
"""
_PING = "ping -n -q -c 2 -i 0.5 -W 1 {host}"
_NO_REPLY = 1
_NOT_FOUND = 127
_NOWHERE = ("Network is unreachable", "not known", "name resolution", "No address associated", "Invalid argument")
"""What bash says where it could not even try. The same words of ping end with an exit status of their own."""

# Corosync says this once for every change; the last line's time is by the clock that Answers.ended is by.
_CHANGED = Source(
    "membership-journal",
    "journalctl -q --no-pager -u corosync -g 'new membership' -o short-unix -n 1",
    4,
)
_STAMP = re.compile(r"(\d+\.\d+) ")
_HERE = Source("here", "true", 1)


@dataclass(frozen=True, slots=True)
class Question:
    """The script that looks for some nodes from one kind of vantage point.

    Attributes:
        suspects: who is looked for.
        peer: is it for a peer, which is asked for more, or for this machine?
        script: the shell text.
        seconds: the script's own limit.
    """

    suspects: tuple[Suspect, ...]
    peer: bool
    script: str
    seconds: float

    def places(self, suspect: Suspect) -> tuple[Place, ...]:
        """Return where *suspect* is looked for."""
        return suspect.from_peers if self.peer else suspect.from_here


def question(suspects: Sequence[Suspect], *, peer: bool) -> Question:
    """Return the question after *suspects*, for peers or for this machine."""
    sources: list[Source] = [_CHANGED] if peer else []
    for number, suspect in enumerate(suspects):
        for at, place in enumerate(suspect.from_peers if peer else suspect.from_here):
            sources += [_source(number, at, way, place) for way, _ in place.paths]
        if peer:
            path = f"/etc/pve/nodes/{suspect.pve_name}/lrm_status"
            sources.append(Source(f"agent-{number}", read_once(path), 2, needs_pmxcfs=True))
    probe = pmxcfs.PROBE if peer else _HERE
    return Question(tuple(suspects), peer, compose(sources, probe), script_seconds(sources, probe))


def ask(node: Node, asked: Question, *, vantage: str, nonce: str) -> Mapping[str, Probed]:
    """Look for the suspects from *node*.

    Args:
        node: a peer, or this machine.
        asked: the question.
        vantage: what *node* is called in the looks.
        nonce: random text that frames the answers.

    Returns:
        What was seen, by the suspect's name.

    Raises:
        NodeError: the vantage point was not reached, or its answer broke off.
    """
    result = script(node, asked.script, nonce, timeout=asked.seconds)
    try:
        answers = decode(result.stdout, nonce)
    except BrokenOff as broken:
        raise OutcomeUnknown(node.name, f"{vantage}: {broken}") from broken
    return {one.name: _probed(answers, asked, number, one, vantage) for number, one in enumerate(asked.suspects)}


def _source(number: int, at: int, way: Way, place: Place) -> Source:
    host, port = shlex.quote(place.endpoint.host), place.endpoint.port
    if way is Way.PING:
        return Source(f"ping-{number}-{at}", _PING.format(host=host), _TCP_SECONDS)
    return Source(f"tcp-{number}-{at}", f"exec bash -c {shlex.quote(_TCP)} tcp {host} {port}", _TCP_SECONDS)


def _probed(answers: Answers, asked: Question, number: int, suspect: Suspect, vantage: str) -> Probed:
    looks = []
    for at, place in enumerate(asked.places(suspect)):
        for way, where in place.paths:
            answer = answers.by_name[f"{way.value}-{number}-{at}"]
            sign, why = _ping(answer) if way is Way.PING else _tcp(answer, forwarded=place.endpoint.is_loopback)
            looks.append(Look(vantage, way, where, sign, why))
    if not asked.peer:
        return Probed(tuple(looks))
    agent = answers.read(f"agent-{number}", f"/etc/pve/nodes/{suspect.pve_name}/lrm_status", lrm_status.read)
    return Probed(tuple(looks), agent, _unchanged(answers))


def _tcp(answer: Answer, *, forwarded: bool) -> tuple[Sign, str]:
    """Say what a TCP connection means: whatever comes back from the other machine, a refusal too, is life."""
    said = answer.stdout.decode("utf-8", "replace").splitlines()
    error = answer.stderr.decode("utf-8", "replace")
    greeting = next((line.removeprefix("greeting ") for line in said if line.startswith("greeting ")), None)
    if greeting is not None:
        return Sign.ALIVE, f"answers: {greeting.strip()}"
    if "Connection refused" in error:
        return (Sign.UNKNOWN, "no forwarder listens") if forwarded else (Sign.ALIVE, "refuses the connection")
    if "connected" in said and not forwarded:
        return Sign.ALIVE, "accepts the connection"
    if "connected" in said:
        quiet = "silent" in said or answer.timed_out
        return (Sign.SILENT, "nothing behind the forwarder") if quiet else (Sign.UNKNOWN, "the forwarder hangs up")
    if answer.timed_out or "Connection timed out" in error:
        return Sign.SILENT, "no answer"
    if "No route to host" in error:
        return Sign.SILENT, "no such host on its network"
    nowhere = next((text for text in _NOWHERE if text in error), "")
    return Sign.UNKNOWN, nowhere or _last(answer)


def _ping(answer: Answer) -> tuple[Sign, str]:
    if answer.exit == 0:
        return Sign.ALIVE, "replies"
    if answer.exit == _NO_REPLY or answer.timed_out:
        return Sign.SILENT, "no reply"
    return Sign.UNKNOWN, "there is no ping" if answer.exit == _NOT_FOUND else _last(answer)


def _last(answer: Answer) -> str:
    lines = (answer.stderr or answer.stdout).decode("utf-8", "replace").strip().splitlines()
    return lines[-1][:120] if lines else f"exit status {answer.exit}"


def _unchanged(answers: Answers) -> float | None:
    def parse(text: str) -> float:
        stamps = [match for match in map(_STAMP.match, text.splitlines()) if match]
        if not stamps:
            raise ParseError("membership-journal", "no line with a time", excerpt=text[:80])
        return float(stamps[-1][1])

    changed = answers.read(_CHANGED.name, "journalctl -u corosync", parse).value
    return None if changed is None or changed > answers.ended else answers.ended - changed
