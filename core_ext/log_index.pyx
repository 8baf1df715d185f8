"""Where the live records of each stream stand: 16 bytes a record, in C. Must not know files or record bytes."""

from libc.stdlib cimport free, realloc
from libc.string cimport memmove, memset

FIRST_POSITION = 1


cdef class SegmentUse:
    """How many bytes of each segment some stream still needs, from the oldest kept segment on."""

    def __init__(self, uint32_t first):
        self.first = first
        self.live_bytes = []

    cdef int add(self, uint32_t sequence, long long length) except -1:
        cdef Py_ssize_t at = <Py_ssize_t>sequence - <Py_ssize_t>self.first
        if sequence == MISSING or sequence == PENDING or at < 0:
            return 0
        while at >= len(self.live_bytes):
            self.live_bytes.append(0)
        self.live_bytes[at] += length
        return 0

    def count(self, uint32_t sequence, long long length):
        """Add ``length`` (bytes, may be negative) to what is needed of one segment."""
        self.add(sequence, length)

    def live(self, uint32_t sequence):
        """Bytes of a segment that are still needed."""
        at = sequence - self.first
        return self.live_bytes[at] if 0 <= at < len(self.live_bytes) else 0

    def forget_oldest(self):
        """The oldest segment is gone."""
        if self.live_bytes:
            del self.live_bytes[0]
        self.first += 1


cdef class StreamIndex:
    """The positions ``first`` .. ``next - 1`` of one stream, its newest checkpoint, and what recovery said about it."""

    def __init__(self, uint32_t id, str name not None, uint64_t first=FIRST_POSITION, uint64_t next=FIRST_POSITION):
        self.id = id
        self.name = name
        self.first = self.next = first
        self.chunks = []
        self.uncertain = []
        self.extend(next)

    def __dealloc__(self):
        free(self.entries)

    cdef Entry *at(self, uint64_t position) noexcept nogil:
        if position < self.first or position >= self.next:
            return NULL
        return &self.entries[self.start + <Py_ssize_t>(position - self.first)]

    cdef Entry *push(self) except NULL:
        """Room for position ``next``, which grows by one; the entry is zero (missing)."""
        cdef Py_ssize_t count = <Py_ssize_t>(self.next - self.first)
        cdef Py_ssize_t capacity
        cdef Entry *grown
        if self.start + count == self.capacity:
            if self.start > count:
                memmove(self.entries, self.entries + self.start, count * sizeof(Entry))
                self.start = 0
            else:
                capacity = max(16, 2 * self.capacity)
                grown = <Entry *>realloc(self.entries, capacity * sizeof(Entry))
                if grown == NULL:
                    raise MemoryError()
                self.entries = grown
                self.capacity = capacity
        cdef Entry *one = &self.entries[self.start + count]
        memset(one, 0, sizeof(Entry))
        self.next += 1
        return one

    cdef int extend(self, uint64_t next_position) except -1:
        """Add missing positions up to ``next_position``."""
        while self.next < next_position:
            self.push()
        return 0

    cdef int cut(self, uint64_t from_position, SegmentUse use) except -1:
        """Drop ``from_position`` and everything after it."""
        cdef uint64_t position = max(from_position, self.first)
        cdef Entry *one
        while self.next > position:
            one = self.at(self.next - 1)
            use.add(one.segment, -<long long>one.length - 40)
            self.next -= 1
        if self.critical >= from_position:
            self.critical = 0
        if self.expected_critical >= from_position:
            self.expected_critical = 0
        return 0

    cdef int drop_before(self, uint64_t position, SegmentUse use) except -1:
        """Drop everything before ``position``; a position past the end empties the stream and moves it there."""
        cdef Entry *one
        while self.first < position and self.first < self.next:
            one = self.at(self.first)
            use.add(one.segment, -<long long>one.length - 40)
            self.first += 1
            self.start += 1
        if self.first < position:
            self.first = self.next = position
            self.start = 0
        if self.critical < self.first:
            self.critical = 0
        if self.expected_critical < self.first:
            self.expected_critical = 0
        return 0

    def entry(self, uint64_t position):
        """(segment, offset, length, tag) of a position, or None when the stream does not hold it."""
        cdef Entry *one = self.at(position)
        if one == NULL:
            return None
        return one.segment, <uint64_t>one.place * 8, one.length, one.tag

    def first_missing(self):
        """The smallest position that should be there and is not, or None."""
        cdef uint64_t position = self.first
        while position < self.next:
            if self.at(position).segment == MISSING:
                return position
            position += 1
        return None

    def positions_in(self, uint32_t segment):
        """The positions whose record stands in ``segment``."""
        cdef uint64_t position
        return [position for position in range(self.first, self.next) if self.at(position).segment == segment]
