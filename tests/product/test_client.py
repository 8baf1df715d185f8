"""The blocking client against a door that answers what the test says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from actorum.client import Client, NotReachable, ReplyError


@contextmanager
def _door(*answers: bytes) -> Iterator[tuple[Client, list[bytes]]]:
    """A client, and what each of its requests was; after the last answer the connection is closed."""
    received: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            for answer in answers:
                received.append(connection.recv(65_536))
                connection.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    with listener, Client(*listener.getsockname()[:2], timeout_seconds=5) as client:
        yield client, received
        thread.join()


def test_commands_are_sent_and_answers_read() -> None:
    with _door(b"+OK\r\n", b"$5\r\na\0b\r\n\r\n", b"$-1\r\n", b":2\r\n") as (client, received):
        client.set("k", b"a\0b\r\n")
        assert client.get(b"k") == b"a\0b\r\n"
        assert client.get("none") is None
        assert client.delete("a", "b") == 2
    assert received[0] == b"*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$5\r\na\0b\r\n\r\n"


def test_an_error_reply_is_raised_alone_and_returned_in_a_pipeline() -> None:
    with _door(b"-CLUSTERDOWN no leader\r\n", b"+OK\r\n-UNKNOWN lost\r\n") as (client, _):
        with pytest.raises(ReplyError) as caught:
            client.set("a", "b")
        assert caught.value.code == "CLUSTERDOWN"
        first, second = client.pipeline([("SET", "a", 1), ("SET", "b", 2)])
        assert first == b"OK"
        assert isinstance(second, ReplyError)
        assert second.code == "UNKNOWN"


def test_a_lost_connection_may_have_executed_and_a_refused_one_has_not() -> None:
    with _door() as (client, _):
        with pytest.raises(NotReachable) as lost:
            client.get("k")
        assert not lost.value.certainly_not_executed
        address = client.address
    with Client(*address) as late, pytest.raises(NotReachable, match="Connection refused") as refused:
        late.get("k")
    assert refused.value.certainly_not_executed


def test_what_the_door_refuses_before_it_has_read_it_says_why() -> None:
    listener = socket.create_server(("127.0.0.1", 0))

    def refuse() -> None:
        connection, _ = listener.accept()
        connection.recv(10)
        connection.sendall(b"-ERR Protocol error: invalid bulk length\r\n")
        connection.close()  # with bytes unread: a reset

    thread = threading.Thread(target=refuse)
    thread.start()
    with listener, Client(*listener.getsockname()[:2], timeout_seconds=5) as client:
        with pytest.raises(ReplyError, match="invalid bulk length"):
            client.set("large", bytes(32 << 20))
        thread.join()
