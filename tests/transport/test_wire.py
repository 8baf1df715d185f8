"""libzmq's own calls do what pyzmq's do on the same sockets; pyzmq is the twin."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
import zmq

from core_ext.wire import Wire


@pytest.fixture
def sockets() -> Iterator[tuple[zmq.Socket[bytes], zmq.Socket[bytes]]]:
    """A connected pair."""
    with zmq.Context() as context:
        one, other = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
        try:
            port = one.bind_to_random_port("tcp://127.0.0.1")
            other.connect(f"tcp://127.0.0.1:{port}")
            yield one, other
        finally:
            one.close(0)
            other.close(0)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_what_is_sent_is_what_pyzmq_receives(
    sockets: tuple[zmq.Socket[bytes], zmq.Socket[bytes]], seed: int
) -> None:
    one, other = sockets
    wire = Wire(one)
    other.poll(5000)
    chance = random.Random(seed)
    for _ in range(200):
        parts = [chance.randbytes(chance.choice([0, 1, 33, 34, 5000, 100_000])) for _ in range(chance.randrange(1, 5))]
        assert one.poll(5000, zmq.POLLOUT)
        assert wire.send_parts(parts)
        assert other.poll(5000)
        assert other.recv_multipart() == parts


def test_it_knows_when_something_is_there_to_read(sockets: tuple[zmq.Socket[bytes], zmq.Socket[bytes]]) -> None:
    one, other = sockets
    wire = Wire(one)
    assert not wire.readable()
    other.send(b"something")
    assert one.poll(5000)
    assert wire.readable()
    assert one.recv() == b"something"
    assert not wire.readable()


def test_what_libzmq_does_not_take_now_is_refused_and_never_waited_for() -> None:
    with zmq.Context() as context:
        alone = context.socket(zmq.PUSH)
        try:
            assert Wire(alone).send_parts([b"to nobody"]) is False
        finally:
            alone.close(0)


def test_nothing_is_sent_or_read_after_close(sockets: tuple[zmq.Socket[bytes], zmq.Socket[bytes]]) -> None:
    one, other = sockets
    wire = Wire(one)
    other.send(b"too late")
    assert one.poll(5000)
    wire.close()
    assert not wire.readable()
    assert not wire.send_parts([b"no"])
