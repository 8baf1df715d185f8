from libc.stdint cimport int32_t
from posix.time cimport CLOCK_MONOTONIC, clock_gettime, timespec

from core_ext.linear_problem cimport Entry, Problem
from core_ext.linear_table cimport CALL, CAS, DIFFER, READ

cdef enum:
    NEVER = 0x7FFFFFFF


cdef class Layout:
    cdef Problem problem
    cdef int32_t size
    cdef int32_t optional
    cdef int32_t classes
    cdef bint sees_everything  # some operation can tell any state from another
    cdef bint seen_by_need  # an optional operation is of use only where another needs the very state it leads to
    cdef int32_t words
    cdef int32_t optional_words
    cdef Entry *done
    cdef Entry *open
    cdef int32_t *order
    cdef int32_t *slot
    cdef int32_t *class_start
    cdef int32_t *class_of
    cdef int keep_optional(self) except -1
    cdef void sort_optional(self) noexcept
    cdef int32_t give_slots(self) except -1
    cdef int sort_returns(self) except -1


cdef inline double monotonic() noexcept nogil:
    """The clock of deadlines, in seconds."""
    cdef timespec now
    clock_gettime(CLOCK_MONOTONIC, &now)
    return now.tv_sec + now.tv_nsec * 1e-9


cdef inline bint never_changes(const Entry *entry) noexcept nogil:
    """Whether the operation leaves every state in which it is right as it is."""
    if entry.kind == CAS:
        return entry.a == entry.b
    if entry.kind == CALL:
        return entry.b == 1
    return entry.kind == READ or entry.kind == DIFFER
