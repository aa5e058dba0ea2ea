"""PID 1's control socket: one JSON request a line, one JSON answer a line."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import unitfiles
from .scope import Scope
from .timer import Timer
from .unit import StartError, Unit

if TYPE_CHECKING:
    from .init import Init

Reply = dict[str, Any]


class Control:
    """Answers requests; each connection is one request."""

    def __init__(self, init: Init) -> None:
        self._init = init

    def listen(self, path: Path) -> None:
        """Serve at `path` in the running event loop."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.bind(str(path))
        path.chmod(0o600)
        sock.listen(64)
        sock.setblocking(False)
        asyncio.get_running_loop().add_reader(sock, self._accept, sock)

    def _accept(self, sock: socket.socket) -> None:
        with contextlib.suppress(BlockingIOError):
            connection, _ = sock.accept()
            connection.setblocking(False)
            self._init.background(self._handle(connection))

    async def _handle(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        fds: list[int] = []
        try:
            data = b""
            while not data.endswith(b"\n"):
                await _readable(loop, connection)
                chunk, new_fds, _, _ = socket.recv_fds(connection, 65536, 3)
                fds += new_fds
                if not chunk:
                    return
                data += chunk
            reply = await self._answer(json.loads(data), fds)
            await loop.sock_sendall(connection, json.dumps(reply).encode() + b"\n")
        except (OSError, ValueError) as error:
            with contextlib.suppress(OSError):
                await loop.sock_sendall(connection, json.dumps({"error": str(error)}).encode() + b"\n")
        finally:
            for fd in fds:
                os.close(fd)
            connection.close()

    async def _answer(self, request: dict[str, Any], fds: list[int]) -> Reply:
        operation = request["op"]
        if operation in ("start", "stop", "restart", "reload"):
            return await self._job(operation, request["unit"])
        if operation == "show":
            unit = self._init.load(request["unit"])
            return {"unit": describe(unit) if unit else None}
        if operation == "list":
            return {"units": [describe(unit) for unit in self._init.units.values()]}
        if operation == "reset-failed":
            return self._reset_failed(request["unit"])
        if operation == "adopt":
            return {"unit": describe(self._init.adopt(request["name"], request["pid"]))}
        if operation == "run":
            return await self._run(request, fds)
        if operation == "ending":
            return {"ending": self._init.ending}
        if operation == "shutdown":
            self._init.ending = request.get("how", "poweroff")
            self._init.shutting_down.set()
            return {}
        raise ValueError(f"unknown operation {operation}")

    async def _job(self, operation: str, name: str) -> Reply:
        unit = self._init.load(name)
        if unit is None:
            return {"missing": True}
        try:
            if operation == "start":
                await self._init.start(name)
            elif operation == "restart":
                await self._init.restart(name)
            elif operation == "stop":
                await self._init.stop(name)
            elif not isinstance(unit, Unit) or not await unit.reload():
                return {"failed": "reload", "unit": describe(unit)}
        except StartError as error:
            return {"failed": str(error), "unit": describe(unit)}
        return {"unit": describe(unit)}

    def _reset_failed(self, name: str) -> Reply:
        units = [self._init.load(name)] if name else list(self._init.units.values())
        for unit in units:
            if unit is None:
                return {"missing": True}
            if unit.active == "failed":
                unit.active, unit.sub, unit.result = "inactive", "dead", "success"
                if unit.transient:
                    del self._init.units[unit.name]
        return {}

    async def _run(self, request: dict[str, Any], fds: list[int]) -> Reply:
        """Start a transient unit, or a transient timer and later its unit."""
        for name in (request["service"]["name"], (request.get("timer") or {}).get("name")):
            known = self._init.load(name) if name else None
            if known is not None and (known.active != "inactive" or not known.transient):
                return {"exists": name}
        service = self._init.add(_file(request["service"]), transient=True, collect=request["collect"])
        assert isinstance(service, Unit)
        if request.get("timer"):
            timer = self._init.add(_file(request["timer"]), transient=True, collect=request["collect"])
            await timer.start()
            return {"unit": describe(timer)}
        if len(fds) == 3:
            service.fds = (fds[0], fds[1], fds[2])
        try:
            await service.start()
        except StartError as error:
            return {"failed": str(error), "unit": describe(service)}
        finally:
            service.fds = None
        if request["wait"]:
            await service.ended.wait()
        return {"unit": describe(service)}


def _file(data: dict[str, Any]) -> unitfiles.UnitFile:
    settings = {(section, key): list(values) for section, key, values in data["settings"]}
    return unitfiles.UnitFile(name=data["name"], settings=settings)


async def _readable(loop: asyncio.AbstractEventLoop, connection: socket.socket) -> None:
    ready = asyncio.Event()
    loop.add_reader(connection, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(connection)


def describe(unit: Unit | Timer | Scope) -> Reply:
    """A unit's state as plain data."""
    common = {
        "name": unit.name,
        "description": unit.description,
        "active": unit.active,
        "sub": unit.sub,
        "result": unit.result,
        "path": str(unit.file.path or ""),
        "transient": unit.transient,
        "started_at": unit.started_at,
        "ended_at": unit.ended_at,
    }
    if isinstance(unit, Timer):
        return common | {"next_at": unit.next_at, "last_trigger": unit.last_trigger, "target": unit.target}
    if isinstance(unit, Scope):
        return common | {"main_pid": unit.main_pid, "last_pid": unit.last_pid, "exit_status": 0}
    return common | {
        "main_pid": unit.main_pid,
        "last_pid": unit.last_pid,
        "exit_code": unit.exit.code if unit.exit else "",
        "exit_status": unit.exit.status if unit.exit else 0,
        "restarts": unit.restarts,
        "type": unit.kind,
        "exec_start": unit.file.get("Service", "ExecStart"),
    }
