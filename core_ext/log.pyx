"""The write-ahead log of a node: streams of records in, durable batches out.

This file lays records out in memory and knows where each one stands; core_ext.log_syncer makes them durable,
core_ext.log_recovery understands what a crash left, core_ext.log_opening puts the parts together. Must not know actors,
protocols or event loops. Not thread-safe: one thread owns a Log. The format is described in docs/log.md.
"""

import os

from cpython.buffer cimport PyBUF_SIMPLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytearray cimport PyByteArray_AS_STRING
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from core_ext.log_batch cimport Batch, Flight
from core_ext.log_format cimport (
    BODY_LIMIT, DATA_START, FLAG_COPY, FLAG_CRITICAL, FLAG_TWIN, HEADER_BYTES, SUMMARY_BYTES, TYPE_CHECKPOINT,
    TYPE_COMMIT, TYPE_DAMAGE, TYPE_DATA, TYPE_RESOLVE, TYPE_STREAM, TYPE_TRUNCATE, TYPE_UNCERTAIN,
    crc32c_prepare, log_header, log_header_crc, log_record_size,
)
from core_ext.log_index cimport MISSING, PENDING, Entry, SegmentUse, StreamIndex
from core_ext.log_reader cimport LogReader
from core_ext.log_syncer cimport NativeSyncer

from core_ext.log_errors import LogError, LogFailed, LogOverloaded, RecordTooLarge
from core_ext.log_format import encode_segment_header
from core_ext.log_reader import segment_name
from core_ext.log_recovery import STATE

crc32c_prepare()

cdef enum:
    START_BYTES = 8  # in the body of a COMMIT, before the streams: see log_recovery.START and SUMMARY

DEFAULT_SEGMENT_BYTES = 64 << 20
TWIN_CHUNK_BYTES = 64 << 10             # checkpoint chunks up to this long are critical records
cdef uint64_t UNSYNCED_LIMIT = 1 << 30  # bytes that may wait for the disk


