"""The write-ahead log of a node: streams of records in, durable batches out.

This file lays records out in memory and knows where each one stands; core_ext.log_syncer makes them durable,
core_ext.log_recovery understands what a crash left, core_ext.log_opening puts the parts together. Must not know actors,
protocols or event loops. Not thread-safe: one thread owns a Log. The format is described in docs/log.md.
"""

import os
from collections import deque

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc, realloc
from libc.string cimport memcpy, memset

from core_ext.log_format cimport (
    BODY_LIMIT, DATA_START, FLAG_COPY, FLAG_CRITICAL, FLAG_TWIN, HEADER_BYTES, SUMMARY_BYTES, TYPE_CHECKPOINT,
    TYPE_COMMIT, TYPE_DAMAGE, TYPE_DATA, TYPE_PAD, TYPE_RESOLVE, TYPE_STREAM, TYPE_TRUNCATE, TYPE_UNCERTAIN,
    crc32c, crc32c_prepare, log_header, log_header_crc, log_record_size,
)
from core_ext.log_index cimport MISSING, PENDING, Entry, SegmentUse, StreamIndex
from core_ext.log_syncer cimport NativeSyncer

from core_ext.log_errors import LogCorrupted, LogError, LogFailed, LogOverloaded, RecordTooLarge
from core_ext.log_format import SegmentHeader, encode_segment_header
from core_ext.log_recovery import START, STATE, SUMMARY

crc32c_prepare()

DEFAULT_SEGMENT_BYTES = 64 << 20
TWIN_DISTANCE = 4096          # bytes between the two copies of a critical record: never in one sector
TWIN_CHUNK_BYTES = 64 << 10   # checkpoint chunks up to this long are critical records
UNSYNCED_LIMIT = 1 << 30      # bytes that may wait for the disk
RUN_BYTES = 1 << 20           # read from the disk at a time


def segment_name(sequence):
    """The file name of a segment."""
    return f"wal-{sequence:016x}.log"


cdef class Flight:
    """The bytes of one batch until it is durable."""

    cdef unsigned char *data
    cdef readonly uint64_t number
    cdef readonly uint64_t start   # offset in the segment
    cdef readonly uint64_t length
    cdef readonly uint32_t segment

    def __dealloc__(self):
        free(self.data)


