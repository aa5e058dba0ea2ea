"""Sources of facts: shell fragments that only read, run side by side on a node in one round trip.

Every fragment has its own limit in seconds. One that does not end, not even after SIGKILL (a read from a hung
/etc/pve can be unkillable), is left behind on the node and costs its limit once; the others' answers still arrive.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar, cast

from parsers.errors import ParseError
from pvefleet.model.observation import Problem, ProblemKind, Seen

T = TypeVar("T")

_NAME = re.compile(r"[a-z][a-z0-9-]*\Z")
_TIMED_OUT = frozenset({124, 137})
_NOT_FOUND = 127


@dataclass(frozen=True, slots=True)
class Source:
    """One thing to read on a node.

    Attributes:
        name: unique key of the answer: lower-case letters, digits, dashes.
        shell: POSIX shell text; its standard input is empty.
        seconds: it is stopped after this long.
        needs_pmxcfs: skip it where the probe of /etc/pve fails or hangs.
    """

    name: str
    shell: str
    seconds: float
    needs_pmxcfs: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What one source gave.

    Attributes:
        exit: exit status of the fragment; None where it never ended or was skipped.
        stdout, stderr: what it printed.
        skipped: was it not tried because /etc/pve does not answer?
    """

    exit: int | None
    stdout: bytes
    stderr: bytes
    skipped: bool = False

    @property
    def timed_out(self) -> bool:
        """Was it stopped, or left behind, at its limit?"""
        return not self.skipped and (self.exit is None or self.exit in _TIMED_OUT)


def read_once(path: str) -> str:
    """Return shell text that prints a file of the cluster file system by a single read, which is of one version of it.

    ``cat`` reads on until it meets the end, and what it reads then may be of the next, longer version.
    """
    return f"dd bs=16M count=1 status=none if={shlex.quote(path)}"


_HEAD = """\
set -u
umask 077
export LC_ALL=C.UTF-8 TZ=UTC
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
nonce=$1
began=$(date +%s.%N)
d=$(mktemp -d /run/pvefleet.XXXXXXXX 2>/dev/null || mktemp -d) || exit 90
watch=
trap 'rm -rf "$d"; [ -z "$watch" ] || kill "$watch" 2>/dev/null' EXIT
mkfifo "$d/ended" || exit 90
exec 3<>"$d/ended"
job() {
  timeout -k 1 "$2" /bin/sh -c "$3" >"$d/$1.out" 2>"$d/$1.err" </dev/null 3>&-
  echo $? >"$d/$1.rc"
  echo "$1" >&3
}
skip() {
  for n in "$@"; do echo skipped >"$d/$n.rc"; echo "$n" >&3; done
}
"""

_TAIL = """\
(trap 'kill "$nap" 2>/dev/null; exit' TERM
 sleep "$limit" & nap=$!
 wait "$nap"; echo deadline >&3) >/dev/null 2>&1 </dev/null &
watch=$!
while [ "$jobs" -gt 0 ] && read -r name <&3; do
  [ "$name" != deadline ] || break
  jobs=$((jobs - 1))
done
for name in $names; do
  rc=lost
  [ ! -s "$d/$name.rc" ] || read -r rc <"$d/$name.rc"
  printf '\\n@%s %s %s\\n' "$nonce" "$name" "$rc"
  [ ! -s "$d/$name.out" ] || cat "$d/$name.out"
  printf '\\n@%s stderr\\n' "$nonce"
  [ ! -s "$d/$name.err" ] || cat "$d/$name.err"
done
printf '\\n@%s end %s %s\\n' "$nonce" "$began" "$(date +%s.%N)"
"""

_GRACE = 1.5
"""Seconds between the longest limit and giving up on a fragment that even SIGKILL does not end."""


def compose(sources: Sequence[Source], probe: Source) -> str:
    """Return the script that runs *sources* side by side; its ``$1`` is the nonce that frames the answers.

    Args:
        sources: what to read; names are unique.
        probe: asks /etc/pve for a sign of life. It runs like any other source; those with ``needs_pmxcfs`` wait for
            it and are skipped unless it exits 0.

    Raises:
        ValueError: a name is not allowed or occurs twice.
    """
    everything = (probe, *sources)
    names = [source.name for source in everything]
    if len(set(names)) != len(names) or not all(_NAME.match(name) for name in names):
        raise ValueError(f"source names must be unique and plain: {names}")
    free = [source for source in sources if not source.needs_pmxcfs]
    bound = [source for source in sources if source.needs_pmxcfs]
    lines = [
        _HEAD,
        f"names={shlex.quote(' '.join(names))} jobs={len(names)} limit={script_seconds(sources, probe) - 1}\n",
    ]
    lines += [f"({_job(source)}) >/dev/null 2>&1 </dev/null &\n" for source in free]
    lines.append(f"(\n{_job(probe)}\n")
    if bound:
        lines.append(f'if read -r rc <"$d/{probe.name}.rc" && [ "$rc" = 0 ]; then\n')
        lines += [f"({_job(source)}) &\n" for source in bound]
        lines.append("else\nskip " + " ".join(source.name for source in bound) + "\nfi\n")
    lines.append(") >/dev/null 2>&1 </dev/null &\n")
    lines.append(_TAIL)
    return "".join(lines)


