from libc.stdint cimport int32_t, int64_t, uint64_t

cdef enum:
    READ = 0
    WRITE = 1
    CAS = 2
    DIFFER = 3
    ERASE = 4
    APPEND = 5
    CALL = 6

cdef enum:
    REFUSED = -1


cdef struct Map:
    uint64_t *keys
    int32_t *values
    uint64_t mask
    uint64_t used


cdef struct Text:
    int64_t length  # -1: not a string
    uint64_t first
    uint64_t second
    uint64_t first_power
    uint64_t second_power
    int32_t state  # of a string that an append made: what was appended to,
    int32_t tail  # and what was appended; -1 for a value that the history names


cdef class Table:
    cdef dict numbers
    cdef list objects
    cdef object identity
    cdef object call
    cdef readonly int32_t null
    cdef int32_t size
    cdef Map steps
    cdef Map texts
    cdef Text *text
    cdef int32_t text_size
    cdef int32_t text_capacity
    cdef int32_t *need  # per state: operations not placed that can happen in no other
    cdef int32_t *makers  # per state: operations not placed that lead to it
    cdef int32_t *appenders  # per string: operations not placed that append it
    cdef int32_t counted
    cdef int ready_counts(self) except -1
    cdef int32_t number(self, object value) except -1
    cdef int32_t derive(self, int32_t state, int32_t kind, int32_t argument) except -2
    cdef int ready_texts(self) except -1
    cdef Text text_of(self, object value) except *
    cdef int32_t number_text(self, str value) except -1
    cdef int32_t add_text(self, Text made) except -1
    cdef int32_t find_text(self, Text *wanted) except -2


cdef int hash_beginnings(str value, uint64_t *first, uint64_t *second) except -1


cdef inline int32_t step(Table table, int32_t state, int32_t kind, int32_t a, int32_t b) except -2:
    """The state after an operation, or REFUSED when it cannot have its result in this state."""
    if kind == READ:
        return state if state == a else REFUSED
    if kind == WRITE:
        return a
    if kind == CAS:
        return b if state == a else REFUSED
    if kind == DIFFER:
        return state if state != a else REFUSED
    if kind == ERASE:
        return a if state != a else REFUSED
    return table.derive(state, kind, a)
