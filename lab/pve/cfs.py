"""What PVE's tools do with the cluster file system before anything else, with their error texts and exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from .layout import ETC_PVE

ECONNREFUSED = 111
NO_QUORUM = "cluster not ready - no quorum?"


class CommandError(Exception):
    """A command ends with this on standard error and this exit code; perl's `die` gives 255 or a leftover errno."""

    def __init__(self, message: str, code: int = 255) -> None:
        super().__init__(message)
        self.code = code


def run(command: Callable[[], int]) -> int:
    """Run a command's body; every error becomes its text and code.

    A reader that went away (`qm list | head -1`) is no error.
    """
    try:
        require()
        code = command()
        sys.stdout.flush()
    except CommandError as error:
        print(error, file=sys.stderr)
        return error.code
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 141
    return code


def read_once(path: Path) -> str:
    """Read a file of the cluster file system by a single read, which is of one version of it.

    A second read, even the one that only looks for the end, may already be of the next version.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 1 << 24).decode()
    finally:
        os.close(descriptor)


def require() -> None:
    """Talk to pmxcfs as every PVE tool does when it starts; hangs when pmxcfs hangs.

    Raises:
        CommandError: it does not run, or /etc/pve is not mounted.
    """
    from .pmxcfs import ipc

    try:
        ipc.ask({"op": "ping"})
    except OSError:
        lines = [f"ipcc_send_rec[{number}] failed: Connection refused" for number in (1, 2, 3)]
        text = "\n".join([*lines, "Unable to load access control list: Connection refused"])
        raise CommandError(text, ECONNREFUSED) from None
    if not os.path.ismount(ETC_PVE):
        raise CommandError("pve configuration filesystem (pmxcfs) not mounted")


def is_quorate() -> bool:
    """PVE's own test: the write bit of the link `local`."""
    return bool((ETC_PVE / "local").lstat().st_mode & 0o200)


def require_quorum() -> None:
    """Refuse what needs quorum.

    Raises:
        CommandError: there is none.
    """
    if not is_quorate():
        raise CommandError(NO_QUORUM)


def write(path: Path, text: str) -> None:
    """Replace a file through a temporary one beside it, as PVE does.

    Raises:
        CommandError: the file cannot be written.
    """
    temporary = Path(f"{path}.tmp.{os.getpid()}")
    try:
        # at the first boot of a node `updatecerts` may still be on its way
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(text)
        temporary.rename(path)
    except OSError as error:
        action = "open" if error.filename == str(temporary) and error.filename2 is None else "rename"
        raise CommandError(f"unable to {action} file '{temporary}' - {error.strerror}", 2) from None


def log(message: str, *, tag: str) -> None:
    """Put a line into the cluster log and the journal."""
    import syslog

    from .pmxcfs import ipc

    ipc.ask({"op": "log", "tag": tag, "pid": os.getpid(), "user": "root@pam", "message": message})
    syslog.openlog(tag, syslog.LOG_PID, syslog.LOG_DAEMON)
    syslog.syslog(syslog.LOG_INFO, f"<root@pam> {message}")


def replace_by(argv: list[str]) -> NoReturn:
    """Become another program, as `pvecm status` becomes corosync-quorumtool."""
    sys.stdout.flush()
    os.execvp(argv[0], argv)
