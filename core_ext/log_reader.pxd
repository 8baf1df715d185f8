"""C view of the reading half of a log."""

from libc.stdint cimport uint32_t, uint64_t

from core_ext.log_batch cimport Batch
from core_ext.log_index cimport Entry, StreamIndex

cdef class LogReader:
    cdef readonly str directory
    cdef object _disk
    cdef object _flights       # batches that are not known to be durable, oldest first
    cdef dict _segments        # (salt, log sequence number of offset 0) of each kept segment, by sequence
    cdef list _streams         # by id; nothing has id 0
    cdef Batch _pending        # what is appended since the last commit
    cdef uint64_t _unsynced    # bytes of _flights
    cpdef uint64_t synced(self)
    cdef int _reap(self) except -1
    cdef StreamIndex _index(self, uint32_t stream)
    cdef uint64_t _barrier(self, uint32_t segment)
    cdef const unsigned char *_in_memory(self, Entry *entry) except NULL
    cdef object _damaged(self, uint32_t segment, uint64_t offset, str what)
    cdef tuple _decode(self, const unsigned char *at, Entry *entry, bint check)
    cdef tuple _record(self, Entry *entry)
    cdef bytes _fetch(self, uint32_t segment, uint64_t offset, uint64_t length)
    cdef uint64_t _run_end(self, StreamIndex index, uint64_t position, uint64_t end, uint64_t barrier, uint64_t limit)
