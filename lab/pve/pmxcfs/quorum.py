"""Whether this node's partition has quorum, through libquorum."""

from __future__ import annotations

from collections.abc import Callable
from ctypes import CFUNCTYPE, POINTER, Structure, byref, c_int, c_uint32, c_uint64

from .corolib import DISPATCH_ALL, CorosyncError, check, library

_TRACK_CURRENT_AND_CHANGES = 0x01 | 0x02
_Notify = CFUNCTYPE(None, c_uint64, c_uint32, c_uint64, c_uint32, POINTER(c_uint32))


class _Callbacks(Structure):
    _fields_ = [("notify", _Notify)]


class Quorum:
    """A connection to corosync's quorum service."""

    def __init__(self, notify: Callable[[bool], None]) -> None:
        """Connect and track; `notify` is called from `dispatch`, the first time with the present state.

        Raises:
            CorosyncError: corosync does not run, or is not ready yet.
        """
        self._lib = library("quorum", 5)
        self._handle = c_uint64()
        self._callbacks = _Callbacks(_Notify(lambda _h, quorate, *_view: notify(bool(quorate))))
        kind = c_uint32()
        code = self._lib.quorum_initialize(byref(self._handle), byref(self._callbacks), byref(kind))
        check("quorum_initialize", code)
        try:
            check("quorum_trackstart", self._lib.quorum_trackstart(self._handle, c_uint32(_TRACK_CURRENT_AND_CHANGES)))
        except CorosyncError:
            self.close()
            raise

    @property
    def fd(self) -> int:
        """Readable when `dispatch` has something to do."""
        fd = c_int()
        check("quorum_fd_get", self._lib.quorum_fd_get(self._handle, byref(fd)))
        return fd.value

    def dispatch(self) -> None:
        """Call back for every change that has come.

        Raises:
            CorosyncError: corosync is gone.
        """
        check("quorum_dispatch", self._lib.quorum_dispatch(self._handle, c_int(DISPATCH_ALL)))

    def is_quorate(self) -> bool:
        """Ask corosync now; no when it does not answer."""
        quorate = c_int()
        return bool(self._lib.quorum_getquorate(self._handle, byref(quorate)) == 1 and quorate.value)

    def close(self) -> None:
        """Disconnect."""
        self._lib.quorum_finalize(self._handle)
