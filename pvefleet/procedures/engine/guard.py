"""The shell text that every change goes through on a node: lease, epoch, intent, commands, result.

One folder per node, ``/var/lib/pvefleet`` (0700): ``lock`` (held by flock while anything acts), ``lease`` (who may
act), ``runs/ID/`` with ``header``, ``journal``, ``pause``, ``out``. Whatever is written is
synced before anything rests on it.
"""

from __future__ import annotations

import base64
import re
import shlex
from collections.abc import Sequence
from enum import IntEnum

from pvefleet.model.procedure import Command

_ENDED = re.compile(r"exit (\d+)")
BASE = "/var/lib/pvefleet"
CLUSTER_LOCK = "/etc/pve/priv/lock/pvefleet"


class Guard(IntEnum):
    """Exit statuses of the guarded scripts; any other one means that the script itself was stopped."""

    OK = 0
    BUSY = 91
    """A command of this or another run still acts on the node."""
    HELD = 92
    """Another run holds the lease; it is printed."""
    STALE = 93
    """A newer epoch of the same run has taken over, or the lease is gone."""
    PAUSED = 94
    """Somebody asked this run to pause."""
    DISK = 95
    """The journal could not be written: nothing was run."""


_HEAD = f"""\
set -u
umask 077
export LC_ALL=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
base={BASE} run=$1 epoch=$2
dir=$base/runs/$run
unwritable() {{ echo "$base cannot be written"; exit {Guard.DISK}; }}
mkdir -p "$base/runs" || unwritable
exec 9>>"$base/lock" || unwritable
flock -w "$3" 9 || {{ echo "a command still acts on this node"; exit {Guard.BUSY}; }}
held_run= held_epoch=0 held_by=
[ ! -s "$base/lease" ] || IFS='\t' read -r held_run held_epoch held_by <"$base/lease"
put() {{
  # put FILE < content: whole or not at all
  cat >"$1.new" && sync "$1.new" && mv -T "$1.new" "$1" && sync "$(dirname "$1")"
}}
note() {{
  # The empty line parts it from one that a full disk or a power cut has left unfinished.
  printf '\\n%s\\n' "$1" >>"$dir/journal" && sync "$dir/journal"
}}
"""

_MINE = f"""\
if [ "$held_run" != "$run" ] || [ "$held_epoch" != "$epoch" ]; then
  echo "${{held_run:-nobody}} holds the lease${{held_by:+ ($held_by)}}, epoch $held_epoch"
  exit {Guard.STALE}
fi
"""

_TAKE = f"""\
if [ -n "$held_run" ] && [ "$held_run" != "$run" ]; then
  printf '%s\\t%s\\t%s\\n' "$held_run" "$held_epoch" "$held_by"
  exit {Guard.HELD}
fi
if [ "$held_run" = "$run" ] && [ "$held_epoch" -ge "$epoch" ]; then
  echo "epoch $held_epoch of this run has it"
  exit {Guard.STALE}
fi
mkdir -p "$dir" || unwritable
printf '%s\\t%s\\t%s\\n' "$run" "$epoch" "$4" | put "$base/lease" || unwritable
rm -f "$dir/pause"
"""

_RELEASE = f"""\
if [ "$held_run" = "$run" ] && [ "$held_epoch" = "$epoch" ]; then
  rm -f "$base/lease"
  sync "$base"
fi
if [ -e {CLUSTER_LOCK}/owner ] && [ "$(timeout 3 cat {CLUSTER_LOCK}/owner)" = "$run" ]; then
  timeout 5 rm -f {CLUSTER_LOCK}/owner
  timeout 5 rmdir {CLUSTER_LOCK}
fi
exit 0
"""

_CLUSTER_LOCK = f"""\
if timeout 5 mkdir {CLUSTER_LOCK} 2>/dev/null; then
  echo "$run" | timeout 5 tee {CLUSTER_LOCK}/owner >/dev/null || exit 1
else
  owner=$(timeout 3 cat {CLUSTER_LOCK}/owner 2>/dev/null)
  if [ -z "$owner" ]; then
    # Left by somebody who died between making it and signing it: pmxcfs gives it up once it is two minutes old.
    timeout 5 touch -d @0 {CLUSTER_LOCK} 2>/dev/null
    timeout 5 mkdir {CLUSTER_LOCK} 2>/dev/null || {{ echo "somebody is just taking it"; exit {Guard.HELD}; }}
    echo "$run" | timeout 5 tee {CLUSTER_LOCK}/owner >/dev/null || exit 1
  elif [ "$owner" != "$run" ]; then
    echo "$owner"
    exit {Guard.HELD}
  fi
fi
"""


