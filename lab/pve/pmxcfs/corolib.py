"""What corosync's client libraries have in common."""

from __future__ import annotations

import ctypes
import errno
import functools

CS_OK = 1
CS_ERR_LIBRARY = 2
CS_ERR_TRY_AGAIN = 6
DISPATCH_ALL = 2


class CorosyncError(OSError):
    """A call failed; `code` is corosync's own number."""

    def __init__(self, call: str, code: int) -> None:
        # whoever writes to /etc/pve just then gets this errno: measured
        super().__init__(errno.EBUSY, f"{call} failed: {code}")
        self.call, self.code = call, code

    def __str__(self) -> str:
        return f"{self.call} failed: {self.code}"


@functools.cache
def library(name: str, version: int) -> ctypes.CDLL:
    """A client library by its soname.

    Raises:
        OSError: corosync is not installed.
    """
    return ctypes.CDLL(f"lib{name}.so.{version}")


def check(call: str, code: int) -> None:
    """Raise unless a call succeeded.

    Raises:
        CorosyncError: it did not.
    """
    if code != CS_OK:
        raise CorosyncError(call, code)
