"""Requests: whatever bytes come in whatever pieces, the same commands are taken, and limits hold before memory is spent
on what exceeds them.
"""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_ext.door import DoorCore
from core_ext.store import COMMANDS
from tests.door import twins
from tests.door.fakes import request
from tests.door.harness import NotedTransport, new_core, new_session

arguments = st.binary(max_size=20)
commands = st.one_of(
    st.tuples(st.sampled_from([b"SET", b"set", b"SeT", b"APPEND"]), arguments, arguments),
    st.tuples(st.sampled_from([b"GET", b"get", b"INCR"]), arguments),
    st.tuples(st.just(b"PING")),
    st.tuples(st.binary(max_size=6)),
).map(lambda parts: request(*parts))
inline = st.sampled_from([b"PING\r\n", b"ping 'a b'\n", b"\r\n", b"\n", b'SET k "\\x41"\r\n', b"*0\r\n", b"*-1\r\n"])
streams = st.lists(st.one_of(commands, inline), max_size=8).map(b"".join)


def feed(core: DoorCore, pieces: list[bytes], **session: bool) -> tuple[list[tuple[int, list[bytes]]], NotedTransport]:
    """What reaches the store, and the connection; every batch is answered with +n at once."""
    connection, transport = new_session(**session)
    taken = []
    number = 0
    for piece in pieces:
        waits = core.feed(connection, piece)
        while waits:
            waits = False
            for ticket, _, batch in core.take():
                commands_of_batch = twins.decode_batch(batch)
                replies = []
                for _ in commands_of_batch:
                    replies.append(b"+%d\r\n" % number)
                    number += 1
                taken += commands_of_batch
                waits = core.complete(ticket, twins.framed(*replies), None)
    return taken, transport


@given(streams, st.data())
def test_pieces_do_not_matter(stream: bytes, data: st.DataObject) -> None:
    whole, transport = feed(new_core(), [stream])
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    in_pieces, other = feed(new_core(), pieces)
    assert in_pieces == whole
    assert other.output == transport.output


def test_a_stream_split_at_every_byte() -> None:
    stream = request("SET", "key", "value") + b"PING\r\n" + request("GET", b"k\r\n\0\xff") + request("MGET", *range(12))
    expected, transport = feed(new_core(), [stream])
    assert [parts for _, parts in expected] == [[b"key", b"value"], [b"k\r\n\0\xff"], [b"%d" % n for n in range(12)]]
    for cut in range(1, len(stream)):
        taken, other = feed(new_core(), [stream[:cut], stream[cut:]])
        assert taken == expected
        assert other.output == transport.output
    taken, _ = feed(new_core(), [stream[at : at + 1] for at in range(len(stream))])
    assert taken == expected


@given(st.lists(st.lists(arguments, min_size=1, max_size=5), max_size=6))
def test_requests_are_read_as_hiredis_reads_them(parts: list[list[bytes]]) -> None:
    stream = b"".join(request("DEL", *each) for each in parts)
    taken, _ = feed(new_core(), [stream])
    assert [arguments for _, arguments in taken] == [value[1:] for value in twins.parse(stream)]


@given(st.one_of(st.binary(max_size=200), st.lists(st.sampled_from([
    b"*", b"$", b"1", b"3", b"-1", b"99999999999999999999", b"\r\n", b"\n", b"\r", b"SET", b"a", b" ", b'"', b"\0", b"+"
]), max_size=30).map(b"".join)))
def test_garbage_is_answered_or_waited_for_but_does_no_harm(stream: bytes) -> None:
    core = new_core()
    _, transport = feed(core, [stream])
    replies = twins.parse(transport.output)
    if core.protocol_errors:
        assert transport.closed
        assert str(replies[-1]).startswith("ERR Protocol error: ")
    taken, other = feed(core, [request("GET", "a")])
    assert (len(taken), other.output) == (1, b"+0\r\n")


def test_mutated_streams_do_no_harm() -> None:
    generator = random.Random(7)
    stream = b"".join(request("SET", f"key{n}", "v" * n) + request("GET", f"key{n}") for n in range(20))
    for _ in range(2000):
        mutated = bytearray(stream)
        for _ in range(generator.randint(1, 4)):
            at = generator.randrange(len(mutated))
            choice = generator.random()
            if choice < 0.5:
                mutated[at] = generator.randrange(256)
            elif choice < 0.75:
                del mutated[at : at + generator.randint(1, 9)]
            else:
                mutated[at:at] = generator.randbytes(generator.randint(1, 9))
        core = new_core()
        _, transport = feed(core, [bytes(mutated)])
        twins.parse(transport.output)
        assert transport.closed == (core.protocol_errors > 0)