def take() -> str:
    """Return the script that takes the lease: arguments run, epoch, seconds to wait, owner."""
    return _HEAD + _TAKE


def cluster_lock() -> str:
    """Return the script that takes the lock in /etc/pve: arguments run, epoch, seconds to wait."""
    return _HEAD + _MINE + _CLUSTER_LOCK


def release() -> str:
    """Return the script that gives up lease and cluster lock: arguments run, epoch, seconds to wait."""
    return _HEAD + _RELEASE


def begin(header: str) -> str:
    """Return the script that keeps a run's header: arguments run, epoch, seconds to wait, summary for the log."""
    return (
        _HEAD
        + _MINE
        + f"printf '%s\\n' {shlex.quote(header)} | put \"$dir/header\" || unwritable\n"
        + 'logger -t pvefleet -- "$4" 2>/dev/null || true\n'
    )


def record(lines: Sequence[str], *, summary: str = "") -> str:
    """Return the script that appends lines to the journal: arguments run, epoch, seconds to wait.

    Args:
        lines: entries.
        summary: a line for the node's log, or empty.
    """
    text = "\n".join(lines)
    said = f"logger -t pvefleet -- {shlex.quote(summary)} 2>/dev/null || true\n" if summary else ""
    return _HEAD + _MINE + f"note {shlex.quote(text)} || unwritable\n" + said


def act(commands: Sequence[Command], *, intent: str, result: str) -> str:
    """Return the script that runs a step's commands on one node: arguments run, epoch, seconds to wait.

    The intent is on disk before the first command. Their output goes to a file first, so that a connection that dies
    does not kill them, and is printed at the end. The lock stays held until the last of them has ended, even if this
    script is killed.

    Args:
        commands: what to run, in order; one that fails does not stop the next: the world is looked at afterwards.
        intent: the journal's line.
        result: the journal's line for afterwards.
    """
    lines = [
        _HEAD,
        _MINE,
        f'[ ! -e "$dir/pause" ] || {{ echo "a pause was asked for"; exit {Guard.PAUSED}; }}\n',
        f"note {shlex.quote(intent)} || unwritable\n",
        ': >"$dir/out" || unwritable\n',
    ]
    for command in commands:
        source = "</dev/null"
        before = ""
        if command.stdin:
            before = f"printf %s {shlex.quote(base64.b64encode(command.stdin).decode())} | base64 -d | "
            source = ""
        argv = shlex.join(("timeout", "-k", "5", f"{command.timeout:g}", *command.argv))
        # The subshell keeps the lock, the command does not: a daemon that it starts must not hold it for ever.
        lines.append(f'({before}{argv} {source} >>"$dir/out" 2>&1 9>&-; echo "exit $?" >>"$dir/out")\n')
    lines += [f"note {shlex.quote(result)}\n", 'cat "$dir/out"\n', "exit 0\n"]
    return "".join(lines)


def failure(output: str) -> str:
    """Return what the first command that failed said at last, for an operator; empty where none failed.

    Args:
        output: what the script of :func:`act` printed: each command's output, and a line with its exit status.
    """
    said = ""
    for line in output.splitlines():
        ended = _ENDED.fullmatch(line)
        if ended is None:
            said = line.strip() or said
        elif ended[1] == "0":
            said = ""
        else:
            return f"{said} (exit {ended[1]})" if said else f"exit {ended[1]}"
    return ""


def pause() -> str:
    """Return the script that asks a run to stop before its next step: argument run. It waits for no lock."""
    return f'set -u\n[ -d "{BASE}/runs/$1" ] && : >"{BASE}/runs/$1/pause"\n'


def runs() -> str:
    """Return the script that prints the lease and every run's header and journal, framed by its argument, a nonce."""
    return f"""\
set -u
nonce=$1 only=${{2:-}}
[ ! -s {BASE}/lease ] || {{ printf '@%s lease\\n' "$nonce"; cat {BASE}/lease; }}
for dir in {BASE}/runs/*/; do
  [ -e "$dir/header" ] || continue
  id=$(basename "$dir")
  [ -z "$only" ] || [ "$only" = "$id" ] || continue
  printf '@%s run %s\\n' "$nonce" "$id"
  cat "$dir/header"
  printf '@%s journal %s\\n' "$nonce" "$id"
  cat "$dir/journal" 2>/dev/null
  printf '\\n'
done
printf '@%s end\\n' "$nonce"
"""


def seconds(commands: Sequence[Command]) -> float:
    """Return how long the script of :func:`act` may take at the very most, in seconds."""
    return sum(command.timeout + 6 for command in commands) + 15
