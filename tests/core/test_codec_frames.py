"""Frames: what is written is read; what was never written is refused, whatever it is."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core_ext.codec import MAX_NAME_BYTES, OWN_PART_BYTES, CodecError, Frame, FrameWriter, Kind, read_frame
from tests.core import twins_frames as twin
from tests.core.twins_frames import Letter

u64 = st.integers(0, 2**64 - 1)
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
bodies = st.one_of(
    st.binary(max_size=64),
    st.sampled_from([511, 512, OWN_PART_BYTES - 1, OWN_PART_BYTES, OWN_PART_BYTES + 7]).map(lambda n: b"\x5a" * n),
)
letters = st.builds(
    Letter, st.integers(0, 3), names, u64, st.one_of(st.none(), names), u64, u64, st.integers(0, 2**32 - 1), bodies
)
SMALL = [
    Letter(Kind.TELL, "gateway", 7, "shard-0", 9, 0, 0xDEADBEEF, b"abc"),
    Letter(Kind.ASK, "übung", 0, None, 0, 2**64 - 1, 1, b""),
    Letter(Kind.REPLY, "g", 1, "h", 2, 3, 4, b"y" * OWN_PART_BYTES),
    Letter(Kind.FAILURE, "z", 5, "s", 6, 7, 8, b"z" * 600),
]


def write(content: list[Letter], sender: int = 3, receiver: int = 4) -> list[bytes]:
    writer = FrameWriter(sender, receiver)
    for letter in content:
        writer.add(*letter)
    size = writer.size
    parts = writer.finish()
    assert size == sum(map(len, parts))
    return parts


def letters_of(frame: Frame) -> list[Letter]:
    return [
        Letter(
            e.kind, e.target_name, e.target_incarnation, e.sender_name, e.sender_incarnation, e.correlation,
            e.wire_id, bytes(e.body),
        )
        for e in frame
    ]


def agree(parts: list[bytes]) -> bool:
    """Does the reader say the same of these parts as its twin? True when both read them."""
    try:
        expected = twin.read(parts)
    except twin.Broken:
        with pytest.raises(CodecError):
            read_frame(parts)
        return False
    frame = read_frame(parts)
    assert (frame.sender_incarnation, frame.receiver_incarnation, letters_of(frame)) == expected
    return True


@given(st.lists(letters, max_size=5), u64, u64)
def test_what_is_written_is_what_the_format_says_and_is_read_back(
    content: list[Letter], sender: int, receiver: int
) -> None:
    parts = write(content, sender, receiver)
    assert parts == twin.write(content, sender, receiver)
    frame = read_frame(parts)
    assert (frame.sender_incarnation, frame.receiver_incarnation) == (sender, receiver)
    assert frame.size == sum(map(len, parts))
    assert len(frame) == len(content)
    assert letters_of(frame) == content


def test_a_frame_cut_at_any_byte_is_refused() -> None:
    parts = write(SMALL)
    for length in range(len(parts[0])):
        with pytest.raises(CodecError):
            read_frame([parts[0][:length], *parts[1:]])


def test_a_frame_with_any_byte_changed_is_read_as_the_format_says_or_refused() -> None:
    parts = write(SMALL[:2])
    for at in range(len(parts[0])):
        for value in (0, 1, 0x7F, 0x80, 0xFF, parts[0][at] ^ 1):
            changed = parts[0][:at] + bytes([value]) + parts[0][at + 1:]
            agree([changed])


def test_random_damage_to_valid_frames_never_does_more_than_an_error() -> None:
    rng = random.Random(7)
    valid = write(SMALL)
    read = 0
    for _ in range(3_000):
        parts = list(valid)
        data = bytearray(parts[0])
        for _ in range(rng.randint(1, 4)):
            action = rng.randrange(4)
            at = rng.randrange(len(data)) if data else 0
            if action == 0:
                data[at:at + 1] = rng.randbytes(1)
            elif action == 1:
                del data[at:at + rng.randint(1, 50)]
            elif action == 2:
                data[at:at] = rng.randbytes(rng.randint(1, 50))
            else:
                data[at:at + 4] = rng.choice([0, 1, 39, 40, 2**16, 2**31, 2**32 - 1]).to_bytes(4, "little")
        parts[0] = bytes(data)
        if rng.random() < 0.1:
            parts.append(b"another part")
        if rng.random() < 0.1:
            parts.pop()
        read += agree(parts)
    assert read > 0


@given(st.lists(st.binary(max_size=200), max_size=3))
def test_any_bytes_at_all_are_refused_as_the_format_says(parts: list[bytes]) -> None:
    assert not agree(parts)


@given(st.binary(max_size=300))
def test_any_bytes_after_a_valid_header_are_read_as_the_format_says_or_refused(rest: bytes) -> None:
    for count in (0, 1, 2, 2**20 + 1):
        agree([twin.FRAME.pack(twin.MAGIC, 1, 0, count, 0, 1, 2) + rest])


def test_a_writer_is_empty_after_finish_and_can_be_used_again() -> None:
    writer = FrameWriter(1, 2)
    writer.add(*SMALL[2])
    writer.add(*SMALL[0])
    assert (len(writer), writer.count) == (2, 2)
    writer.finish()
    assert (len(writer), writer.size) == (0, twin.FRAME.size)
    writer.receiver_incarnation = 8
    writer.add(*SMALL[0])
    assert writer.finish() == twin.write(SMALL[:1], 1, 8)


def test_large_bodies_travel_uncopied_and_others_may_be_any_buffer() -> None:
    body = b"x" * OWN_PART_BYTES
    parts = write([SMALL[0]._replace(body=body)])
    assert parts[1] is body
    writer = FrameWriter(3, 4)
    writer.add(0, "a", 1, None, 0, 0, 5, memoryview(b"--abc--")[2:5])
    writer.add(0, "a", 1, None, 0, 0, 5, bytearray(body))
    frame = read_frame([memoryview(part) for part in writer.finish()])
    assert [bytes(e.body) for e in frame] == [b"abc", body]


def test_nothing_is_added_when_an_envelope_is_refused() -> None:
    writer = FrameWriter(1, 2)
    for name, kind, reason in (
        ("x" * (MAX_NAME_BYTES + 1), 0, "at most 1024"),
        ("\ud800", 0, "cannot travel"),
        ("a", 4, "kind 4"),
        (None, 0, "needs the name"),
    ):
        with pytest.raises(CodecError, match=reason):
            writer.add(kind, name, 0, None, 0, 0, 0, b"")  # type: ignore[arg-type]
    assert writer.finish() == twin.write([], 1, 2)


def test_a_frame_above_the_limit_or_of_another_version_is_refused_with_both_numbers() -> None:
    parts = write(SMALL)
    size = sum(map(len, parts))
    assert len(read_frame(parts, size)) == len(SMALL)
    with pytest.raises(CodecError, match=f"a frame of {size} bytes; at most {size - 1}"):
        read_frame(parts, size - 1)
    older = twin.FRAME.pack(twin.MAGIC, 0, 0, 0, 0, 1, 2)
    with pytest.raises(CodecError, match="wire version 0; this node speaks 1"):
        read_frame([older])


def test_parts_that_are_not_bytes_are_refused() -> None:
    for part in (5, "text", None, memoryview(b"abcdefgh").cast("I"), memoryview(b"abcdefgh")[::2]):
        with pytest.raises(CodecError):
            read_frame([part])  # type: ignore[list-item]


def test_an_envelope_shows_what_it_is() -> None:
    shown = repr(read_frame(write(SMALL[:1]))[0])
    assert "TELL" in shown
    assert "'gateway'" in shown
