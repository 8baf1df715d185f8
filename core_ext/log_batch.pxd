"""C view of a batch that is being filled, and of one on its way to the disk."""

from libc.stdint cimport uint8_t, uint32_t, uint64_t

cdef class Flight:
    cdef unsigned char *data
    cdef readonly uint64_t number
    cdef readonly uint64_t start   # offset in the segment
    cdef readonly uint64_t length
    cdef readonly uint32_t segment

cdef class Batch:
    cdef unsigned char *data
    cdef uint64_t used
    cdef uint64_t capacity
    cdef list critical             # offsets of records that need a twin
    cdef int reserve(self, uint64_t more) except -1
    cdef uint64_t put(
        self, uint8_t type, uint8_t flags, uint32_t stream, uint32_t tag, uint64_t position, uint64_t note,
        const void *body, uint64_t length,
    ) except? 0xFFFFFFFFFFFFFFFF
    cdef uint64_t put_bytes(
        self, uint8_t type, uint8_t flags, uint32_t stream, uint32_t tag, uint64_t position, uint64_t note, bytes body,
    ) except? 0xFFFFFFFFFFFFFFFF
    cdef uint64_t twin_bytes(self)
    cdef int put_twins(self, uint64_t start) except -1
    cdef int put_all(self, Batch other) except -1
    cdef Flight take(self)
