"""Whatever reaches the bound port: nothing harms the node, everything is counted, and good peers go on talking."""

from __future__ import annotations

import asyncio
import random
import socket
from typing import Any

import zmq

from actors.runtime.handshake import Hello, Ping, Welcome, decode, encode
from core_ext.codec import FrameWriter, Kind
from tests.transport.nodes import Node, fast, run, until


def _port(node: Node) -> int:
    return int(node.address.rpartition(":")[2])


async def _still_talking(a: Node, b: Node, number: int) -> None:
    assert a.tell_now("b", number=number) is None
    await until(lambda: number in b.numbers(), "the good peer is no longer heard")


class Stranger:
    """A ZeroMQ socket in the hands of somebody else."""

    def __init__(self, address: str, routing_id: bytes) -> None:
        self.context: zmq.Context[Any] = zmq.Context()
        self.socket = self.context.socket(zmq.DEALER)
        self.socket.setsockopt(zmq.ROUTING_ID, routing_id)
        self.socket.setsockopt(zmq.LINGER, 0)
        self.socket.connect(address)

    def send(self, *parts: bytes) -> None:
        self.socket.send_multipart(parts)

    async def answer(self) -> Any:
        await until(lambda: self.socket.poll(0), "no answer")
        return decode(self.socket.recv())[0]

    def close(self) -> None:
        self.socket.close(0)
        self.context.term()


def _hello(node: Node, address: str, cluster_id: str = "test") -> bytes:
    return encode(Hello("evil", 666, cluster_id, "", address, 1 << 32))


def _frame(receiver: int, sender: int = 666) -> list[bytes]:
    writer = FrameWriter(sender, receiver)
    writer.add(Kind.TELL, "target", 0, "s", 1, 77, 42, b"body")
    return writer.finish()


def _accomplice(b: Node) -> Node:
    """The node that the stranger claims to be, so that it can be dialled back. It never pings."""
    quiet = fast(ping_interval_seconds=30.0, lost_after_seconds=90.0)
    return Node("evil", {"b": b.address}, incarnation=666, settings=quiet)


async def _introduce(evil: Stranger, b: Node, accomplice: Node) -> None:
    await until(lambda: b.ups and accomplice.ups)
    evil.send(_hello(b, accomplice.address))
    assert isinstance(await evil.answer(), Welcome)


def test_raw_bytes_on_the_port_harm_nobody() -> None:
    async def scenario() -> None:
        chance = random.Random(11)
        async with Node("b") as b, Node("a", {"b": b.address}) as a:
            await until(lambda: a.ups)
            greeting = b"\xff\0\0\0\0\0\0\0\1\x7f\3\0NULL" + b"\0" * 48
            for number in range(60):
                with socket.create_connection(("127.0.0.1", _port(b))) as raw:
                    head = greeting if chance.random() < 0.5 else b""
                    raw.sendall(head + chance.randbytes(chance.randrange(0, 2000)))
                if number % 10 == 0:
                    await _still_talking(a, b, number)
            await _still_talking(a, b, 1000)
            assert a.downs == b.downs == []

    run(scenario)


def test_frames_from_who_was_never_introduced_are_dropped_and_answered() -> None:
    async def scenario() -> None:
        async with Node("b") as b:
            stranger = Stranger(b.address, b"x/1/c")
            try:
                stranger.send(*_frame(b.incarnation))
                assert type(await stranger.answer()).__name__ == "Stranger"
                stranger.send(encode(Ping(3)))
                assert type(await stranger.answer()).__name__ == "Stranger"
                assert b.counters["dropped_stranger"] == 2
                assert b.got == []
            finally:
                stranger.close()

    run(scenario)


def test_random_parts_and_damaged_frames_harm_nobody() -> None:
    async def scenario() -> None:
        chance = random.Random(12)
        async with Node("b") as b, Node("a", {"b": b.address}) as a:
            await until(lambda: a.ups)
            strangers = [Stranger(b.address, name) for name in (b"e/c", b"e/d", b"plain")]
            good = _frame(b.incarnation)[0]
            try:
                for number in range(600):
                    stranger = chance.choice(strangers)
                    match chance.randrange(4):
                        case 0:
                            part = chance.randbytes(chance.randrange(0, 200))
                        case 1:
                            part = b"ALNK" + chance.randbytes(chance.randrange(0, 60))
                        case 2:
                            part = good[: chance.randrange(len(good))]
                        case _:
                            part = _hello(b, "tcp://127.0.0.1:9")[: chance.randrange(8, 40)]
                    stranger.send(part, *(chance.randbytes(20) for _ in range(chance.randrange(3))))
                    if number % 100 == 0:
                        await _still_talking(a, b, 5000 + number)
                await until(lambda: b.counters["dropped_garbage"] > 50 and b.counters["dropped_stranger"] > 50)
                await _still_talking(a, b, 6000)
                assert set(b.numbers()) <= set(range(5000, 6001))
                assert a.downs == []
            finally:
                for stranger in strangers:
                    stranger.close()

    run(scenario)


