"""The few file system calls that need no helper program: mount, bind, pivot_root."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC = 1, 2, 4, 8
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> None:
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


def mount(kind: str, target: Path | str, flags: int = 0, options: str = "") -> None:
    """Mount a file system that has no device.

    Args:
        kind: ``tmpfs``, ``proc``, ``sysfs``, ``devpts``, ``overlay``.
        target: an existing directory.
        flags: ``MS_*`` bits.
        options: as after ``mount -o``.

    Raises:
        OSError: the kernel refused.
    """
    result = _libc.mount(kind.encode(), os.fsencode(target), kind.encode(), ctypes.c_ulong(flags), options.encode())
    _checked(result, f"mount {kind} on {target}")


def bind(source: Path | str, target: Path | str) -> None:
    """Make a file or directory visible at a second place.

    Raises:
        OSError: the kernel refused.
    """
    result = _libc.mount(os.fsencode(source), os.fsencode(target), None, ctypes.c_ulong(MS_BIND | MS_REC), None)
    _checked(result, f"bind {source} to {target}")


def make_private() -> None:
    """Keep every later mount of this namespace to itself."""
    _checked(_libc.mount(None, b"/", None, ctypes.c_ulong(MS_REC | MS_PRIVATE), None), "make / private")


def pivot_into(root: Path) -> None:
    """Make a directory, which must be a mount point, the root and let go of everything outside of it.

    Raises:
        OSError: the kernel refused.
    """
    os.chdir(root)
    _checked(_libc.pivot_root(b".", b"."), f"pivot_root to {root}")
    _checked(_libc.umount2(b".", MNT_DETACH), "detach the old root")
    os.chdir("/")
