"""HA: the files of the HA stack in the cluster file system, the watchdog's marker, the daemons, the journal.

Everything comes from files. ``ha-manager status`` is not asked: it needs root and pmxcfs as the files do, prints less,
and guesses the watchdog where the marker is known.
"""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from parsers import ha_groups_cfg, ha_resources_cfg, ha_rules_cfg, lrm_status, manager_status, task_index
from parsers.errors import ParseError
from pvefleet.facts.sources import Answers, Source
from pvefleet.model.ha_facts import (
    CrmCommands,
    Failover,
    HaFacts,
    HaFiles,
    HaOptions,
    HaUnits,
    Moving,
    Watchdog,
)
from pvefleet.model.observation import Problem, ProblemKind, Seen

T = TypeVar("T")

_ROOT = "/etc/pve"
_CONFIGURATION = ("resources.cfg", "groups.cfg", "rules.cfg")
_STATE = ("manager_status", "crm_commands")

# The listing proves which files are not there; a directory that cannot be read ends the fragment. fence.cfg can hold
# passwords and is never used by PVE: that it exists is all that is taken from it.
_FILES = f"""\
cd {_ROOT} || exit 3
echo "clock $(date +%s.%N)"
top=$(find . -maxdepth 1 '(' -name ha -o -name datacenter.cfg ')') || exit 3
files=$(find $top ./nodes -maxdepth 2 '(' -path './ha/*' -o -name lrm_status ')' -type f) || exit 3
case $top in
*datacenter.cfg*) grep -E '^(ha|crs):' datacenter.cfg || [ $? = 1 ] || exit 3 ;;
esac
set --
for file in $files; do
  echo "file $file"
  case ${{file##*/}} in {"|".join((*_CONFIGURATION, *_STATE, "lrm_status"))}) set -- "$@" "$file" ;; esac
done
echo
[ $# -eq 0 ] || tar -cf - "$@"
"""

_WATCHDOG = """\
[ -d /run ] || exit 3
if [ -d /run/watchdog-mux.active ]; then echo armed; else echo released; fi
[ ! -r /sys/class/watchdog/watchdog0/identity ] || cat /sys/class/watchdog/watchdog0/identity
"""

SOURCES = (
    Source("ha-files", _FILES, 5, needs_pmxcfs=True),
    Source("ha-watchdog", _WATCHDOG, 2),
    Source("ha-units", "systemctl is-active watchdog-mux pve-ha-crm pve-ha-lrm", 4),
    Source("ha-tasks", "cat /var/log/pve/tasks/active", 2),
)
HISTORY_SOURCES = (
    Source(
        "ha-journal",
        "journalctl -q --no-pager -u pve-ha-crm --since=-30days -g 'recover service' -o short-unix -n 5",
        4,
    ),
)

_TAR_CHANGED = 1
"""GNU tar's exit status where a file was replaced while it was read: what it read is whole all the same."""
_INACTIVE, _NO_UNIT = 3, 4
_MOVES = frozenset({"qmigrate", "vzmigrate"})
_RECOVERED = re.compile(
    r"(?P<at>\d+\.\d+) .*: recover service '(?P<sid>[^']+)' from fenced node '(?P<source>[^']+)' "
    r"to node '(?P<target>[^']+)'"
)


def ha(answers: Answers, *, history: bool) -> HaFacts:
    """Return everything a node says of HA; the journal's share only where *history* was asked for."""
    return HaFacts(
        clock=answers.ended,
        files=files(answers),
        watchdog=answers.read("ha-watchdog", "/run/watchdog-mux.active", _watchdog),
        units=answers.read("ha-units", "systemctl is-active watchdog-mux", _units, exits=(0, 1, _INACTIVE, _NO_UNIT)),
        moving=answers.read("ha-tasks", "/var/log/pve/tasks/active", _moving, absent=("No such file or directory",)),
        failovers=_failovers(answers) if history else None,
    )


def files(answers: Answers) -> Seen[HaFiles]:
    """Return the node's copy of the HA files; a file that is not understood is a problem of its own."""
    stdout = answers.by_name["ha-files"].stdout
    return answers.read("ha-files", f"{_ROOT}/ha", lambda _: _files(stdout), exits=(0, _TAR_CHANGED))


@dataclass(frozen=True, slots=True)
class _Stored:
    text: str
    digest: str
    changed_at: int