def test_an_introduced_peer_that_sends_garbage_is_refused_and_no_longer_heard() -> None:
    async def scenario() -> None:
        async with Node("b") as b, _accomplice(b) as c:
            evil = Stranger(b.address, b"evil/1/c")
            try:
                await _introduce(evil, b, c)
                evil.send(*_frame(b.incarnation))
                await until(lambda: b.got)
                damaged = bytearray(_frame(b.incarnation)[0])
                damaged[40] ^= 0xFF
                evil.send(bytes(damaged))
                refused = await evil.answer()
                assert "cannot be read" in refused.reason
                evil.send(*_frame(b.incarnation))
                assert type(await evil.answer()).__name__ == "Stranger"
                assert len(b.got) == 1
            finally:
                evil.close()

    run(scenario)


def test_an_oversized_frame_is_dropped_or_disconnects_its_sender() -> None:
    async def scenario() -> None:
        async with Node("b", settings=fast(max_frame_bytes=100_000)) as b, _accomplice(b) as c:
            evil = Stranger(b.address, b"evil/1/c")
            try:
                await _introduce(evil, b, c)
                evil.send(*[b"x" * 60_000] * 3)  # each part is allowed, together they are not
                assert "above the limit" in (await evil.answer()).reason
                assert b.counters["dropped_oversized"] == 1
                evil.send(b"x" * 200_000)  # libzmq closes the connection
                evil.send(_hello(b, c.address))
            finally:
                evil.close()
            async with Node("a", {"b": b.address}) as a:
                await until(lambda: a.ups)
                await _still_talking(a, b, 1)
                assert "too large" in str(a.tell("b", b"x" * 100_000))

    run(scenario)


def test_a_flood_of_hellos_from_another_cluster_is_answered_within_limits() -> None:
    async def scenario() -> None:
        async with Node("b") as b, Node("a", {"b": b.address}) as a:
            await until(lambda: a.ups)
            evil = Stranger(b.address, b"evil/1/c")
            try:
                for _ in range(500):
                    evil.send(_hello(b, a.address, "another"))
                await until(lambda: b.counters["hellos_refused"] == 500)
                assert "cluster id" in (await evil.answer()).reason
                await _still_talking(a, b, 1)
            finally:
                evil.close()

    run(scenario)


def test_a_runtime_error_in_one_delivery_does_not_take_its_neighbours_along() -> None:
    async def scenario() -> None:
        seen: list[int] = []

        def deliver(found: Any) -> None:
            if found.correlation == 1:
                raise ValueError("a bug")
            seen.append(found.correlation)

        async with Node("b", on_delivered=deliver) as b, Node("a", {"b": b.address}) as a:
            for number in range(3):
                a.tell("b", number=number)
            a.transport.flush()
            await until(lambda: seen == [0, 2])
            assert b.counters["delivery_errors"] == 1
            await asyncio.sleep(0)

    run(scenario)


def test_a_message_that_breaks_its_reader_does_not_deafen_the_node_to_those_behind_it() -> None:
    """The descriptor is edge-triggered: it says nothing more of what was not read."""

    async def scenario() -> None:
        reported: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context))
        async with Node("b") as b:
            handled: list[bytes] = []
            answer_stranger = b.transport._stranger

            def breaks_twice(identity: bytes) -> None:
                handled.append(identity)
                if len(handled) in (1, 3):
                    raise OSError("no room on the disk")
                answer_stranger(identity)

            b.transport._stranger = breaks_twice  # type: ignore[method-assign]
            stranger = Stranger(b.address, b"x/1/c")
            try:
                for number in range(5):
                    stranger.send(encode(Ping(number)))
                await until(lambda: len(handled) == 5, "what stood behind the broken message was not read")
                for _ in range(3):
                    assert type(await stranger.answer()).__name__ == "Stranger"
            finally:
                stranger.close()
        assert [str(context["exception"]) for context in reported] == ["no room on the disk"] * 2

    run(scenario)
