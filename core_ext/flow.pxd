"""C-level names of outboxes, and of what takes envelopes that came in."""

from core_ext.frames cimport Envelope, Frame, FrameWriter
from core_ext.mailbox cimport Reference
from libc.stdint cimport int64_t, uint32_t, uint64_t

cdef class Outbox:
    cdef uint64_t incarnation
    cdef Py_ssize_t frame_bytes, queue_bytes
    cdef public int64_t window_bytes, window_count
    cdef readonly Py_ssize_t max_body_bytes
    cdef readonly int64_t bytes_sent, bytes_acknowledged, count_sent, count_acknowledged
    cdef FrameWriter writer
    cdef list full
    cdef Py_ssize_t full_bytes, full_count
    cdef Py_ssize_t count_waiting(self) noexcept
    cdef str put(
        self, int kind, str target_name, uint64_t target_incarnation, str sender_name, uint64_t sender_incarnation,
        uint64_t correlation, uint32_t wire_id, body,
    )
    cdef FrameWriter close(self)
    cdef FrameWriter next_writer(self, uint64_t receiver_incarnation)

cdef class Senders:
    cdef str node
    cdef dict known
    cdef Reference last
    cdef Reference nobody  # of this node: who an answer comes from
    cpdef Reference get(self, str name, uint64_t incarnation)

cdef class Receiver:
    cdef int begin(self) except -1
    cdef int take(self, Envelope envelope, Reference sender, bint control) except -1
    cdef int finish(self) except -1

cdef Py_ssize_t deliver(Frame frame, Senders senders, Receiver receiver, bint control, on_error) except -1
