"""GUESTS: the guests of one node and which of them run, from where ``qm list`` and ``pct list`` take it themselves.

Both start a whole Perl, 0.7 s each on a genuine node, for what stands in a few files: the pid files of QEMU and the
command lines behind them, the sockets of LXC, the names in the configurations. What runs is seen with pmxcfs hung, too.
"""

from __future__ import annotations

import re

from parsers.errors import ParseError
from pvefleet.facts.sources import Answers, Source
from pvefleet.model.facts import GuestProcesses, LocalGuest, LocalGuests
from pvefleet.model.observation import Seen

# A pid file can outlive its process, and the number be another process's by then: what `-id` says decides.
_PROCESSES = r"""
set --
for pid in $(cat /run/qemu-server/*.pid 2>/dev/null); do set -- "$@" "/proc/$pid/cmdline"; done
grep -Hs . /run/qemu-server/*.pid
[ $# = 0 ] || grep -aHszxA1 --no-group-separator -e -id "$@" | tr '\0' '\n'
grep -o '@/var/lib/lxc/[0-9]*/command$' /proc/net/unix
[ $? -le 1 ]
"""
_NAMES = r"""
cd /etc/pve/local/ || exit 3
found=$(find . -mindepth 2 -maxdepth 2 '(' -path './qemu-server/*.conf' -o -path './lxc/*.conf' ')') || exit 3
[ -n "$found" ] || exit 0
echo "$found"
grep -HEs '^(name|hostname): |^\[' -- $found || :
"""

SOURCES = (
    Source("guest-processes", _PROCESSES, 3),
    Source("guest-names", _NAMES, 6, needs_pmxcfs=True),
)

_PID_FILE = re.compile(r"/run/qemu-server/([1-9][0-9]*)\.pid:([1-9][0-9]*)")
_COMMAND_LINE = re.compile(r"/proc/([1-9][0-9]*)/cmdline[:-](.*)")
_SOCKET = re.compile(r"@/var/lib/lxc/([1-9][0-9]*)/command")
_CONFIG = re.compile(r"\./(qemu-server|lxc)/([^/]*?)\.conf(?::(.*))?")
_VMID = re.compile(r"[1-9][0-9]{2,8}")
_KEYS = {"qemu-server": "name: ", "lxc": "hostname: "}


def processes(answers: Answers) -> Seen[GuestProcesses]:
    """Return the guests that run on a node, whoever has their configuration."""
    return answers.read("guest-processes", "/run/qemu-server/*.pid, /proc/net/unix", _processes)


def guests_here(answers: Answers) -> Seen[LocalGuests]:
    """Return the node's own guests, as ``qm list`` and ``pct list`` do: those whose configuration it has."""
    names = answers.read("guest-names", "/etc/pve/local/qemu-server, lxc", _names)
    running = processes(answers)
    if names.value is None:
        return Seen(names.source, problem=names.problem)
    if running.value is None:
        return Seen(running.source, problem=running.problem)
    vms, containers = (
        tuple(
            LocalGuest(vmid, name, "running" if vmid in running_here else "stopped")
            for (folder, vmid), name in sorted(names.value.items())
            if folder == kind
        )
        for kind, running_here in (("qemu-server", running.value.vms), ("lxc", running.value.containers))
    )
    return Seen(names.source, LocalGuests(vms, containers))


def _processes(text: str) -> GuestProcesses:
    """Read what :data:`_PROCESSES` prints.

    Raises:
        ParseError: a line is none of those that it prints.
    """
    pids: dict[int, int] = {}
    ids: set[tuple[int, str]] = set()
    containers: set[int] = set()
    for number, line in enumerate(text.splitlines(), 1):
        if match := _PID_FILE.fullmatch(line):
            pids[int(match[1])] = int(match[2])
        elif match := _COMMAND_LINE.fullmatch(line):
            ids.add((int(match[1]), match[2]))
        elif match := _SOCKET.fullmatch(line):
            containers.add(int(match[1]))
        else:
            raise ParseError("guest_processes", "not a pid file, command line or socket", line=number, excerpt=line)
    running = frozenset(vmid for vmid, pid in pids.items() if (pid, str(vmid)) in ids)
    return GuestProcesses(running, frozenset(containers))


def _names(text: str) -> dict[tuple[str, int], str]:
    """Read what :data:`_NAMES` prints: folder and number to name; a guest without one has an empty one.

    Raises:
        ParseError: a line is none of those that it prints.
    """
    names: dict[tuple[str, int], str] = {}
    closed: set[tuple[str, int]] = set()
    for number, line in enumerate(text.splitlines(), 1):
        match = _CONFIG.fullmatch(line)
        if match is None:
            raise ParseError("guest_names", "not a line of a guest's configuration", line=number, excerpt=line)
        folder, stem, said = match.groups()
        if not _VMID.fullmatch(stem):
            continue
        key = (folder, int(stem))
        names.setdefault(key, "")
        if said is None:
            continue
        if said.startswith("["):
            closed.add(key)
        elif key not in closed and said.startswith(_KEYS[folder]):
            names[key] = said.removeprefix(_KEYS[folder]).strip()
    return names
