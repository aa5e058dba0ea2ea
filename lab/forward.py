"""Leads connections from loopback addresses of this machine to the nodes' sshd.

The listening sockets were opened outside before the bubble was entered; here they are accepted, and connected to
the inside. What the inside does is passed on: a refusal becomes a reset, silence stays silence.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from dataclasses import dataclass, field

from lab.spec import SSH_PORT

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_EARLY_BYTES = 65536
HELD_MOST = 64


@dataclass(slots=True, eq=False)
class Route:
    """One listener and where it leads.

    Attributes:
        node: the node's name.
        link: the link it uses.
        address: the node's address on that link.
        listener: the socket that was opened outside.
        port: the port there.
        cut: is the way from outside cut? Then nothing moves, and nothing is closed.
        joints: the connections that use it, oldest first.
    """

    node: str
    link: int
    address: str
    listener: socket.socket
    port: int = SSH_PORT
    cut: bool = False
    joints: list[Joint] = field(default_factory=list)


class Joint:
    """Two connections, outside and inside, that are one to their users."""

    def __init__(self, route: Route) -> None:
        self.route = route
        self.outer = _Side(self)
        self.inner = _Side(self)
        self.outer.other, self.inner.other = self.inner, self.outer
        self._connecting: asyncio.Task[None] | None = None

    def opened(self) -> None:
        """A client is there. A dead machine would hold ever more of them: the oldest has to go."""
        self.route.joints.append(self)
        if len(self.route.joints) > HELD_MOST:
            self.route.joints[0].reset()
        self.update()

    def update(self) -> None:
        """Do what the route's state asks for: connect, move bytes, or hold still."""
        if not self.route.cut and self.inner.transport is None and self._connecting is None:
            self._connecting = asyncio.get_running_loop().create_task(self._connect())
        for side in (self.outer, self.inner):
            side.flow()

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: self.inner, self.route.address, self.route.port)
        except OSError:
            # Refused at once, or silent until the kernel gave up after two minutes.
            self.reset()

    def reset(self) -> None:
        """End both connections as a refusal does."""
        for side in (self.outer, self.inner):
            side.abort()
        self.forget()

    def forget(self) -> None:
        """Neither connection is of use any more."""
        if self._connecting is not None:
            self._connecting.cancel()
        if self in self.route.joints:
            self.route.joints.remove(self)


class _Side(asyncio.Protocol):
    """One of the two connections of a joint."""

    def __init__(self, joint: Joint) -> None:
        self.joint = joint
        self.other: _Side
        self.transport: asyncio.Transport | None = None
        self._early = bytearray()
        self._full = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        sock = transport.get_extra_info("socket")
        for option, value in ((socket.TCP_KEEPIDLE, 120), (socket.TCP_KEEPINTVL, 30), (socket.TCP_KEEPCNT, 6)):
            sock.setsockopt(socket.IPPROTO_TCP, option, value)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if self is self.joint.outer:
            self.joint.opened()
        elif self.other.transport is None or self.other.transport.is_closing():
            transport.close()
        else:
            self.take_early()
            self.joint.update()
        # Up to Python 3.11.2, asyncio begins to read after this method whatever it has paused: say it once more then.
        asyncio.get_running_loop().call_soon(self.joint.update)

    def take_early(self) -> None:
        """Send on what the other side said before this one was there."""
        assert self.transport is not None
        if self.other._early:
            self.transport.write(bytes(self.other._early))
            self.other._early.clear()

    def data_received(self, data: bytes) -> None:
        if self.other.transport is None:
            self._early += data
            self.flow()
        else:
            self.other.transport.write(data)

    def eof_received(self) -> bool:
        if self.other.transport is None:
            # The client has given up waiting; nobody has heard it yet.
            return False
        if self.other.transport.can_write_eof():
            self.other.transport.write_eof()
        return True

    def connection_lost(self, error: Exception | None) -> None:
        if error is not None:
            self.joint.reset()
            return
        if self.other.transport is not None:
            self.other.transport.close()
        self.joint.forget()

    def pause_writing(self) -> None:
        self._full = True
        self.other.flow()

    def resume_writing(self) -> None:
        self._full = False
        self.other.flow()

    def flow(self) -> None:
        """Read on, or leave what comes to the kernel's buffers."""
        if self.transport is None or self.transport.is_closing():
            return
        waiting = self.joint.route.cut and self.other.transport is not None
        if waiting or self.other._full or len(self._early) > _EARLY_BYTES:
            self.transport.pause_reading()
        else:
            self.transport.resume_reading()

    def abort(self) -> None:
        if self.transport is not None and not self.transport.is_closing():
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            self.transport.abort()


class Forwarder:
    """All routes, served by one thread."""

    def __init__(self, routes: list[Route]) -> None:
        self.routes = routes
        self._loop = asyncio.new_event_loop()
        self._servers: list[asyncio.Server] = []
        self._thread = threading.Thread(target=self._loop.run_forever, name="forwarder", daemon=True)

    def start(self) -> None:
        """Begin to accept."""
        self._thread.start()
        for route in self.routes:
            asyncio.run_coroutine_threadsafe(self._serve(route), self._loop).result(10)

    def stop(self) -> None:
        """Accept nothing more and end every connection."""
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _stop(self) -> None:
        for server in self._servers:
            server.close()
        for route in self.routes:
            for joint in list(route.joints):
                joint.reset()
        # Closed transports let go of their sockets in the loop's next turn.
        await asyncio.sleep(0)

    async def _serve(self, route: Route) -> None:
        self._servers.append(await self._loop.create_server(lambda: Joint(route).outer, sock=route.listener))

    def set_cut(self, node: str, links: tuple[int, ...], cut: bool) -> None:
        """Cut, or heal, the way from outside to a node."""
        asyncio.run_coroutine_threadsafe(self._set_cut(node, links, cut), self._loop).result(10)

    async def _set_cut(self, node: str, links: tuple[int, ...], cut: bool) -> None:
        for route in self.routes:
            if route.node == node and route.link in links:
                route.cut = cut
                for joint in list(route.joints):
                    joint.update()

    def cut_links(self, node: str) -> tuple[int, ...]:
        """Over which links a node is not reachable from outside."""
        return tuple(route.link for route in self.routes if route.node == node and route.cut)
