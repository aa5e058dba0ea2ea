"""`pmxcfs [-f] [-l]`: mounts /etc/pve; `-f` stays in the foreground, `-l` is local mode without a cluster."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import sys
import syslog
import time

from lab.pve.layout import ETC_PVE, PMXCFS_DIR, PMXCFS_PID, NodeSettings

LOCK_TRIES = 10
MNT_DETACH = 2


def main(argv: list[str]) -> int:
    """Run the daemon, or start it and return once /etc/pve is mounted."""
    unknown = [word for word in argv if word not in ("-f", "-l", "-d", "--foreground", "--local", "--debug")]
    if unknown:
        print(f"too many arguments\nUsage:\n  pmxcfs [OPTION...]\nunknown: {unknown[0]}", file=sys.stderr)
        return 255
    settings = NodeSettings.load()
    if os.uname().nodename != settings.name:
        print(f"[main] crit: Unable to resolve node name '{os.uname().nodename}'", file=sys.stderr)
        return 255
    PMXCFS_DIR.mkdir(parents=True, exist_ok=True)
    lock = _lock()
    if lock is None:
        print("[main] crit: unable to acquire pmxcfs lock: Resource temporarily unavailable", file=sys.stderr)
        return 255
    if {"-f", "--foreground"} & set(argv):
        return _run(settings, local=bool({"-l", "--local"} & set(argv)), ready=lambda: None)
    return _daemonise(settings, local=bool({"-l", "--local"} & set(argv)))


def _lock() -> int | None:
    """The lock that keeps a second pmxcfs off; tried for ten seconds."""
    fd = os.open(PMXCFS_DIR / ".pmxcfs.lockfile", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    for attempt in range(LOCK_TRIES):
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if attempt == 0:
                print("[main] notice: unable to acquire pmxcfs lock - trying again", file=sys.stderr)
            time.sleep(1.0)
        else:
            return fd
    return None


def _daemonise(settings: NodeSettings, *, local: bool) -> int:
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        return 0 if os.read(reader, 1) == b"+" else 255
    os.close(reader)
    if "INVOCATION_ID" not in os.environ:
        os.setsid()  # started by hand; under PID 1 the session tells which unit we are

    def ready() -> None:
        os.write(writer, b"+")
        os.close(writer)

    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)
    return _run(settings, local=local, ready=ready)


def _run(settings: NodeSettings, *, local: bool, ready: object) -> int:
    syslog.openlog("pmxcfs", syslog.LOG_PID, syslog.LOG_DAEMON)
    try:
        return _mount(settings, local=local, ready=ready)
    except Exception as error:
        syslog.syslog(syslog.LOG_CRIT, f"[main] crit: {error!r}")
        return 255


def _mount(settings: NodeSettings, *, local: bool, ready: object) -> int:
    from . import ipc
    from .daemon import Daemon, log
    from .fuse_ops import PveFilesystem

    log("main", "notice", f"resolved node name '{settings.name}' to '{settings.links[0]}' for default node IP address")
    daemon = Daemon(settings, local=local)
    if not daemon.clustered:
        log(
            "main",
            "notice",
            "forcing local mode (although corosync.conf exists)" if local else "no corosync.conf: local mode",
        )
    # left by a pmxcfs that was killed: nothing can be mounted over it
    with contextlib.suppress(OSError):
        ctypes.CDLL(None).umount2(str(ETC_PVE).encode(), MNT_DETACH)

    def mounted() -> None:
        PMXCFS_PID.write_text(f"{os.getpid()}\n")
        ipc.serve(daemon)
        assert callable(ready)
        ready()

    from mfusepy import FUSE

    timeouts = {f"{name}_timeout": 0 for name in ("entry", "attr", "negative", "ac_attr")}
    try:
        FUSE(
            PveFilesystem(daemon, mounted),
            str(ETC_PVE),
            foreground=True,
            fsname="/dev/fuse",
            default_permissions=True,
            allow_other=True,
            hard_remove=True,
            **timeouts,
        )
    finally:
        log("main", "notice", "teardown filesystem")
        daemon.stop()
        PMXCFS_PID.unlink(missing_ok=True)
        ipc.SOCKET.unlink(missing_ok=True)
    log("main", "notice", "exit proxmox configuration filesystem (0)")
    return 0
