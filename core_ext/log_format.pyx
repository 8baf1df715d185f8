"""The bytes of the write-ahead log: segment headers, and finding the records of a segment, damaged or not.

Pure: bytes in, values out. Must not know files, streams' meaning, or what a damaged record means for whoever wrote it
(log_recovery decides that). The layout is described in docs/log.md.
"""

import enum
import struct
from typing import NamedTuple

from libc.stdlib cimport free, realloc

crc32c_prepare()

MAGIC = b"ACTRMLOG"
VERSION = 1
SECTOR = 512


class RecordType(enum.IntEnum):
    """What a record says. Values are on disk: never reused."""

    DATA = TYPE_DATA
    COMMIT = TYPE_COMMIT
    STREAM = TYPE_STREAM
    TRUNCATE = TYPE_TRUNCATE
    RESOLVE = TYPE_RESOLVE
    CHECKPOINT = TYPE_CHECKPOINT
    UNCERTAIN = TYPE_UNCERTAIN
    DAMAGE = TYPE_DAMAGE
    PAD = TYPE_PAD


class Flag(enum.IntFlag):
    """Marks on a record. Values are on disk: never reused."""

    CRITICAL = FLAG_CRITICAL
    TWIN = FLAG_TWIN
    COPY = FLAG_COPY


class FormatError(ValueError):
    """Bytes that are no segment header, or one that this build cannot read."""


class NewerVersion(FormatError):
    """A segment written by a newer version of the format."""


class SegmentHeader(NamedTuple):
    """Who a segment belongs to and where it stands in the log; see docs/log.md."""

    sequence: int
    salt: int
    first_lsn: int
    previous_crc: int
    folder_id: str
    cluster_id: str
    node_id: str


class FoundRecord(NamedTuple):
    """One record with a valid header, as Python sees it."""

    offset: int
    type: int
    flags: int
    stream: int
    position: int
    tag: int
    note: int
    length: int
    intact: bool


_FIXED = struct.Struct("<8sIIQQQI16sHH")
_COPY = DATA_START // 2


def encode_segment_header(header):
    """The first ``DATA_START`` bytes of a segment: the header, twice."""
    cluster, node = header.cluster_id.encode(), header.node_id.encode()
    if len(cluster) > 1024 or len(node) > 1024:
        raise ValueError("cluster and node names are at most 1024 bytes long each")
    fixed = _FIXED.pack(
        MAGIC, VERSION, DATA_START, header.sequence, header.salt, header.first_lsn, header.previous_crc,
        bytes.fromhex(header.folder_id), len(cluster), len(node),
    )
    block = (fixed + cluster + node).ljust(_COPY - 4, b"\0")
    cdef bytes body = block
    block += struct.pack("<I", crc32c(0, <const char *>body, len(body)))
    return block * 2


def decode_segment_header(const unsigned char[::1] data not None):
    """The header of a segment from its first ``DATA_START`` bytes.

    Returns:
        (header, intact): ``intact`` is False when one of the two copies is damaged.

    Raises:
        NewerVersion: the format's version is above this build's.
        FormatError: no copy is readable.
    """
    found = []
    cdef Py_ssize_t at
    for at in (0, _COPY):
        if data.shape[0] < at + _COPY:
            continue
        block = bytes(data[at:at + _COPY])
        body = block[:-4]
        if crc32c(0, <const char *>(<bytes>body), len(body)) != int.from_bytes(block[-4:], "little"):
            continue
        magic, version, _, sequence, salt, first_lsn, previous, folder, n_cluster, n_node = _FIXED.unpack_from(block)
        if magic != MAGIC:
            continue
        if version > VERSION:
            raise NewerVersion(
                f"it was written by version {version} of the log format, and this build reads up to {VERSION}: "
                "install the version of actorum that wrote it, or a newer one"
            )
        names = block[_FIXED.size:_FIXED.size + n_cluster + n_node]
        found.append(SegmentHeader(
            sequence, salt, first_lsn, previous, folder.hex(), names[:n_cluster].decode(), names[n_cluster:].decode()
        ))
    if not found:
        raise FormatError("neither copy of its header is readable")
    return found[0], len(found) == 2


cdef class SegmentScan:
    """What stands in one segment: records with a valid header in order, and the unreadable places between them.

    Attributes:
        count: number of records.
        holes: (start, end) offsets of unreadable places that are followed by a valid record.
        end: offset after the last record with a valid header.
        dirty_end: offset after the last byte that is not zero, rounded up to 8; at least ``end``.
        torn: what follows ``end`` was never written: zeros, or a header cut at a sector's edge.
    """

    def __cinit__(self):
        self.holes = []

    def __dealloc__(self):
        free(self.found)

    cdef int _push(self, const log_header *header, uint64_t offset, bint intact) except -1:
        cdef Found *grown
        if self.count == self.capacity:
            self.capacity = max(64, 2 * self.capacity)
            grown = <Found *>realloc(self.found, self.capacity * sizeof(Found))
            if grown == NULL:
                raise MemoryError()
            self.found = grown
        cdef Found *one = &self.found[self.count]
        one.offset = offset
        one.position = header.position
        one.note = header.note
        one.stream = header.stream
        one.tag = header.tag
        one.length = header.length
        one.type = header.type
        one.flags = header.flags
        one.intact = intact
        self.count += 1
        return 0

    def records(self):
        """Every record with a valid header, as values."""
        return [
            FoundRecord(
                self.found[i].offset, self.found[i].type, self.found[i].flags, self.found[i].stream,
                self.found[i].position, self.found[i].tag, self.found[i].note, self.found[i].length,
                bool(self.found[i].intact),
            )
            for i in range(self.count)
        ]