def _files(stdout: bytes) -> HaFiles:
    head, _, archive = stdout.partition(b"\n\n")
    lines = head.decode("utf-8", "replace").splitlines()
    if not lines or not lines[0].startswith("clock "):
        raise ParseError("ha-files", "expected the node's clock", excerpt=head[:80].decode("utf-8", "replace"))
    try:
        clock = float(lines[0].removeprefix("clock "))
    except ValueError:
        raise ParseError("ha-files", "the node's clock is not a number", excerpt=lines[0]) from None
    listed = [line.removeprefix("file ./") for line in lines if line.startswith("file ./")]
    stored = _unpack(archive)
    missing = [name for name in listed if name.rpartition("/")[2] in _READ and name not in stored]
    if missing:
        raise ParseError("ha-files", f"{missing[0]} is listed, but not in the archive")
    commands = stored.get("ha/crm_commands")
    return HaFiles(
        clock=clock,
        present=tuple(sorted(name.removeprefix("ha/") for name in listed if name.startswith("ha/"))),
        resources=_seen(stored, "ha/resources.cfg", ha_resources_cfg.read),
        groups=_seen(stored, "ha/groups.cfg", ha_groups_cfg.read),
        rules=_seen(stored, "ha/rules.cfg", ha_rules_cfg.read),
        manager=_seen(stored, "ha/manager_status", manager_status.read),
        commands=Seen(
            f"{_ROOT}/ha/crm_commands",
            CrmCommands(tuple(filter(None, commands.text.splitlines())), commands.changed_at)
            if commands
            else CrmCommands((), None),
        ),
        agents=tuple(
            (name.split("/")[1], _seen(stored, name, lrm_status.read))
            for name in sorted(stored)
            if name.startswith("nodes/")
        ),
        options=_options([line for line in lines if line.startswith(("ha:", "crs:"))]),
        digests=tuple((name, stored[f"ha/{name}"].digest) for name in _CONFIGURATION if f"ha/{name}" in stored),
    )


_READ = frozenset({*_CONFIGURATION, *_STATE, "lrm_status"})


def _unpack(archive: bytes) -> Mapping[str, _Stored]:
    """Return the archive's files by their path below /etc/pve; no archive at all where there was no file to read."""
    if not archive:
        return {}
    found: dict[str, _Stored] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as tar:
            for member in tar:
                held = tar.extractfile(member)
                if held is not None:
                    # A file that shrank while tar read it is filled up with zeros.
                    content = held.read().rstrip(b"\0")
                    digest = hashlib.sha256(content).hexdigest()
                    text = content.decode("utf-8", "replace")
                    found[member.name.removeprefix("./")] = _Stored(text, digest, int(member.mtime))
    except (tarfile.TarError, EOFError) as error:
        raise ParseError("ha-files", f"the archive is not whole: {error}") from None
    return found


@lru_cache(maxsize=64)
def _parsed(parser: Callable[[str], T], text: str) -> T:
    """Return what *parser* makes of *text*. All nodes hold the same files: each is read once, not once per node."""
    return parser(text)


def _seen(stored: Mapping[str, _Stored], name: str, parser: Callable[[str], T]) -> Seen[T]:
    """Return the file's record; a configuration file that does not exist reads as an empty one."""
    source = f"{_ROOT}/{name}"
    text = stored[name].text if name in stored else ""
    try:
        return Seen(source, _parsed(parser, text))
    except ParseError as error:
        return Seen(source, problem=Problem(ProblemKind.NOT_UNDERSTOOD, str(error)))


def _options(lines: list[str]) -> HaOptions:
    settings: dict[str, str] = {}
    for line in lines:
        key, _, value = line.partition(":")
        for part in value.strip().split(","):
            name, _, chosen = part.partition("=")
            settings[f"{key}.{name.strip()}"] = chosen.strip()
    return HaOptions(settings.get("ha.shutdown_policy", "conditional"), settings.get("crs.ha", "basic"))


def _watchdog(text: str) -> Watchdog:
    state, *driver = text.splitlines() or [""]
    if state not in ("armed", "released"):
        raise ParseError("ha-watchdog", "neither armed nor released", excerpt=text[:80])
    return Watchdog(state == "armed", driver[0].strip() if driver else "")


def _units(text: str) -> HaUnits:
    states = text.split()
    if len(states) != 3:
        raise ParseError("ha-units", "expected the state of three units", excerpt=text[:80])
    return HaUnits(*states)


def _moving(text: str) -> tuple[Moving, ...]:
    return tuple(
        Moving(int(task.upid.id), task.upid.starttime)
        for task in task_index.read(text)
        if task.endtime is None and task.upid.type in _MOVES and task.upid.id.isdigit()
    )


def _failovers(answers: Answers) -> Seen[tuple[Failover, ...]]:
    """Return the recoveries in the journal; journalctl exits 1 without a word where nothing matches."""
    exits = (0,) if answers.by_name["ha-journal"].stderr.strip() else (0, 1)

    def parse(text: str) -> tuple[Failover, ...]:
        found = filter(None, map(_RECOVERED.match, text.splitlines()))
        return tuple(Failover(float(one["at"]), one["sid"], one["source"], one["target"]) for one in found)

    return answers.read("ha-journal", "journalctl -u pve-ha-crm", parse, exits=exits)
