"""What the lab allows itself on the machine it is a guest on."""

from __future__ import annotations

import ctypes
import os
import resource

_PR_CAPBSET_DROP = 24
_CAP_SYS_NICE = 23


def give_up_real_time() -> None:
    """Let nothing started from here run at real-time priority.

    corosync asks for it and goes on without, as it must for an ordinary user. A few of it at real-time priority keep
    their membership on a busy machine; a few dozen leave a small machine no time for anything else.

    Raises:
        OSError: the kernel refused.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_CAPBSET_DROP, _CAP_SYS_NICE, 0, 0, 0) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"prctl: {os.strerror(error)}")


def open_many_files() -> None:
    """Take as many descriptors as we may: each connection through the forwarder needs two."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
