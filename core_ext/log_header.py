"""A segment's header, when neither of its two copies is readable: what is left of them and of the records tells it.

Pure: bytes in, values out. Knows no files, and does not guess: what it returns has passed a checksum, of a copy or of
records that fit no other header.
"""

import itertools
import struct

from core_ext.crc import crc32c
from core_ext.log_format import (
    DATA_START,
    HEADER_BYTES,
    FormatError,
    NewerVersion,
    RecordType,
    SegmentHeader,
    decode_segment_header,
    scan,
)

COPY_BYTES = DATA_START // 2
UNKNOWN = -1
MOST_DIFFERENCES = 10  # bytes in which two damaged copies may differ: each is one's or the other's
MOST_RECORDS = 100_000  # of the first batch, looked at for its COMMIT
_RECORD = struct.Struct("<IIIBBH")
_START = struct.Struct("<Q")


def rebuild(data: bytes, sequence: int, neighbour: SegmentHeader | None) -> SegmentHeader | None:
    """The header of a segment; None when it cannot be told.

    Args:
        data: the segment's bytes.
        sequence: of its file name.
        neighbour: the header of another segment of the same folder, if one is readable. From there come the names when
            the header is told by the records; what the segment before it ended with is then not known: ``UNKNOWN``.

    Raises:
        NewerVersion: it was written by a later version of the format.
    """
    mended = _from_copies(data)
    if mended is not None and mended.sequence == sequence:
        return mended
    return _from_records(data, sequence, neighbour) if neighbour is not None else None


def _from_copies(data: bytes) -> SegmentHeader | None:
    """Two copies that are damaged at different bytes, or one with a single flipped bit."""
    first, second = data[:COPY_BYTES], data[COPY_BYTES:DATA_START]
    if len(second) != COPY_BYTES:
        return None
    differing = [at for at in range(COPY_BYTES) if first[at] != second[at]]
    if len(differing) <= MOST_DIFFERENCES:
        for choice in itertools.product((first, second), repeat=len(differing)):
            block = bytearray(first)
            for at, source in zip(differing, choice, strict=True):
                block[at] = source[at]
            header = _decoded(bytes(block))
            if header is not None:
                return header
    for copy in {first, second}:
        header = _with_one_bit_flipped(bytearray(copy))
        if header is not None:
            return header
    return None


def _with_one_bit_flipped(block: bytearray) -> SegmentHeader | None:
    """CRC32C tells every single flipped bit of so short a block from every other one."""
    body, expected = memoryview(block)[:-4], block[-4:]
    for at in range(COPY_BYTES):
        for bit in range(8):
            block[at] ^= 1 << bit
            if at >= COPY_BYTES - 4:
                expected = block[-4:]
            if crc32c(body) == int.from_bytes(expected, "little") and (header := _decoded(bytes(block))) is not None:
                return header
            block[at] ^= 1 << bit
        expected = block[-4:]
    return None


def _decoded(block: bytes) -> SegmentHeader | None:
    try:
        return decode_segment_header(block)[0]
    except NewerVersion:
        raise
    except (FormatError, ValueError):
        return None


def _from_records(data: bytes, sequence: int, neighbour: SegmentHeader) -> SegmentHeader | None:
    """The first COMMIT says at which log sequence number its batch began, and every record's header CRC covers the
    salt."""
    first_lsn = _first_lsn(data)
    if first_lsn is None:
        return None
    salt = _salt(data[DATA_START : DATA_START + HEADER_BYTES], first_lsn)
    found = scan(data, salt, first_lsn, len(data)).records()
    commits = [at for at, record in enumerate(found) if record.type == RecordType.COMMIT]
    # the first record fits any salt that is made for it; the others, up to its COMMIT, fit that of the segment only
    if not commits or commits[0] == 0 or not all(record.intact for record in found[: commits[0] + 1]):
        return None
    return neighbour._replace(sequence=sequence, salt=salt, first_lsn=first_lsn, previous_crc=UNKNOWN)


def _first_lsn(data: bytes) -> int | None:
    """What the first COMMIT says; records stand one behind the other, and tell their lengths."""
    offset = DATA_START
    for _ in range(MOST_RECORDS):
        if offset + HEADER_BYTES > len(data):
            return None
        _, crc, length, kind, _, reserved = _RECORD.unpack_from(data, offset)
        if kind not in RecordType.__members__.values() or reserved:
            return None
        if kind == RecordType.COMMIT:
            body = data[offset + HEADER_BYTES : offset + HEADER_BYTES + length]
            return _START.unpack_from(body)[0] if len(body) == length > 8 and crc32c(body) == crc else None
        offset += HEADER_BYTES + (length + 7) // 8 * 8
    return None


def _salt(record: bytes, lsn: int) -> int:
    """A salt that makes this header CRC; all such salts are one, since a CRC keeps 32 bits of the 64.

    A CRC is linear: its 32 bits are sums (exclusive or) of what each bit of the salt's lower half adds, and the CRC of
    a salt of 0. So it is one system of 32 equations, which has one solution.
    """
    rest = lsn.to_bytes(8, "little") + record[4:]
    nothing = crc32c(bytes(8) + rest)
    rows: dict[int, tuple[int, int]] = {}  # by highest bit: (sum, which bits of the salt make it)
    for bit in range(32):
        value, made_of = crc32c((1 << bit).to_bytes(8, "little") + rest) ^ nothing, 1 << bit
        while value and (row := rows.get(value.bit_length())) is not None:
            value, made_of = value ^ row[0], made_of ^ row[1]
        rows[value.bit_length()] = value, made_of
    wanted, salt = int.from_bytes(record[:4], "little") ^ nothing, 0
    while wanted:
        value, made_of = rows[wanted.bit_length()]
        wanted, salt = wanted ^ value, salt ^ made_of
    return salt