cdef inline bint _valid(
    const unsigned char *data, uint64_t offset, uint64_t stop, uint64_t salt, uint64_t base
) noexcept nogil:
    cdef const log_header *header = <const log_header *>(data + offset)
    if header.type < TYPE_DATA or header.type > TYPE_PAD or header.reserved != 0:
        return False
    if header.length > BODY_LIMIT or offset + log_record_size(header.length) > stop:
        return False
    return log_header_crc(salt, base + offset, header) == header.header_crc


cdef uint64_t _next_valid(
    const unsigned char *data, uint64_t offset, uint64_t stop, uint64_t salt, uint64_t base
) noexcept nogil:
    while offset + HEADER_BYTES <= stop:
        if _valid(data, offset, stop, salt, base):
            return offset
        offset += 8
    return stop


cdef uint64_t _dirty_end(const unsigned char *data, uint64_t start, uint64_t stop) noexcept nogil:
    while stop > start and data[stop - 1] == 0:
        stop -= 1
    return (stop + 7) & ~<uint64_t>7


cdef bint _all_zero(const unsigned char *data, uint64_t start, uint64_t stop) noexcept nogil:
    while start < stop:
        if data[start] != 0:
            return False
        start += 1
    return True


def scan(const unsigned char[::1] data not None, uint64_t salt, uint64_t first_lsn, uint64_t stop):
    """Find the records of a segment.

    Args:
        data: the segment from its first byte; what is missing up to ``stop`` counts as zeros.
        salt: from its header.
        first_lsn: the log sequence number of its first record.
        stop: offset at which the segment ends.
    """
    cdef SegmentScan result = SegmentScan()
    cdef const unsigned char *bytes_ = &data[0] if data.shape[0] else NULL
    cdef uint64_t limit = min(stop, <uint64_t>data.shape[0]) & ~<uint64_t>7
    cdef uint64_t base = first_lsn - DATA_START
    cdef uint64_t offset = DATA_START
    cdef uint64_t found, edge, missing
    cdef const log_header *header
    cdef bint intact
    result.end = DATA_START
    while offset + HEADER_BYTES <= limit:
        if not _valid(bytes_, offset, limit, salt, base):
            with nogil:
                found = _next_valid(bytes_, offset + 8, limit, salt, base)
            if found == limit:
                break
            result.holes.append((offset, found))
            offset = found
        header = <const log_header *>(bytes_ + offset)
        intact = crc32c(0, bytes_ + offset + HEADER_BYTES, header.length) == header.body_crc
        result._push(header, offset, intact)
        offset += log_record_size(header.length)
        result.end = offset
    result.dirty_end = max(result.end, _dirty_end(bytes_, result.end, limit))
    # A COMMIT is at least 48 bytes long and ends in numbers that are never zero.
    missing = min(result.end + HEADER_BYTES + 8, limit)
    edge = (result.end + SECTOR - 1) // SECTOR * SECTOR
    result.torn = _all_zero(bytes_, result.end, missing) or (
        edge < missing and _all_zero(bytes_, edge, missing)
    )
    return result


def body_torn(const unsigned char[::1] data not None, uint64_t offset, uint64_t end):
    """Whether a damaged record at ``offset``..``end`` looks half written: only zeros from a sector's edge on."""
    cdef uint64_t edge = (offset // SECTOR + 1) * SECTOR
    while edge < end:
        if _all_zero(&data[0], edge, min(end, <uint64_t>data.shape[0])):
            return True
        edge += SECTOR
    return False


cdef int _recommit(unsigned char *record, uint64_t salt, uint64_t lsn, uint64_t group_lsn) noexcept nogil:
    cdef log_header *header = <log_header *>record
    header.note = group_lsn
    header.header_crc = log_header_crc(salt, lsn, header)
    return 0


def set_group(unsigned char[::1] batch not None, uint64_t commit_at, uint64_t salt, uint64_t lsn, uint64_t group_lsn):
    """Write into a batch's COMMIT where its sync group starts, and renew the COMMIT's header CRC."""
    if commit_at + HEADER_BYTES > <uint64_t>batch.shape[0]:
        raise ValueError(f"a COMMIT at {commit_at} does not fit a batch of {batch.shape[0]} bytes")
    _recommit(&batch[commit_at], salt, lsn, group_lsn)
