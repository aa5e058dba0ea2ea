"""PMXCFS: is /etc/pve mounted, alive and writable, and what does it say of the members?"""

from __future__ import annotations

from parsers import pmxcfs_members, pmxcfs_vmlist
from parsers.errors import ParseError
from parsers.pmxcfs_members import Members
from parsers.pmxcfs_vmlist import VmList
from pvefleet.facts.sources import Alike, Answers, Source, read_once
from pvefleet.model.facts import Pmxcfs
from pvefleet.model.observation import Seen

_NOT_MOUNTED = 3

PROBE = Source(
    "pmxcfs",
    # The mount table answers also where the mount itself hangs. Without the mount, /etc/pve is a plain directory that
    # anybody can write to: it must not pass for the cluster file system.
    f"grep -q ' /etc/pve fuse' /proc/self/mounts || exit {_NOT_MOUNTED}; "
    "cat /etc/pve/.version >/dev/null && stat -c %A /etc/pve/local",
    2,
)
SOURCES = (
    Source("members", read_once("/etc/pve/.members"), 2, needs_pmxcfs=True),
    Source("vmlist", read_once("/etc/pve/.vmlist"), 2, needs_pmxcfs=True),
)


def pmxcfs(answers: Answers) -> Seen[Pmxcfs]:
    """Return whether /etc/pve is mounted and takes writes; a hung one is a problem of kind *timed out*."""

    def parse(text: str) -> Pmxcfs:
        if answers.by_name["pmxcfs"].exit == _NOT_MOUNTED:
            return Pmxcfs(mounted=False, writable=False)
        mode = text.strip()
        if len(mode) != 10 or not mode.startswith("l"):
            raise ParseError("pmxcfs", "expected the mode of a link", excerpt=text[:80])
        return Pmxcfs(mounted=True, writable=mode[2] == "w")

    return answers.read("pmxcfs", "/etc/pve", parse, exits=(0, _NOT_MOUNTED))


def members(answers: Answers) -> Seen[Members]:
    """Return ``/etc/pve/.members``."""
    return answers.read("members", "/etc/pve/.members", pmxcfs_members.read)


def guests_owned(answers: Answers, alike: Alike) -> Seen[VmList]:
    """Return ``/etc/pve/.vmlist``: every guest of the cluster with the node that owns its config."""
    return answers.read("vmlist", "/etc/pve/.vmlist", alike.once(pmxcfs_vmlist.read))
