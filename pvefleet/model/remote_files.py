"""Scripts and files on a node, all expressed as one command run there.

Nothing here opens a path in our own process, not even when the node is the machine we stand on: a path below /etc/pve
can hang for ever, and only a separate process under ``timeout`` can be given up on.
"""

from __future__ import annotations

from pathlib import PurePosixPath

from pvefleet.model.errors import ExitCode, NodeError
from pvefleet.model.node import CommandResult, Node

_WRITE = """\
set -eu
target=$1 mode=$2
tmp=$(dirname "$target")/.pvefleet.$$.$(basename "$target")
trap 'rm -f "$tmp"' EXIT
case $target in
/etc/pve/*) cat >"$tmp" ;;
*) (umask 077; cat >"$tmp"); chmod "$mode" "$tmp"; sync "$tmp" ;;
esac
mv -T "$tmp" "$target"
trap - EXIT
"""


class FileProblem(NodeError):
    """A file on a node could not be read, written or renamed; carries what the node said."""

    exit_code = ExitCode.STOPPED_MIDWAY


def script(node: Node, text: str, *args: str, timeout: float) -> CommandResult:
    """Run shell *text* on *node* through ``/bin/sh -s``: nothing of it is seen in the process list.

    Args:
        node: where.
        text: a POSIX shell script.
        args: its positional parameters ``$1``…
        timeout: seconds until it is stopped.

    Returns:
        Its result. Raises as :meth:`Node.run`.
    """
    return node.run(("/bin/sh", "-s", "--", *args), timeout=timeout, stdin=text.encode())


def read(node: Node, path: str, *, timeout: float = 5.0) -> bytes:
    """Return the content of *path* on *node*.

    Raises:
        FileProblem: it does not exist or cannot be read.
    """
    result = node.run(("cat", "--", path), timeout=timeout)
    if result.exit != 0:
        raise FileProblem(node.name, f"cannot read {path} on {node.name}: {result.error_text.strip()}")
    return result.stdout


def write(node: Node, path: str, data: bytes, *, mode: str = "0600", timeout: float = 10.0) -> None:
    """Replace *path* on *node* atomically: a temporary file beside it, synced, then renamed over it.

    Below /etc/pve the mode is left alone (pmxcfs refuses to change it) and the rename is one cluster-wide transaction.

    Raises:
        FileProblem: it could not be written; the old content stands.
    """
    result = node.run(("/bin/sh", "-c", _WRITE, "pvefleet-write", path, mode), timeout=timeout, stdin=data)
    if result.exit != 0:
        raise FileProblem(node.name, f"cannot write {path} on {node.name}: {result.error_text.strip()}")


def rename(node: Node, old: str, new: str, *, timeout: float = 10.0) -> None:
    """Rename *old* to *new* on *node*, never replacing a file that is already there.

    ``mv -n`` exits 0 also when it did nothing, so the outcome is read back.

    Raises:
        FileProblem: *new* exists already, *old* does not, or the node refused.
    """
    text = 'mv -nT -- "$1" "$2" && [ ! -e "$1" ] && [ -e "$2" ]'
    result = node.run(("/bin/sh", "-c", text, "pvefleet-rename", old, new), timeout=timeout)
    if result.exit != 0:
        why = result.error_text.strip() or f"{PurePosixPath(new).name} is already there"
        raise FileProblem(node.name, f"cannot rename {old} to {new} on {node.name}: {why}")


def boot_id(node: Node, *, timeout: float = 5.0) -> str:
    """Return the kernel's id of the node's current boot: it changes when, and only when, the machine restarted."""
    return read(node, "/proc/sys/kernel/random/boot_id", timeout=timeout).decode().strip()
