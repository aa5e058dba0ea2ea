"""GUEST_CONFIGS: every guest's configuration file, the pools, the guests under HA, and the tasks that run.

Each node reads the files of its own guests. Two nodes, the *speakers*, read those of every node: the two members of
lowest id that their ``.members`` calls online. So the guests of a dead node are there, a file is read three times at
most however many nodes there are, and one of the speakers may fail. A node whose ``.members`` names nobody (it stands
alone, or the file is of an unknown form) reads everything. Where still something is missing, because both speakers
were not reached or a map of members is stale, :mod:`pvefleet.facts.second_look` reads everything from one node.
"""

from __future__ import annotations

import io
import re
import tarfile
import zlib
from collections.abc import Callable
from functools import lru_cache

from parsers import guest_conf, ha_resources_cfg, task_index, user_cfg
from parsers.errors import ParseError
from parsers.guest_conf import GuestConf
from parsers.user_cfg import Pool
from pvefleet.facts.sources import Answers, Source
from pvefleet.model.guest_facts import ConfigFile, ConfigFiles, GuestFacts
from pvefleet.model.observation import Seen

_SPEAKERS = r"""speakers=$(sed -n 's/^ *"\([^"]*\)": *{ *"id": *\([0-9]*\), *"online": *1[ ,}].*/\2 \1/p' .members |
  sort -n | head -n 2 | cut -d ' ' -f 2)
"""

# A directory that cannot be listed ends the fragment: it must not pass for one without guests. gzip -1, because
# thousands of configurations are all alike and the way to a node can be thin.
_READ = """\
cd /etc/pve || exit 3
own=$(readlink local) && own=${{own#nodes/}} && [ -n "$own" ] || exit 3
{speakers}case " "$(echo $speakers)" " in
"  " | *" $own "*) scope=everything which='*' ;;
*) scope=own which=$own ;;
esac
found=$(find nodes -mindepth 2 -maxdepth 2 -path "nodes/$which/*" '(' -name qemu-server -o -name lxc ')') || exit 3
echo "$scope"
[ -n "$found" ] || exit 0
exec tar -c --use-compress-program='gzip -1' -f - -- $found
"""

# An absent file is an empty one only where the directory was listed and does not have it.
_CLUSTER_FILE = """\
cd /etc/pve || exit 3
list=$(ls) || exit 3
case "\n$list\n" in *"\n{top}\n"*) ;; *) exit 0 ;; esac
{then}
"""
_POOLS = "grep '^pool:' user.cfg || [ $? = 1 ]"
_RESOURCES = """\
list=$(ls ha) || exit 3
case "\n$list\n" in *"\nresources.cfg\n"*) ;; *) exit 0 ;; esac
cat ha/resources.cfg"""

# The file keeps tasks that were killed with their node until the next one starts: only what lives is printed.
_TASKS = """\
path=/var/log
for name in pve tasks active; do
  list=$(ls "$path") || exit 3
  case "\n$list\n" in *"\n$name\n"*) ;; *) exit 0 ;; esac
  path=$path/$name
done
tasks=$(cat "$path") || exit 3
echo "$tasks" | while read -r upid saved ended; do
  [ -n "$upid" ] && [ -z "$ended" ] || continue
  IFS=:
  set -- $upid
  unset IFS
  pid=$((0x${3:-0})) start=$((0x${4:-0}))
  read -r stat 2>/dev/null </proc/$pid/stat || continue
  set -- ${stat##*") "}
  [ "${20:-}" != "$start" ] || echo "$upid"
done
"""

_SECONDS = 10
_TAR_CHANGED = 1
"""GNU tar's exit status where a file was replaced or removed while it read."""

SOURCES = (
    Source("guest-configs", _READ.format(speakers=_SPEAKERS), _SECONDS, needs_pmxcfs=True),
    Source("guest-pools", _CLUSTER_FILE.format(top="user.cfg", then=_POOLS), 3, needs_pmxcfs=True),
    Source("guest-ha", _CLUSTER_FILE.format(top="ha", then=_RESOURCES), 3, needs_pmxcfs=True),
    Source("guest-tasks", _TASKS, 3),
)
EVERYTHING = Source("guest-configs-all", _READ.format(speakers="speakers=\n"), _SECONDS, needs_pmxcfs=True)
"""Reads the files of every node from the one that is asked; its answer takes the place of ``guest-configs``."""

