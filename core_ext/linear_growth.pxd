from libc.stdint cimport int32_t, int64_t, uint64_t

from core_ext.linear_problem cimport Entry
from core_ext.linear_table cimport ERASE, READ, WRITE, Table


cdef class Growth:
    cdef Table table
    cdef int32_t *rank  # of a state that is read: its place among those by length; only these are looked up
    cdef int32_t *read  # by rank: the state
    cdef bint apart  # two strings that are read cannot both have been there
    cdef int32_t ranks
    cdef int32_t lowest  # no state of a lower rank is waited for
    cdef int64_t others  # operations that wait and put another value there
    cdef uint64_t *first  # hashes of the beginnings of the longest string, by length
    cdef uint64_t *second
    cdef int keep_beginnings(self, str longest) except -1
    cdef int keep_ranks(self, list states) except -1
    cdef bint blocks(self, int32_t after) noexcept

    cdef inline void count(self, const Entry *entry, int32_t by) noexcept:
        """Note that an operation waits (1), or no longer does (-1)."""
        if self.apart:
            return
        if entry.kind == READ:
            if self.rank[entry.a] < self.lowest:
                self.lowest = self.rank[entry.a]
        elif entry.kind == WRITE or entry.kind == ERASE:
            self.others += by
