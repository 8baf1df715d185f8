"""C-level names of the table of asks for the dispatch loop."""

from core_ext.mailbox cimport Endpoint, Reference
from core_ext.waiting cimport AskFuture

cdef class Ask

cdef class AskQueue:
    cdef readonly double seconds
    cdef bint armed
    cdef Ask head
    cdef Ask tail
    cdef void link(self, Ask ask) noexcept
    cdef void unlink(self, Ask ask) noexcept

cdef class Asks:
    cdef readonly dict pending
    cdef public object arm
    cdef dict queues
    cdef AskQueue last  # the one used last
    cdef unsigned long long next_correlation
    cdef double default_seconds
    cdef Ask new(self, Reference target, object request_type, object timeout_seconds)
    cdef int set_out(self, Ask ask) except -1

cdef class Ask:
    cdef readonly Asks table
    cdef readonly unsigned long long correlation
    cdef readonly Reference target
    cdef readonly object request_type
    cdef readonly AskFuture future
    cdef readonly Endpoint owner
    cdef dict held  # the unanswered tickets of the actor that deferred the answer; None: nobody did
    cdef readonly object key
    cdef readonly unsigned long long cause
    cdef double deadline
    cdef AskQueue queue
    cdef unsigned long long generation
    cdef Ask previous
    cdef Ask following
    cdef int give(self, object value, object failure) except -1
