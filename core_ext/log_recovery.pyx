"""What a log means: from the records found in its segments to streams, and a verdict on every damaged place.

Pure: fed with the bytes of one segment after the other, oldest first. Must not know files, and changes nothing on disk.
The rules are those of docs/log.md:

- damage followed by the COMMIT of a later sync group, or in a sealed segment, is CORRUPT: it was durable once;
- damage within the last sync group, whose COMMIT is there, is UNCERTAIN: never acknowledged, or rotted since;
- records after the last COMMIT, with nothing where their own would stand, were never acknowledged: cut.

Where whole batches may have stood in a damaged place, streams of which no later record says how far they go are lost.
"""

import enum
import struct

from libc.stdint cimport uint32_t, uint64_t

from core_ext.log_format cimport (
    DATA_START, FLAG_COPY, FLAG_CRITICAL, FLAG_TWIN, HEADER_BYTES, TYPE_CHECKPOINT, TYPE_COMMIT,
    TYPE_DAMAGE, TYPE_DATA, TYPE_RESOLVE, TYPE_STREAM, TYPE_TRUNCATE, TYPE_UNCERTAIN, Found, SegmentScan,
    log_record_size,
)
from core_ext.log_index cimport MISSING, Entry, SegmentUse, StreamIndex

from core_ext import log_misplaced
from core_ext.log_doubts import Doubts
from core_ext.log_format import body_torn, scan

SUMMARY = struct.Struct("<IIQQQQ")
STATE = struct.Struct("<QQQI")
START = struct.Struct("<Q")


class Verdict(enum.Enum):
    """What a damaged place is taken for."""

    CORRUPT = "corrupt"
    UNCERTAIN = "uncertain"
    HEALED = "healed"
    KNOWN = "known"
    CUT = "cut"


class Damage:
    """One unreadable or unfinished place of the log."""

    __slots__ = ("file", "length", "offset", "records", "sequence", "verdict")

    def __init__(self, file, sequence, offset, length, verdict):
        self.file = file
        self.sequence = sequence
        self.offset = offset
        self.length = length
        self.verdict = verdict
        self.records = []

    def __repr__(self):
        what = ", ".join(f"{stream}[{position}]" for stream, position, _, _ in self.records) or "unknown records"
        return f"{self.verdict.value}: {self.file} at offset {self.offset}, {self.length} bytes: {what}"


def _always(damage):
    return True


def _was_durable(damage):
    return damage.verdict is Verdict.CORRUPT


