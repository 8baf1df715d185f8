"""Message bodies and answers: msgpack as the format says, references and open types included, total on any input."""

from __future__ import annotations

import contextlib
import enum
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.message import JournalEntries, Message, Request, check_fields, message_type
from core_ext.codec import CodecError, MessageCodec
from core_ext.mailbox import Reference
from tests.core import twins_frames as twin


class Colour(enum.IntEnum):
    RED = 0
    BLUE = 7


class Point(Message, wire="test.codec.point"):
    x: int
    y: int = 5


class Line(Message, wire="test.codec.line"):
    colour: Colour
    closed: bool
    weight: float
    label: str
    blob: bytes
    points: tuple[Point, ...]
    parts: tuple[bytes, ...]
    owner: Reference | None


class Box(Message, wire="test.codec.box"):
    content: Message
    spare: Message | None = None
    either: Point | Line | None = None
    all: tuple[Message, ...] = ()


class Empty(Message, wire="test.codec.empty"):
    pass


class Shelf(msgspec.Struct, frozen=True, array_like=True):
    names: frozenset[str]


class Sets(Message, wire="test.codec.sets"):
    numbers: frozenset[int]
    shelves: tuple[Shelf, ...] = ()
    nested: frozenset[frozenset[str]] | None = None
    open: Message | None = None


class TooDeep(Message, wire="test.codec.too-deep"):
    pairs: tuple[tuple[Message, ...], ...]


class Unsendable(Message, wire="test.codec.unsendable"):
    content: object


i64 = st.integers(-(2**63), 2**64 - 1)
references = st.builds(Reference, st.text(max_size=9), st.text(max_size=9), st.integers(0, 2**64 - 1))
points = st.builds(Point, i64, i64)
lines = st.builds(
    Line, st.sampled_from(Colour), st.booleans(), st.floats(allow_nan=False), st.text(max_size=40),
    st.binary(max_size=300), st.lists(points, max_size=20).map(tuple), st.lists(st.binary(max_size=9)).map(tuple),
    st.none() | references,
)
plain = st.one_of(points, lines, st.just(Empty()))
boxes = st.recursive(
    plain,
    lambda inner: st.builds(
        Box, inner, st.none() | inner, st.none() | points | lines, st.lists(inner, max_size=3).map(tuple)
    ),
    max_leaves=6,
)


@pytest.fixture(scope="module")
def codec() -> MessageCodec:
    return MessageCodec(message_type, check_fields)


CODEC = MessageCodec(message_type, check_fields)


@given(plain)
def test_a_body_is_the_array_of_its_fields(message: Message) -> None:
    body = CODEC.encode(message)
    assert body == twin.msgpack(message)
    assert CODEC.decode(message.wire_id, body) == message
    assert CODEC.decode(message.wire_id, memoryview(b"-" + body)[1:]) == message


def closed(message: Any) -> tuple[int, bytes]:
    return message.wire_id, twin.msgpack(message)


@given(points, lines)
def test_a_field_of_open_type_travels_with_its_wire_id(point: Point, line: Line) -> None:
    box = Box(point, None, line, (line, point))
    assert CODEC.encode(box) == twin.msgpack((closed(point), None, closed(line), (closed(line), closed(point))))


@given(boxes)
def test_messages_within_messages_come_back_as_they_were(message: Message) -> None:
    assert CODEC.decode(message.wire_id, CODEC.encode(message)) == message


def test_journal_entries_keep_the_types_of_their_records(codec: MessageCodec) -> None:
    entries = JournalEntries(1, 20, (Point(1, 2), Empty(), JournalEntries(2, 3, (Point(4),))))
    assert codec.decode(JournalEntries.wire_id, codec.encode(entries)) == entries


def test_fields_appended_later_take_their_defaults(codec: MessageCodec) -> None:
    assert codec.decode(Point.wire_id, twin.msgpack((3,))) == Point(3, 5)
    assert codec.decode(Box.wire_id, twin.msgpack((closed(Point(1)),))) == Box(Point(1))
    assert codec.decode(Point.wire_id, twin.msgpack((3, 4, 5))) == Point(3, 4), "a newer peer's extra field is ignored"


names = st.frozensets(st.text(max_size=3))
sets = st.builds(
    Sets, st.frozensets(i64), st.lists(st.builds(Shelf, names), max_size=3).map(tuple),
    st.none() | st.frozensets(names), st.none() | st.builds(Sets, st.frozensets(i64)),
)


def in_order(items: frozenset[Any]) -> tuple[Any, ...]:
    return tuple(sorted(items, key=twin.msgpack))


def sets_twin(message: Sets) -> tuple[Any, ...]:
    return (
        in_order(message.numbers), tuple((in_order(shelf.names),) for shelf in message.shelves),
        None if message.nested is None else in_order(frozenset(map(in_order, message.nested))),
        None if message.open is None else (Sets.wire_id, twin.msgpack(sets_twin(message.open))),  # type: ignore[arg-type]
    )


@given(sets)
def test_sets_travel_in_the_order_of_their_bytes(message: Sets) -> None:
    body = CODEC.encode(message)
    assert body == twin.msgpack(sets_twin(message))
    assert CODEC.decode(Sets.wire_id, body) == message


