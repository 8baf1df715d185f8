"""Replies written to the socket at once: the same bytes in the same order as by way of the transport."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from core_ext.durations import Durations
from core_ext.sessions import Session
from tests.door.harness import NotedTransport, new_core

SET = b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$1\r\nv\r\n"
OK = b"\x05\0\0\0+OK\r\n"


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    near, far = socket.socketpair()
    near.setblocking(False)
    far.settimeout(5)
    with near, far:
        yield near, far


def answered(session: Session, count: int = 1) -> None:
    """Have this many SETs of the session answered."""
    core = new_core()
    core.feed(session, SET * count)
    ((ticket, _, _),) = core.take()
    core.complete(ticket, OK * count, None)


def test_what_the_socket_takes_does_not_pass_the_transport(pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    transport = NotedTransport()
    answered(Session(None, transport, True, near.fileno()))
    assert far.recv(100) == b"+OK\r\n"
    assert transport.written == []


def test_behind_what_the_transport_holds_nothing_overtakes(pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    transport = NotedTransport()
    transport.unread = 1
    answered(Session(None, transport, True, near.fileno()))
    assert transport.output == b"+OK\r\n"
    far.setblocking(False)
    with pytest.raises(BlockingIOError):
        far.recv(100)


def test_what_the_socket_does_not_take_goes_by_way_of_the_transport(pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    transport = NotedTransport()
    count = 8000
    session = Session(None, transport, True, near.fileno())
    core = new_core()
    core.feed(session, SET * count)
    ((ticket, _, _),) = core.take()
    core.complete(ticket, OK * count, None)
    rest = transport.output
    assert 0 < len(rest) < 5 * count
    taken = b""
    while len(taken) + len(rest) < 5 * count:
        taken += far.recv(65536)
    assert taken + rest == b"+OK\r\n" * count
    transport.written.clear()
    while near.send(b"x" * 4096, socket.MSG_DONTWAIT) == 4096:  # until it is full
        pass
    answered(session)
    assert transport.output.endswith(b"+OK\r\n")


def test_a_broken_socket_is_left_to_the_transport(pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    far.close()
    transport = NotedTransport()
    answered(Session(None, transport, True, near.fileno()))
    assert transport.output == b"+OK\r\n"


def test_a_connection_that_is_gone_is_not_written_to(pair: tuple[socket.socket, socket.socket]) -> None:
    near, far = pair
    transport = NotedTransport()
    session = Session(None, transport, True, near.fileno())
    core = new_core()
    core.feed(session, SET)
    ((ticket, _, _),) = core.take()
    core.lost(session)
    core.complete(ticket, OK, None)
    near.close()
    assert (far.recv(100), transport.written) == (b"", [])


def test_no_reply_overtakes_what_was_dropped_when_the_connection_was_cut_off(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    near, far = pair
    transport = NotedTransport()
    session = Session(None, transport, True, near.fileno())
    core = new_core()
    core.feed(session, SET)
    ((ticket, _, _),) = core.take()
    session.abort()  # the transport is empty now: what it held back is gone
    core.complete(ticket, OK, None)
    far.setblocking(False)
    with pytest.raises(BlockingIOError):
        far.recv(100)
    assert (transport.aborted, transport.written) == (True, [])
    core.lost(session)
    session.abort()


def test_a_connection_that_closes_and_is_not_read_from_can_be_cut_off() -> None:
    transport = NotedTransport()
    session = Session(None, transport, True)
    session.finish()
    assert transport.closed
    session.abort()
    assert transport.aborted


def test_batches_are_timed_from_leaving_to_their_outcome() -> None:
    durations = Durations(1e-9, 10.0, 30)
    core = new_core(durations=durations)
    session = Session(None, NotedTransport(), True)
    core.feed(session, SET)
    ((ticket, _, _),) = core.take()
    assert sum(durations.counts) == 0
    core.complete(ticket, OK, None)
    core.complete(ticket, OK, None)  # nobody knows it any more
    assert sum(durations.counts) == 1
    assert 0 < durations.total_seconds < 5
