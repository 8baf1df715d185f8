"""The buffer of what a handler did, until it is released. Knows neither what the operations mean nor who runs them.

``operation`` and its three objects are the dispatch loop's; an effect also says whether it waits for the disk (``now``)
and, once it waits, for which batch of the log.
"""

from cpython.mem cimport PyMem_Free, PyMem_Realloc
from cpython.ref cimport Py_DECREF, Py_INCREF


cdef class Effects:
    """A first-in-first-out buffer of effects: of the running handler, or of an actor that waits for the disk."""

    def __dealloc__(self):
        self.clear()
        PyMem_Free(self.items)

    cdef int make_room(self) except -1:
        cdef Py_ssize_t i
        if self.head:
            for i in range(self.count):
                self.items[i] = self.items[self.head + i]
            self.head = 0
        if self.count < self.size:
            return 0
        cdef Py_ssize_t size = self.size * 2 if self.size else 16
        cdef Effect* items = <Effect*>PyMem_Realloc(self.items, size * sizeof(Effect))
        if items == NULL:
            raise MemoryError(f"no memory for {size} effects of one handler")
        self.items = items
        self.size = size
        return 0

    cdef int add(
        self, int operation, object target, object message, object extra, bint control, bint now
    ) except -1:
        if self.head + self.count == self.size:
            self.make_room()
        cdef Effect* effect = &self.items[self.head + self.count]
        Py_INCREF(target)
        Py_INCREF(message)
        Py_INCREF(extra)
        effect.operation = operation
        effect.control = control
        effect.now = now
        effect.target = <void*>target
        effect.message = <void*>message
        effect.extra = <void*>extra
        effect.batch = 0
        self.count += 1
        return 0

    cdef int add_numbered(
        self, int operation, object target, object message, unsigned long long correlation, bint now
    ) except -1:
        self.add(operation, target, message, None, False, now)
        self.items[self.head + self.count - 1].correlation = correlation
        return 0

    cdef int move_in(self, Effect* effect) except -1:
        if self.head + self.count == self.size:
            self.make_room()
        self.items[self.head + self.count] = effect[0]
        self.count += 1
        return 0

    cdef bint take(self, Effect* effect) noexcept:
        if self.count == 0:
            self.head = 0
            return False
        effect[0] = self.items[self.head]
        self.head += 1
        self.count -= 1
        return True

    cdef void clear(self) noexcept:
        cdef Effect effect
        while self.take(&effect):
            Py_DECREF(<object>effect.target)
            Py_DECREF(<object>effect.message)
            Py_DECREF(<object>effect.extra)

    cdef unsigned long long last_batch(self) noexcept:
        """The log batch that the newest effect waits for; 0 when there is none."""
        return self.items[self.head + self.count - 1].batch if self.count else 0

    cdef void number(self, unsigned long long pending, unsigned long long batch) noexcept:
        """Say which batch the newest effects wait for, those that were marked as pending."""
        cdef Py_ssize_t i = self.head + self.count - 1
        while i >= self.head and self.items[i].batch == pending:
            self.items[i].batch = batch
            i -= 1
