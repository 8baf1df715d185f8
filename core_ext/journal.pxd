"""C-level names of journals, for the dispatch loop."""

cdef class Staging:
    cdef readonly str name
    cdef readonly unsigned long long batch
    cdef readonly bint dirty
    cdef public list operations
    cdef public bint _writes
    cdef public unsigned long long _first
    cdef public unsigned long long _next
    cdef public object _uncertain
    cdef public bint _lost
    cdef unsigned long long kept_first
    cdef unsigned long long kept_next
    cdef object kept_uncertain
    cdef bint kept_lost
    cdef Journals hub
    cdef object log
    cdef object codec
    cdef unsigned int stream
    cdef int keep(self) except -1
    cdef bytes body_of(self, record)
    cdef list release_staged(self)

cdef class Journals:
    cdef object log
    cdef list dirty_journals
    cdef unsigned long long told
    cdef bint failure_told
    cdef public bint _unnumbered
    cdef public bint _closed
    cdef public object _on_synced
    cdef public object _on_failure
    cpdef unsigned long long commit(self) except? 0
    cdef int tell_synced(self) except -1
    cdef int check_failure(self) except -1
