from libc.stdint cimport uint32_t, uint64_t


cdef class Graph:
    cdef readonly uint64_t edges
    cdef uint64_t* _first       # by source: its edges stand in [first, last)
    cdef uint64_t* _last
    cdef uint64_t _vertex_room
    cdef uint32_t* _targets
    cdef uint32_t* _actions
    cdef uint64_t _edge_room
    cdef uint32_t _source

    cdef int open(self, uint32_t source) except -1 nogil
    cdef int put(self, uint32_t target, uint32_t action) except -1 nogil
    cdef bint _loops(self, uint32_t vertex) noexcept nogil