def test_messages_within_messages_have_a_limit_on_both_sides(codec: MessageCodec) -> None:
    message: Message = Point(1)
    body, wire_id = twin.msgpack(message), Point.wire_id
    for _ in range(40):
        message = Box(message)
        body, wire_id = twin.msgpack(((wire_id, body),)), Box.wire_id
    with pytest.raises(CodecError, match="more than 16 messages"):
        codec.encode(message)
    with pytest.raises(CodecError, match="more than 16 messages"):
        codec.decode(Box.wire_id, body)
    assert codec.decode(Point.wire_id, codec.encode(Point(1))) == Point(1), "and the codec goes on"


@pytest.mark.parametrize(
    ("expected", "value"),
    [
        (int, 5), (Any, "text"), (Any, Point(1)), (tuple[int, ...], (1, 2)), (dict[str, int], {"a": 1}),
        (None, None), (Point, Point(1, 2)), (Point | Empty, Empty()), (Point | Empty | None, None),
        (Point | Line | int, 7), (Message, Empty()), (Reference, Reference("n", "a", 2**64 - 1)),
        (JournalEntries, JournalEntries(1, 2, (Empty(),))), (tuple[Point, ...], (Point(1), Point(2))),
        (Colour, Colour.BLUE), (Box, Box(Box(Point(1)))), (bytes, b"\xc1" * 9),
        (list[Reference], [Reference("a", "b")]),
    ],
)
def test_an_answer_comes_back_as_the_type_that_was_asked_for(codec: MessageCodec, expected: Any, value: Any) -> None:
    body = codec.encode_value(value)
    answer = codec.decode_as(expected, memoryview(body))
    assert answer == value
    assert type(answer) is type(value)


@pytest.mark.parametrize(
    ("expected", "value"),
    [(int, "text"), (Point, Empty()), (Point, 5), (Point | Empty, Line), (int, Point(1)), (Reference, "x")],
)
def test_an_answer_of_another_type_is_an_error_that_names_both(codec: MessageCodec, expected: Any, value: Any) -> None:
    if value is Line:
        value = Line(Colour.RED, True, 0.5, "", b"", (), (), None)
    with pytest.raises(CodecError, match="the answer is"):
        codec.decode_as(expected, codec.encode_value(value))


def test_what_cannot_travel_is_an_error_that_names_it(codec: MessageCodec) -> None:
    bare = MessageCodec(message_type)
    for call, reason in (
        (lambda: codec.encode(Point(2**64)), "message Point cannot travel"),
        (lambda: bare.encode(Unsendable(object())), "message Unsendable cannot travel.*object"),
        (lambda: codec.encode(5), "int is no message"),
        (lambda: bare.encode(TooDeep(())), "'pairs'.*too deep"),
        (lambda: codec.encode_value(object()), "an answer of type object"),
        (lambda: codec.decode(12345, b""), "no message type with wire id 0x00003039"),
        (lambda: codec.decode_as(list[Message], b"\x90"), "holds a message of open type"),
        (lambda: codec.decode_as(list[Point | Line], b"\x90"), "holds a message of open type"),
    ):
        with pytest.raises(CodecError, match=reason):
            call()


def test_the_type_is_checked_before_it_first_travels() -> None:
    class Shared(Request[int], wire="test.codec.shared"):
        items: list[int]

    with pytest.raises(TypeError, match="must be immutable"):
        MessageCodec(message_type, check_fields).encode(Shared([1]))


def decodes_or_refuses(wire_id: int, body: bytes) -> bool:
    try:
        CODEC.decode(wire_id, body)
    except CodecError:
        return False
    return True


@given(st.sampled_from([Point, Line, Box, Empty, JournalEntries]), st.binary(max_size=300))
def test_any_bytes_decode_or_are_refused(cls: type[Message], body: bytes) -> None:
    decodes_or_refuses(cls.wire_id, body)
    for expected in (int, cls, Any, Point | Line | None, dict[str, Reference]):
        for start in (b"", b"\xc1" + cls.wire_id.to_bytes(4, "little")):
            with contextlib.suppress(CodecError):
                CODEC.decode_as(expected, start + body)


def test_damaged_bodies_decode_or_are_refused_and_cut_ones_are_refused() -> None:
    line = Line(Colour.BLUE, True, 1.5, "label", b"blob" * 9, (Point(1, 2),) * 20, (b"a", b""), Reference("n", "a", 9))
    box = Box(line, Point(7), line, (line, Box(Point(2**40))))
    rng = random.Random(5)
    for message in (line, box):
        body = CODEC.encode(message)
        for length in range(len(body)):
            if message is line:
                assert not decodes_or_refuses(Line.wire_id, body[:length])
            else:
                decodes_or_refuses(Box.wire_id, body[:length])
        decoded = 0
        for _ in range(3_000):
            data = bytearray(body)
            for _ in range(rng.randint(1, 3)):
                at = rng.randrange(len(data))
                data[at:at + rng.randint(0, 2)] = rng.randbytes(rng.randint(0, 5))
            decoded += decodes_or_refuses(message.wire_id, bytes(data))
        assert decoded > 0


def test_a_small_body_cannot_claim_a_huge_array_and_take_the_memory() -> None:
    huge = b"\xdd\xff\xff\xff\xff"
    assert not decodes_or_refuses(Line.wire_id, huge)
    for field in (5, 6):
        body = b"\x98\x00\xc2\xcb" + bytes(8) + b"\xa0\xc4\x00" + (b"\x90" if field == 6 else b"") + huge
        assert not decodes_or_refuses(Line.wire_id, body)
    with pytest.raises(CodecError):
        CODEC.decode_as(Any, huge)
    with pytest.raises(CodecError):
        CODEC.decode_as(Any, b"\x91" * 100_000)
