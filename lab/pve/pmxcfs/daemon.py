"""The daemon without FUSE: the tree, its database, the services that replicate it, and what else /etc/pve shows."""

from __future__ import annotations

import contextlib
import errno
import syslog
import threading
import time
from pathlib import Path

from lab.pve.layout import COROSYNC_CONF, PMXCFS_DIR, NodeSettings

from . import corosync_conf, paths, seed
from .cluster_info import Members
from .cmap import Cmap
from .cpg import Group
from .dfsm import Dfsm, Hooks, Pending
from .kvstore import KvStore
from .memdb import LOCK_SECONDS, Change, Memdb
from .operations import Operation
from .quorum import Quorum
from .services import RETRY_SECONDS, Connection, Loop, Service
from .store import Store

SUBMIT_SECONDS = 120.0
_HA_LOCKS = ("priv/lock/ha_manager_lock", "priv/lock/ha_agent_")
DCDB_GROUP, STATUS_GROUP = "pve_dcdb_v1", "pve_kvstore_v1"
_LEVELS = {"notice": syslog.LOG_NOTICE, "crit": syslog.LOG_CRIT}


def log(domain: str, level: str, message: str) -> None:
    """A line of the journal in pmxcfs's form."""
    syslog.syslog(_LEVELS[level], f"[{domain}] {level}: {message}")


