"""The codec beside its plain-Python twin: a turn's worth of small messages out, and in again."""

from __future__ import annotations

from typing import Any

import pytest

from actors.message import Message, message_type
from core_ext.codec import FrameWriter, MessageCodec, read_frame
from tests.core import twins_frames as twin

MESSAGES = 1_000


class Pair(Message, wire="bench.pair"):
    """A small message."""

    first: int
    second: int


CODEC = MessageCodec(message_type)
SENT = [Pair(number, 70_000) for number in range(MESSAGES)]


def letter(message: Pair, body: bytes) -> twin.Letter:
    return twin.Letter(0, "gateway", 7, "shard-0", 8, 0, message.wire_id, body)


EXPECTED = twin.write([letter(message, twin.msgpack(message)) for message in SENT], 1, 2)


def native_out() -> list[bytes]:
    writer = FrameWriter(1, 2)
    for message in SENT:
        writer.add(0, "gateway", 7, "shard-0", 8, 0, message.wire_id, CODEC.encode(message))
    return writer.finish()


def plain_out() -> list[bytes]:
    return twin.write([letter(message, twin.msgpack(message)) for message in SENT], 1, 2)


def native_in() -> list[Any]:
    return [CODEC.decode(envelope.wire_id, envelope.body) for envelope in read_frame(EXPECTED)]


def plain_in() -> list[Any]:
    # The twin only writes msgpack: these bodies are two integers, and msgspec reads them for both.
    return [CODEC.decode(letter.wire_id, letter.body) for letter in twin.read(EXPECTED)[2]]


@pytest.mark.benchmark(group="encode and frame 1000 small messages")
@pytest.mark.parametrize("out", [native_out, plain_out])
def test_out(benchmark: Any, out: Any) -> None:
    assert benchmark(out) == EXPECTED


@pytest.mark.benchmark(group="read and decode 1000 small messages")
@pytest.mark.parametrize("into", [native_in, plain_in])
def test_in(benchmark: Any, into: Any) -> None:
    assert benchmark(into) == SENT