_MEMBER = re.compile(r"nodes/([A-Za-z0-9.-]+)/(qemu-server|lxc)/([1-9][0-9]{2,8})\.conf")
_TYPES = {"qemu-server": "qemu", "lxc": "lxc"}
_GZIP_HEADER = 10
_MOST_BYTES = 1 << 29
"""The cluster file system itself holds 128 MiB; tar adds at most two blocks to each file."""


def guest_facts(answers: Answers) -> GuestFacts:
    """Return everything a node says of the cluster's guests."""
    return GuestFacts(
        files=files(answers),
        pools=answers.read("guest-pools", "/etc/pve/user.cfg", _pools),
        ha=answers.read("guest-ha", "/etc/pve/ha/resources.cfg", ha_resources_cfg.read),
        tasks=answers.read("guest-tasks", "/var/log/pve/tasks/active", task_index.read),
    )


def files(answers: Answers) -> Seen[ConfigFiles]:
    """Return the configuration files a node read; one that is not understood is a record with its problem."""
    stdout = answers.by_name["guest-configs"].stdout
    return answers.read(
        "guest-configs", "/etc/pve/nodes/*/qemu-server, lxc", lambda _: _files(stdout), exits=(0, _TAR_CHANGED)
    )


def rewritten(stdout: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Return an answer of ``guest-configs`` with its files changed: a recording hides passwords in them.

    Args:
        stdout: the answer. An archive that is not whole loses what it has, and is still not whole.
        change: takes and returns the content of one file; it must keep its length.
    """
    head, end, packed = stdout.partition(b"\n")
    if not packed:
        return stdout
    try:
        archive = bytearray(_unpacked(packed))
        for member in _members(bytes(archive)):
            place = slice(member.offset_data, member.offset_data + member.size)
            archive[place] = change(bytes(archive[place]))
    except ParseError:
        return head + end + packed[:_GZIP_HEADER]
    press = zlib.compressobj(1, wbits=31)
    return head + end + press.compress(archive) + press.flush()


def _pools(text: str) -> tuple[Pool, ...]:
    return user_cfg.read(text).pools if text.strip() else ()


@lru_cache(maxsize=4)
def _files(stdout: bytes) -> ConfigFiles:
    """Return the files of an answer. Speakers of one side give the same answer: it is taken apart once."""
    head, _, packed = stdout.partition(b"\n")
    if head not in (b"everything", b"own"):
        raise ParseError("guest_configs", "expected what was read", excerpt=head[:80].decode("utf-8", "replace"))
    if not packed:
        return ConfigFiles(head == b"everything", ())
    archive = _unpacked(packed)
    found: list[ConfigFile] = []
    for member in _members(archive):
        match = _MEMBER.fullmatch(member.name)
        # Names that do not match are the temporary files of a write that was under way.
        if match:
            conf, problem = _parsed(archive[member.offset_data : member.offset_data + member.size])
            found.append(ConfigFile(match[1], _TYPES[match[2]], int(match[3]), conf, problem))
    return ConfigFiles(head == b"everything", tuple(found))


def _members(archive: bytes) -> list[tarfile.TarInfo]:
    """Return the plain files in an archive that arrived whole, as its own check sum says."""
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as tar:
            return [member for member in tar if member.isreg()]
    except tarfile.TarError as error:
        raise ParseError("guest_configs", f"the archive is not understood: {error}") from error


def _unpacked(packed: bytes) -> bytes:
    stream = zlib.decompressobj(wbits=31)
    try:
        archive = stream.decompress(packed, _MOST_BYTES)
    except zlib.error as error:
        raise ParseError("guest_configs", f"the archive is damaged: {error}") from error
    if not stream.eof:
        raise ParseError("guest_configs", "the archive is not whole")
    return archive


@lru_cache(maxsize=1 << 14)
def _parsed(content: bytes) -> tuple[GuestConf | None, str]:
    """Return the record, or None and the reason. Several nodes send the same files: each is read once."""
    if b"\0" in content:
        return None, "it was replaced while it was read"
    try:
        return guest_conf.read(content.decode("utf-8", "replace")), ""
    except ParseError as error:
        place = f"line {error.line}: " if error.line else ""
        return None, f"{place}{error.reason}: {error.excerpt.strip()!r}"
