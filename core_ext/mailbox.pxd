"""C-level names of the mailbox for the dispatch loop."""

cdef class Reference

cdef class Endpoint:
    cdef bint is_cell
    cdef int tell_from_outside(self, Reference target, object message) except -1
    cdef object ask_from_outside(self, Reference target, object message, object timeout_seconds)
    cdef int take_answer(
        self, object ask, unsigned long long generation, unsigned long long correlation, object value, object failure
    ) except -1

cdef class Reference:
    cdef readonly str node
    cdef readonly str name
    cdef readonly unsigned long long incarnation
    cdef Endpoint endpoint

cdef struct Slot:
    void* message
    void* sender
    unsigned long long correlation
    int kind
    bint exempt

cdef class Ring:
    cdef Slot* slots
    cdef readonly Py_ssize_t size
    cdef Py_ssize_t head
    cdef Py_ssize_t count
    cdef Py_ssize_t exempt
    cdef int grow(self) except -1
    cdef int add(self, object message, object sender, unsigned long long correlation, int kind, bint exempt) except -1
    cdef bint take(self, Slot* slot) noexcept
    cdef bint take_oldest_counted(self, Slot* slot) noexcept