cdef class Log(LogReader):
    """One node's log. Made by ``Log.open``; see log.pyi for the contract of each method."""

    cdef readonly str folder_id
    cdef readonly object recovery
    cdef readonly SegmentUse use
    cdef object _parts          # lock and disk, closed with the log
    cdef object _syncer         # NativeSyncer or SteppedSyncer
    cdef NativeSyncer _native   # the same one, or None
    cdef object _identity       # SegmentHeader of the current segment
    cdef uint64_t _base         # log sequence number of its offset 0
    cdef uint64_t _salt
    cdef dict _ids              # streams by name
    cdef set _known             # damages of kept segments that were dealt with: (sequence, offset)
    cdef list _dirty            # streams that the batch touches
    cdef uint64_t _segment_bytes
    cdef uint64_t _segment_size
    cdef uint64_t _offset       # where the next batch starts in the current segment
    cdef uint64_t _batch        # number of the newest committed batch
    cdef uint64_t _final_synced
    cdef uint32_t _sequence
    cdef uint32_t _last_commit_crc
    cdef uint32_t _truncations  # how often a stream was cut, from 1 on: recovery sees by that whether it missed one
    cdef bint _reclaim
    cdef bint _closed

    def __init__(
        self, disk, identity, replay, segments, size, offset, segment_bytes, syncer, recovery, parts, directory
    ):
        streams = [None]
        for id in range(1, max(replay.streams, default=0) + 1):
            streams.append(replay.streams.get(id) or StreamIndex(id, f"#{id}"))
        super().__init__(directory, disk, segments, streams)
        self.folder_id = identity.folder_id
        self.recovery = recovery
        self.use = replay.use
        self._parts = parts
        self._syncer = syncer
        self._native = syncer if isinstance(syncer, NativeSyncer) else None
        self._identify(identity)
        self._ids = {stream.name: stream.id for stream in streams[1:]}
        self._known = replay.known
        self._dirty = []
        self._segment_bytes = segment_bytes
        self._segment_size = size
        self._sequence = identity.sequence
        self._offset = offset
        self._batch = replay.batch
        self._last_commit_crc = replay.last_commit_crc
        self._truncations = replay.truncations

    cdef int _identify(self, identity) except -1:
        """``identity`` is the current segment's from now on."""
        self._identity = identity
        self._base = identity.first_lsn - DATA_START
        self._salt = identity.salt
        return 0

    def __del__(self):
        if not self._closed and self._syncer is not None:  # the thread must not outlive the memory that it writes
            self.close()

    @staticmethod
    def open(
        directory, *, cluster_id, node_id, segment_bytes=DEFAULT_SEGMENT_BYTES, disk=None, alone=False, stepped=False
    ):
        """Create or recover the log of a data folder."""
        from core_ext.log_opening import open_log

        return open_log(directory, cluster_id, node_id, segment_bytes, disk, alone, stepped)

    # --- appending -------------------------------------------------------------------------------------------------

    cdef StreamIndex _touch(self, uint32_t stream):
        cdef StreamIndex index = self._index(stream)
        if index.dirty != self._batch + 1:
            index.dirty = self._batch + 1
            self._dirty.append(index)
        return index

    cdef int _writable(self) except -1:
        if self._closed:
            raise LogError(f"the log in {self.directory} is closed")
        if self._unsynced + self._pending.used > UNSYNCED_LIMIT:
            self._reap()
            if self._unsynced + self._pending.used > UNSYNCED_LIMIT:
                raise LogOverloaded(
                    f"{self._unsynced + self._pending.used} bytes wait for the disk of {self.directory}, and the "
                    f"limit is {UNSYNCED_LIMIT}: append less until synced() has moved"
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
        # damage took the name of a stream: it may have been this one
        index.lost = any(other.name == f"#{other.id}" for other in self._streams[1:])
        self._ids[name] = index.id
        self._touch(index.id)
        self._declare(index)
        return index.id

    def streams(self):
        return dict(self._ids)

    cdef int _declare(self, StreamIndex index) except -1:
        """A stream's name and bounds, as they are now."""
        body = STATE.pack(index.first, index.next, index.critical, index.lost) + index.name.encode()
        self._pending.put_bytes(TYPE_STREAM, FLAG_CRITICAL, index.id, 0, 0, 0, body)
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
        at = self._pending.put(TYPE_DATA, FLAG_CRITICAL if critical else 0, stream, tag, position, note, body, length)
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
        self._pending.put(TYPE_TRUNCATE, 0, stream, 0, from_position, 0, NULL, 0)
        index.cut(from_position, self.use)
        self._truncations = self._truncations + 1 or 1

    def resolve(self, uint32_t stream):
        self._writable()
        cdef StreamIndex index = self._touch(stream)
        self._pending.put(TYPE_RESOLVE, 0, stream, 0, 0, 0, NULL, 0)
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
            self._pending.put(TYPE_CHECKPOINT, flags | FLAG_CRITICAL, index.id, 0, keep_from, 0, NULL, 0)
        for number, (tag, body) in enumerate(bodies):
            own = flags | (FLAG_CRITICAL if len(body) <= TWIN_CHUNK_BYTES else 0)
            at = self._pending.put_bytes(
                TYPE_CHECKPOINT, own, index.id, tag, keep_from, number << 32 | len(bodies), body
            )
            index.chunks.append([<uint32_t>PENDING, at >> 3, len(body), tag])
        return 0

    # --- committing ------------------------------------------------------------------------------------------------

    def commit(self, bint here=False):
        if self._pending.used == 0:
            return 0
        if self._closed:
            raise LogError(f"the log in {self.directory} is closed")
        if self.failure is not None:
            raise LogFailed(self.failure)
        self._reap()
        if self._reclaim:
            self._copy_forward()
        return self._send(here)

    cdef uint64_t _send(self, bint here) except 0:
        """Complete the batch: room in a segment, twins, COMMIT, places; then to the syncer."""
        cdef uint64_t shift = 0, commit_at
        cdef Flight flight
        if self._offset + self._needed() > self._segment_size:
            shift = self._rotate()
        self._pending.put_twins(self._offset)
        commit_at = self._put_commit()
        self._place(shift)
        self._batch += 1
        self._dirty.clear()
        flight = self._pending.take()
        flight.number = self._batch
        flight.segment = self._sequence
        flight.start = self._offset
        self._flights.append(flight)
        self._unsynced += flight.length
        self._offset += flight.length
        if self._native is not None:
            self._native.write(
                flight.number, flight.data, flight.length, flight.start, commit_at, self._base, self._salt,
                here,
            )
        else:
            self._syncer.write(
                flight.number, segment_name(flight.segment), bytearray(flight.data[:flight.length]), flight.start,
                commit_at, self._base, self._salt,
            )
        if self._reclaim:
            self._remove_dead()
        return self._batch

    cdef uint64_t _needed(self):
        """An upper bound of the batch's length when it is complete."""
        cdef uint64_t commit = log_record_size(START_BYTES + SUMMARY_BYTES * len(self._dirty))
        return self._pending.used + self._pending.twin_bytes() + commit

    cdef uint64_t _put_commit(self) except? 0xFFFFFFFFFFFFFFFF:
        """What recovery compares with: for each stream of the batch where it stands after it."""
        cdef StreamIndex index
        cdef uint64_t at, start = self._base + self._offset
        cdef uint32_t named[2]
        cdef uint64_t bounds[4]
        cdef bytearray body = bytearray(START_BYTES + SUMMARY_BYTES * len(self._dirty))
        cdef char *to = PyByteArray_AS_STRING(body)
        memcpy(to, &start, START_BYTES)
        to += START_BYTES
        for index in self._dirty:
            named[0], named[1] = index.id, index.last_tag
            bounds[0], bounds[1], bounds[2], bounds[3] = index.first, index.next, index.last_note, index.critical
            memcpy(to, named, sizeof(named))
            memcpy(to + sizeof(named), bounds, sizeof(bounds))
            to += SUMMARY_BYTES
        at = self._pending.put(
            TYPE_COMMIT, 0, len(self._dirty), self._truncations, self._batch + 1, 0, PyByteArray_AS_STRING(body),
            len(body),
        )
        self._last_commit_crc = (<log_header *>(self._pending.data + at)).body_crc
        return at

    cdef int _place(self, uint64_t shift) except -1:
        """Now that the place of every record is known: header CRCs, and the index."""
        cdef uint64_t salt = self._salt, base = self._base
        cdef uint64_t at = 0
        cdef log_header *header
        cdef StreamIndex index
        cdef Entry *entry
        while at < self._pending.used:
            header = <log_header *>(self._pending.data + at)
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
                if number < <uint64_t>len(index.chunks):
                    chunk = index.chunks[number]
                    if chunk[0] == <uint32_t>PENDING and (<uint64_t>chunk[1] << 3) + shift == at:
                        chunk[0] = self._sequence
                        chunk[1] = (self._offset + at) >> 3
                        self.use.add(self._sequence, header.length + HEADER_BYTES)
            at += log_record_size(header.length)
        return 0

    cdef uint64_t _rotate(self) except? 0xFFFFFFFFFFFFFFFF:
        """Begin a segment with what all streams are, before the records that did not fit; bytes put before them."""
        cdef Batch records = self._pending
        cdef uint64_t shift
        first_lsn = self._base + self._offset
        self._sequence += 1
        self._identify(self._identity._replace(
            sequence=self._sequence, salt=int.from_bytes(os.urandom(8), "little"), first_lsn=first_lsn,
            previous_crc=self._last_commit_crc,
        ))
        self._pending = Batch()
        self._manifest()
        shift = self._pending.used
        self._pending.put_all(records)
        self._segment_size = max(self._segment_bytes, (DATA_START + self._needed() + 4095) & ~<uint64_t>4095)
        self._offset = DATA_START
        self._segments[self._sequence] = (self._salt, self._base)
        self._syncer.rotate(segment_name(self._sequence), encode_segment_header(self._identity), self._segment_size)
        self._reclaim = True
        return shift

    cdef int _manifest(self) except -1:
        """Names and bounds of all streams: what older segments said of them is not needed any more."""
        cdef StreamIndex index
        for sequence, offset in sorted(self._known):
            self._pending.put(TYPE_DAMAGE, FLAG_CRITICAL, 0, 0, sequence, offset, NULL, 0)
        for index in self._streams[1:]:
            self._declare(index)
            for position, tag, note in index.uncertain:
                self._pending.put(TYPE_UNCERTAIN, FLAG_CRITICAL, index.id, tag, position, note, NULL, 0)
        return 0

    cdef int _copy_forward(self) except -1:
        """Free the oldest needed segment when only a small rest of it is: idle streams must not pin old segments."""
        cdef uint32_t oldest = self.use.first
        cdef StreamIndex index
        cdef Entry *entry
        cdef uint64_t position
        while oldest != self._sequence and self.use.live(oldest) == 0:
            oldest += 1
        if oldest == self._sequence or self.use.live(oldest) > self._segment_bytes // 16:
            return 0
        for index in self._streams[1:]:
            if any(chunk[0] == oldest for chunk in index.chunks):
                bodies = self.checkpoint_of(index.id)
                self._put_chunks(index, bodies, index.first, FLAG_COPY)
            for position in index.positions_in(oldest):
                entry = index.at(position)
                old_flags, note, body = self._record(entry)
                self.use.add(oldest, -<long long>entry.length - HEADER_BYTES)
                flags = (old_flags & FLAG_CRITICAL) | FLAG_COPY
                entry.place = self._pending.put_bytes(
                    TYPE_DATA, flags, index.id, entry.tag, position, note, body
                ) >> 3
                entry.segment = PENDING
        return 0

    cdef int _remove_dead(self) except -1:
        """Remove the oldest segments that no stream needs; queued behind the batch that made them so.

        What is left must begin with a segment that says what all streams are: not with a damaged one.
        """
        cdef uint32_t oldest = self.use.first
        cdef uint32_t keep = oldest
        damaged = {sequence for sequence, _ in self._known}
        while oldest != self._sequence and self.use.live(oldest) == 0:
            oldest += 1
            if oldest not in damaged:
                keep = oldest
        self._reclaim = keep != self.use.first  # the next one may have a small rest only
        while self.use.first != keep:
            name = segment_name(self.use.first)
            self._syncer.remove(name)
            self._parts.forget(name)
            self._segments.pop(self.use.first, None)
            self._known = {one for one in self._known if one[0] != self.use.first}
            self.use.forget_oldest()
        return 0

    cpdef uint64_t synced(self):
        if self._native is not None:
            return self._native.synced_now()
        return self._final_synced if self._syncer is None else self._syncer.synced

    def fileno(self):
        return self._syncer.fileno()

    def drain_notification(self):
        if self._native is not None:
            self._native.drain()
            return
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

    # --- after recovery --------------------------------------------------------------------------------------------

    def settle(self, damages, note_of, keep_uncertain, restate):
        """Write down what recovery decided, so that the next start finds a whole log.

        Args:
            damages: (sequence, offset) of the places that are dealt with now.
            note_of: (stream, position) -> (tag, note) of records that cannot be read.
            keep_uncertain: True in a group: the cut positions stay uncertain until ``resolve``.
            restate: True when the current segment does not say what all streams are.

        Returns:
            Positions cut, by stream name.
        """
        cdef StreamIndex index
        cdef uint64_t position
        cdef Entry *entry
        cut = {}
        if restate:
            self._manifest()
        for sequence, offset in damages:
            self._known.add((sequence, offset))
            self._pending.put(TYPE_DAMAGE, FLAG_CRITICAL, 0, 0, sequence, offset, NULL, 0)
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
                    flags, note, body = self._record(entry)
                    tag = entry.tag
                    if flags & FLAG_CRITICAL:
                        saved.append((tag, note, body))
                gone.append((position, tag, note))
            if hole is not None:
                index.cut(hole, self.use)
                cut[index.name] = gone
            self._declare(index)
            for position, tag, note in gone if keep_uncertain else ():
                self._pending.put(TYPE_UNCERTAIN, FLAG_CRITICAL, index.id, tag, position, note, NULL, 0)
            if keep_uncertain:
                index.uncertain = index.uncertain + gone
            for tag, note, body in saved:
                self._append(index.id, tag, note, PyBytes_AS_STRING(body), len(body), True)
        if self._pending.used:
            self._send(False)
        return cut

    # --- the rest --------------------------------------------------------------------------------------------------

    def step(self, int most=0):
        return self._native is None and self._syncer.step(most)

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
        self._syncer.finish()
        self._final_synced = self._syncer.synced
        self._syncer.close()
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
