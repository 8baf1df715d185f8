"""C-level names of what outside code awaits, for the table of asks and the dispatch loop."""

cimport cython

cdef class Resumption

@cython.final
cdef class AskFuture:
    cdef Resumption resumption
    cdef object value
    cdef object failure
    cdef object traceback
    cdef object cancel_message
    cdef object callback  # the first one; most have no other
    cdef object context
    cdef list more  # (callback, context)
    cdef unsigned char state
    cdef bint unseen  # a failure that nobody has asked for yet
    cdef public bint _asyncio_future_blocking
    cdef object __weakref__
    cdef int settle(self, object value, object failure) except -1
    cdef int run_callbacks(self) except -1

@cython.final
cdef class Resumption:
    cdef readonly object loop
    cdef object call_soon
    cdef object current_task
    cdef object before_waiting
    cdef object resume_callback
    cdef list settled
    cdef bint expected  # ``resume`` comes, without being scheduled
    cdef bint crowded
    cdef AskFuture new(self)
    cdef int add(self, AskFuture future) except -1
    cdef int later(self) except -1
    cdef bint in_task(self) except -1
    cdef int call(self, object callback, AskFuture future, object context) except -1
    cpdef resume(self)