def script_seconds(sources: Sequence[Source], probe: Source) -> float:
    """Return how long the composed script may take at the very most, in seconds."""
    free = max((source.seconds for source in sources if not source.needs_pmxcfs), default=0.0)
    bound = max((source.seconds for source in sources if source.needs_pmxcfs), default=0.0)
    return max(free, probe.seconds + bound) + 1 + _GRACE


def _job(source: Source) -> str:
    return f"job {source.name} {source.seconds:g} {shlex.quote(source.shell)}"


class Alike:
    """Values of answers that several nodes gave byte for byte alike: each such text is parsed once and kept once.

    Every node has its copy of the cluster's files. With thousands of guests, sixteen copies of one list would cost
    sixteen times the time and the memory.
    """

    def __init__(self) -> None:
        self._values: dict[tuple[Callable[[str], object], str], object] = {}

    def once(self, parser: Callable[[str], T]) -> Callable[[str], T]:
        """Return *parser* with a memory: a text that it has read before gives the very same value."""

        def parse(text: str) -> T:
            key = (parser, text)
            if key not in self._values:
                self._values[key] = parser(text)
            return cast("T", self._values[key])

        return parse


@dataclass(frozen=True, slots=True)
class Answers:
    """All answers of one node.

    Attributes:
        by_name: source name to answer.
        began, ended: the node's own clock around the reading, in seconds since the epoch.
    """

    by_name: Mapping[str, Answer]
    began: float
    ended: float

    def read(
        self,
        name: str,
        source: str,
        parser: Callable[[str], T],
        *,
        exits: Sequence[int] = (0,),
        absent: Sequence[str] = (),
    ) -> Seen[T]:
        """Return what *parser* makes of the answer called *name*.

        Args:
            name: key of the answer.
            source: the native command or file, as an operator would name it.
            parser: takes the text, raises :class:`ParseError`.
            exits: exit statuses that come with a full answer.
            absent: texts on standard error that mean that the thing does not exist there.
        """
        answer = self.by_name.get(name)
        if answer is None:
            return Seen(source, problem=Problem(ProblemKind.NOT_READ, "an older recording does not hold it"))
        if answer.skipped:
            return Seen(source, problem=Problem(ProblemKind.SKIPPED, "/etc/pve does not answer"))
        if answer.timed_out:
            return Seen(source, problem=Problem(ProblemKind.TIMED_OUT, f"{source} did not answer"))
        said = answer.stderr.decode("utf-8", "replace").strip()
        if answer.exit not in exits:
            gone = answer.exit == _NOT_FOUND or any(text in said for text in absent)
            kind = ProblemKind.ABSENT if gone else ProblemKind.FAILED
            first = said.splitlines()[0] if said else f"{source} exited {answer.exit}"
            return Seen(source, problem=Problem(kind, first))
        try:
            return Seen(source, parser(answer.stdout.decode("utf-8", "replace")))
        except ParseError as error:
            return Seen(source, problem=Problem(ProblemKind.NOT_UNDERSTOOD, str(error)))


class BrokenOff(ValueError):
    """The script's output has no end mark: the answer is not whole."""


def decode(output: bytes, nonce: str) -> Answers:
    """Take the composed script's *output* apart.

    Raises:
        BrokenOff: it ends before the end mark, or is not this script's output.
    """
    parts = re.split(rb"\n@" + re.escape(nonce.encode()) + rb" ([^\n]*)\n", output)
    heads = [head.decode("ascii", "replace").split() for head in parts[1::2]]
    bodies = parts[2::2]
    if not heads or heads[-1][0] != "end" or len(heads[-1]) != 3:
        raise BrokenOff("the node's answer broke off")
    by_name: dict[str, Answer] = {}
    for at in range(0, len(heads) - 1, 2):
        name, status = heads[at]
        code = int(status) if status.isdigit() else None
        by_name[name] = Answer(code, bodies[at], bodies[at + 1], skipped=status == "skipped")
    return Answers(by_name, float(heads[-1][1]), float(heads[-1][2]))