cdef class Log:
    """One node's log. Made by ``Log.open``; see log.pyi for the contract of each method."""

    cdef readonly str directory
    cdef readonly str folder_id
    cdef readonly object recovery
    cdef object _parts          # lock and disk, closed with the log
    cdef object _disk
    cdef object _syncer         # NativeSyncer or SteppedSyncer
    cdef NativeSyncer _native   # the same one, or None
    cdef object _flights
    cdef object _identity       # SegmentHeader of the current segment
    cdef list _streams          # by id
    cdef dict _ids              # by name
    cdef readonly SegmentUse use
    cdef dict _segments         # (salt, log sequence number of offset 0) of each kept segment, by sequence
    cdef set _known             # damages of kept segments that were dealt with: (sequence, offset)
    cdef uint64_t _segment_bytes
    cdef uint64_t _segment_size
    cdef uint64_t _offset       # where the next batch starts in the current segment
    cdef uint64_t _batch        # number of the newest committed batch
    cdef uint64_t _unsynced
    cdef uint64_t _final_synced
    cdef uint32_t _sequence
    cdef uint32_t _last_commit_crc
    cdef bint _reclaim
    cdef bint _closed
    cdef unsigned char *_buffer
    cdef uint64_t _used
    cdef uint64_t _capacity
    cdef list _dirty
    cdef list _critical         # offsets in the buffer of records that need a twin

    def __init__(self, disk, identity, replay, segments, size, offset, segment_bytes, syncer, recovery, parts, directory):
        self.directory = directory
        self.folder_id = identity.folder_id
        self.recovery = recovery
        self._parts = parts
        self._disk = disk
        self._syncer = syncer
        self._native = syncer if isinstance(syncer, NativeSyncer) else None
        self._flights = deque()
        self._identity = identity
        self._streams = [None]
        for id in range(1, max(replay.streams, default=0) + 1):
            self._streams.append(replay.streams.get(id) or StreamIndex(id, f"#{id}"))
        self._ids = {stream.name: stream.id for stream in self._streams[1:]}
        self.use = replay.use
        self._known = replay.known
        self._segments = segments
        self._segment_bytes = segment_bytes
        self._segment_size = size
        self._sequence = identity.sequence
        self._offset = offset
        self._batch = replay.batch
        self._last_commit_crc = replay.last_commit_crc
        self._dirty = []
        self._critical = []

    def __dealloc__(self):
        free(self._buffer)

    @staticmethod
    def open(
        directory, *, cluster_id, node_id, segment_bytes=DEFAULT_SEGMENT_BYTES, disk=None, alone=False, stepped=False
    ):
        """Create or recover the log of a data folder."""
        from core_ext.log_opening import open_log

        return open_log(directory, cluster_id, node_id, segment_bytes, disk, alone, stepped)

    # --- appending -------------------------------------------------------------------------------------------------

    cdef int _reserve(self, uint64_t more) except -1:
        cdef uint64_t capacity = max(self._capacity, <uint64_t>65536)
        cdef unsigned char *grown
        if self._used + more > self._capacity:
            while capacity < self._used + more:
                capacity *= 2
            grown = <unsigned char *>realloc(self._buffer, capacity)
            if grown == NULL:
                raise MemoryError()
            self._buffer = grown
            self._capacity = capacity
        return 0

    cdef uint64_t _put(
        self, uint8_t type, uint8_t flags, uint32_t stream, uint32_t tag, uint64_t position, uint64_t note,
        const void *body, uint64_t length,
    ) except? 0xFFFFFFFFFFFFFFFF:
        """Lay one record out at the end of the batch; its header CRC is written when its place is known."""
        cdef uint64_t size = log_record_size(length)
        cdef uint64_t at = self._used
        cdef log_header *header
        self._reserve(size)
        header = <log_header *>(self._buffer + at)
        memset(self._buffer + at + size - 8, 0, 8)
        header.body_crc = crc32c(0, body, length)
        header.length = length
        header.type = type
        header.flags = flags
        header.reserved = 0
        header.stream = stream
        header.tag = tag
        header.position = position
        header.note = note
        memcpy(self._buffer + at + HEADER_BYTES, body, length)
        self._used = at + size
        if flags & FLAG_CRITICAL:
            self._critical.append(at)
        return at

    cdef StreamIndex _touch(self, uint32_t stream):
        if stream == 0 or stream >= <size_t>len(self._streams):
            raise LogError(f"stream {stream} does not exist: get its number from stream(name) first")
        cdef StreamIndex index = <StreamIndex>self._streams[stream]
        if index.dirty != self._batch + 1:
            index.dirty = self._batch + 1
            self._dirty.append(index)
        return index

    cdef int _writable(self) except -1:
        if self._closed:
            raise LogError(f"the log in {self.directory} is closed")
        if self._unsynced + self._used > UNSYNCED_LIMIT:
            self._reap()
            if self._unsynced + self._used > UNSYNCED_LIMIT:
                raise LogOverloaded(
                    f"{self._unsynced + self._used} bytes wait for the disk of {self.directory}, and the limit is "
                    f"{UNSYNCED_LIMIT}: append less until synced() has moved"
                )
        return 0

    def stream(self, str name not None):
        id = self._ids.get(name)
        if id is not None:
            return id
        if not 0 < len(name.encode()) <= 1024:
            raise ValueError(f"a stream's name has 1 to 1024 bytes, not {len(name.encode())}")
        self._writable()
        index = StreamIndex(len(self._streams), name)
        self._streams.append(index)
        self._ids[name] = index.id
        self._touch(index.id)
        self._declare(index)
        return index.id

    cdef int _declare(self, StreamIndex index) except -1:
        """A stream's name and bounds, as they are now."""
        body = STATE.pack(index.first, index.next, index.critical, index.lost) + index.name.encode()
        self._put(
            TYPE_STREAM, FLAG_CRITICAL, index.id, 0, 0, 0, PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body)
        )
        return 0

    def append(self, uint32_t stream, uint32_t tag, uint64_t note, body, bint critical=False):
        cdef Py_buffer view
        cdef uint64_t position
        self._writable()
        if type(body) is bytes:
            return self._append(stream, tag, note, PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body), critical)
        PyObject_GetBuffer(body, &view, PyBUF_SIMPLE)
        try:
            position = self._append(stream, tag, note, <const char *>view.buf, view.len, critical)
        finally:
            PyBuffer_Release(&view)
        return position

    cdef uint64_t _append(
        self, uint32_t stream, uint32_t tag, uint64_t note, const char *body, uint64_t length, bint critical
    ) except 0:
        cdef StreamIndex index = self._touch(stream)
        cdef uint64_t position = index.next
        cdef uint64_t at
        cdef Entry *entry
        _check_length(length)
        at = self._put(TYPE_DATA, FLAG_CRITICAL if critical else 0, stream, tag, position, note, body, length)
        entry = index.push()
        entry.segment = PENDING
        entry.place = at >> 3
        entry.length = length
        entry.tag = tag
        index.last_tag = tag
        index.last_note = note
        if critical:
            index.critical = position
        return position

    def truncate(self, uint32_t stream, uint64_t from_position):
        self._writable()
        cdef StreamIndex index = self._touch(stream)
        if from_position < index.first or from_position > index.next:
            raise ValueError(
                f"stream {index.name} holds positions {index.first} to {index.next - 1}: "
                f"it cannot be truncated from {from_position}"
            )
        self._put(TYPE_TRUNCATE, 0, stream, 0, from_position, 0, NULL, 0)
        index.cut(from_position, self.use)

    def resolve(self, uint32_t stream):
        self._writable()
        cdef StreamIndex index = self._touch(stream)
        self._put(TYPE_RESOLVE, 0, stream, 0, 0, 0, NULL, 0)
        index.uncertain = []
        index.lost = False

    def checkpoint(self, uint32_t stream, chunks, uint64_t keep_from):
        self._writable()
        cdef StreamIndex index = self._touch(stream)
        if keep_from < index.first or keep_from > index.next:
            raise ValueError(
                f"stream {index.name} holds positions {index.first} to {index.next - 1}: "
                f"a checkpoint cannot keep it from {keep_from} on"
            )
        bodies = [(tag, bytes(body)) for tag, body in chunks]
        for _, body in bodies:
            _check_length(len(body))
        self._put_chunks(index, bodies, keep_from, 0)
        index.drop_before(keep_from, self.use)
        self._reclaim = True

    cdef int _put_chunks(self, StreamIndex index, list bodies, uint64_t keep_from, uint8_t flags) except -1:
        cdef uint64_t at
        for segment, _, length, _ in index.chunks:
            self.use.count(segment, -length - HEADER_BYTES)
        index.chunks = []
        if not bodies:
            self._put(TYPE_CHECKPOINT, flags | FLAG_CRITICAL, index.id, 0, keep_from, 0, NULL, 0)
        for number, (tag, body) in enumerate(bodies):
            own = flags | (FLAG_CRITICAL if len(body) <= TWIN_CHUNK_BYTES else 0)
            at = self._put(
                TYPE_CHECKPOINT, own, index.id, tag, keep_from, number << 32 | len(bodies),
                PyBytes_AS_STRING(body), PyBytes_GET_SIZE(body),
            )
            index.chunks.append([<uint32_t>PENDING, at >> 3, len(body), tag])
        return 0

    # --- committing ------------------------------------------------------------------------------------------------

    def commit(self):
        if self._used == 0:
            return 0
        self._writable()
        if self.failure is not None:
            raise LogFailed(self.failure)
        self._reap()
        if self._reclaim:
            self._copy_forward()
        return self._send()

    cdef uint64_t _send(self) except 0:
        """Complete the batch: room in a segment, twins, COMMIT, places; then to the syncer."""
        cdef uint64_t need, shift = 0, commit_at, base
        cdef Flight flight
        need = self._used + self._critical_bytes() + 2 * TWIN_DISTANCE + self._commit_bytes()
        if self._offset + need > self._segment_size:
            shift = self._rotate()
        self._put_twins()
        commit_at = self._put_commit(shift)
        base = self._identity.first_lsn - DATA_START
        self._place(base, shift)
        self._batch += 1
        flight = Flight.__new__(Flight)
        flight.data = self._buffer
        flight.number = self._batch
        flight.segment = self._sequence
        flight.start = self._offset
        flight.length = self._used
        self._buffer = NULL
        self._capacity = self._used = 0
        self._critical.clear()
        self._dirty.clear()
        self._flights.append(flight)
        self._unsynced += flight.length
        self._offset += flight.length
        if self._native is not None:
            self._native.write(
                flight.number, flight.data, flight.length, flight.start, commit_at, base, self._identity.salt
            )
        else:
            self._syncer.write(
                flight.number, segment_name(flight.segment), bytearray(flight.data[:flight.length]), flight.start,
                commit_at, base, self._identity.salt,
            )
        if self._reclaim:
            self._remove_dead()
        return self._batch

    cdef uint64_t _commit_bytes(self):
        return log_record_size(START.size + SUMMARY_BYTES * len(self._dirty))

    cdef uint64_t _critical_bytes(self):
        cdef uint64_t total = 0
        for at in self._critical:
            total += log_record_size((<log_header *>(self._buffer + <uint64_t>at)).length)
        return total

    cdef int _put_twins(self) except -1:
        """The second copies, far enough from the first ones that no sector holds both."""
        cdef uint64_t at, last, gap
        cdef log_header *header
        if not self._critical:
            return 0
        critical, self._critical = self._critical, []
        at = critical[len(critical) - 1]
        last = at + log_record_size((<log_header *>(self._buffer + at)).length)
        if self._used - last < TWIN_DISTANCE:
            gap = TWIN_DISTANCE - (self._used - last)
            zeros = bytes(gap)
            self._put(TYPE_PAD, 0, 0, 0, 0, 0, PyBytes_AS_STRING(zeros), gap)
        for offset in critical:
            at = offset
            header = <log_header *>(self._buffer + at)
            self._reserve(log_record_size(header.length))
            header = <log_header *>(self._buffer + at)  # the buffer may have moved
            memcpy(self._buffer + self._used, header, log_record_size(header.length))
            (<log_header *>(self._buffer + self._used)).flags |= FLAG_TWIN
            self._used += log_record_size(header.length)
        return 0

    cdef uint64_t _put_commit(self, uint64_t shift) except? 0xFFFFFFFFFFFFFFFF:
        """What recovery compares with: for each stream of the batch where it stands after it."""
        cdef StreamIndex index
        cdef uint64_t at
        parts = [START.pack(self._identity.first_lsn + self._offset - DATA_START)]
        for index in self._dirty:
            parts.append(SUMMARY.pack(
                index.id, index.last_tag, index.first, index.next, index.last_note, index.critical
            ))
        body = b"".join(parts)
        at = self._put(TYPE_COMMIT, 0, len(self._dirty), 0, self._batch + 1, 0, PyBytes_AS_STRING(body), len(body))
        self._last_commit_crc = (<log_header *>(self._buffer + at)).body_crc
        return at

    cdef int _place(self, uint64_t base, uint64_t shift) except -1:
        """Now that the place of every record is known: header CRCs, and the index."""
        cdef uint64_t salt = self._identity.salt
        cdef uint64_t at = 0
        cdef log_header *header
        cdef StreamIndex index
        cdef Entry *entry
        while at < self._used:
            header = <log_header *>(self._buffer + at)
            if header.type == TYPE_COMMIT:
                header.note = base + self._offset
            header.header_crc = log_header_crc(salt, base + self._offset + at, header)
            if header.type == TYPE_DATA and not header.flags & FLAG_TWIN:
                index = <StreamIndex>self._streams[header.stream]
                entry = index.at(header.position)
                if entry != NULL and entry.segment == PENDING and (<uint64_t>entry.place << 3) + shift == at:
                    entry.segment = self._sequence
                    entry.place = (self._offset + at) >> 3
                    self.use.add(self._sequence, header.length + HEADER_BYTES)
            elif header.type == TYPE_CHECKPOINT and not header.flags & FLAG_TWIN and header.note & 0xFFFFFFFF:
                index = <StreamIndex>self._streams[header.stream]
                number = header.note >> 32
                if number < len(index.chunks):
                    chunk = index.chunks[number]
                    if chunk[0] == <uint32_t>PENDING and (<uint64_t>chunk[1] << 3) + shift == at:
                        chunk[0] = self._sequence
                        chunk[1] = (self._offset + at) >> 3
                        self.use.add(self._sequence, header.length + HEADER_BYTES)
            at += log_record_size(header.length)
        return 0

    cdef uint64_t _rotate(self) except? 0xFFFFFFFFFFFFFFFF:
        """Begin a segment with what all streams are, before the records that did not fit; bytes put before them."""
        cdef unsigned char *records = self._buffer
        cdef uint64_t length = self._used
        cdef uint64_t shift, need
        critical, self._critical = self._critical, []
        first_lsn = self._identity.first_lsn + self._offset - DATA_START
        self._sequence += 1
        self._identity = self._identity._replace(
            sequence=self._sequence, salt=int.from_bytes(os.urandom(8), "little"), first_lsn=first_lsn,
            previous_crc=self._last_commit_crc,
        )
        self._buffer = NULL
        self._used = self._capacity = 0
        self._manifest()
        shift = self._used
        self._reserve(length)
        memcpy(self._buffer + shift, records, length)
        self._used += length
        free(records)
        self._critical.extend([at + shift for at in critical])
        need = self._used + self._critical_bytes() + 2 * TWIN_DISTANCE + self._commit_bytes()
        self._segment_size = max(self._segment_bytes, (DATA_START + need + 4095) & ~<uint64_t>4095)
        self._offset = DATA_START
        self._segments[self._sequence] = (self._identity.salt, first_lsn - DATA_START)
        self._syncer.rotate(segment_name(self._sequence), encode_segment_header(self._identity), self._segment_size)
        self._reclaim = True
        return shift

    cdef int _manifest(self) except -1:
        """Names and bounds of all streams as they were before the current batch."""
        cdef StreamIndex index
        for sequence, offset in sorted(self._known):
            self._put(TYPE_DAMAGE, FLAG_CRITICAL, 0, 0, sequence, offset, NULL, 0)
        for index in self._streams[1:]:
            self._declare(index)
            for position, tag, note in index.uncertain:
                self._put(TYPE_UNCERTAIN, FLAG_CRITICAL, index.id, tag, position, note, NULL, 0)
        return 0

    cdef int _copy_forward(self) except -1:
        """Free the oldest segment when only a small rest of it is needed: idle streams must not pin old segments."""
        cdef uint32_t oldest = self.use.first
        cdef StreamIndex index
        cdef Entry *entry
        cdef uint64_t position
        if oldest == self._sequence or not 0 < self.use.live(oldest) <= self._segment_bytes // 16:
            return 0
        for index in self._streams[1:]:
            if any(chunk[0] == oldest for chunk in index.chunks):
                bodies = self.checkpoint_of(index.id)
                self._put_chunks(index, bodies, index.first, FLAG_COPY)
            for position in index.positions_in(oldest):
                entry = index.at(position)
                header, body = self._record(entry)
                self.use.add(oldest, -<long long>entry.length - HEADER_BYTES)
                flags = (header[0] & FLAG_CRITICAL) | FLAG_COPY
                entry.place = self._put(
                    TYPE_DATA, flags, index.id, entry.tag, position, header[1], PyBytes_AS_STRING(body), len(body)
                ) >> 3
                entry.segment = PENDING
        return 0

    cdef int _remove_dead(self) except -1:
        """Remove the oldest segments that no stream needs; queued behind the batch that made them so."""
        self._reclaim = False
        while self.use.first != self._sequence and self.use.live(self.use.first) == 0:
            oldest = self.use.first
            self._syncer.remove(segment_name(oldest))
            self._parts.forget(segment_name(oldest))
            self._segments.pop(oldest, None)
            self._known = {one for one in self._known if one[0] != oldest}
            self.use.forget_oldest()
            self._reclaim = True  # the next one may have a small rest only
        return 0

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

    cpdef uint64_t synced(self):
        if self._native is not None:
            return self._native.synced_now()
        return self._final_synced if self._syncer is None else self._syncer.synced

    def fileno(self):
        return self._syncer.fileno()

    def drain_notification(self):
        try:
            os.eventfd_read(self._syncer.fileno())
        except BlockingIOError:
            pass

    @property
    def failure(self):
        failed = self._syncer.failure if self._syncer is not None else None
        if failed is None:
            return None
        return (
            f"the log in {self.directory} failed and stops: {failed[1]} (errno {failed[0]}). "
            "Nothing is acknowledged any more; mend or make room on the disk, then start the node again"
        )

    # --- reading ---------------------------------------------------------------------------------------------------

    def _index(self, uint32_t stream):
        if stream == 0 or stream >= <size_t>len(self._streams):
            raise LogError(f"stream {stream} does not exist: get its number from stream(name) first")
        return self._streams[stream]

    def first_position(self, uint32_t stream):
        return self._index(stream).first

    def next_position(self, uint32_t stream):
        return self._index(stream).next

    def uncertain(self, uint32_t stream):
        return list(self._index(stream).uncertain)

    def lost(self, uint32_t stream):
        return bool(self._index(stream).lost)

    def streams(self):
        return dict(self._ids)

    cdef object _damaged(self, uint32_t segment, uint64_t offset, str what):
        name = segment_name(segment)
        return LogCorrupted(
            f"{os.path.join(self.directory, name)} is damaged at offset {offset}: {what} is unreadable. "
            f"Check the disk, and run: actorum log verify {self.directory}"
        )

    cdef uint64_t _barrier(self, uint32_t segment):
        """Offset in a segment from which on records stand in memory, not yet on disk."""
        cdef Flight flight
        for flight in self._flights:
            if flight.segment == segment:
                return flight.start
        return 0xFFFFFFFFFFFFFFFF

    cdef const unsigned char *_in_memory(self, Entry *entry) except NULL:
        cdef Flight flight
        cdef uint64_t offset = <uint64_t>entry.place << 3
        if entry.segment == PENDING:
            return self._buffer + offset
        for flight in reversed(self._flights):
            if flight.segment == entry.segment and flight.start <= offset < flight.start + flight.length:
                return flight.data + (offset - flight.start)
        raise AssertionError(f"no batch in memory holds offset {offset} of segment {entry.segment}")

    cdef tuple _decode(self, const unsigned char *at, Entry *entry, bint check):
        """((flags, note), body) of a record."""
        cdef const log_header *header = <const log_header *>at
        cdef uint64_t salt, base
        if check:
            salt, base = self._segments[entry.segment]
            if (
                header.length != entry.length
                or log_header_crc(salt, base + (<uint64_t>entry.place << 3), header) != header.header_crc
                or crc32c(0, at + HEADER_BYTES, entry.length) != header.body_crc
            ):
                raise self._damaged(entry.segment, <uint64_t>entry.place << 3, f"a record of stream {header.stream}")
        body = PyBytes_FromStringAndSize(<const char *>at + HEADER_BYTES, entry.length)
        return (header.flags, header.note), body

    cdef tuple _record(self, Entry *entry):
        """((flags, note), body) of one record, wherever it stands."""
        cdef uint64_t offset = <uint64_t>entry.place << 3
        if entry.segment == PENDING or offset >= self._barrier(entry.segment):
            return self._decode(self._in_memory(entry), entry, False)
        data = self._fetch(entry.segment, offset, log_record_size(entry.length))
        return self._decode(<const unsigned char *>PyBytes_AS_STRING(data), entry, True)

    cdef bytes _fetch(self, uint32_t segment, uint64_t offset, uint64_t length):
        self._reap()
        data = self._disk.read(segment_name(segment), offset, length)
        if len(data) != length:
            raise self._damaged(segment, offset, f"what should be {length} bytes long, and has {len(data)},")
        return data

    def read(self, uint32_t stream, uint64_t first, uint64_t last, uint64_t limit_bytes):
        cdef StreamIndex index = self._index(stream)
        cdef uint64_t position = max(first, index.first)
        cdef uint64_t end = min(last + 1, index.next)
        cdef uint64_t total = 0, offset, start, stop, barrier, run
        cdef Entry *entry
        cdef Entry *other
        self._reap()
        result = []
        while position < end:
            entry = index.at(position)
            if result and total + entry.length > limit_bytes:
                break
            offset = start = <uint64_t>entry.place << 3
            barrier = self._barrier(entry.segment) if entry.segment != PENDING else 0
            if entry.segment == MISSING:
                raise self._damaged(0, 0, f"position {position} of stream {index.name}")
            if offset >= barrier:
                (_, note), body = self._decode(self._in_memory(entry), entry, False)
                result.append((position, entry.tag, note, body))
                total += entry.length
                position += 1
                continue
            stop = start + log_record_size(entry.length)
            run = position + 1
            while run < end and stop - start < RUN_BYTES and total + (stop - start) <= limit_bytes:
                other = index.at(run)
                offset = <uint64_t>other.place << 3
                if other.segment != entry.segment or offset < stop or offset - stop > TWIN_DISTANCE or offset >= barrier:
                    break
                stop = offset + log_record_size(other.length)
                run += 1
            data = self._fetch(entry.segment, start, stop - start)
            while position < run:
                entry = index.at(position)
                if result and total + entry.length > limit_bytes:
                    return result
                offset = <uint64_t>entry.place << 3
                (_, note), body = self._decode(
                    <const unsigned char *>PyBytes_AS_STRING(data) + (offset - start), entry, True
                )
                result.append((position, entry.tag, note, body))
                total += entry.length
                position += 1
        return result

    def records(self, uint32_t stream, first=None):
        position = self.first_position(stream) if first is None else first
        while position < self.next_position(stream):
            for record in self.read(stream, position, self.next_position(stream) - 1, RUN_BYTES):
                yield record
                position = record[0] + 1

    def checkpoint_of(self, uint32_t stream):
        cdef Entry entry
        result = []
        for segment, place, length, tag in self._index(stream).chunks:
            entry.segment, entry.place, entry.length, entry.tag = segment, place, length, tag
            result.append((tag, self._record(&entry)[1]))
        return result

    # --- after recovery --------------------------------------------------------------------------------------------

    def settle(self, damages, note_of, keep_uncertain, rotate):
        """Write down what recovery decided, so that the next start finds a whole log.

        Args:
            damages: (sequence, offset) of the places that are dealt with now.
            note_of: (stream, position) -> (tag, note) of records that cannot be read.
            keep_uncertain: True in a group: the cut positions stay uncertain until ``resolve``.
            rotate: True when the current segment cannot be appended to.

        Returns:
            Positions cut, by stream name.
        """
        cdef StreamIndex index
        cdef uint64_t position
        cdef Entry *entry
        cut = {}
        if rotate:
            self._offset = self._segment_size
        for sequence, offset in damages:
            self._known.add((sequence, offset))
            self._put(TYPE_DAMAGE, FLAG_CRITICAL, 0, 0, sequence, offset, NULL, 0)
        for index in self._streams[1:]:
            hole = index.first_missing()
            if hole is None and not index.lost:
                continue
            self._touch(index.id)
            saved, gone = [], []
            for position in range(hole if hole is not None else index.next, index.next):
                entry = index.at(position)
                tag, note = note_of(index.id, position)
                if entry.segment != MISSING:
                    (flags, note), body = self._record(entry)
                    tag = entry.tag
                    if flags & FLAG_CRITICAL:
                        saved.append((tag, note, body))
                gone.append((position, tag, note))
            if hole is not None:
                index.cut(hole, self.use)
                cut[index.name] = gone
            self._declare(index)
            for position, tag, note in gone if keep_uncertain else ():
                self._put(TYPE_UNCERTAIN, FLAG_CRITICAL, index.id, tag, position, note, NULL, 0)
            if keep_uncertain:
                index.uncertain = index.uncertain + gone
            for tag, note, body in saved:
                self._append(index.id, tag, note, PyBytes_AS_STRING(body), len(body), True)
        if self._used or rotate:
            self._send()
        return cut

    # --- the rest --------------------------------------------------------------------------------------------------

    def step(self):
        return self._native is None and self._syncer.step()

    def stats(self):
        self._reap()
        result = {
            "batches": self._batch,
            "synced": self.synced(),
            "unsynced_bytes": self._unsynced,
            "segments": len(self._segments),
            "segment": self._sequence,
            "live_bytes": sum(self.use.live_bytes),
            "queue": 0 if self._syncer is None else self._syncer.depth(),
        }
        if self._syncer is not None:
            result.update(self._syncer.counters())
        return result

    def close(self):
        if self._closed:
            return
        self._closed = True
        self._syncer.close()
        self._final_synced = 0
        self._native = None
        self._syncer = None
        self._parts.close()


cdef int _check_length(uint64_t length) except -1:
    if length > BODY_LIMIT:
        raise RecordTooLarge(
            f"a record of {length} bytes does not fit a segment: the limit is {BODY_LIMIT} bytes. "
            "Split it into several records"
        )
    return 0
