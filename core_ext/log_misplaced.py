"""A sync group that the disk wrote to another place of its segment: found again where it went.

Pure: bytes in, values out. Knows no streams and no files. A record's header CRC covers its log sequence number, so that
one at a wrong place is no record there, and can be recognised as the one that is missing where the log ends.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from core_ext.crc import crc32c
from core_ext.log_format import DATA_START, HEADER_BYTES, SECTOR, RecordType, scan

if TYPE_CHECKING:
    from typing_extensions import Buffer

LARGEST_GROUP = 64 << 20  # bytes looked at from where one begins
START = struct.Struct("<Q")  # the body of a COMMIT begins with where its batch does
_TYPE_AT = 12  # in a record's header; flags and two zeros follow
_LONGEST_BODY = 1 << 20  # of a COMMIT: some 26,000 streams
_COMMIT = bytes([RecordType.COMMIT, 0, 0, 0])


class Misplaced(NamedTuple):
    """What should stand at the end of the log, and does not.

    Attributes:
        offset: where it was found, in bytes from the start of the segment.
        group: whole batches, up to the last COMMIT; empty when no whole one is left.
    """

    offset: int
    group: bytes


def find(data: Buffer, salt: int, base: int, end: int, places: Iterable[tuple[int, int]]) -> Misplaced | None:
    """Look for the group that belongs at ``end``; None when there is none.

    Args:
        data: the segment.
        salt: of the segment.
        base: log sequence number of the segment's first byte.
        end: offset after the last COMMIT.
        places: (start, stop) offsets of what cannot be read. A disk writes whole sectors: only places that are a
            multiple of them away from ``end`` are looked at.
    """
    places = list(places)
    view = memoryview(data)
    prefix = salt.to_bytes(8, "little") + (base + end).to_bytes(8, "little")
    for start, stop in places:
        for offset in range(start + (end - start) % SECTOR, stop - HEADER_BYTES, SECTOR):
            crc = int.from_bytes(view[offset : offset + 4], "little")
            if offset != end and crc and crc32c(prefix + bytes(view[offset + 4 : offset + HEADER_BYTES])) == crc:
                return Misplaced(offset, _whole_batches(view[offset : offset + LARGEST_GROUP], salt, base + end))
    for start, stop in places:
        commit = _later_commit(view, start, stop, base + end)
        if commit is not None:
            return Misplaced(commit, b"")
    return None


def _later_commit(view: memoryview, start: int, stop: int, lsn: int) -> int | None:
    """Where a COMMIT stands, by its body, of a batch that began at ``lsn`` or later: there was more than the log shows.
    Its header is not asked, since nobody knows for which place it was made."""
    place = bytes(view[start:stop])
    at = place.find(_COMMIT)
    while at >= 0:
        header = at - _TYPE_AT
        if header >= 0 and header % 8 == 0 and any(place[header : header + 4]):
            crc, length = struct.unpack_from("<II", place, header + 4)
            body = bytes(view[start + header + HEADER_BYTES :][: min(length, _LONGEST_BODY)])
            if (
                len(body) == length > START.size and START.unpack_from(body)[0] >= lsn and crc32c(body) == crc
            ):
                return start + header
        at = place.find(_COMMIT, at + 1)
    return None


def _whole_batches(view: memoryview, salt: int, lsn: int) -> bytes:
    """As much of a group as can be read and ends with a COMMIT."""
    found = scan(bytes(DATA_START) + bytes(view), salt, lsn, DATA_START + len(view))
    readable = min((start for start, _ in found.holes), default=found.end)
    length = 0
    for record in found.records():
        if record.offset >= readable or not record.intact:
            break
        if record.type == RecordType.COMMIT:
            length = record.offset - DATA_START + HEADER_BYTES + (record.length + 7) // 8 * 8
    return bytes(view[:length])
