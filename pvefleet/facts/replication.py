"""REPLICATION: the jobs of the cluster, the state and the logs of the node's own, and the zone of its scheduler.

Everything comes from files. ``pvesr status`` is never asked: it takes a lock of the whole cluster, fails without
quorum, writes replication.cfg, and knows the jobs of its own node alone.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import re
from datetime import UTC
from functools import lru_cache
from zoneinfo import ZoneInfo

from parsers import replication_cfg, replication_state, storage_cfg
from parsers.errors import ParseError
from parsers.replication_cfg import ReplicationJob
from parsers.replication_state import ReplicationState
from parsers.storage_cfg import Storage
from pvefleet.facts.sources import Answers, Source, read_once
from pvefleet.model.observation import Seen
from pvefleet.model.replication_facts import JobLog, JobsFile, NodeZone, Process, ReplicationFacts

CONFIG = "/etc/pve/replication.cfg"
STATE = "/var/lib/pve-manager/pve-replication-state.json"
LOGS = "/var/log/pve/replicate"
_STORAGES = "/etc/pve/storage.cfg"
_ZONE = "/etc/localtime"

LINES = 12
"""Lines that are kept of each log: an error, and what led to it."""

_ABSENT = 44
"""Exit status of a fragment that has read the directory and not found the file in it."""


def _listed(path: str, then: str) -> str:
    """Return shell text that runs *then* where *path* is, and exits _ABSENT where a listing proves it absent.

    That something cannot be read is no proof: every directory on the way was listed, and one lacks the next name.
    """
    names = " ".join(path.strip("/").split("/"))
    return f"""\
at=/ nl='
'
for name in {names}; do
  names=$(ls -a "$at") || exit 1
  case $nl$names$nl in *"$nl$name$nl"*) ;; *) exit {_ABSENT} ;; esac
  at=${{at%/}}/$name
done
{then}"""


# A process is looked up at once when its number has been read; one that has ended by then is no run any more.
_RUNNING = f"""\
[ -r {STATE} ] || exit 0
grep -oE '"pid" *: *"?[0-9]+' {STATE} | grep -oE '[0-9]+$' | while read -r pid; do
  [ ! -r "/proc/$pid/stat" ] || sed -n '1s/^\\([0-9]*\\) (.*) /\\1 /p' "/proc/$pid/stat"
done
"""

# One process for all logs. Every line is led by the name of its file, so nothing that a log holds can pass for a frame.
_TAILS = f"""\
cd {LOGS} || exit 1
set -- [1-9]*-[0-9]*
[ -e "$1" ] || exit 0
awk '
function out(  i) {{
  for (i = n > {LINES} ? n - {LINES} : 0; i < n; i++) print name "\\t" substr(kept[i % {LINES}], 1, 500)
}}
FNR == 1 {{ if (name != "") out(); name = FILENAME; n = 0 }}
{{ kept[n++ % {LINES}] = $0 }}
END {{ if (name != "") out() }}
' "$@"
"""

SOURCES = (
    Source("replication-cfg", _listed(CONFIG, f"stat -c %Y {CONFIG} && {read_once(CONFIG)}"), 3, needs_pmxcfs=True),
    Source("replication-storages", _listed(_STORAGES, read_once(_STORAGES)), 3, needs_pmxcfs=True),
    Source("replication-state", _listed(STATE, f"cat {STATE}"), 3),
    Source("replication-running", _RUNNING, 3),
    Source("replication-logs", _listed(LOGS, _TAILS), 5),
    Source("replication-zone", _listed(_ZONE, f"readlink -f {_ZONE} && base64 -w 0 {_ZONE}"), 2),
)

_LOG_LINE = re.compile(r"(?P<job>[1-9][0-9]{2,8}-[0-9]{1,9})\t(?P<line>.*)")


def replication(answers: Answers) -> ReplicationFacts:
    """Return everything a node says of replication."""
    return ReplicationFacts(
        clock=answers.ended,
        zone=zone(answers),
        jobs=jobs(answers),
        states=states(answers),
        running=running(answers),
        logs=logs(answers),
        storages=storages(answers),
    )


def jobs(answers: Answers) -> Seen[JobsFile]:
    """Return the node's copy of replication.cfg; no file is no job."""

    def parse(text: str) -> JobsFile:
        if _absent(answers, "replication-cfg"):
            return JobsFile((), "", None)
        changed, _, content = text.partition("\n")
        if not changed.isascii() or not changed.isdigit():
            raise ParseError("replication_cfg", "expected the time of its last change", excerpt=changed)
        return JobsFile(_jobs(content), hashlib.sha256(content.encode()).hexdigest(), int(changed))

    return answers.read("replication-cfg", CONFIG, parse, exits=(0, _ABSENT))


