"""C-level names of the effects buffer for the dispatch loop."""

cdef struct Effect:
    int operation
    bint control
    bint now
    void* target
    void* message
    void* extra
    unsigned long long batch
    unsigned long long correlation  # of an answer that leaves the node

cdef class Effects:
    cdef Effect* items
    cdef Py_ssize_t head
    cdef Py_ssize_t count
    cdef Py_ssize_t size
    cdef int make_room(self) except -1
    cdef int add(self, int operation, object target, object message, object extra, bint control, bint now) except -1
    cdef int add_numbered(
        self, int operation, object target, object message, unsigned long long correlation, bint now
    ) except -1
    cdef int move_in(self, Effect* effect) except -1
    cdef bint take(self, Effect* effect) noexcept
    cdef void clear(self) noexcept
    cdef unsigned long long last_batch(self) noexcept
    cdef void number(self, unsigned long long pending, unsigned long long batch) noexcept
