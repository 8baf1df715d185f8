"""C-level names of the outboxes for whoever sends their frames."""

from core_ext.frames cimport FrameWriter
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
    cpdef str add(self, int kind, tuple target, tuple sender, uint64_t correlation, uint32_t wire_id, body)
    cdef FrameWriter close(self)
    cpdef list next_frame(self, uint64_t receiver_incarnation)
