cdef enum Why:
    CONFLICT = 0
    ANTI = 1
    GIVEN = 2


cdef class Causality:
    cdef readonly int nodes
    cdef readonly int sessions
    cdef readonly int keys
    cdef int[::1] start
    cdef int[::1] session
    cdef int[::1] read_start
    cdef int[::1] read_key
    cdef int[::1] read_from
    cdef int[::1] write_start
    cdef int[::1] write_key
    cdef int[::1] writer_start
    cdef int[::1] writer
    cdef int[::1] key_groups
    cdef int[::1] group_start
    cdef int[::1] group_session
    cdef int[::1] reader_start
    cdef int[::1] reader
    cdef int[::1] clock
    cdef int[::1] position
    cdef int *source
    cdef int *target
    cdef int *reason
    cdef char *why
    cdef Py_ssize_t edge_count
    cdef Py_ssize_t edge_room
    cdef Py_ssize_t edge_limit

    cdef bint _before(self, int one, int other) noexcept nogil
    cdef int _known(self, int node, int group) noexcept nogil
    cdef int _latest(self, int group, int count) noexcept nogil
    cdef int _earliest(self, int group, int after) noexcept nogil
    cdef int _add(self, int source, int target, int reason, char why) except -1 nogil
    cdef int _order(self, bint clocks) except -1
    cdef (int, int) _range(self, int session) except *
