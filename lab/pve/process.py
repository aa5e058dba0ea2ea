"""Starting processes from PID 1 and finding those that belong to a unit, without cgroups."""

from __future__ import annotations

import os
import re
import shlex
import signal
from pathlib import Path

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_BLOCKED_NOWHERE: tuple[int, ...] = ()
_DEFAULTED = (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD, signal.SIGHUP, signal.SIGPIPE)
_VARIABLE = re.compile(r"\$\{(\w+)\}")


def spawn(argv: list[str], env: dict[str, str], *, stdin: int | None, stdout: int, stderr: int) -> int:
    """Start a program in a session of its own; file descriptors are the caller's and stay the caller's.

    Returns:
        its pid.

    Raises:
        OSError: it cannot be executed.
    """
    actions: list[tuple[int, ...] | tuple[int, int, str, int, int]] = []
    if stdin is None:
        actions.append((os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0))
    else:
        actions.append((os.POSIX_SPAWN_DUP2, stdin, 0))
    actions += [(os.POSIX_SPAWN_DUP2, stdout, 1), (os.POSIX_SPAWN_DUP2, stderr, 2)]
    return os.posix_spawnp(
        argv[0], argv, env, file_actions=actions, setsid=True, setsigmask=_BLOCKED_NOWHERE, setsigdef=_DEFAULTED
    )


def command_line(text: str, env: dict[str, str]) -> tuple[list[str], bool]:
    """An Exec= value as argv, with `$VAR` split into words and `${VAR}` put in as it is.

    Returns:
        argv, and whether a `-` prefix says that failure is to be ignored.
    """
    stripped = text.lstrip("-+!:@")
    ignore = "-" in text[: len(text) - len(stripped)]
    argv: list[str] = []
    for word in shlex.split(stripped):
        if word.startswith("$") and word[1:].isidentifier():
            argv += env.get(word[1:], "").split()
        else:
            expanded = _VARIABLE.sub(lambda match: env.get(match[1], ""), word)
            argv.append(expanded.replace("$$", "$").replace("%%", "%"))
    return argv, ignore


def environment_file(value: str) -> dict[str, str]:
    """The assignments of an EnvironmentFile=; a leading `-` makes a missing file empty."""
    path = Path(value.removeprefix("-"))
    try:
        text = path.read_text()
    except FileNotFoundError:
        if value.startswith("-"):
            return {}
        raise
    pairs = (line.partition("=") for line in map(str.strip, text.splitlines()) if line and line[0] not in "#;")
    return {key: " ".join(shlex.split(value)) for key, _, value in pairs}


def parents() -> dict[int, tuple[int, int]]:
    """pid -> (parent pid, session id) of every process of this node."""
    table: dict[int, tuple[int, int]] = {}
    for entry in os.listdir("/proc"):  # noqa: PTH208 - pathlib is three times slower here, and this runs at every stop
        if entry.isdigit():
            try:
                stat = Path(f"/proc/{entry}/stat").read_bytes()
            except OSError:
                continue
            fields = stat[stat.rindex(b")") + 2 :].split()
            table[int(entry)] = (int(fields[1]), int(fields[3]))
    return table


def family(main: int) -> list[int]:
    """The processes of a unit: those of its session and everything descended from its main process."""
    table = parents()
    members = {pid for pid, (_, session) in table.items() if session == main} | ({main} & table.keys())
    while True:
        more = {pid for pid, (parent, _) in table.items() if parent in members} - members
        if not more:
            return sorted(members)
        members |= more


def kill(pids: list[int], number: int) -> None:
    """Signal each process that still exists."""
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            continue