cdef class Replay:
    """Streams as the log describes them.

    Feed every segment with ``segment``, then call ``finish`` once.
    """

    cdef public dict streams
    cdef public SegmentUse use
    cdef public list damages
    cdef public set known
    cdef public uint64_t batch
    cdef public uint32_t last_commit_crc
    cdef public uint64_t end
    cdef public uint64_t clear_to
    cdef dict building
    cdef dict notes
    cdef dict bad
    cdef object hole  # the newest one, until a COMMIT says what stood there
    cdef list holes
    cdef object doubts  # Doubts
    cdef set declared  # ids of the streams that this batch declares
    cdef bint whole  # neither a hole nor a COMMIT in this segment so far
    cdef readonly uint32_t truncations
    cdef readonly list misplaced  # (file, offset, bytes) to be written where they belong
    cdef uint64_t group_lsn
    cdef uint64_t last_base
    cdef uint32_t sequence
    cdef str file

    def __init__(self, uint32_t first_sequence):
        self.streams = {}
        self.use = SegmentUse(first_sequence)
        self.damages = []
        self.known = set()
        self.building = {}
        self.notes = {}
        self.bad = {}
        self.holes = []
        self.doubts = Doubts()
        self.declared = set()
        self.truncations = 1  # so that 0 is of an older writer, who does not say
        self.misplaced = []
        self.end = DATA_START

    def missing_segment(self, str file not None, uint32_t sequence, uint64_t length=0):
        """A segment of the sequence is not there, or nothing of it can be read."""
        self.hole = self._hole(file, sequence, 0, length)
        self.group_lsn = 0

    def header_copy(self, str file not None, uint32_t sequence):
        """One of the two copies of a segment's header is damaged; the other one serves."""
        self._damage(file, sequence, 0, DATA_START).verdict = Verdict.HEALED

    def segment(
        self, str file not None, header, const unsigned char[::1] data not None, stop, bint last, bint exact=True
    ):
        """Replay one segment.

        Args:
            file: its name, for reports.
            header: its SegmentHeader.
            data: its bytes.
            stop: offset at which it ends: where the next segment's first record continues, or the file's size.
            last: True for the newest segment.
            exact: False when ``stop`` is only a bound, because the next segment's header is unreadable.
        """
        cdef SegmentScan found = scan(data, header.salt, header.first_lsn, stop)
        cdef Py_ssize_t i, commits = 0
        cdef Py_ssize_t hole_at = 0
        self.file = file
        self.sequence = header.sequence
        stray = self._misplaced(found, header, data) if last else None
        if stray is not None and stray.group:
            self.segment(file, header, self._put_back(stray, data), stop, last, exact)
            return
        self.last_base = header.first_lsn - DATA_START
        self.whole = True
        if header.previous_crc != self.last_commit_crc and self.last_commit_crc and self.hole is None:
            self.hole = self._hole(file, self.sequence, 0, DATA_START)
            self.whole = True  # what is missing stood before it
        self.group_lsn = 0
        for i in range(found.count):
            if found.found[i].type == TYPE_COMMIT and (
                found.found[i].intact or not last or i + 1 < found.count
                or not body_torn(data, found.found[i].offset, found.end)
            ):
                commits = i + 1
        cdef Py_ssize_t usable = commits
        cdef uint64_t commit_end = DATA_START
        if commits:
            commit_end = found.found[commits - 1].offset + log_record_size(found.found[commits - 1].length)
        self.end = found.end
        self.clear_to = found.dirty_end
        if not last:
            usable = found.count
            if found.end < stop and (exact or found.dirty_end > found.end):
                found.holes.append((found.end, stop if exact else found.dirty_end))
        elif found.torn or (found.count > commits and found.found[found.count - 1].type == TYPE_COMMIT):
            self.end = commit_end
        else:
            usable = found.count
        for i in range(usable):
            while hole_at < len(found.holes) and found.holes[hole_at][1] <= found.found[i].offset:
                self._open_hole(found.holes[hole_at])
                hole_at += 1
            self._apply(&found.found[i], data)
        if usable == found.count:
            for hole in found.holes[hole_at:]:
                self._open_hole(hole)
        if last and self.clear_to > self.end:
            self._tail(found, usable, data)
        if stray is not None:  # a group was to stand at the end, and nobody can say what was in it
            self.hole = self._hole(file, self.sequence, self.end, self.clear_to - self.end)

    cdef _tail(self, SegmentScan found, Py_ssize_t usable, const unsigned char[::1] data):
        """Report what follows the last record that is kept."""
        cdef Py_ssize_t i
        cut = self._damage(self.file, self.sequence, self.end, self.clear_to - self.end)
        cut.verdict = Verdict.CUT if usable < found.count or found.torn else Verdict.UNCERTAIN
        if cut.verdict is Verdict.UNCERTAIN:
            self.holes.append(cut)
            if not self._holds_only_a_commit(found, usable):
                self.doubts.hole(cut, self.streams)
        for i in range(usable, found.count):
            if found.found[i].type == TYPE_DATA and not found.found[i].flags & FLAG_TWIN:
                cut.records.append(self._name(&found.found[i]))

    cdef _misplaced(self, SegmentScan found, header, const unsigned char[::1] data):
        """The sync group that belongs at the end of the newest segment and stands elsewhere in it, or None."""
        cdef Py_ssize_t i = found.count
        self.end = DATA_START
        while i > 0 and found.found[i - 1].type != TYPE_COMMIT:
            i -= 1
        if i > 0:
            self.end = found.found[i - 1].offset + log_record_size(found.found[i - 1].length)
        places = [(0, DATA_START), *found.holes, (found.end, found.dirty_end)]
        for i in range(found.count):
            if not found.found[i].intact:
                places.append((found.found[i].offset, found.found[i].offset + log_record_size(found.found[i].length)))
        return log_misplaced.find(data, header.salt, header.first_lsn - DATA_START, self.end, places)

    cdef bytearray _put_back(self, stray, const unsigned char[::1] data):
        """The segment with the group where it belongs."""
        self._damage(self.file, self.sequence, stray.offset, len(stray.group)).verdict = Verdict.HEALED
        self.misplaced.append((self.file, self.end, stray.group))
        patched = bytearray(data)
        patched[self.end:self.end + len(stray.group)] = stray.group
        return patched

    cdef bint _holds_only_a_commit(self, SegmentScan found, Py_ssize_t usable):
        """Whether what is unreadable at the end has the length of the COMMIT of the batch before it."""
        cdef Py_ssize_t i = usable
        touched = set()
        while i > 0 and found.found[i - 1].type != TYPE_COMMIT:
            i -= 1
            if found.found[i].stream:
                touched.add(found.found[i].stream)
        return bool(touched) and self.clear_to - self.end <= log_record_size(START.size + SUMMARY.size * len(touched))

    cdef _open_hole(self, where):
        self.hole = self._hole(self.file, self.sequence, where[0], where[1] - where[0])

    cdef _hole(self, file, sequence, offset, length):
        """A damaged place that may have held any records."""
        damage = self._damage(file, sequence, offset, length)
        self.holes.append(damage)
        self.doubts.hole(damage, self.streams)
        self.whole = False
        return damage

    cdef _damage(self, file, sequence, offset, length):
        damage = Damage(file, sequence, offset, length, None)
        self.damages.append(damage)
        return damage

    cdef tuple _name(self, Found *found):
        stream = self.streams.get(found.stream)
        return (stream.name if stream is not None else f"#{found.stream}", found.position, found.tag, found.note)

    cdef StreamIndex _stream(self, uint32_t id):
        stream = self.streams.get(id)
        if stream is None:  # its declaration is damaged; the twin of it, or the next segment, gives the name
            stream = self.streams[id] = StreamIndex(id, f"#{id}")
        return <StreamIndex>stream

    cdef int _fill(self, Entry *entry, Found *found) except -1:
        self.use.add(entry.segment, -<long long>entry.length - HEADER_BYTES)
        entry.segment = self.sequence
        entry.place = found.offset // 8
        entry.length = found.length
        entry.tag = found.tag
        self.use.add(entry.segment, found.length + HEADER_BYTES)
        return 0

    cdef int _extend(self, StreamIndex stream, uint64_t next_position) except -1:
        """Positions that should be there: they stood in the unreadable place before."""
        while stream.next < next_position:
            if self.hole is not None:
                self.hole.records.append((stream.name, stream.next, 0, 0))
            stream.push()
        return 0

    cdef int _apply(self, Found *found, const unsigned char[::1] data) except -1:
        cdef StreamIndex stream
        if found.type == TYPE_COMMIT:
            return self._commit(found, data)
        if found.type == TYPE_DAMAGE:
            self.known.add((found.position, found.note))
            return 0
        if found.type == TYPE_STREAM:
            return self._declare(found, data)
        if found.type == TYPE_DATA:
            return self._data(self._stream(found.stream), found)
        if found.type == TYPE_CHECKPOINT:
            return self._checkpoint(self._stream(found.stream), found)
        if found.type == TYPE_TRUNCATE:
            self._stream(found.stream).cut(found.position, self.use)
            self.truncations += 1
        elif found.type == TYPE_RESOLVE:
            stream = self._stream(found.stream)
            stream.uncertain = []
            stream.lost = False
        elif found.type == TYPE_UNCERTAIN:
            one = (found.position, found.tag, found.note)
            stream = self._stream(found.stream)
            if one not in stream.uncertain[-2:] or not found.flags & FLAG_TWIN:
                if not (found.flags & FLAG_TWIN and one in stream.uncertain):
                    stream.uncertain.append(one)
        return 0

    cdef _bad(self, Found *found):
        damage = self._damage(self.file, self.sequence, found.offset, log_record_size(found.length))
        damage.records.append(self._name(found))
        return damage

    cdef int _data(self, StreamIndex stream, Found *found) except -1:
        cdef Entry *entry
        cdef uint64_t position = found.position
        if not found.intact:
            damage = self._bad(found)
            if found.flags & FLAG_TWIN:
                entry = stream.at(position)
                if entry != NULL and entry.segment != MISSING:
                    damage.verdict = Verdict.HEALED
                return 0
            self.bad[(stream.id, position)] = damage
            self.notes[(stream.id, position)] = (found.tag, found.note, bool(found.flags & FLAG_CRITICAL))
        if found.flags & (FLAG_TWIN | FLAG_COPY):
            if found.flags & FLAG_TWIN and position >= stream.next and self.hole is not None:
                self._extend(stream, position + 1)
            entry = stream.at(position)
            if entry == NULL or not found.intact:
                return 0
            if entry.segment != MISSING and found.flags & FLAG_TWIN:
                return 0
            self._fill(entry, found)
            damage = self.bad.pop((stream.id, position), None)
            if damage is not None:
                damage.verdict = Verdict.HEALED
            self.notes.pop((stream.id, position), None)
        else:
            if position < stream.first:
                return 0
            if position < stream.next:
                stream.cut(position, self.use)
            self._extend(stream, position)
            entry = stream.push()
            if found.intact:
                self._fill(entry, found)
                if self.notes:
                    self.notes.pop((stream.id, position), None)
            stream.last_tag = found.tag
            stream.last_note = found.note
        if found.flags & FLAG_CRITICAL:
            stream.expected_critical = max(stream.expected_critical, position)
            if found.intact:
                stream.critical = max(stream.critical, position)
        return 0

    cdef int _declare(self, Found *found, const unsigned char[::1] data) except -1:
        """A stream's name and bounds; every segment begins with those of all streams."""
        if not found.intact:
            damage = self._bad(found)
            damage.records = [(f"#{found.stream}", 0, 0, 0)]
            if found.flags & FLAG_TWIN and found.stream in self.streams:
                damage.verdict = Verdict.HEALED
            else:
                self.bad[(found.stream, "declaration")] = damage
            return 0
        body = bytes(data[found.offset + HEADER_BYTES:found.offset + HEADER_BYTES + found.length])
        first, next_position, critical, lost = STATE.unpack_from(body)
        cdef StreamIndex stream = self._stream(found.stream)
        stream.name = body[STATE.size:].decode()
        damage = self.bad.pop((found.stream, "declaration"), None)
        if damage is not None:
            damage.verdict = Verdict.HEALED
        stream.drop_before(first, self.use)
        if found.flags & FLAG_TWIN and found.stream in self.declared:
            return 0
        self.declared.add(found.stream)
        if stream.next > next_position:
            stream.cut(next_position, self.use)
        self._extend(stream, next_position)
        stream.expected_critical = critical
        stream.lost = bool(lost)
        self.doubts.told(found.stream)
        stream.uncertain = []  # restated after the declaration
        return 0

    cdef int _checkpoint(self, StreamIndex stream, Found *found) except -1:
        cdef uint32_t number = found.note >> 32
        cdef uint32_t total = found.note & 0xFFFFFFFF
        cdef bint twin = found.flags & FLAG_TWIN
        if not found.intact:
            damage = self._bad(found)
            if not twin:
                self.bad[(stream.id, "chunk", number)] = damage
            elif stream.id not in self.building:
                damage.verdict = Verdict.HEALED
        if not twin and (number == 0 or stream.id not in self.building):
            self.building[stream.id] = (found.position, [None] * total)
        if stream.id not in self.building:
            return 0
        keep_from, chunks = self.building[stream.id]
        if found.intact and number < total and len(chunks) == total and chunks[number] is None:
            chunks[number] = [self.sequence, found.offset // 8, found.length, found.tag]
            damage = self.bad.pop((stream.id, "chunk", number), None)
            if damage is not None:
                damage.verdict = Verdict.HEALED
        if None not in chunks:
            del self.building[stream.id]
            self._install(stream, chunks)
            if not found.flags & FLAG_COPY:
                stream.drop_before(keep_from, self.use)
        return 0

    cdef _install(self, StreamIndex stream, list chunks):
        for segment, _, length, _ in stream.chunks:
            self.use.count(segment, -length - HEADER_BYTES)
        stream.chunks = chunks
        for segment, _, length, _ in chunks:
            self.use.count(segment, length + HEADER_BYTES)

    cdef int _commit(self, Found *found, const unsigned char[::1] data) except -1:
        """Compare what was replayed with what the writer says the streams were at this point."""
        cdef StreamIndex stream
        self.declared = set()
        self.batch = found.position
        self.group_lsn = found.note
        self.last_commit_crc = int.from_bytes(data[found.offset + 4:found.offset + 8], "little")
        if self.doubts.unread and found.tag and found.tag != self.truncations:
            self.doubts.truncation_hidden(self.streams)
        self.truncations = found.tag or self.truncations
        for id in self.building:
            self.streams[id].lost = True
        self.building.clear()
        if not found.intact:
            self.doubts.committed(_always)
            self.whole = False
            self._bad(found).records = []
            return 0
        body = data[found.offset + HEADER_BYTES:found.offset + HEADER_BYTES + found.length]
        for id, tag, first, next_position, note, critical in SUMMARY.iter_unpack(body[START.size:]):
            stream = self._stream(id)
            self.doubts.told(id)
            if stream.first < first:
                stream.lost = True  # a checkpoint replaced these positions, and is not readable
                stream.drop_before(first, self.use)
            if stream.next > next_position:
                stream.cut(next_position, self.use)
            if stream.next < next_position:
                self._extend(stream, next_position)
                if stream.at(next_position - 1) != NULL:
                    self.notes[(id, next_position - 1)] = (tag, note, critical == next_position - 1)
            stream.expected_critical = critical
            if stream.at(critical) != NULL and stream.at(critical).segment != MISSING:
                stream.critical = critical
            stream.last_tag = tag
            stream.last_note = note
        if self.whole:
            self.doubts.all_told()
        self.whole = False
        if self.doubts.unread:
            began, sequence, base = START.unpack_from(body)[0], self.sequence, self.last_base
            self.doubts.committed(lambda hole: hole.sequence != sequence or hole.offset + base < began)
        self.hole = None
        return 0

    def note_of(self, uint32_t stream, uint64_t position):
        """(tag, note) of a record whose body, or all of it, is unreadable; (0, 0) when they are not known either."""
        return self.notes.get((stream, position), (0, 0, False))[:2]

    cdef _report_missing(self):
        """Positions that are still missing stood in a hole; without one, a segment vanished without a trace."""
        cdef StreamIndex stream
        cdef uint64_t position
        known = {record[:2] for damage in self.damages for record in damage.records}
        gone = []
        for stream in self.streams.values():
            first = stream.first_missing()
            for position in range(stream.next if first is None else first, stream.next):
                if stream.at(position).segment == MISSING and (stream.name, position) not in known:
                    gone.append((stream.name, position, 0, 0))
        if not gone:
            return
        holes = [hole for hole in self.holes if hole.verdict is not Verdict.KNOWN]
        if not holes:
            holes = [Damage(self.file, self.sequence, 0, 0, Verdict.CORRUPT)]
            self.damages.extend(holes)
        holes[len(holes) - 1].records.extend(gone)

    def finish(self, bint alone=False):
        """Give every damage its verdict, and mark the streams whose critical records are gone.

        Args:
            alone: no other node has a copy; what is left is all there is, and doubts help nobody.
        """
        cdef StreamIndex stream
        for damage in self.damages:
            if (damage.sequence, damage.offset) in self.known and damage.verdict is not Verdict.CUT:
                damage.verdict = Verdict.KNOWN
            elif damage.verdict is None:
                # Without any COMMIT in the newest segment, all of it is one unfinished group.
                in_last_group = damage.sequence == self.sequence and (
                    damage.offset + self.last_base >= (self.group_lsn or self.last_base + DATA_START)
                )
                damage.verdict = Verdict.UNCERTAIN if in_last_group else Verdict.CORRUPT
        self._report_missing()
        lost, unnamed = self.doubts.lost(_was_durable) if not alone else ((), False)
        for id in lost:
            self._stream(id).lost = True
        if unnamed:  # one stream without a name stands for them
            self._stream(max(self.streams, default=0) + 1).lost = True
        for stream in self.streams.values():
            if stream.expected_critical > stream.critical:
                stream.lost = True
        for (id, position), (_, _, critical) in self.notes.items():
            stream = self.streams[id]
            if critical and position > stream.critical and stream.first <= position < stream.next:
                if stream.at(position).segment == MISSING:
                    stream.lost = True
