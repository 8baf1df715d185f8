"""C view of the index of one stream."""

from libc.stdint cimport uint32_t, uint64_t

cdef struct Entry:
    uint32_t segment  # sequence of the segment; 0: missing, PENDING: in the batch that is being filled
    uint32_t place    # offset / 8
    uint32_t length   # of the body, in bytes
    uint32_t tag

cpdef enum:
    MISSING = 0
    PENDING = 0xFFFFFFFF

cdef class StreamIndex:
    cdef public str name
    cdef readonly uint32_t id
    cdef public uint64_t first
    cdef public uint64_t next
    cdef public uint64_t critical           # position of the newest critical record that is readable, 0: none
    cdef public uint64_t expected_critical  # the same, as the log says it should be
    cdef public uint64_t last_note          # of the newest record
    cdef public uint32_t last_tag
    cdef public list chunks                 # of the newest checkpoint: [segment, place, length, tag]
    cdef public list uncertain              # (position, tag, note)
    cdef public bint lost
    cdef public uint64_t dirty              # number of the batch that last touched the stream
    cdef Entry *entries
    cdef Py_ssize_t start
    cdef Py_ssize_t capacity
    cdef Entry *at(self, uint64_t position) noexcept nogil
    cdef Entry *push(self) except NULL
    cdef int extend(self, uint64_t next_position) except -1
    cdef int cut(self, uint64_t from_position, SegmentUse use) except -1
    cdef int drop_before(self, uint64_t position, SegmentUse use) except -1

cdef class SegmentUse:
    cdef readonly uint32_t first
    cdef readonly list live_bytes
    cdef int add(self, uint32_t sequence, long long length) except -1