def states(answers: Answers) -> Seen[tuple[ReplicationState, ...]]:
    """Return how the jobs of the node's guests went; no file is no run yet."""

    def parse(text: str) -> tuple[ReplicationState, ...]:
        return () if _absent(answers, "replication-state") else replication_state.read(text)

    return answers.read("replication-state", STATE, parse, exits=(0, _ABSENT))


def running(answers: Answers) -> Seen[tuple[Process, ...]]:
    """Return those processes named in the state that are there."""

    def parse(text: str) -> tuple[Process, ...]:
        found = []
        for line in text.splitlines():
            words = line.split()
            try:
                # Without the second field, which may hold blanks, the 22nd is the 21st.
                found.append(Process(int(words[0]), int(words[20])))
            except (ValueError, IndexError):
                raise ParseError("proc_stat", "not a line of /proc/PID/stat", excerpt=line) from None
        return tuple(found)

    return answers.read("replication-running", "/proc/PID/stat", parse)


def logs(answers: Answers) -> Seen[tuple[JobLog, ...]]:
    """Return the last lines of each job's log on the node."""

    def parse(text: str) -> tuple[JobLog, ...]:
        found: dict[str, list[str]] = {}
        for line in text.split("\n"):
            match = _LOG_LINE.fullmatch(line)
            if match is not None:
                found.setdefault(match["job"], []).append(match["line"])
        return tuple(JobLog(job, tuple(lines)) for job, lines in found.items())

    return answers.read("replication-logs", LOGS, parse, exits=(0, _ABSENT))


def storages(answers: Answers) -> Seen[tuple[Storage, ...]]:
    """Return the node's copy of storage.cfg."""
    return answers.read("replication-storages", _STORAGES, _storages, exits=(0, _ABSENT))


def zone(answers: Answers) -> Seen[NodeZone]:
    """Return the zone of the node's scheduler, by the rules that the node itself holds; without any it is UTC."""

    def parse(text: str) -> NodeZone:
        if _absent(answers, "replication-zone"):
            return NodeZone("UTC", UTC)
        target, _, rules = text.partition("\n")
        _, _, name = target.partition("/zoneinfo/")
        return _zone(name, rules.strip())

    return answers.read("replication-zone", _ZONE, parse, exits=(0, _ABSENT))


def _absent(answers: Answers, name: str) -> bool:
    return answers.by_name[name].exit == _ABSENT


@lru_cache(maxsize=64)
def _jobs(text: str) -> tuple[ReplicationJob, ...]:
    """Every node holds the same file: it is read once, not once per node."""
    return replication_cfg.read(text)


@lru_cache(maxsize=64)
def _storages(text: str) -> tuple[Storage, ...]:
    return storage_cfg.read(text)


@lru_cache(maxsize=64)
def _zone(name: str, rules: str) -> NodeZone:
    try:
        return NodeZone(name, ZoneInfo.from_file(io.BytesIO(base64.b64decode(rules, validate=True)), key=name or None))
    except (binascii.Error, ValueError, EOFError) as error:
        raise ParseError("localtime", f"not the rules of a time zone: {error}", excerpt=name) from None
