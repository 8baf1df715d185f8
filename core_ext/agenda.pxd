"""C-level names of the clockwork for the stage of the simulated world."""

ctypedef unsigned long long u64
ctypedef long long i64

cdef struct Item:
    i64 due
    u64 serial
    Py_ssize_t slot

cdef class Happening:
    cdef int happen(self) except -1

cdef class Agenda:
    cdef Item* items
    cdef list functions
    cdef list arguments
    cdef Py_ssize_t count
    cdef Py_ssize_t size
    cdef u64 serial
    cdef u64 folded
    cdef u64 standing
    cdef u64 events_before
    cdef u64 max_events
    cdef u64 same_time_limit
    cdef public i64 now_ns
    cdef public u64 events
    cdef public bint adversarial
    cdef int put(self, i64 due_ns, object function, object argument) except -1
    cdef int grow(self) except -1
    cdef void take(self, Item* item) noexcept
    cdef bint go(self) except -1
    cdef void mix(self, u64 one, u64 two) noexcept
