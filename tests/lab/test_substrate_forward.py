"""The way in, without a lab: what happens inside is what a client sees outside."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from lab.forward import HELD_MOST, Forwarder, Route


@pytest.fixture
def inside() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        yield listener


def forward_to(port: int) -> tuple[Forwarder, Route]:
    route = Route("pve01", 0, "127.0.0.1", socket.create_server(("127.0.0.1", 0)), port=port)
    forwarder = Forwarder([route])
    forwarder.start()
    return forwarder, route


def dial(route: Route) -> socket.socket:
    return socket.create_connection(route.listener.getsockname(), timeout=5)


@pytest.fixture
def way(inside: socket.socket) -> Iterator[tuple[Forwarder, Route]]:
    forwarder, route = forward_to(inside.getsockname()[1])
    yield forwarder, route
    forwarder.stop()


def silent(connection: socket.socket) -> bool:
    connection.settimeout(0.3)
    try:
        connection.recv(1)
    except TimeoutError:
        return True
    finally:
        connection.settimeout(5)
    return False


def test_bytes_pass_both_ways_and_an_end_passes_as_an_end(inside: socket.socket, way: tuple[Forwarder, Route]) -> None:
    with dial(way[1]) as client:
        server, _ = inside.accept()
        with server:
            client.sendall(b"up")
            assert server.recv(10) == b"up"
            client.shutdown(socket.SHUT_WR)
            assert server.recv(10) == b""
            server.sendall(b"down")
        assert client.recv(10) == b"down"
        assert client.recv(10) == b""


def test_a_large_answer_arrives_whole(inside: socket.socket, way: tuple[Forwarder, Route]) -> None:
    with dial(way[1]) as client:
        server, _ = inside.accept()
        with server:
            client.sendall(b"?" * 3_000_000)
            client.shutdown(socket.SHUT_WR)
            received = sum(iter(lambda: len(server.recv(65536)), 0))
        assert received == 3_000_000


def test_a_refusal_inside_is_a_reset_outside() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    forwarder, route = forward_to(port)

    # The reset may come before the dialling has returned.
    with pytest.raises(ConnectionResetError), dial(route) as client:
        client.recv(1)
    forwarder.stop()


def test_a_reset_inside_is_a_reset_outside(inside: socket.socket, way: tuple[Forwarder, Route]) -> None:
    with dial(way[1]) as client:
        server, _ = inside.accept()
        client.sendall(b"unread")
        server.recv(1)
        server.close()
        with pytest.raises(ConnectionResetError):
            client.recv(1)


def test_a_cut_holds_both_directions_and_a_heal_lets_them_go(
    inside: socket.socket, way: tuple[Forwarder, Route]
) -> None:
    forwarder, route = way
    with dial(route) as client:
        server, _ = inside.accept()
        with server:
            forwarder.set_cut("pve01", (0,), True)
            client.sendall(b"up")
            server.sendall(b"down")
            assert silent(client)
            assert silent(server)
            forwarder.set_cut("pve01", (0,), False)
            assert server.recv(10) == b"up"
            assert client.recv(10) == b"down"


def test_what_was_dialled_during_a_cut_connects_after_it(inside: socket.socket, way: tuple[Forwarder, Route]) -> None:
    forwarder, route = way
    forwarder.set_cut("pve01", (0,), True)
    with dial(route) as client:
        client.sendall(b"early")
        assert silent(client)
        forwarder.set_cut("pve01", (0,), False)
        server, _ = inside.accept()
        with server:
            assert server.recv(10) == b"early"


def test_connections_that_hang_stay_bounded_and_the_oldest_has_to_go(way: tuple[Forwarder, Route]) -> None:
    forwarder, route = way
    forwarder.set_cut("pve01", (0,), True)
    first = dial(route)
    others = [dial(route) for _ in range(HELD_MOST)]

    with pytest.raises(ConnectionResetError):
        first.recv(1)
    assert silent(others[0])
    assert silent(others[-1])
    assert len(route.joints) == HELD_MOST
    for client in (first, *others):
        client.close()
