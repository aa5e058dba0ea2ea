"""Name, version and nodes of the cluster as corosync runs it, through libcmap."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import (
    CFUNCTYPE,
    Structure,
    byref,
    c_char_p,
    c_int,
    c_int32,
    c_size_t,
    c_uint8,
    c_uint32,
    c_uint64,
    c_void_p,
)

from .cluster_info import ClusterInfo, ClusterNode
from .corolib import CS_OK, DISPATCH_ALL, CorosyncError, check, library

_TRACK_MODIFY, _TRACK_ADD = 2, 4
_RELOADING = b"config.reload_in_progress"
_MAX_NODES = 256


class _Value(Structure):
    _fields_ = [("type", c_int), ("length", c_size_t), ("data", c_void_p)]


_Notify = CFUNCTYPE(None, c_uint64, c_uint64, c_int32, c_char_p, _Value, _Value, c_void_p)


class Cmap:
    """A connection to corosync's configuration map."""

    def __init__(self, reloaded: Callable[[], None]) -> None:
        """Connect; `reloaded` is called from `dispatch` after a reload of corosync's configuration.

        Raises:
            CorosyncError: corosync does not run, or is not ready yet.
        """
        self._lib = library("cmap", 4)
        self._handle = c_uint64()
        self._reloaded = reloaded
        self._notify = _Notify(self._on_change)
        check("cmap_initialize", self._lib.cmap_initialize(byref(self._handle)))
        track = c_uint64()
        code = self._lib.cmap_track_add(
            self._handle, _RELOADING, c_int32(_TRACK_ADD | _TRACK_MODIFY), self._notify, None, byref(track)
        )
        try:
            check("cmap_track_add", code)
        except CorosyncError:
            self.close()
            raise

    def _on_change(self, _h: int, _track: int, _event: int, _key: bytes, new: _Value, *_rest: object) -> None:
        if new.data and ctypes.cast(new.data, ctypes.POINTER(c_uint8))[0] == 0:
            self._reloaded()

    @property
    def fd(self) -> int:
        """Readable when `dispatch` has something to do."""
        fd = c_int()
        check("cmap_fd_get", self._lib.cmap_fd_get(self._handle, byref(fd)))
        return fd.value

    def dispatch(self) -> None:
        """Call back for every change that has come.

        Raises:
            CorosyncError: corosync is gone.
        """
        check("cmap_dispatch", self._lib.cmap_dispatch(self._handle, c_int(DISPATCH_ALL)))

    def _text(self, key: str) -> str | None:
        value = c_char_p()
        if self._lib.cmap_get_string(self._handle, key.encode(), byref(value)) != CS_OK or value.value is None:
            return None
        text = value.value.decode(errors="replace")
        ctypes.CDLL(None).free(value)
        return text

    def _number(self, key: str) -> int | None:
        small, large = c_uint32(), c_uint64()
        if self._lib.cmap_get_uint32(self._handle, key.encode(), byref(small)) == CS_OK:
            return small.value
        return large.value if self._lib.cmap_get_uint64(self._handle, key.encode(), byref(large)) == CS_OK else None

    def cluster(self) -> ClusterInfo:
        """The cluster as configured in the running corosync."""
        nodes = []
        for position in range(_MAX_NODES):
            name, nodeid = (
                self._text(f"nodelist.node.{position}.name"),
                self._number(f"nodelist.node.{position}.nodeid"),
            )
            address = self._text(f"nodelist.node.{position}.ring0_addr")
            if nodeid is None:
                # positions of removed nodes stay empty until the reload that follows
                if self._text(f"nodelist.node.{position + 1}.name") is None:
                    break
                continue
            nodes.append(ClusterNode(name or "", nodeid, address))
        return ClusterInfo(
            self._text("totem.cluster_name") or "", self._number("totem.config_version") or 0, tuple(nodes)
        )

    def close(self) -> None:
        """Disconnect."""
        self._lib.cmap_finalize(self._handle)