class Daemon:
    """pmxcfs; `local` is its `-l`: no cluster, always writable."""

    def __init__(self, settings: NodeSettings, *, local: bool, directory: Path = PMXCFS_DIR) -> None:
        self.settings = settings
        self.started = int(time.time())
        self._store = Store(directory / "config.db")
        self.memdb = Memdb(self._store.load())
        if self.memdb.version == 0:
            self._seed()
        self.clustered = not local and self.memdb.lookup(paths.COROSYNC_CONF) is not None
        self.members = Members(settings.name, quorate=not self.clustered)
        self.dfsm = Dfsm(self.memdb, self._hooks())
        self.kvstore = KvStore(self.members, settings.links[0], self._send_status)
        self.lock = self.dfsm.lock
        self._dcdb: Group | None = None
        self._status: Group | None = None
        self._quorum: Quorum | None = None
        self._loop: Loop | None = None
        self._thread: threading.Thread | None = None

    def _seed(self) -> None:
        """Fill a new database; corosync.conf comes from the local file, as after a reinstallation."""
        seed.fill(self.memdb, self.settings, COROSYNC_CONF)
        self._store.save(Change(put=tuple(self.memdb.entries())))

    def _hooks(self) -> Hooks:
        return Hooks(
            send=self._send_dcdb,
            log=lambda line: log("dcdb", "notice", line),
            is_quorate=lambda: self._quorum is not None and self._quorum.is_quorate(),
            applied=self._applied,
            synced=self._synced,
            lock_expired=self._lock_expired,
        )

    def start(self) -> None:
        """Begin to replicate."""
        if not self.clustered:
            return
        self._carry_over(notify=True, pending=None)
        services = [
            Service("quorum", self._connect_quorum, self._lost_quorum),
            Service("confdb", self._connect_cmap, lambda: None),
            Service("dcdb", self._connect_dcdb, self._lost_dcdb),
            Service("status", self._connect_status, self._lost_status),
        ]
        self._loop = Loop(services, log, RETRY_SECONDS * self.settings.scale)
        self._thread = threading.Thread(target=self._loop.run, name="corosync", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Leave the groups and close the database."""
        if self._loop is not None and self._thread is not None:
            self._loop.stop()
            self._thread.join(5.0)
        self._store.close()

    def submit(self, operation: Operation) -> int:
        """Change the tree of the whole cluster; waits until it has happened.

        Returns:
            0 or the bytes written, or a negative errno: EACCES without quorum, EBUSY while not in the group.
        """
        if not self.clustered:
            return self._apply_alone(operation)
        if not self.members.quorate:
            return -errno.EACCES
        if self._dcdb is None:
            return -errno.EBUSY
        pending = self.dfsm.submit(operation)
        pending.done.wait(SUBMIT_SECONDS)
        return pending.result

    def _apply_alone(self, operation: Operation) -> int:
        with self.lock:
            if operation.name == "unlock-request":
                entry = self.memdb.lookup(operation.path)
                if entry is None or not self._lock_expired(operation.path):
                    return 0
                operation = Operation("unlock", operation.path, operation.mtime, target=entry.digest)
            result = operation.apply(self.memdb, self._nodeid())
            if result >= 0:
                self._store.save(self.memdb.last_change)
        return result

    def _lock_expired(self, path: str) -> bool:
        """Whether a lock's time is over; the locks of HA keep the time of its other waits."""
        factor = self.settings.ha_scale if path.startswith(_HA_LOCKS) else 1.0
        return self.memdb.lock_expired(path, time.time(), LOCK_SECONDS * factor)

    def _nodeid(self) -> int:
        return self.dfsm.me[0]

    def _applied(self, operation: Operation, result: int, pending: Pending | None) -> None:
        self._store.save(self.memdb.last_change)
        if operation.touched == paths.COROSYNC_CONF and operation.name in ("create", "write", "rename"):
            if pending is not None:
                pending.result = result
            self._carry_over(notify=pending is not None, pending=pending)
        elif pending is not None:
            pending.settle(result)

    def _synced(self, changed: bool) -> None:
        if changed:
            self._store.save(self.memdb.last_change)
        self._carry_over(notify=False, pending=None)

    def _carry_over(self, *, notify: bool, pending: Pending | None) -> None:
        """Write the local corosync.conf; whoever changed it waits for the reload, a second later, as measured."""
        entry = self.memdb.lookup(paths.COROSYNC_CONF)
        written = entry is not None and corosync_conf.carry_over(
            entry.data, lambda level, line: log("dcdb", level, line)
        )

        def finish() -> None:
            if written and notify:
                corosync_conf.reload(lambda level, line: log("dcdb", level, line))
            if pending is not None:
                pending.settle(pending.result)

        threading.Thread(target=finish, name="reload", daemon=True).start()

    def _connect_quorum(self) -> Connection:
        self._quorum = Quorum(self._set_quorate)
        return self._quorum

    def _set_quorate(self, quorate: bool) -> None:
        if quorate != self.members.quorate:
            log("status", "notice", "node has quorum" if quorate else "node lost quorum")
        self.members.set_quorate(quorate)

    def _lost_quorum(self) -> None:
        self._quorum = None
        self._set_quorate(False)

    def _connect_cmap(self) -> Connection:
        cmap = Cmap(lambda: self._read_cluster(cmap))
        self._read_cluster(cmap)
        return cmap

    def _read_cluster(self, cmap: Cmap) -> None:
        info = cmap.cluster()
        if info != self.members.info:
            log("status", "notice", f"update cluster info (cluster name  {info.name}, version = {info.version})")
            self.members.set_info(info)

    def _connect_dcdb(self) -> Connection:
        group = Group(DCDB_GROUP, self.dfsm.deliver, self.dfsm.confchg)
        self.dfsm.joined(group.me)
        self._dcdb = group
        return group

    def _lost_dcdb(self) -> None:
        self._dcdb = None
        self.dfsm.lost()

    def _send_dcdb(self, data: bytes) -> None:
        group = self._dcdb
        if group is None:
            raise OSError(errno.EBUSY, "not in the group")
        group.send(data)

    def _connect_status(self) -> Connection:
        self._status = Group(STATUS_GROUP, self.kvstore.deliver, self.kvstore.confchg)
        return self._status

    def _lost_status(self) -> None:
        # what is online is not known any more and is shown as it was last seen: measured
        self._status = None

    def _send_status(self, data: bytes) -> None:
        group = self._status
        if group is not None:
            with contextlib.suppress(OSError):
                group.send(data)

    def virtual(self, name: str) -> str | None:
        """The text of a generated file of the top directory; None when it is none."""
        with self.lock:
            match name:
                case ".members":
                    return str(self.members)
                case ".vmlist":
                    return str(self.memdb.vmlist)
                case ".version":
                    return self._version()
                case ".clusterlog":
                    return self.kvstore.clusterlog()
                case ".rrd":
                    return ""
        return None

    def _version(self) -> str:
        rows = [
            f'"starttime": {self.started}',
            f'"clinfo": {self.members.version}',
            f'"vmlist": {self.memdb.vmlist.version}',
        ]
        for name in seed.VERSIONED:
            entry = self.memdb.lookup(name)
            rows.append(f'"{name}": {entry.version if entry else 0}')
        return "{\n" + ",\n".join(rows) + ',\n"kvstore": {\n}\n}\n'
