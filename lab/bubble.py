"""The process that is the lab: entered through ``unshare``, it builds everything and serves until it ends.

Started by ``lab.client`` as ``unshare … python -m lab.bubble CONFIG``, CONFIG being JSON: ``spec``, ``rootfs``,
``state`` (folders), ``report`` and ``owner`` (descriptors of pipes), ``listeners`` (name of node, link, descriptor;
the link is ``lab.launch.BMC`` for its management controller).
To ``report`` it writes JSON lines: ``{"progress": …}``, then ``{"ready": true}`` or ``{"error": …}``. It ends when
``owner`` reaches its end of file, unless a byte came first, which lets it live on alone.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

from lab import diagnosis, formation, guests, hardware, limits, mounts, protection, samples_replication, staging
from lab.control import Server
from lab.errors import LabError, TimedOut
from lab.forward import Forwarder, Route
from lab.launch import BMC
from lab.machine import Machine
from lab.site import Site
from lab.spec import SMALL, LabSpec
from lab.state import StateDir


def main() -> None:
    """Be PID 1 of the bubble: reap whoever is left to us, and end with the one child that does the work."""
    config = json.loads(sys.argv[1])
    worker = os.fork()
    if worker:
        while True:
            ended, status = os.wait()
            if ended == worker:
                os._exit(os.waitstatus_to_exitcode(status) & 255)
    try:
        _work(config)
    except BaseException:
        traceback.print_exc()
    os._exit(1)


def _work(config: dict[str, Any]) -> None:
    folder, spec = StateDir(Path(config["state"])), LabSpec(**config["spec"])
    ended = threading.Event()
    threading.Thread(target=_watch_owner, args=(config["owner"], ended), daemon=True).start()
    threading.Thread(target=_live, args=(config, folder, spec, ended), daemon=True).start()
    ended.wait()
    folder.control.unlink(missing_ok=True)
    os._exit(0)


def _watch_owner(owner: int, ended: threading.Event) -> None:
    if not os.read(owner, 1):
        ended.set()


def _live(config: dict[str, Any], folder: StateDir, spec: LabSpec, ended: threading.Event) -> None:
    """Build the lab and say so; an error ends it."""
    with os.fdopen(config["report"], "w", buffering=1) as report:

        def say(**message: Any) -> None:
            print(json.dumps(message), file=report)

        try:
            _build(config, folder, spec, ended, say)
            say(ready=True)
        except LabError as error:
            say(error=str(error))
            ended.set()
        except Exception as error:
            traceback.print_exc()
            say(error=f"{error!r} (more in {folder.log})")
            ended.set()


def _build(config: dict[str, Any], folder: StateDir, spec: LabSpec, ended: threading.Event, say: Any) -> None:
    from lab.pve.install import install as install_node

    if spec.nodes > SMALL:
        limits.give_up_real_time()
    limits.open_many_files()
    mounts.make_private()
    mounts.mount("tmpfs", folder.mount_point, 0, "mode=755,size=1m")
    os.chdir(folder.mount_point)
    rootfs = Path("rootfs")
    rootfs.mkdir()
    mounts.bind(config["rootfs"], rootfs)
    # Its `ip` looks a network namespace up by pid.
    mounts.bind("/proc", rootfs / "proc")

    addresses = {(node.name, link): node.address(link) for node in spec.members for link in (0, 1)}
    opened = [(node, link, socket.socket(fileno=descriptor)) for node, link, descriptor in config["listeners"]]
    routes = [Route(node, link, addresses[node, link], listener) for node, link, listener in opened if link != BMC]
    forwarder = Forwarder(routes)
    site = Site(spec, rootfs=rootfs, forwarder=forwarder)
    site.build()
    site.add_bmcs({node: listener for node, link, listener in opened if link == BMC}, folder)
    public = formation.make_identity(next(iter(site.machines.values())), folder)
    formation.install(site, install_node, public, folder)
    if not spec.blank:
        formation.configure(site)
    held = staging.hold_back(site) if spec.nodes > SMALL and not spec.blank else ()
    say(progress=f"{spec.nodes} disks and the switch are made")
    operations: dict[str, Callable[..., Any]] = {
        **site.operations(),
        "settle": partial(formation.wait_ready, site),
        "down": ended.set,
    }
    Server(folder.control, operations, site.enter).start()
    # All at once: each node that joins later costs every other one a new membership.
    site.on_all(Machine.plug_in)
    site.on_all(Machine.switch_on)
    hardware.attend(site)
    forwarder.start()
    say(progress=f"{spec.nodes} nodes are booting")
    try:
        _form(site, held, say, limit=60.0 + 3 * spec.nodes)
    except LabError as error:
        raise LabError(f"{error}; {diagnosis.written(site, folder.diagnosis)}") from None
    if not spec.blank:
        say(progress="the cluster has formed: quorate, all links connected, /etc/pve writable")
        made = guests.create(site)
        say(progress=f"{made} guests are made")
        more = {samples_replication.make: "have a replica"}
        if spec.protects:
            more[protection.protect] = "are under HA"
        # Both wait for other nodes most of the time.
        with ThreadPoolExecutor() as pool:
            for count, what in zip(pool.map(lambda make: make(site), more), more.values(), strict=True):
                if count:
                    say(progress=f"{count} of them {what}")


def _form(site: Site, held: tuple[str, ...], say: Any, *, limit: float) -> None:
    """Wait until the nodes are what they should become; `held` are the units of a start in two stages."""
    if held:
        staging.bring_up(site, held, _membership, limit=limit)
        say(progress="corosync is whole; the cluster file system is on every node")
    formation.wait_ready(site, limit=limit)


def _membership(machine: Machine, nodes: int) -> str:
    try:
        return formation.lacking_votes(machine, nodes)
    except TimedOut as error:
        return f"does not answer: {error}"


if __name__ == "__main__":
    main()