@pytest.mark.parametrize(
    ("stream", "error"),
    [
        (b"*1000000000\r\n", "invalid multibulk length"),
        (b"*1048577\r\n", "invalid multibulk length"),
        (b"*x\r\n", "invalid multibulk length"),
        (b"*01\r\n", "invalid multibulk length"),
        (b"*+1\r\n", "invalid multibulk length"),
        (b"*\r\n", "invalid multibulk length"),
        (b"*" + b"1" * 70_000, "too big mbulk count string"),
        (b"*1\r\n$1000000000\r\n", "invalid bulk length"),
        (b"*1\r\n$1048577\r\n", "invalid bulk length"),
        (b"*1\r\n$-1\r\n", "invalid bulk length"),
        (b"*1\r\n$ 4\r\n", "invalid bulk length"),
        (b"*1\r\n$" + b"1" * 70_000, "too big bulk count string"),
        (b"*1\r\n:1\r\n", "expected '$', got ':'"),
        (b"*2\r\n*1\r\n$1\r\na\r\n", "expected '$', got '*'"),
        (b"*1\r\n\n1\r\n", "expected '$', got ' '"),
        (b"*3\r\n" + b"$1048576\r\n%b\r\n" % (b"a" * 1_048_576) * 2 + b"$1\r\n", "too big request"),
        (b"x" * 65_537, "too big inline request"),
        (b"x" * 65_537 + b"\r\n", "too big inline request"),
        (b'GET "a\r\n', "unbalanced quotes in request"),
    ],
)
def test_protocol_errors_are_said_and_the_connection_is_closed(stream: bytes, error: str) -> None:
    core = new_core()
    connection, transport = new_session()
    core.feed(connection, b"PING\r\n" + stream)
    assert transport.output == b"+PONG\r\n-ERR Protocol error: " + error.encode() + b"\r\n"
    assert transport.closed
    assert core.protocol_errors == 1
    core.feed(connection, request("SET", "a", "b"))
    assert core.take() == []
    assert connection.input_bytes == 0


@pytest.mark.parametrize(
    ("stream", "error"),
    [(b"*11\r\n", "unauthenticated multibulk length"), (b"*1\r\n$16385\r\n", "unauthenticated bulk length")],
)
def test_who_has_not_authenticated_gets_less_room(stream: bytes, error: str) -> None:
    connection, transport = new_session(authenticated=False)
    new_core().feed(connection, stream)
    assert transport.output == b"-ERR Protocol error: " + error.encode() + b"\r\n"


def test_the_largest_argument_and_an_empty_one() -> None:
    taken, _ = feed(new_core(), [request("SET", b"", b"a" * (1 << 20))])
    assert taken == [(COMMANDS[b"SET"][0], [b"", b"a" * (1 << 20)])]


def test_more_arguments_than_a_batch_can_carry_are_refused() -> None:
    core = new_core()
    taken, transport = feed(core, [request("DEL", *[b"k"] * 65_536) + request("DEL", *[b"k"] * 65_535)])
    assert [len(parts) for _, parts in taken] == [65_535]
    first, second = twins.parse(transport.output)
    assert str(first) == "ERR too many arguments for 'del' command: 65535 are possible"
    assert second == b"0"


def test_a_big_command_in_small_pieces_takes_linear_time() -> None:
    stream = request("DEL", *[b"k"] * 60_000)
    pieces = [stream[at : at + 64] for at in range(0, len(stream), 64)]
    core = new_core()
    taken, _ = feed(core, pieces)  # quadratic scanning would take minutes
    assert len(taken[0][1]) == 60_000


def test_wrong_arity_and_unknown_commands() -> None:
    _, transport = feed(new_core(), [request("GET") + request("get", 1, 2) + request("NOPE", 1) + request("x" * 99)])
    assert transport.output == (
        b"-ERR wrong number of arguments for 'get' command\r\n" * 2 + b"-ERR unknown 2\r\n-ERR unknown 1\r\n"
    )


def test_a_local_command_that_fails_leaves_its_neighbours_alone(caplog: pytest.LogCaptureFixture) -> None:
    _, transport = feed(new_core(), [request("SET", 1, 2) + request("BROKEN") + request("GET", 1)])
    first, second, third = twins.parse(transport.output)
    assert (first, third) == (b"0", b"1")
    assert "internal error" in str(second)
    assert "ZeroDivisionError" in caplog.text
