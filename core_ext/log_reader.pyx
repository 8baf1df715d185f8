"""Reading a log back: from the disk, or from the memory of what is not durable yet. Must not know how it is written."""

import os
from collections import deque

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport uint32_t, uint64_t

from core_ext.log_batch cimport Batch, Flight
from core_ext.log_format cimport HEADER_BYTES, crc32c, crc32c_prepare, log_header, log_header_crc, log_record_size
from core_ext.log_index cimport MISSING, PENDING, Entry, StreamIndex

from core_ext.log_errors import LogCorrupted, LogError

crc32c_prepare()

cdef uint64_t RUN_BYTES = 1 << 20  # read from the disk at a time
cdef uint64_t GAP_BYTES = 4096     # read over that much of other streams rather than read twice


def segment_name(sequence):
    """The file name of a segment."""
    return f"wal-{sequence:016x}.log"


cdef class LogReader:
    """The streams of a log, and where the bytes of each record are."""

    def __init__(self, directory, disk, segments, streams):
        self.directory = directory
        self._disk = disk
        self._flights = deque()
        self._segments = segments
        self._streams = streams
        self._pending = Batch()

    cpdef uint64_t synced(self):
        raise NotImplementedError

    cdef int _reap(self) except -1:
        """Free the memory of batches that are durable."""
        cdef uint64_t done = self.synced()
        cdef Flight flight
        while self._flights:
            flight = <Flight>self._flights[0]
            if flight.number > done:
                break
            self._unsynced -= flight.length
            self._flights.popleft()
        return 0

    cdef StreamIndex _index(self, uint32_t stream):
        if stream == 0 or stream >= <size_t>len(self._streams):
            raise LogError(f"stream {stream} does not exist: get its number from stream(name) first")
        return <StreamIndex>self._streams[stream]

    def first_position(self, uint32_t stream):
        return self._index(stream).first

    def next_position(self, uint32_t stream):
        return self._index(stream).next

    def uncertain(self, uint32_t stream):
        return list(self._index(stream).uncertain)

    def lost(self, uint32_t stream):
        return bool(self._index(stream).lost)

    cdef object _damaged(self, uint32_t segment, uint64_t offset, str what):
        return LogCorrupted(
            f"{os.path.join(self.directory, segment_name(segment))} is damaged at offset {offset}: {what} is "
            f"unreadable. Check the disk, and run: actorum log verify {self.directory}"
        )

    cdef uint64_t _barrier(self, uint32_t segment):
        """Offset in a segment from which on records stand in memory, perhaps not yet on disk."""
        cdef Flight flight
        if segment == PENDING:
            return 0
        for flight in self._flights:
            if flight.segment == segment:
                return flight.start
        return 0xFFFFFFFFFFFFFFFF

    cdef const unsigned char *_in_memory(self, Entry *entry) except NULL:
        cdef Flight flight
        cdef uint64_t offset = <uint64_t>entry.place << 3
        if entry.segment == PENDING:
            return self._pending.data + offset
        for flight in reversed(self._flights):
            if flight.segment == entry.segment and flight.start <= offset < flight.start + flight.length:
                return flight.data + (offset - flight.start)
        raise AssertionError(f"no batch in memory holds offset {offset} of segment {entry.segment}")

    cdef tuple _decode(self, const unsigned char *at, Entry *entry, bint check):
        """(flags, note, body) of a record; ``check`` its CRCs when it comes from the disk."""
        cdef const log_header *header = <const log_header *>at
        cdef uint64_t salt, base, offset
        if check:
            salt, base = self._segments[entry.segment]
            offset = <uint64_t>entry.place << 3
            if (
                header.length != entry.length
                or log_header_crc(salt, base + offset, header) != header.header_crc
                or crc32c(0, at + HEADER_BYTES, entry.length) != header.body_crc
            ):
                raise self._damaged(entry.segment, offset, "a record that was whole when the log was opened")
        return header.flags, header.note, PyBytes_FromStringAndSize(<const char *>at + HEADER_BYTES, entry.length)

    cdef bytes _fetch(self, uint32_t segment, uint64_t offset, uint64_t length):
        data = self._disk.read(segment_name(segment), offset, length)
        if <uint64_t>len(data) != length:
            raise self._damaged(segment, offset, f"a record of {length} bytes, of which {len(data)} are there,")
        return data

    cdef tuple _record(self, Entry *entry):
        """(flags, note, body) of one record, wherever it stands."""
        cdef uint64_t offset = <uint64_t>entry.place << 3
        if offset >= self._barrier(entry.segment):
            return self._decode(self._in_memory(entry), entry, False)
        data = self._fetch(entry.segment, offset, log_record_size(entry.length))
        return self._decode(<const unsigned char *>PyBytes_AS_STRING(data), entry, True)

    def read(self, uint32_t stream, uint64_t first, uint64_t last, uint64_t limit_bytes):
        cdef StreamIndex index = self._index(stream)
        cdef uint64_t position = max(first, index.first)
        cdef uint64_t end = min(last + 1, index.next)
        cdef uint64_t total = 0, offset, start, stop, barrier
        cdef const unsigned char *at
        cdef Entry *entry
        self._reap()
        result = []
        data = None   # what was read last: start .. stop of one segment
        start = stop = 0
        cdef uint32_t segment = MISSING
        while position < end:
            entry = index.at(position)
            if result and total + entry.length > limit_bytes:
                break
            offset = <uint64_t>entry.place << 3
            barrier = self._barrier(entry.segment)
            if offset >= barrier:
                at = self._in_memory(entry)
            else:
                if entry.segment != segment or not start <= offset < stop:
                    segment, start = entry.segment, offset
                    stop = self._run_end(index, position, end, barrier, limit_bytes - min(total, limit_bytes))
                    data = self._fetch(segment, start, stop - start)
                at = <const unsigned char *>PyBytes_AS_STRING(data) + (offset - start)
            _, note, body = self._decode(at, entry, offset < barrier)
            result.append((position, entry.tag, note, body))
            total += entry.length
            position += 1
        return result

    cdef uint64_t _run_end(self, StreamIndex index, uint64_t position, uint64_t end, uint64_t barrier, uint64_t limit):
        """Offset up to which one read gets several records that stand close to each other."""
        cdef Entry *entry = index.at(position)
        cdef uint32_t segment = entry.segment
        cdef uint64_t start = <uint64_t>entry.place << 3
        cdef uint64_t stop = start + log_record_size(entry.length)
        cdef uint64_t offset
        position += 1
        while position < end and stop - start < min(RUN_BYTES, limit):
            entry = index.at(position)
            offset = <uint64_t>entry.place << 3
            if entry.segment != segment or offset < stop or offset - stop > GAP_BYTES or offset >= barrier:
                break
            stop = offset + log_record_size(entry.length)
            position += 1
        return stop

    def records(self, uint32_t stream, first=None):
        position = self.first_position(stream) if first is None else first
        while position < self.next_position(stream):
            for record in self.read(stream, position, self.next_position(stream) - 1, RUN_BYTES):
                yield record
                position = record[0] + 1

    def checkpoint_of(self, uint32_t stream):
        cdef Entry entry
        result = []
        self._reap()
        for segment, place, length, tag in self._index(stream).chunks:
            entry.segment, entry.place, entry.length, entry.tag = segment, place, length, tag
            result.append((tag, self._record(&entry)[2]))
        return result
