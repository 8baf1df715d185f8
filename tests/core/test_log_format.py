"""The bytes of a segment: found again whole, found around damage, and total on anything, as the plain twin says."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core_ext.log_format import (
    DATA_START,
    FormatError,
    NewerVersion,
    SegmentHeader,
    decode_segment_header,
    encode_segment_header,
    scan,
)
from tests.core import log_twin

SALT, LSN = 0x1122334455667788, 81920
HEADER = SegmentHeader(3, SALT, LSN, 77, "ab" * 16, "cluster-ü", "node-1")

bodies = st.binary(max_size=90)
kinds = st.sampled_from([log_twin.DATA, log_twin.COMMIT, log_twin.CHECKPOINT, log_twin.PAD])
damages = st.lists(
    st.tuples(
        st.sampled_from(["flip", "zero", "noise"]), st.integers(0, 2**20), st.integers(0, 7), st.binary(max_size=40)
    ),
    max_size=4,
)


def segment_of(records: list[tuple[int, bytes]], room: int = 1024) -> bytearray:
    data = bytearray(DATA_START)
    for number, (kind, body) in enumerate(records):
        data += log_twin.encode(SALT, LSN + len(data) - DATA_START, kind, 0, 1, number + 1, 5, 2**40 + number, body)
    return data + bytes(room)


def compare(data: bytes, stop: int) -> None:
    core, twin = scan(data, SALT, LSN, stop), log_twin.scan(data, SALT, LSN, stop)
    assert [tuple(record) for record in core.records()] == [
        (r.offset, r.type, r.flags, r.stream, r.position, r.tag, r.note, len(r.body), r.intact) for r in twin.records
    ]
    assert core.holes == twin.holes
    assert (core.end, core.dirty_end, bool(core.torn)) == (twin.end, twin.dirty_end, twin.torn)


@given(st.lists(st.tuples(kinds, bodies), max_size=12), damages, st.integers(0, 600))
@settings(max_examples=150, deadline=None)
def test_scan_finds_what_the_twin_finds_around_any_damage(
    records: list[tuple[int, bytes]], wounds: list[tuple[str, int, int, bytes]], cut: int
) -> None:
    data = segment_of(records)
    length = len(data) - DATA_START - 1024
    for kind, where, bit, noise in wounds:
        at = DATA_START + where % (length + 64)
        if kind == "flip":
            data[at] ^= 1 << bit
        elif kind == "zero":
            at = at // 512 * 512
            data[at : at + 512] = bytes(len(data[at : at + 512]))
        else:
            data[at : at + len(noise)] = noise[: len(data) - at]
    compare(bytes(data), len(data))
    compare(bytes(data[: len(data) - cut]), len(data))


@given(st.binary(max_size=400), st.integers(0, 10_000))
def test_scan_is_total_on_noise(noise: bytes, stop: int) -> None:
    data = bytes(DATA_START) + noise
    compare(data, DATA_START + stop)
    compare(noise, stop)


def test_a_record_of_another_place_or_segment_is_not_taken_for_one() -> None:
    record = log_twin.encode(SALT, LSN, log_twin.DATA, 0, 1, 1, 5, 6, b"body")
    assert scan(bytes(DATA_START) + record, SALT, LSN, 10_000).count == 1
    assert scan(bytes(DATA_START) + bytes(8) + record, SALT, LSN, 10_000).count == 0
    assert scan(bytes(DATA_START) + record, SALT + 1, LSN, 10_000).count == 0
    assert scan(bytes(DATA_START) + record, SALT, LSN + 8, 10_000).count == 0


def test_header_round_trip_and_twin_reads_it() -> None:
    data = encode_segment_header(HEADER)
    assert len(data) == DATA_START
    assert decode_segment_header(data) == (HEADER, True)
    assert log_twin.header_of(data) == log_twin.Header(*HEADER)


def test_every_flipped_bit_of_a_header_is_noticed_and_the_other_copy_serves() -> None:
    whole = encode_segment_header(HEADER)
    for at in [*range(120), 4092, 4095, 4096, 4200, 8191]:
        for bit in range(8):
            data = bytearray(whole)
            data[at] ^= 1 << bit
            assert decode_segment_header(data) == (HEADER, False)


def test_header_with_both_copies_damaged_is_refused() -> None:
    data = bytearray(encode_segment_header(HEADER))
    data[20] ^= 1
    data[4096 + 20] ^= 1
    with pytest.raises(FormatError, match="neither copy"):
        decode_segment_header(data)
    for short in (b"", b"ACTRMLOG", bytes(5000)):
        with pytest.raises(FormatError):
            decode_segment_header(short)


def test_newer_version_is_refused_with_what_to_do() -> None:
    block = bytearray(encode_segment_header(HEADER)[:4096])
    block[8:12] = (2).to_bytes(4, "little")
    block[-4:] = log_twin.crc32c(bytes(block[:-4])).to_bytes(4, "little")
    with pytest.raises(NewerVersion, match=r"version 2.*reads up to 1: install"):
        decode_segment_header(bytes(block) * 2)
