"""Closed process groups: ordered multicast among the nodes corosync sees, through libcpg."""

from __future__ import annotations

import ctypes
import os
import threading
import time
from collections.abc import Callable
from ctypes import CFUNCTYPE, POINTER, Structure, byref, c_char, c_int, c_size_t, c_uint, c_uint32, c_uint64, c_void_p

from .corolib import CS_ERR_TRY_AGAIN, DISPATCH_ALL, CorosyncError, check, library
from .messages import Member

_AGREED = 2
_SEND_SECONDS = 10.0


class _Name(Structure):
    _fields_ = [("length", c_uint32), ("value", c_char * 128)]


class _Address(Structure):
    _fields_ = [("nodeid", c_uint32), ("pid", c_uint32), ("reason", c_uint32)]


class _Iovec(Structure):
    _fields_ = [("base", c_void_p), ("length", c_size_t)]


_Deliver = CFUNCTYPE(None, c_uint64, POINTER(_Name), c_uint32, c_uint32, c_void_p, c_size_t)
_Confchg = CFUNCTYPE(
    None,
    c_uint64,
    POINTER(_Name),
    POINTER(_Address),
    c_size_t,
    POINTER(_Address),
    c_size_t,
    POINTER(_Address),
    c_size_t,
)


class _Callbacks(Structure):
    _fields_ = [("deliver", _Deliver), ("confchg", _Confchg)]


class Group:
    """Membership in one group, from construction to `close`."""

    def __init__(
        self, name: str, deliver: Callable[[Member, bytes], None], confchg: Callable[[tuple[Member, ...]], None]
    ) -> None:
        """Join.

        Raises:
            CorosyncError: corosync does not run, or is not ready yet.
        """
        self._lib = library("cpg", 4)
        self._handle = c_uint64()
        self._deliver, self._confchg = deliver, confchg
        self._error: BaseException | None = None
        self._sending = threading.Lock()
        # kept for as long as the handle: the library holds their addresses
        self._callbacks = _Callbacks(_Deliver(self._on_deliver), _Confchg(self._on_confchg))
        check("cpg_initialize", self._lib.cpg_initialize(byref(self._handle), byref(self._callbacks)))
        try:
            node = c_uint()
            check("cpg_local_get", self._lib.cpg_local_get(self._handle, byref(node)))
            self.me: Member = (node.value, os.getpid())
            group = _Name(len(name), name.encode())
            check("cpg_join", self._retry(lambda: self._lib.cpg_join(self._handle, byref(group))))
        except CorosyncError:
            self.close()
            raise

    @property
    def fd(self) -> int:
        """Readable when `dispatch` has something to do."""
        fd = c_int()
        check("cpg_fd_get", self._lib.cpg_fd_get(self._handle, byref(fd)))
        return fd.value

    def dispatch(self) -> None:
        """Call back for everything that has come.

        Raises:
            CorosyncError: corosync is gone.
        """
        check("cpg_dispatch", self._lib.cpg_dispatch(self._handle, DISPATCH_ALL))
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def send(self, data: bytes) -> None:
        """Multicast to every member, ourselves included; any thread may.

        Raises:
            CorosyncError: corosync is gone, or accepted nothing for ten seconds.
        """
        buffer = ctypes.create_string_buffer(data, len(data))
        iovec = _Iovec(ctypes.cast(buffer, c_void_p), len(data))
        with self._sending:
            code = self._retry(lambda: self._lib.cpg_mcast_joined(self._handle, _AGREED, byref(iovec), 1))
        check("cpg_send_message", code)

    def _retry(self, call: Callable[[], int]) -> int:
        """Repeat while corosync says TRY_AGAIN, as it does during a membership change."""
        end = time.monotonic() + _SEND_SECONDS
        while True:
            code = call()
            if code != CS_ERR_TRY_AGAIN or time.monotonic() > end:
                return code
            time.sleep(0.01)

    def close(self) -> None:
        """Leave."""
        self._lib.cpg_finalize(self._handle)

    def _on_deliver(self, _h: int, _name: object, node: int, pid: int, data: int, length: int) -> None:
        try:
            self._deliver((node, pid), ctypes.string_at(data, length))
        except BaseException as error:
            self._error = error

    def _on_confchg(
        self, _h: int, _name: object, members: ctypes.Array[_Address], count: int, *_changes: object
    ) -> None:
        try:
            self._confchg(tuple(sorted((members[i].nodeid, members[i].pid) for i in range(count))))
        except BaseException as error:
            self._error = error
